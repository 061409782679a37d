// SPDX-License-Identifier: MIT
//
// Tries to have a version of a frame come again (decision 0055): writes of both copies of a tag were acknowledged and never
// made, so that the tag is older than what was destroyed and sold since.
#include <catch2/catch.hpp>

#include <vector>

#include "test/unit/kernel/owner.hpp"

using namespace perdure;

// Both writes of its tags were acknowledged and never made; that its body belongs to no such tag is all that tells. Of a
// page not even that is looked at.
TEST_CASE("no version of a frame comes again although the tag that is left is older than it was destroyed and sold") {
  const bool is_later_tag_kept = GENERATE(false, true);  // the tag that stays is that of the first one made behind a loss
  for (const Kind kind : {Kind::page, Kind::process, Kind::capability_page, Kind::node}) {
    CAPTURE(info(kind).name, is_later_tag_kept);
    Owner owner;
    owner.world.start();
    const FrameNumber frame{tried_frame};
    const auto make = [&] {
      REQUIRE(owner.make(frame, kind) == Result::ok);
      const Capability made = owner.has_bought();
      owner.world.write(made);
      std::byte* bytes = owner.world.bytes(made);
      if (kind == Kind::page) bytes[0] = static_cast<std::byte>(made.version.value);
      if (kind == Kind::process) reinterpret_cast<Process*>(bytes)->registers.rip = made.version.value;
      if (kind == Kind::capability_page) reinterpret_cast<Capability*>(bytes)[0] = number_capability(made.version.value);
      owner.world.page_out({made});
      return made;
    };
    make();
    owner.keep_tags(frame);
    std::vector<Capability> kept;
    for (unsigned i = 0; i < 3; ++i) {
      REQUIRE(owner.rescind(frame) == Result::ok);
      kept.push_back(make());
    }
    for (const unsigned loss : {1u, 2u, 3u}) {  // each of what was done behind the one before
      CAPTURE(loss);
      owner.bring_home();
      owner.put_tags_back(frame);
      owner.world.cut_and_boot();
      REQUIRE(owner.rescind(frame) == Result::ok);
      CHECK(was_told("a frame is damaged") == (kind != Kind::page));
      for (unsigned i = 0; i < 6; ++i) {
        const Capability made = make();
        for (const Capability& gone : kept) REQUIRE_FALSE(owner.world.is_alive(gone));
        kept.push_back(made);
        if (loss == 1 && i == 0 && is_later_tag_kept) owner.keep_tags(frame);
        REQUIRE(owner.rescind(frame) == Result::ok);
      }
    }
  }
}

// As above, but what stands at home, if anything does, belongs to the old tag as well as to the lost one.
TEST_CASE("no version of a frame comes again although its tag is older and what is left belongs to that one") {
  enum class Before : uint8_t { empty, zero, same };
  const Before before = GENERATE(Before::empty, Before::zero, Before::same);
  for (const Kind kind : {Kind::page, Kind::process, Kind::capability_page, Kind::wrapper, Kind::node, Kind::activity}) {
    if (is_row(kind) && before == Before::zero) continue;  // it has a header
    CAPTURE(info(kind).name, static_cast<unsigned>(before));
    Owner owner;
    owner.world.start();
    const FrameNumber frame{tried_frame};
    const auto make = [&](unsigned index) {
      REQUIRE(owner.make(frame, kind, index) == Result::ok);
      const Capability made = owner.has_bought();
      if (before == Before::same && !is_row(kind)) {
        owner.world.write(made);
        owner.world.bytes(made)[0] = std::byte{1};
      }
      owner.world.page_out({made});
      return made;
    };
    const auto take_away = [&](unsigned index) {
      return is_row(kind) && before == Before::same
                 ? owner.ask(call(range_register, {method::range_rescind_object, frame.value, index}))
                 : owner.rescind(frame);
    };
    make(0);
    if (before == Before::empty) REQUIRE(owner.rescind(frame) == Result::ok);
    owner.bring_home();
    owner.keep_tags(frame);
    std::vector<Capability> kept;
    const unsigned index = is_row(kind) && before == Before::same ? 1 : 0;
    for (unsigned i = 0; i < 3; ++i) {
      if (before != Before::empty && !is_row(kind)) REQUIRE(owner.rescind(frame) == Result::ok);
      kept.push_back(make(index));
      if (before == Before::empty || is_row(kind)) REQUIRE(take_away(index) == Result::ok);
    }
    owner.bring_home();
    owner.put_tags_back(frame);
    owner.world.cut_and_boot();
    if (!is_row(kind)) REQUIRE(owner.rescind(frame) == Result::ok);
    for (unsigned i = 0; i < 6; ++i) {
      const Capability made = make(index);
      CHECK(owner.world.is_alive(made));
      for (const Capability& gone : kept) CHECK_FALSE(owner.world.is_alive(gone));
      REQUIRE(take_away(index) == Result::ok);
    }
    CHECK_FALSE(was_told("a frame is damaged"));
  }
}

// As between two checkpoints that are far apart: the number of the generation leaves room for 2^24 of them.
TEST_CASE("no version of a frame comes again although one generation has seen more of them than there is room for") {
  constexpr uint64_t room = uint64_t{1} << versions_of_generation_bits;
  const bool is_later = GENERATE(false, true);  // or in later generations
  Owner owner;
  owner.world.start();
  const FrameNumber frame{tried_frame};
  REQUIRE(owner.make(frame, Kind::page) == Result::ok);
  REQUIRE(owner.rescind(frame) == Result::ok);
  owner.bring_home();
  owner.keep_tags(frame);
  std::vector<Capability> kept;
  for (unsigned i = 0; i < 16; ++i) {
    REQUIRE(owner.make(frame, Kind::page) == Result::ok);
    kept.push_back(owner.has_bought());
    Store& store = owner.world.kernel().store;
    store.descriptor(store.find(frame)).identity.source.value += room - 2;  // made and rescinded half as often
    REQUIRE(owner.rescind(frame) == Result::ok);
  }
  REQUIRE(kept.back().version.value > kept.front().version.value + 15 * (room - 1));
  owner.bring_home();
  owner.put_tags_back(frame);
  owner.world.cut_and_boot();
  for (unsigned i = 0; i < 20; ++i) {
    REQUIRE(owner.make(frame, Kind::page) == Result::ok);
    REQUIRE(owner.world.is_alive(owner.has_bought()));
    for (const Capability& gone : kept) REQUIRE_FALSE(owner.world.is_alive(gone));
    REQUIRE(owner.rescind(frame) == Result::ok);
    if (is_later) owner.bring_home();
  }
}
