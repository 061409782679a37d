// SPDX-License-Identifier: MIT
//
// A frame with damaged contents and a whole tag: what is known of it is there for a caller that takes it away.
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr FrameNumber frame{5};

// A start at which the frame is at home only, and damaged there.
struct Damaged {
  Damaged() {
    SmallMachine before(SmallMachine::geometry());
    REQUIRE(before.write_page(frame.value, 'a'));
    REQUIRE(before.checkpoint());
    machine = std::make_unique<SmallMachine>(before.disk.keep_everything());
    REQUIRE(machine->opened);
    REQUIRE(machine->run_to_idle());
    machine->disk.damage(SmallMachine::geometry().home_block(frame).value, 100, 1);
  }
  void await_disk() {
    const CacheSlot slot = machine->store->slot_of(frame);
    REQUIRE(slot != no_slot);
    REQUIRE(machine->poll_until([&] { return machine->store->descriptor(slot).state != FrameState::fetching; }));
  }
  // What was told has lapsed.
  void let_lapse() {
    for (unsigned i = 0; i < 2'000; ++i) machine->poll();  // two seconds
  }
  std::unique_ptr<SmallMachine> machine;
};

bool is_stalled(const Expected<CacheSlot, Absent>& asked) { return !asked && asked.error().why == Absent::Why::stall; }
bool is_unreadable(const Expected<CacheSlot, Absent>& asked) { return !asked && asked.error().why == Absent::Why::unreadable; }

}  // namespace

TEST_CASE("what takes a damaged frame away gets its identity, with a reader that asks for its contents before it, each time") {
  Damaged damaged;
  Store& store = *damaged.machine->store;
  // Dirty before the damaged one becomes so, and in one list with it.
  for (unsigned i = 1; i < 8; ++i) REQUIRE(damaged.machine->write_page(frame.value + i, 'b'));
  REQUIRE(is_stalled(store.obtain(frame)));
  REQUIRE(is_stalled(store.obtain_identity(frame)));
  std::optional<CacheSlot> taken;
  for (unsigned i = 0; i < 20 && !taken; ++i) {
    damaged.await_disk();
    CHECK(is_unreadable(store.obtain(frame)));
    (void)store.obtain(frame);  // and again, at once
    if (const auto identity = store.obtain_identity(frame)) {
      const auto left = store.obtain_what_is_left(frame);
      if (left) taken = *left;
    }
  }
  REQUIRE(taken);
  const FrameDescriptor& descriptor = store.descriptor(*taken);
  CHECK(descriptor.flags & FrameDescriptor::flag_body_lost);
  CHECK(descriptor.identity.kind == Kind::page);
  // Made anew it is a frame like any other, over a restart, too.
  REQUIRE(store.make_dirty(*taken, Need::reserve));
  rescind(store.descriptor(*taken).identity);
  store.become_all_zero(*taken);
  CHECK(store.obtain(frame) == *taken);
  REQUIRE(damaged.machine->checkpoint());
  SmallMachine after(damaged.machine->disk.keep_everything());
  REQUIRE(after.opened);
  const CacheSlot slot = after.obtain(frame.value);
  REQUIRE(slot != no_slot);
  CHECK(after.store->descriptor(slot).identity.kind == Kind::empty);
  CHECK(after.store->descriptor(slot).identity.source.value == 2);
}

TEST_CASE("a damaged frame that nothing takes away is read again for each who asks: the trouble may pass") {
  Damaged damaged;
  Store& store = *damaged.machine->store;
  for (unsigned i = 0; i < 3; ++i) {
    REQUIRE(is_stalled(store.obtain(frame)));
    damaged.await_disk();
    CHECK(is_unreadable(store.obtain(frame)));
    damaged.let_lapse();
  }
  damaged.machine->disk.damage(SmallMachine::geometry().home_block(frame).value, 100, 1);  // the bit turns back
  CHECK(damaged.machine->read_page(frame.value) == 'a');
}

TEST_CASE("an attempt that asks for two lost frames, and for each in two roles, hears the same of it both times, and ends") {
  constexpr FrameNumber frames[] = {frame, {6}};
  SmallMachine before(SmallMachine::geometry());
  for (const FrameNumber number : frames) REQUIRE(before.write_page(number.value, 'a'));
  REQUIRE(before.checkpoint());
  REQUIRE(before.write_page(frame.value + tags_per_frame, 'a'));  // so that no log tells of the others any more
  REQUIRE(before.checkpoint());
  Medium medium = before.disk.keep_everything();
  SECTION("their contents are lost") {
    for (const FrameNumber number : frames) medium[SmallMachine::geometry().home_block(number).value] = nullptr;
  }
  SECTION("their tags are lost") {
    for (const unsigned copy : {0u, 1u}) medium[SmallMachine::geometry().tag_block(0, copy).value] = nullptr;
  }
  SmallMachine machine(std::move(medium));
  REQUIRE(machine.opened);
  Store& store = *machine.store;
  const auto attempt = [&] {
    for (const FrameNumber number : {frames[0], frames[1], frames[0], frames[1]}) {
      const auto found = store.obtain(number);
      if (is_stalled(found)) return false;
      REQUIRE(is_unreadable(found));
    }
    return true;
  };
  for (unsigned times = 0; times < 3; ++times) {
    REQUIRE_FALSE(attempt());  // it is read, each time anew
    REQUIRE(machine.poll_until(attempt));
    for (unsigned i = 0; i < 100; ++i) machine.poll();
    CHECK_FALSE(store.poll(machine.now_ns));  // nothing is to be done in the meantime: the machine may sleep
    CHECK(attempt());
    for (unsigned i = 0; i < 2'000; ++i) machine.poll();  // two seconds
  }
}

TEST_CASE("a lost frame that has been told, and leaves memory before that is forgotten, leaves nothing of it there") {
  Damaged damaged;
  Store& store = *damaged.machine->store;
  REQUIRE(is_stalled(store.obtain(frame)));
  damaged.await_disk();
  REQUIRE(is_unreadable(store.obtain(frame)));
  const CacheSlot slot = store.slot_of(frame);
  REQUIRE(store.drop(slot));
  constexpr FrameNumber never_used{frame.value + tags_per_frame};
  REQUIRE(store.obtain(never_used) == slot);
  for (unsigned i = 0; i < 2'000; ++i) damaged.machine->poll();
  CHECK(store.slot_of(never_used) == slot);
}

TEST_CASE("a verdict is there for the process that takes the frame away, however often others hear it before") {
  const bool is_to_leave = GENERATE(false, true);
  CAPTURE(is_to_leave);
  Damaged damaged;
  Store& store = *damaged.machine->store;
  REQUIRE(damaged.machine->poll_until([&] { return store.obtain_identity(frame).has_value(); }));
  REQUIRE(is_stalled(store.obtain(frame)));
  damaged.await_disk();
  CHECK(is_unreadable(store.obtain(frame)));
  damaged.let_lapse();
  CHECK(is_unreadable(store.obtain(frame)));
  damaged.machine->disk.damage(SmallMachine::geometry().home_block(frame).value, 100, 1);  // the bit turns back
  if (is_to_leave) CHECK(store.obtain_what_is_left(frame));
  else store.let_stay(store.slot_of(frame));
  CHECK(is_unreadable(store.obtain(frame)));
  damaged.let_lapse();
  CHECK(is_unreadable(store.obtain(frame)));  // its taker came late: it may come late again
  for (unsigned i = 0; i < 34; ++i) damaged.let_lapse();
  CHECK(damaged.machine->read_page(frame.value) == 'a');
}

TEST_CASE("a verdict that waits for a process which does not come lapses, too") {
  const bool is_to_leave = GENERATE(false, true);
  CAPTURE(is_to_leave);
  Damaged damaged;
  Store& store = *damaged.machine->store;
  REQUIRE(is_stalled(is_to_leave ? store.obtain_what_is_left(frame) : store.obtain(frame)));
  damaged.await_disk();
  if (is_to_leave) CHECK(is_unreadable(store.obtain(frame)));
  for (unsigned i = 0; i < 102'000; ++i) damaged.machine->poll();
  CHECK(is_stalled(store.obtain(frame)));
  damaged.await_disk();
  CHECK(is_unreadable(store.obtain(frame)));
  damaged.machine->disk.damage(SmallMachine::geometry().home_block(frame).value, 100, 1);  // the bit turns back
  damaged.let_lapse();
  CHECK(damaged.machine->read_page(frame.value) == 'a');
}

TEST_CASE("a verdict that takes minutes to find is told") {
  Damaged damaged;
  Store& store = *damaged.machine->store;
  damaged.machine->disk.after_read = [&] { damaged.machine->now_ns += 200'000'000'000; };
  REQUIRE(is_stalled(store.obtain(frame)));
  damaged.await_disk();
  CHECK(is_unreadable(store.obtain(frame)));
}

TEST_CASE("each verdict is told for a second, whatever others are found in the meantime") {
  SmallMachine before(SmallMachine::geometry());
  constexpr FrameNumber other{6};
  for (const FrameNumber number : {frame, other}) REQUIRE(before.write_page(number.value, 'a'));
  REQUIRE(before.checkpoint());
  SmallMachine machine(before.disk.keep_everything());
  REQUIRE(machine.opened);
  REQUIRE(machine.run_to_idle());
  Store& store = *machine.store;
  for (const FrameNumber number : {frame, other}) machine.disk.damage(SmallMachine::geometry().home_block(number).value, 100, 1);
  for (const FrameNumber number : {frame, other}) {
    REQUIRE(machine.poll_until([&] { return is_unreadable(store.obtain(number)); }));
    if (number == frame) {
      for (unsigned i = 0; i < 700; ++i) machine.poll();
    }
  }
  for (unsigned i = 0; i < 700; ++i) machine.poll();
  CHECK(is_stalled(store.obtain(frame)));
  CHECK(is_unreadable(store.obtain(other)));
}

TEST_CASE("a frame that was to be taken away, and is not after all, is there again when the disk gives it") {
  Damaged damaged;
  Store& store = *damaged.machine->store;
  REQUIRE(damaged.machine->obtain(frame.value, true) != no_slot);
  REQUIRE(is_stalled(store.obtain_what_is_left(frame)));
  damaged.await_disk();
  REQUIRE(store.obtain_what_is_left(frame));  // and then its taker gives up
  CHECK(is_unreadable(store.obtain(frame)));
  damaged.machine->disk.damage(SmallMachine::geometry().home_block(frame).value, 100, 1);  // the bit turns back
  CHECK(is_unreadable(store.obtain(frame)));
  damaged.let_lapse();
  CHECK(damaged.machine->read_page(frame.value) == 'a');
}

TEST_CASE("a body at home that comes wrongly three times is read once more") {
  Damaged damaged;
  REQUIRE(damaged.machine->obtain(frame.value, true) != no_slot);  // so that its tag is not read any more
  unsigned reads = 0;
  damaged.machine->disk.after_read = [&] {
    if (++reads + 1 == body_reads_max) damaged.machine->disk.damage(SmallMachine::geometry().home_block(frame).value, 100, 1);
  };
  CHECK(damaged.machine->read_page(frame.value) == 'a');
  CHECK(reads == body_reads_max);
  CHECK(damaged.machine->warnings.empty());
}

TEST_CASE("a body in the log that comes wrongly is read again where it stands") {
  SmallMachine before(SmallMachine::geometry());
  for (uint64_t number = 1; number <= 20; ++number) REQUIRE(before.write_page(number, static_cast<char>('a' + number)));
  before.declare();
  REQUIRE(before.poll_until([&] { return before.store->state() == Store::State::migrating; }));
  SmallMachine after(before.disk.keep_everything());
  REQUIRE(after.opened.has_value());
  const uint64_t place = SmallMachine::geometry().log_block(4).value;  // of frame 5
  after.disk.damage(place, 100, 1);
  REQUIRE_FALSE(after.store->obtain({5}));
  unsigned reads = 0;
  after.disk.after_read = [&] {
    if (++reads == 1) after.disk.damage(place, 100, 1);  // the bit turns back
  };
  REQUIRE(after.poll_until([&] { return reads == 1; }));
  CHECK(after.read_page(5) == static_cast<char>('a' + 5));
  CHECK(after.warnings.empty());
}
