// SPDX-License-Identifier: MIT
//
// Tries to wake the wrong one: whoever waits for something stands in a line with those who wait for other
// things whose numbers fall into the same bucket. And to take the processor from somebody too early.
#include <catch2/catch.hpp>

#include "test/support/kernel_world.hpp"

using namespace perdure;

namespace {

constexpr unsigned waiting_count = 300;  // more than there are lines: some of them stand in one

WaitChannel channel(unsigned i) { return WaitChannel::of(WaitChannel::Reason::receiver, ObjectId::of({i + 1}).value); }

// Activities that wait, one for each channel.
struct Waiting {
  KernelWorld world;
  Scheduler& scheduler = world.kernel().scheduler;
  std::vector<ActivityRef> activities;

  Waiting() {
    for (unsigned i = 0; i < waiting_count; ++i) {
      const Capability activity = world.make(Kind::activity);
      activities.push_back(ActivityRef::of(world.kernel().store.find(activity.object.frame()), activity.object.index()));
    }
    world.start();
    for (unsigned i = 0; i < waiting_count; ++i) scheduler.stall(activities[i], channel(i));
  }
};

}  // namespace

TEST_CASE("one that waits for something is woken by that alone, whoever stands before it in its line") {
  for (const bool all : {false, true}) {
    CAPTURE(all);
    Waiting w;
    for (unsigned i = waiting_count; i-- > 0;) {
      CAPTURE(i);
      REQUIRE(w.scheduler.has_waiter(channel(i)));
      REQUIRE((all ? w.scheduler.wake_all(channel(i)) : w.scheduler.wake_one(channel(i))) == 1);
      REQUIRE(w.scheduler.woken_for(w.activities[i]).value == channel(i).value);
      REQUIRE(!w.scheduler.is_waiting(w.activities[i]));
      REQUIRE(!w.scheduler.has_waiter(channel(i)));
      for (unsigned before = 0; before < i; ++before) REQUIRE(w.scheduler.is_waiting(w.activities[before]));
    }
    REQUIRE((all ? w.scheduler.wake_all(channel(7)) : w.scheduler.wake_one(channel(7))) == 0);
  }
}

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
