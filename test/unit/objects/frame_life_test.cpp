// SPDX-License-Identifier: MIT
//
// Tries to bring a dead capability back to life: long seeded runs of every operation on one
// frame, against a model that remembers every version that was ever handed out. And tries to get
// a hint or a link past normalize(), or to lose anything else there, bit by bit.
#include <catch2/catch.hpp>

#include <array>
#include <concepts>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "objects/frame_life.hpp"
#include "objects/process.hpp"

using namespace perdure;

// A later version says nothing about an earlier one.
static_assert(!std::totally_ordered<Version> && std::equality_comparable<Version>);

namespace {

struct alignas(64) Bytes : std::array<std::byte, frame_bytes> {};

// What a frame should hold, said again in the plainest way.
struct Model {
  Kind kind = Kind::empty;
  Account account;
  std::map<unsigned, Version> objects;  // index → version
  std::set<uint64_t> versions_ever;

  void expect_new(Version version) {
    REQUIRE_FALSE(version.is_none());
    REQUIRE(versions_ever.insert(version.value).second);
  }
};

class Run {
 public:
  explicit Run(uint32_t seed) : random_(seed) {}

  void step() {
    const unsigned choice = pick(10);
    if (choice == 0) make_whole_object();
    else if (choice == 1) make_row();
    else if (choice == 2) rescind_all();
    else if (is_row(model_.kind)) change_row();
    compare();
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  Account some_account() { return {pick(1000) + 1}; }

  void begin(Kind kind, Account account) {
    model_.kind = kind;
    model_.account = account;
    model_.objects.clear();
  }

  void make_whole_object() {
    constexpr Kind wholes[] = {Kind::page, Kind::capability_page, Kind::process};
    begin(wholes[pick(3)], some_account());
    make_whole(identity_, model_.kind, model_.account);
    model_.expect_new(identity_.source);
    model_.objects[0] = identity_.source;
  }

  void make_row() {
    begin(static_cast<Kind>(static_cast<unsigned>(Kind::node) + pick(6)), some_account());
    format_row(identity_, bytes_.data(), model_.kind, model_.account);
    model_.expect_new(identity_.source);
  }

  void rescind_all() {
    begin(Kind::empty, {});
    rescind(identity_);
    model_.expect_new(identity_.source);
  }

  void change_row() {
    const unsigned index = pick(info(model_.kind).objects_per_frame);
    if (model_.objects.contains(index)) {
      destroy_in_row(identity_, bytes_.data(), index);
      model_.objects.erase(index);
    } else {
      const Version version = make_in_row(identity_, bytes_.data(), index);
      model_.expect_new(version);
      model_.objects[index] = version;
      for (size_t i = sizeof(Version); i < info(model_.kind).object_bytes; ++i) {
        REQUIRE(object(index)[i] == std::byte{0});
        object(index)[i] = std::byte{0xee};  // dirt that no later object may inherit
      }
    }
  }

  std::byte* object(unsigned index) {
    return bytes_.data() + row_header_bytes + index * info(model_.kind).object_bytes;
  }

  void compare() {
    REQUIRE(identity_.kind == model_.kind);
    REQUIRE(identity_.account == model_.account);
    for (unsigned index = 0; index < 70; ++index) {
      const auto found = model_.objects.find(index);
      const Version expected = found == model_.objects.end() ? Version{} : found->second;
      REQUIRE(version_of(identity_, bytes_.data(), index) == expected);
      const Capability capability = fabricate(identity_, bytes_.data(), {77}, index);
      REQUIRE(capability.is_void() == expected.is_none());
      if (expected.is_none()) continue;
      REQUIRE(info(capability.type).object_kind == model_.kind);
      REQUIRE(capability.version == expected);
      REQUIRE(capability.object.frame() == FrameNumber{77});
      REQUIRE(capability.object.index() == index);
      REQUIRE(expected.value <= identity_.source.value);
    }
  }

  std::mt19937 random_;
  FrameIdentity identity_;
  Bytes bytes_{};
  Model model_;
};

// Marks, for one kind, the bytes that normalize() must clear. Everything else must stay.
std::array<bool, frame_bytes> volatile_bytes(Kind kind) {
  std::array<bool, frame_bytes> result{};
  const auto mark = [&](size_t offset, size_t length) {
    for (size_t i = 0; i < length; ++i) result[offset + i] = true;
  };
  const auto mark_hint = [&](size_t capability) { mark(capability + offsetof(Capability, hint), 4); };
  const auto each = [&](auto inner) {
    for (unsigned i = 0; i < info(kind).objects_per_frame; ++i) {
      inner(row_header_bytes + i * info(kind).object_bytes);
    }
  };
  if (kind == Kind::capability_page) {
    for (size_t i = 0; i < capabilities_per_page; ++i) mark_hint(i * sizeof(Capability));
  } else if (kind == Kind::process) {
    const size_t control = offsetof(Process, control);
    mark(control + offsetof(ProcessControl, root_identity),
         offsetof(ProcessControl, waiting_fault) - offsetof(ProcessControl, root_identity));
    mark(control + offsetof(ProcessControl, priority_stamp), sizeof(uint32_t));
    mark(control + offsetof(ProcessControl, lost_schedule_stamp), sizeof(uint32_t));
    mark(control + offsetof(ProcessControl, ceiling), sizeof(uint8_t));
    mark(control + offsetof(ProcessControl, line_priority), sizeof(uint8_t));
    mark(control + offsetof(ProcessControl, callee), sizeof(uint32_t));
    mark(offsetof(Process, callers), sizeof(Process::callers));
    mark_hint(offsetof(Process, control) + offsetof(ProcessControl, activity));
    mark_hint(offsetof(Process, space));
    mark_hint(offsetof(Process, keeper));
    mark_hint(offsetof(Process, schedule));
    mark_hint(offsetof(Process, brand));
    for (size_t i = 0; i < capability_register_count; ++i) {
      mark_hint(offsetof(Process, capability_registers) + i * sizeof(Capability));
    }
  } else if (kind == Kind::node) {
    each([&](size_t at) {
      mark_hint(at + offsetof(Node, keeper));
      for (size_t i = 0; i < node_slot_count; ++i) {
        mark_hint(at + offsetof(Node, slots) + i * sizeof(Capability));
      }
    });
  } else if (kind == Kind::wrapper) {
    each([&](size_t at) {
      mark_hint(at + offsetof(Wrapper, target));
      mark(at + offsetof(Wrapper, waiting), sizeof(LineEnds));
    });
  } else if (kind == Kind::endpoint) {
    each([&](size_t at) {
      mark_hint(at + offsetof(Endpoint, receiver));
      mark(at + offsetof(Endpoint, waiting), sizeof(LineEnds));
    });
  } else if (kind == Kind::notice) {
    each([&](size_t at) { mark_hint(at + offsetof(Notice, receiver)); });
  } else if (kind == Kind::activity) {
    each([&](size_t at) { mark(at + offsetof(Activity, queue_flags), sizeof(Activity) - offsetof(Activity, queue_flags)); });
  } else if (kind == Kind::schedule) {
    each([&](size_t at) { mark(at + offsetof(Schedule, peers), sizeof(LineEnds)); });
  }
  return result;
}

// The one bit that is cleared in a byte of which the others stay: it has been, and is set again.
void set_awaited(std::byte* row) {
  for (unsigned i = 0; i < info(Kind::activity).objects_per_frame; ++i) {
    REQUIRE(!row_object<Activity>(row, i)->is_awaited);
    row_object<Activity>(row, i)->is_awaited = 1;
  }
}

}  // namespace

TEST_CASE("versions never repeat, whatever is done to the frame") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Run run(seed);
    for (int i = 0; i < 300; ++i) run.step();
  }
}

TEST_CASE("a frame that was never used and one that is empty have no object") {
  Bytes bytes{};
  FrameIdentity identity;
  CHECK(version_of(identity, bytes.data(), 0).is_none());
  make_whole(identity, Kind::page, {1});
  rescind(identity);
  CHECK(version_of(identity, bytes.data(), 0).is_none());
  CHECK(identity.source == Version{2});
}

TEST_CASE("normalize clears hints and links, and nothing else") {
  for (unsigned number = 0; number < kind_count; ++number) {
    const Kind kind = static_cast<Kind>(number);
    CAPTURE(info(kind).name);
    const auto cleared = volatile_bytes(kind);
    Bytes from, to;
    from.fill(std::byte{0xff});
    to.fill(std::byte{0x55});
    normalize(kind, from.data(), to.data());
    if (kind == Kind::activity) set_awaited(to.data());
    for (size_t i = 0; i < frame_bytes; ++i) {
      CAPTURE(i);
      REQUIRE(to[i] == (cleared[i] ? std::byte{0} : std::byte{0xff}));
    }
  }
}

TEST_CASE("what is made has no version that could have been taken before its generation, however often the same source is too old") {
  constexpr FrameIdentity too_old{.source = {5}};
  FrameIdentity newest = too_old;
  Version overrun;
  for (const uint64_t generation : {1, 2, 100, 101, 355, 356, 357, 1000}) {
    CAPTURE(generation);
    FrameIdentity made = too_old;
    begin_generation(made, {generation}, overrun);
    CHECK(made.source.value > newest.source.value);
    newest = made;
    newest.source.value += (uint64_t{1} << versions_of_generation_bits) - 1;  // all that one generation sees
  }
  CHECK(overrun.is_none());
  FrameIdentity forged{.source = {version_source_max / 2}};
  begin_generation(forged, {~uint64_t{0}}, overrun);
  CHECK(forged.source.value < version_source_max);
}

TEST_CASE("a generation that sees more versions of a frame than it has room for leaves none of them to the next one") {
  Version overrun;
  FrameIdentity busy;
  Version last;
  for (uint64_t i = 0; i < uint64_t{1} << (versions_of_generation_bits - 1); ++i) {
    begin_generation(busy, {100}, overrun);
    make_whole(busy, Kind::page, {});
    last = busy.source;
    rescind(busy);
  }
  CHECK(overrun.is_none());  // room for all
  for (unsigned i = 0; i < 4; ++i) {
    begin_generation(busy, {100}, overrun);
    make_whole(busy, Kind::page, {});
    last = busy.source;
    rescind(busy);
  }
  for (const uint64_t generation : {100, 101, 102}) {  // whatever frame, were its source as old as can be
    FrameIdentity made;
    Version same = overrun;
    begin_generation(made, {generation}, same);
    CHECK(made.source.value >= last.value);
  }
  Version forged{~uint64_t{0}};
  FrameIdentity made;
  begin_generation(made, {100}, forged);
  CHECK(made.source.value < version_source_max / 2);
}

TEST_CASE("normalize does nothing the second time, and leaves what it reads alone") {
  std::mt19937 random(5);
  for (unsigned number = 0; number < kind_count; ++number) {
    const Kind kind = static_cast<Kind>(number);
    Bytes from, once, twice;
    for (std::byte& byte : from) byte = static_cast<std::byte>(random());
    const Bytes before = from;
    normalize(kind, from.data(), once.data());
    normalize(kind, once.data(), twice.data());
    CHECK(from == before);
    CHECK(once == twice);
  }
}

TEST_CASE("objects fill their frame and no more") {
  for (unsigned number = 1; number < kind_count; ++number) {
    const KindInfo& kind = info(static_cast<Kind>(number));
    CAPTURE(kind.name);
    const size_t header = kind.is_row ? row_header_bytes : 0;
    CHECK(header + kind.objects_per_frame * kind.object_bytes <= frame_bytes);
    CHECK(header + (kind.objects_per_frame + 1) * kind.object_bytes > frame_bytes);
    CHECK(kind.objects_per_frame <= 64);  // one bit each in RowHeader::allocated
  }
}
