// SPDX-License-Identifier: MIT
//
// Tries to get above the ceiling of the schedules that one holds (decision 0023): by deriving in every
// direction, over rows that are on the disk, over destruction and power cuts.
#include <catch2/catch.hpp>

#include <random>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr unsigned from_register = 5, to_register = 6, range_register = 7;

Capability make_schedule(KernelWorld& world, uint8_t ceiling, uint8_t priority = 0) {
  const Capability made = world.make_in_new_row(Kind::schedule);
  Schedule& schedule = world.object<Schedule>(made);
  schedule.ceiling = ceiling;
  schedule.priority = priority;
  return made;
}

}  // namespace

TEST_CASE("what derives has the lower of what is asked for and what there is, or keeps what it has") {
  struct Derived {
    uint8_t from, before, asked, after;
  };
  for (const Derived& one : {Derived{4, 0, 15, 4}, {4, 0, 3, 3}, {4, 2, 3, 3}, {4, 3, 2, 3}, {4, 9, 15, 9}, {0, 0, 15, 0}}) {
    CAPTURE(one.from, one.before, one.asked);
    KernelWorld world;
    std::vector<uint64_t> told;
    const Capability from = make_schedule(world, one.from), to = make_schedule(world, one.before, one.before);
    world.open_new_rows();
    const Guest guest = world.new_guest(steps({call(from_register, {method::schedule_derive, one.asked}, to_register), note(told),
                                               call(to_register, {method::schedule_set, one.after, 0}), note(told),
                                               call(to_register, {method::schedule_set, one.after + 1u, 0}), note(told)}));
    world.process(guest).capability_registers[from_register] = from;
    world.process(guest).capability_registers[to_register] = to;
    world.start();
    world.page_out({from, to});
    world.unwritable_is_watched = true;
    run_checked(world);
    REQUIRE(told.size() == 6);
    CHECK(told[0] == ok);
    CHECK(told[1] == one.after);
    CHECK(told[2] == ok);
    CHECK(told[4] == static_cast<uint64_t>(Result::limit_reached));
    CHECK(world.object<Schedule>(from).ceiling == one.from);
    world.take_checkpoint();
    world.cut_and_boot();
    CHECK(world.object<Schedule>(to).ceiling == one.after);
    CHECK(world.object<Schedule>(to).priority == one.after);
  }
}

TEST_CASE("a process that is stopped, or sleeps, can be given a schedule, and goes on as it is") {
  for (const bool is_stopped : {true, false}) {
    CAPTURE(is_stopped);
    KernelWorld world;
    bool now = false;
    unsigned woken = 0;
    const Guest other = world.new_guest(steps({call(5, {method::clock_wait_until, ~uint64_t{0}}), [&](Process&) { ++woken; }}));
    world.process(other).capability_registers[5] = {.type = CapabilityType::clock};
    const Guest owner = world.new_guest([&](Process& p) {
      act_when(now, p, call(5, {method::store, process_slot::schedule}, 6));
    });
    world.process(owner).capability_registers[5] = other.process;
    const Capability schedule = world.make(Kind::schedule);
    world.process(owner).capability_registers[6] = schedule;
    if (is_stopped) {
      world.process(other).control.state = ProcessState::stopped;
      world.object<Activity>(other.activity).runnable = 0;
    }
    world.start();
    run_checked(world, 30);
    Capability activity = other.activity;
    const auto found = look_up(world.kernel().store, activity);
    REQUIRE(found);
    const ActivityRef ref = ActivityRef::of(found->slot, found->index);
    const bool waits = world.kernel().scheduler.is_waiting(ref);
    now = true;
    while (now) run_checked(world, 1);
    CHECK(world.kernel().scheduler.is_waiting(ref) == waits);
    CHECK(world.kernel().scheduler.is_queued(ref) == waits);
    CHECK(world.process(other).schedule.object == schedule.object);
  }
}

TEST_CASE("a process whose schedule is taken out of it runs at the lowest priority") {
  KernelWorld world;
  bool now = false;
  const Guest other = world.new_guest([](Process&) {}, 5);
  const Guest owner = world.new_guest([&](Process& p) {
    act_when(now, p, call(5, {method::store, process_slot::schedule}, 6));  // what is stored is void
  }, 6);
  world.process(owner).capability_registers[5] = other.process;
  world.start();
  run_checked(world, 30);
  REQUIRE(world.kernel().scheduler.priorities.standing(world.process(other)).priority == 5);
  now = true;
  while (now) run_checked(world, 1);
  run_checked(world, 30);
  REQUIRE(world.process(other).schedule.is_void());
  const Standing standing = world.kernel().scheduler.priorities.standing(world.process(other));
  CHECK(standing.is_known);
  CHECK(standing.priority == 0);
}

// The guest holds three schedules and the range in which they lie, and not the schedule with a high ceiling.
TEST_CASE("no schedule gets above the highest ceiling that is held, whatever is done with them") {
  constexpr unsigned held_count = 3;
  constexpr uint8_t highest_held = 3;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto pick = [&](uint64_t count) { return random() % count; };
    KernelWorld world;
    std::vector<Capability> schedules;
    for (const uint8_t ceiling : {highest_held, uint8_t{1}, uint8_t{0}}) schedules.push_back(make_schedule(world, ceiling));
    const Capability strangers = make_schedule(world, 12, 9);
    world.open_new_rows();
    const Guest guest = world.new_guest([&](Process& p) {
      const auto one = static_cast<unsigned>(pick(held_count)), other = static_cast<unsigned>(pick(held_count));
      switch (pick(5)) {
        case 0: call(1 + one, {method::schedule_set, pick(8), 0})(p); break;
        case 1: case 2: call(1 + one, {method::schedule_derive, pick(17)}, 1 + other)(p); break;
        case 3: if (one != 0) call(range_register, {method::range_make, frame_of(schedules[one]), static_cast<uint64_t>(Kind::schedule), 1, 0}, 0, 1 + one)(p); break;
        default: call(1 + one, {method::schedule_get})(p);
      }
    });
    for (unsigned i = 0; i < held_count; ++i) world.process(guest).capability_registers[1 + i] = schedules[i];
    world.process(guest).capability_registers[range_register] = {.type = CapabilityType::range, .payload = 500};
    world.start();
    world.take_checkpoint();
    world.unwritable_is_watched = true;
    uint8_t highest_seen = 0;
    for (unsigned i = 0; i < 400; ++i) {
      run_checked(world, 1);
      if (pick(20) == 0) world.page_out({schedules[pick(held_count)]});
      if (pick(50) == 0) world.take_checkpoint();
      if (pick(80) == 0) world.cut_and_boot();
      for (const Capability& schedule : schedules) {
        const Schedule& seen = *row_object<Schedule>(world.bytes(schedule), 0);
        REQUIRE(seen.ceiling <= highest_held);
        REQUIRE(seen.priority <= seen.ceiling);
        highest_seen = std::max(highest_seen, seen.priority);
      }
      REQUIRE(row_object<Schedule>(world.bytes(strangers), 0)->priority == 9);
    }
    CHECK(highest_seen == highest_held);
  }
}
