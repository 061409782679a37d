// SPDX-License-Identifier: MIT
//
// Tries to take the processor from a process too early, to wake more than have to be woken, and to go on with lines that
// contradict the processes in them.
#include <catch2/catch.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "test/support/kernel_world.hpp"

using namespace perdure;

namespace {

// Of no process: what the scheduler knows of them is all that there is.
std::vector<ActivityRef> make_activities(KernelWorld& world, unsigned count) {
  std::vector<ActivityRef> refs;
  for (unsigned i = 0; i < count; ++i) {
    const Capability activity = world.make(Kind::activity);
    refs.push_back(ActivityRef::of(world.kernel().store.find(activity.object.frame()), activity.object.index()));
  }
  return refs;
}

}  // namespace

TEST_CASE("a tick gives the processor to an equal, but only when the slice is over") {
  KernelWorld world;
  std::vector<unsigned> ran;
  for (const unsigned who : {0u, 1u}) static_cast<void>(world.new_guest([&ran, who](Process&) { ran.push_back(who); }));
  world.start();
  const auto run_over_ticks = [&](uint64_t ns_each) {
    for (unsigned i = 0; i < 4; ++i) {
      fake_machine().now_ns += ns_each;
      fake_machine().pending.timer = true;
      REQUIRE(world.step());
    }
    return std::exchange(ran, {});
  };
  const std::vector<unsigned> first = run_over_ticks(default_slice_ns / 8);
  REQUIRE(first == std::vector<unsigned>(4, first[0]));
  const unsigned other = 1 - first[0];
  REQUIRE(run_over_ticks(2 * default_slice_ns) == std::vector<unsigned>{other, first[0], other, first[0]});
}

TEST_CASE("what is waited for by many costs those nothing who wait for something else") {
  KernelWorld world({}, {.store_pages = 1200});
  Scheduler& scheduler = world.kernel().scheduler;
  const std::vector<ActivityRef> refs = make_activities(world, 400);
  const Capability wrappers[] = {world.make(Kind::wrapper), world.make(Kind::wrapper)};
  world.start();
  const auto at_wrapper = [&](unsigned i) { return WaitChannel::of(WaitChannel::Reason::wrapper, wrappers[i].object.value); };
  for (unsigned i = 0; i < 400; ++i) {
    scheduler.stall(refs[i], i == 200 ? at_wrapper(1) : i % 2 ? at_wrapper(0) : WaitChannel::of(WaitChannel::Reason::time, i), false);
  }
  REQUIRE(scheduler.wake_all(at_wrapper(1)) == 1);
  REQUIRE(!scheduler.is_waiting(refs[200]));
  REQUIRE(scheduler.wake_all(at_wrapper(0)) == 200);
  for (unsigned i = 0; i < 400; ++i) CHECK(scheduler.is_waiting(refs[i]) == (i % 2 == 0 && i != 200));
  for (unsigned i = 0; i < 400; i += 2) scheduler.remove(refs[i]);
}

TEST_CASE("of those who wait for the disk some are woken at a time, the most important first") {
  KernelWorld world;
  Scheduler& scheduler = world.kernel().scheduler;
  const std::vector<ActivityRef> refs = make_activities(world, 40);
  world.start();
  for (unsigned i = 0; i < 40; ++i) scheduler.at(refs[i]).priority = static_cast<uint8_t>(1 + i % 10);
  for (const auto reason : {WaitChannel::Reason::disk_queue, WaitChannel::Reason::cache_space}) {
    for (const ActivityRef ref : refs) scheduler.stall(ref, WaitChannel::of(reason), false);
    unsigned left = 40;
    while (left > 0) {
      const unsigned woken = scheduler.wake_all(WaitChannel::of(reason));
      REQUIRE(woken > 0);
      REQUIRE(woken < 30);
      left -= woken;
      unsigned least_woken = 99, most_waiting = 0;
      for (unsigned i = 0; i < 40; ++i) {
        if (scheduler.is_waiting(refs[i])) most_waiting = std::max(most_waiting, i % 10);
        else if (scheduler.is_queued(refs[i])) least_woken = std::min(least_woken, i % 10);
      }
      CHECK(least_woken >= most_waiting);
    }
    for (const ActivityRef ref : refs) scheduler.remove(ref);
  }
}

TEST_CASE("a commit wakes who waits for it or for an earlier one, and no other") {
  KernelWorld world;
  Scheduler& scheduler = world.kernel().scheduler;
  const std::vector<ActivityRef> refs = make_activities(world, 6);
  world.start();
  const auto commit = [](uint64_t epoch) { return WaitChannel::of(WaitChannel::Reason::commit, epoch); };
  for (unsigned i = 0; i < 6; ++i) scheduler.stall(refs[i], commit(10 + i / 2), false);
  CHECK(scheduler.wake_all(commit(9)) == 0);
  scheduler.remove(refs[1]);
  CHECK(scheduler.wake_all(commit(11)) == 3);
  CHECK(scheduler.is_waiting(refs[4]));
  CHECK(scheduler.wake_all(commit(12)) == 2);
}

TEST_CASE("in a boot with checks the kernel finds within some ticks what is wrong with it") {
  for (const bool is_wrong : {false, true}) {
    CAPTURE(is_wrong);
    KernelWorld world({.check = true});
    world.new_guest([](Process&) {});
    const Guest waiting = world.new_guest([](Process&) {});
    world.let_receive(waiting);
    world.start();
    world.run(20);
    if (is_wrong) world.process(waiting).control.state = ProcessState::running;  // which its activity is not
    const auto run_over_ticks = [&] {
      for (unsigned i = 0; i < 300; ++i) {
        fake_machine().pending.timer = true;
        world.step();
      }
    };
    if (is_wrong) CHECK_THROWS_AS(run_over_ticks(), KernelBug);
    else CHECK_NOTHROW(run_over_ticks());
  }
}
