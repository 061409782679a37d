// SPDX-License-Identifier: MIT
//
// Tries to get more into a generation than fits, to take what is reserved for processes, and to leave
// a caller waiting behind an attempt that failed.
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

using Reason = WaitChannel::Reason;

Geometry small_log() { return *Geometry::plan(log_start.value + 3 * 16 + 4 * (tags_per_frame + 2), 3, 16); }

bool make_dirty(SmallMachine& machine, uint64_t number, Need need) {
  const CacheSlot slot = machine.obtain(number);
  REQUIRE(slot != no_slot);
  if (!machine.store->make_dirty(slot, need)) return false;
  FrameIdentity& identity = machine.store->descriptor(slot).identity;
  if (identity.kind == Kind::empty) make_whole(identity, Kind::page, {3});
  machine.store->bytes(slot)[7] ^= std::byte{1};
  return true;
}

// As many slots as make so many copy buffers.
std::unique_ptr<SmallMachine> machine_with_copies(size_t copies) {
  auto machine = std::make_unique<SmallMachine>(SmallMachine::geometry(), 4, 400 * 1024 + copies * 16 * 4300);
  REQUIRE(machine->opened.has_value());
  return machine;
}

// Pages that were frozen by a declaration, of which as many as there are copy buffers for are written to.
uint64_t use_up_copies(SmallMachine& machine, Need need) {
  uint64_t number = 1;
  while (make_dirty(machine, number, need)) ++number;
  return number;
}

}  // namespace

TEST_CASE("ALWAYS-FITS: what is pending and what is new fit into one generation, also when an attempt fails") {
  SmallMachine machine(small_log(), 4);
  const uint64_t most = small_log().generation_entries_max();
  uint64_t number = 1;
  while (make_dirty(machine, number, Need::reserve)) ++number;
  REQUIRE(number == most + 1);
  for (uint64_t i = number; i <= 2 * most; ++i) REQUIRE(machine.obtain(i) != no_slot);
  machine.declare();
  for (uint64_t i = number; i <= 2 * most; ++i) {
    const auto more = machine.store->make_dirty(machine.store->find({i}), Need::reserve);
    REQUIRE_FALSE(more.has_value());
    CHECK(more.error().until == WaitChannel::of(Reason::log_space));
  }
  machine.disk.fail_next(DiskRequest::Operation::flush, 1);
  REQUIRE(machine.run_to_idle());
  CHECK(machine.failed_commits == 1);
  REQUIRE(machine.checkpoint());
  CHECK(machine.store->root().generation_frames == most);
}

TEST_CASE("the last copy buffers are for processes, not for pages") {
  const auto machine = machine_with_copies(8);
  uint64_t last = 0;
  while (last < 40 && make_dirty(*machine, last + 1, Need::reserve)) ++last;
  machine->declare();
  const uint64_t page = use_up_copies(*machine, Need::ordinary);
  REQUIRE(page < last);
  CHECK(make_dirty(*machine, page, Need::reserve));  // a process's frame may
  const uint64_t process = use_up_copies(*machine, Need::reserve);
  CHECK(process > page);
  CHECK(process <= last);
  CHECK(machine->run_to_idle());
}

TEST_CASE("who waits for a copy buffer is woken also by an attempt that fails") {
  const auto machine = machine_with_copies(8);
  uint64_t last = 0;
  while (last < 40 && make_dirty(*machine, last + 1, Need::reserve)) ++last;
  // None of them can be committed: the attempt fails with the first.
  for (uint64_t i = 1; i <= last; ++i) machine->store->descriptor(machine->store->find({i})).identity.source = {};
  machine->declare();
  const uint64_t number = use_up_copies(*machine, Need::reserve);
  REQUIRE(number < last);
  machine->wakes.clear();
  REQUIRE(machine->run_to_idle());
  CHECK(machine->failed_commits == 1);
  CHECK(machine->was_woken(WaitChannel::of(Reason::copy_buffer)));
}

TEST_CASE("an error that kept a tag from being read is not remembered") {
  SmallMachine machine(SmallMachine::geometry(), 4);
  for (unsigned copy : {0u, 1u}) machine.disk.set_bad(SmallMachine::geometry().tag_block(2, copy).value);
  CHECK(machine.obtain(2 * tags_per_frame + 5) == no_slot);
  for (unsigned copy : {0u, 1u}) machine.disk.set_bad(SmallMachine::geometry().tag_block(2, copy).value, false);
  machine.now_ns += 1'001'000'000'000;  // it took half a minute, so it is told for a while
  machine.poll();
  CHECK(machine.obtain(2 * tags_per_frame + 5) != no_slot);
}

TEST_CASE("an assertion of the store is told by its name") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  CHECK_THROWS_WITH(machine.store->unpin(machine.store->slot_of({5})), "only what is pinned is unpinned");
}
