// SPDX-License-Identifier: MIT
//
// Tries to make one fault in one copy of a tag frame show something false, or cost a frame: each kind of fault,
// in each copy of each tag frame, in each state that the log can be in, at many instants of a run.
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr uint64_t tag_frames = 3;
const Geometry geometry = SmallMachine::geometry(tag_frames);

struct Instant {
  Medium medium;
  Medium older;  // what stood there two generations ago
  Generation generation;  // committed then, or not yet
  std::string before, pages;  // of frame_at(0), frame_at(1) ...: before it, and in it
};

uint64_t frame_at(size_t i) { return i % tag_frames * tags_per_frame + 1 + i / tag_frames; }

bool is_whole(const Medium& medium, uint64_t index, unsigned copy) {
  const BlockIndex place = geometry.tag_block(index, copy);
  return medium[place.value] &&
         verify_tag_frame(*reinterpret_cast<const TagFrame*>(medium[place.value]->data()), place, SmallMachine::store_id, index);
}

// A run of six generations, each of which changes some pages; at each write, what a power cut leaves of it.
std::vector<Instant> instants() {
  SmallMachine machine(geometry, tag_frames, 1 << 20);
  Random random(3);
  std::vector<Instant> all;
  std::vector<Medium> ends(2);
  std::string pages(9, 'a'), before;
  for (char fill = 'a'; fill < 'g'; ++fill) {
    before = pages;
    for (size_t i = 0; i < pages.size(); ++i) {
      if (fill != 'a' && random.one_in(2)) continue;
      REQUIRE(machine.write_page(frame_at(i), fill));
      pages[i] = fill;
    }
    const Generation generation = machine.declare();
    machine.disk.after_write = [&] {
      for (unsigned i = 0; fill > 'c' && i < 2; ++i) all.push_back({machine.disk.cut(random), ends[0], generation, before, pages});
    };
    REQUIRE(machine.run_to_idle());
    ends = {ends[1], machine.disk.keep_everything()};
  }
  const Generation last = machine.store->committed_generation();
  machine.disk.after_write = {};
  machine.store->start_clean_mark();
  REQUIRE(machine.poll_until([&] { return machine.store->clean_mark_ended().has_value(); }));
  all.push_back({machine.disk.keep_everything(), ends[0], last, pages, pages});
  return all;
}

enum class Fault { bit, zero, stale, misdirected };

void damage(Medium& medium, const Instant& instant, Fault fault, uint64_t index, unsigned copy) {
  const uint64_t place = geometry.tag_block(index, copy).value;
  switch (fault) {
    case Fault::bit: {
      Block changed = *medium[place];
      changed[offsetof(TagFrame, sequence)] ^= std::byte{2};
      medium[place] = std::make_shared<const Block>(std::move(changed));
      return;
    }
    case Fault::zero: medium[place] = nullptr; return;
    case Fault::stale: medium[place] = instant.older[place]; return;
    case Fault::misdirected: medium[place] = medium[geometry.tag_block((index + 1) % tag_frames, copy).value]; return;
  }
}

// Twice: before what is in the log is at home, and from the disk when it is. → what the log was needed for.
LogNeed expect_all(const Instant& instant, const Medium& medium) {
  SmallMachine machine(medium, 1 << 20);
  REQUIRE(machine.opened.has_value());
  const LogNeed need = machine.store->root().log_need;
  const std::string& pages = machine.store->committed_generation() == instant.generation ? instant.pages : instant.before;
  for (unsigned when = 0; when < 2; ++when) {
    for (size_t i = 0; i < pages.size(); ++i) CHECK(machine.read_page(frame_at(i)) == pages[i]);
    REQUIRE(machine.run_to_idle());
    for (CacheSlot slot = 0; slot < machine.store->slot_count(); ++slot) {
      if (machine.store->descriptor(slot).state == FrameState::clean) machine.store->drop(slot);
    }
  }
  return need;
}

}  // namespace

TEST_CASE("one fault in one copy of a tag frame is never wrong, and costs nothing while the other is whole") {
  unsigned tried[3] = {};
  for (const Instant& instant : instants()) {
    for (uint64_t i = 0; i < tag_frames * 2 * 4; ++i) {
      const uint64_t index = i / 8;
      const unsigned copy = i / 4 % 2;
      if (!is_whole(instant.medium, index, copy ^ 1)) continue;
      INFO("fault " << i % 4 << " of tag frame " << index << ", copy " << copy);
      Medium medium = instant.medium;
      damage(medium, instant, static_cast<Fault>(i % 4), index, copy);
      ++tried[static_cast<size_t>(expect_all(instant, medium))];
    }
  }
  for (const unsigned count : tried) CHECK(count > 0);
}

TEST_CASE("one lost write of a tag frame, and power cuts in the next generation: nothing old comes back") {
  for (const unsigned copy : {0u, 1u}) {
    for (const uint64_t seed : {1, 2, 3}) {
      Random random(seed);
      SmallMachine machine(geometry, tag_frames);
      REQUIRE(machine.write_page(1, 'a'));
      REQUIRE(machine.write_page(100, 'a'));  // its tag is in another sector than what tells the copies apart
      for (unsigned generation = 0; generation <= seed % 2; ++generation) REQUIRE((machine.write_page(3, 'x') && machine.checkpoint()));
      REQUIRE(machine.write_page(1, 'b'));
      machine.disk.lose_write_of(geometry.tag_block(0, copy).value);
      REQUIRE(machine.checkpoint());
      REQUIRE(machine.write_page(100, 'b'));
      machine.declare();
      machine.disk.after_write = [&] {
        for (unsigned i = 0; i < 40; ++i) {
          SmallMachine next(machine.disk.cut(random), 1 << 20);
          REQUIRE(next.opened);
          CHECK(next.read_page(1) == 'b');
        }
      };
      REQUIRE(machine.run_to_idle());
    }
  }
}
