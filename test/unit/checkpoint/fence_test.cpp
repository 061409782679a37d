// SPDX-License-Identifier: MIT
//
// Tries to have a machine write to a disk that another one has written to since, at each phase of its
// work; and to have a machine stopped that is alone, by what rot, errors and power cuts leave of roots.
#include <catch2/catch.hpp>

#include "checkpoint/fence.hpp"
#include "checkpoint/recovery.hpp"
#include "test/support/quiet_client.hpp"
#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr const char* another = "another machine has written to this disk";
constexpr const char* older = "the disk is older than this machine's memory";

// A machine that has committed something, and has something new to commit.
SmallMachine busy_machine() {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  REQUIRE(machine.checkpoint());
  REQUIRE(machine.write_page(5, 'b'));
  REQUIRE(machine.write_page(6, 'b'));
  return machine;
}

// It goes on, its memory being what it was, over what stands on the disk now: until it has stopped, and after.
void expect_it_stops(SmallMachine& ghost, const Medium& found, const char* why) {
  if (ghost.store->can_declare()) ghost.declare();
  ghost.poll_until([&] { return !ghost.stopped.empty(); });
  for (unsigned i = 0; i < 1000; ++i) ghost.poll();
  CHECK((ghost.stopped == why || (why == another && ghost.stopped == newer_than_root)));
  CHECK(ghost.disk.keep_everything() == found);  // the very blocks
}

Medium after_another_boot(const Medium& medium, unsigned commits) {
  SmallMachine other(medium);
  REQUIRE(other.opened.has_value());
  REQUIRE(other.run_to_idle());
  for (unsigned i = 0; i < commits; ++i) {
    REQUIRE(other.write_page(5, static_cast<char>('p' + i)));
    REQUIRE(other.checkpoint());
  }
  return other.disk.drained();
}

}  // namespace

TEST_CASE("a machine whose disk another one has booted from writes nothing") {
  for (const unsigned commits : {0u, 1u, 2u, 5u}) {
    SmallMachine ghost = busy_machine();
    const Medium found = after_another_boot(ghost.disk.drained(), commits);
    ghost.disk.becomes(found);
    expect_it_stops(ghost, found, another);
  }
}

TEST_CASE("in whatever phase it was when its memory was kept") {
  unsigned phases = 0;
  for (unsigned polls = 0; polls < 400; ++polls) {
    SmallMachine ghost = busy_machine();
    const Generation generation = ghost.declare();
    for (unsigned i = 0; i < polls && !ghost.store->can_declare(); ++i) ghost.poll();
    if (ghost.store->can_declare()) break;
    ++phases;
    const Medium found = after_another_boot(ghost.disk.drained(), 1 + polls % 2);
    ghost.disk.becomes(found);
    ghost.poll_until([&] { return !ghost.stopped.empty() || ghost.store->can_declare(); });
    if (ghost.stopped.empty()) {  // it had nothing left to write
      CHECK(ghost.store->committed_generation() == generation);
      const bool written = ghost.write_page(7, 'c');
      REQUIRE((written || ghost.stopped == newer_than_root));  // a tag that it had to read was the other's
    }
    expect_it_stops(ghost, found, another);
  }
  CHECK(phases > 20);
}

TEST_CASE("the orderly end of a machine is fenced as well") {
  SmallMachine ghost = busy_machine();
  const Medium found = after_another_boot(ghost.disk.drained(), 1);
  ghost.disk.becomes(found);
  ghost.store->start_clean_mark();
  ghost.poll_until([&] { return !ghost.stopped.empty(); });
  CHECK(ghost.stopped == another);
  CHECK(ghost.disk.keep_everything() == found);
}

TEST_CASE("a machine that itself went on meanwhile is another one") {
  SmallMachine ghost = busy_machine();
  Medium found = ghost.disk.drained();
  Root later = ghost.store->root();  // of this very boot
  const unsigned slot = later.sequence == reinterpret_cast<const Root*>(found[root_blocks[0][0].value]->data())->sequence;
  later.sequence += 5;
  seal(later);
  for (const BlockIndex place : root_blocks[slot]) found[place.value] = block_of(later);
  ghost.disk.becomes(found);
  expect_it_stops(ghost, found, another);
}

TEST_CASE("a disk that went back to an earlier state is not written to") {
  SmallMachine machine = busy_machine();
  const Medium earlier = machine.disk.drained();
  REQUIRE(machine.checkpoint());
  REQUIRE(machine.write_page(6, 'c'));
  machine.disk.becomes(earlier);
  expect_it_stops(machine, earlier, older);
}

TEST_CASE("another image in the place of this one is not written to") {
  SmallMachine machine = busy_machine();
  const Medium found = fresh_image(SmallMachine::geometry(), 1, SmallMachine::store_id + 1);
  machine.disk.becomes(found);
  expect_it_stops(machine, found, another);
}

TEST_CASE("of two machines that start from one disk at once one gives way") {
  // The first has read the roots, and not written its own, when the second starts.
  const Medium medium = busy_machine().disk.drained();
  const Medium found = after_another_boot(medium, 0);
  SimulatedDisk disk(medium, 1);
  MachineMemory memory(4 << 20);
  SimulatedMachine late(disk, memory.all(), nullptr);
  // Its first write is that of its root; the fence's reading before it is the fifth and sixth read.
  disk.after_read = [&] {
    if (disk.counts().reads == root_slots * root_copies) disk.becomes(found);
  };
  CHECK_THROWS_AS(late.open({.boot_identity = 77}), MachineStopped);
  CHECK(disk.keep_everything() == found);
}

// A reset leaves the disk its power: so what it reads at first may not be durable.
TEST_CASE("a machine that was reset goes on, though a flush that fails drops the root that it began from") {
  const Medium earlier = busy_machine().disk.drained();
  Medium found = earlier;
  const auto root_at = [&](unsigned slot) { return *reinterpret_cast<const Root*>(found[root_blocks[slot][0].value]->data()); };
  const unsigned older_slot = root_at(0).sequence > root_at(1).sequence;
  Root last = root_at(older_slot ^ 1);
  ++last.sequence;
  seal(last);
  for (const BlockIndex place : root_blocks[older_slot]) found[place.value] = block_of(last);
  SimulatedDisk disk(found, 1);
  disk.fail_next(DiskRequest::Operation::flush, 1);
  bool is_dropped = false;
  disk.after_write = [&] {
    if (disk.counts().flushes == 0 || is_dropped) return;
    is_dropped = true;
    disk.becomes(earlier);
  };
  MachineMemory memory(4 << 20);
  SimulatedMachine next(disk, memory.all(), nullptr);
  CHECK_NOTHROW(next.open({.boot_identity = 77}).value());
  CHECK(is_dropped);
}

// It may be another machine's root, or the last that this machine's last boot wrote: the next start takes it.
TEST_CASE("a newer root that could not be read at the start is not written over when it can be") {
  Medium found = busy_machine().disk.drained();
  const auto root_at = [&](unsigned slot) { return *reinterpret_cast<const Root*>(found[root_blocks[slot][0].value]->data()); };
  const unsigned older_slot = root_at(0).sequence > root_at(1).sequence;
  Root last = root_at(older_slot ^ 1);
  ++last.sequence;
  seal(last);
  const uint64_t place = root_blocks[older_slot][0].value;  // the power was cut before the second copy was written
  found[place] = block_of(last);
  SimulatedDisk disk(found, 1);
  disk.set_bad(place);
  disk.after_read = [&] {
    if (disk.counts().errors == WaitingDisk::rounds_max * WaitingDisk::tries_max) disk.set_bad(place, false);
  };
  MachineMemory memory(4 << 20);
  SimulatedMachine machine(disk, memory.all(), nullptr);
  CHECK_THROWS_AS(machine.open({.boot_identity = 77}), MachineStopped);
  CHECK(disk.keep_everything() == found);
  SimulatedMachine next(disk, memory.all(), nullptr);
  REQUIRE(next.open({.boot_identity = 78}).has_value());
  CHECK(next.store->root().sequence > last.sequence + 1000);
}

TEST_CASE("rot of roots stops no machine") {
  for (unsigned which = 1; which < 16; ++which) {
    SmallMachine machine = busy_machine();
    for (unsigned place = 0; place < 4; ++place) {
      if (which >> place & 1) machine.disk.damage(root_blocks[place / 2][place % 2].value, 20 + place, 1);
    }
    CHECK(machine.checkpoint());
    CHECK(machine.stopped.empty());
  }
}

TEST_CASE("a write comes through though reads take each place in the queue that becomes free") {
  SimulatedDisk disk(fresh_image(SmallMachine::geometry(), 1, SmallMachine::store_id), 1);
  QuietClient client;
  MachineMemory memory(1 << 16);
  const SharedBlock block = disk.durable_block(root_blocks[1][0].value);  // the newer one of a fresh image
  Fence fence;
  fence.open(disk, client, memory.all().data(), *reinterpret_cast<const Root*>(block->data()), 1);
  std::byte* buffer = memory.all().data() + Fence::memory_bytes;
  const auto read_all_there_is_room_for = [&] {
    while (fence.submit({DiskRequest::Operation::read, log_start.value, 1, buffer, 0})) {
    }
  };
  read_all_there_is_room_for();
  REQUIRE(fence.submit({DiskRequest::Operation::write, log_start.value + 1, 1, buffer + block_bytes, 1}));
  bool is_written = false;
  for (unsigned i = 0; i < 100'000 && !is_written; ++i) {
    if (const auto completion = fence.poll()) is_written = completion->token == 1 && !completion->failed;
    read_all_there_is_room_for();
  }
  CHECK(is_written);
}

TEST_CASE("roots that cannot be read for a while are waited for, and stop nobody") {
  SmallMachine machine = busy_machine();
  for (const auto& slot : root_blocks) {
    for (const BlockIndex place : slot) machine.disk.set_bad(place.value);
  }
  const uint64_t writes = machine.disk.counts().writes;
  machine.declare();
  for (unsigned i = 0; i < 20'000; ++i) machine.poll();
  CHECK(machine.disk.counts().writes == writes);
  CHECK(machine.stopped.empty());
  for (const auto& slot : root_blocks) {
    for (const BlockIndex place : slot) machine.disk.set_bad(place.value, false);
  }
  REQUIRE(machine.run_to_idle());
  if (machine.store->committed_generation().value < 2) REQUIRE(machine.checkpoint());
  CHECK(machine.stopped.empty());
}

TEST_CASE("one copy of a slot that cannot be read is enough, whichever") {
  for (unsigned which = 0; which < 4; ++which) {
    SmallMachine machine = busy_machine();
    machine.disk.set_bad(root_blocks[which & 1][which >> 1 & 1].value);
    CHECK(machine.poll_until([&] { return machine.store->can_declare(); }));
    machine.declare();
    REQUIRE(machine.run_to_idle());
    CHECK(machine.stopped.empty());
    CHECK(machine.store->committed_generation().value == 2);
    const Medium found = after_another_boot(machine.disk.drained(), 1);
    REQUIRE(machine.write_page(5, 'z'));
    machine.disk.becomes(found);
    expect_it_stops(machine, found, another);
  }
}
