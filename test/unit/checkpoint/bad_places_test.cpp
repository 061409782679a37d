// SPDX-License-Identifier: MIT
//
// Tries to stop the store with one place that the disk never gives, or to make it tell something
// false of a disk that is well: in each kind of block that stands twice, one such place costs time and nothing else.
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr uint64_t tag_frames = TagCache::buffer_count + 6;  // so that a buffer is loaded anew in the second pass

void touch_every_tag_frame(SmallMachine& machine, char fill) {
  for (uint64_t index = 0; index < tag_frames; ++index) REQUIRE(machine.write_page(index * tags_per_frame + 1, fill));
}
bool holds(SmallMachine& machine, char fill) {
  for (uint64_t index = 0; index < tag_frames; ++index) {
    if (machine.read_page(index * tags_per_frame + 1) != fill) return false;
  }
  return true;
}

// What a start finds when all that stood in the log was written over, and `place` is not to be had.
Medium much_later_without(SmallMachine& machine, uint64_t place, char fill) {
  for (unsigned i = 0; i < 6; ++i) {
    REQUIRE(machine.write_page(1, fill));
    REQUIRE(machine.checkpoint());
  }
  Medium medium = machine.disk.keep_everything();
  medium[place] = nullptr;
  return medium;
}

}  // namespace

TEST_CASE("one copy of a tag frame that is never given stops no checkpoint") {
  for (unsigned copy : {0u, 1u}) {
    const Geometry geometry = SmallMachine::geometry(tag_frames);
    SmallMachine machine(geometry, tag_frames);
    const uint64_t place = geometry.tag_block(3, copy).value;
    machine.disk.set_bad(place);
    for (char fill : {'a', 'b', 'c'}) {
      touch_every_tag_frame(machine, fill);
      const Generation generation = machine.declare();
      REQUIRE((machine.run_to_idle() || machine.run_to_idle() || machine.run_to_idle()));
      CHECK(machine.store->committed_generation() == generation);
    }
    // Nothing was brought home twice for its sake.
    CHECK(std::ranges::find(machine.warnings, "the disk has lost a write; generation") == machine.warnings.end());
    SmallMachine next(much_later_without(machine, place, 'c'));
    REQUIRE(next.opened);
    CHECK(holds(next, 'c'));
  }
}

TEST_CASE("one copy of a tag frame that is acknowledged and never written stops no checkpoint, and is outbid") {
  for (unsigned copy : {0u, 1u}) {
    const Geometry geometry = SmallMachine::geometry(tag_frames);
    SmallMachine machine(geometry, tag_frames);
    for (char fill : {'a', 'b', 'c'}) {
      touch_every_tag_frame(machine, fill);
      const Generation generation = machine.declare();
      REQUIRE(machine.poll_until([&] {
        machine.disk.lose_write_of(geometry.tag_block(3, copy).value);
        return machine.store->can_declare();
      }));
      CHECK(machine.store->committed_generation() == generation);
      SmallMachine next(machine.disk.keep_everything());
      REQUIRE(next.opened);
      CHECK(holds(next, fill));
    }
  }
}

TEST_CASE("a copy of a tag frame that is never given, and flushes of the root that fail and drop what they can: the other stays right") {
  for (unsigned i = 0; i < 24; ++i) {
    const Geometry geometry = SmallMachine::geometry(tag_frames);
    SmallMachine machine(geometry, tag_frames);
    const uint64_t place = geometry.tag_block(3, i % 2).value;
    machine.disk.set_bad(place);
    touch_every_tag_frame(machine, 'a');
    machine.declare();
    // The flush of the migration succeeds, those of its root do not.
    const uint64_t flushes = machine.disk.counts().flushes + 3;
    for (unsigned tries = 0; tries < 3; ++tries) {
      if (!machine.poll_until([&] { return machine.disk.counts().flushes >= flushes; })) continue;
      machine.disk.fail_next(DiskRequest::Operation::flush, 1 + i / 2 % 4);
      break;
    }
    for (unsigned tries = 0; tries < 4 && !machine.run_to_idle(); ++tries) {
    }
    REQUIRE(machine.store->can_declare());
    SmallMachine next(much_later_without(machine, place, 'a'));
    REQUIRE(next.opened);
    CHECK(holds(next, 'a'));
  }
}

TEST_CASE("one copy of a root that is never given stops no checkpoint and no start") {
  for (const auto& slot : root_blocks) {
    for (const BlockIndex place : slot) {
      SmallMachine machine(SmallMachine::geometry());
      machine.disk.set_bad(place.value);
      for (char fill : {'a', 'b', 'c'}) {
        REQUIRE(machine.write_page(1, fill));
        const Generation generation = machine.declare();
        REQUIRE(machine.run_to_idle());
        CHECK(machine.store->committed_generation() == generation);
      }
    }
  }
}

TEST_CASE("however many wait for tags, the migration gets its own") {
  const Geometry geometry = SmallMachine::geometry(3 * tag_frames);
  SmallMachine machine(geometry, 3 * tag_frames);
  touch_every_tag_frame(machine, 'a');
  const Generation generation = machine.declare();
  // Between any two steps a program asks for another tag frame.
  uint64_t asked = 0;
  REQUIRE(machine.poll_until([&] {
    for (unsigned i = 0; i < 2 * TagCache::loads_max; ++i) {
      const FrameNumber number{(tag_frames + asked++ % (2 * tag_frames)) * tags_per_frame + 2};
      if (const auto slot = machine.store->obtain(number)) machine.store->drop(*slot);
    }
    return machine.store->can_declare();
  }));
  CHECK(machine.store->committed_generation() == generation);
}

TEST_CASE("a request after a long time of nothing to do does not call the disk ill") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(1, 'a'));
  REQUIRE(machine.checkpoint());
  machine.now_ns += 3'600'000'000'000;
  REQUIRE(machine.write_page(200, 'b'));
  REQUIRE(machine.checkpoint());
  CHECK(machine.ill == 0);
}

TEST_CASE("a start late by the clock does not call a disk ill that answers at once") {
  const Geometry geometry = SmallMachine::geometry();
  SimulatedDisk disk(fresh_image(geometry, 1, 7), 1);
  MachineMemory memory(4 << 20);
  SimulatedMachine machine(disk, memory.all(), nullptr);
  machine.now_ns = 60'000'000'000;
  REQUIRE(machine.open({}));
  CHECK(machine.ill == 0);
}

TEST_CASE("whichever one block is never given, checkpoints are made") {
  const Geometry geometry = SmallMachine::geometry();
  for (uint64_t place = 0; place < geometry.disk_blocks; ++place) {
    SmallMachine machine(geometry, 2, 1 << 20);
    machine.disk.set_bad(place);
    INFO("block " << place);
    for (char fill : {'a', 'b'}) {
      for (uint64_t number : {1, 2, 200}) REQUIRE(machine.write_page(number, fill));
      REQUIRE(machine.checkpoint());
    }
    CHECK(machine.read_page(1) == 'b');
  }
}
