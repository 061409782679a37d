// SPDX-License-Identifier: MIT
//
// Tries to lose a timer, or to have one strike early or twice: random arming, disarming and passing
// of time, with jumps over the borders of the wheel's levels, against a sorted map. PERDURE_SEED
// replays a run.
#include <catch2/catch.hpp>

#include <map>
#include <random>

#include "test/support/environment.hpp"
#include "test/support/kernel_world.hpp"

using namespace perdure;

namespace {

constexpr uint64_t tick_ns = uint64_t{1} << Timers::tick_bits;

class TimersAndModel {
 public:
  explicit TimersAndModel(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 100; ++i) {
      const Capability activity = world_.make(Kind::activity);
      Capability copy = activity;
      const auto found = look_up(world_.kernel().store, copy);
      refs_.push_back(ActivityRef::of(found->slot, found->index));
    }
    world_.start();
    now_ns_ = random_() % 2 ? 0 : ((uint64_t{1} << 32) - 5000) * tick_ns;  // near the wrap of ticks, too
    take(1);
  }

  void step() {
    const ActivityRef ref = refs_[random_() % refs_.size()];
    switch (random_() % 4) {
      case 0:
      case 1: arm(ref); break;
      case 2:
        timers().disarm(ref);
        due_.erase(ref.value);
        break;
      default: pass_time(); break;
    }
    CHECK(timers().is_armed(ref) == due_.contains(ref.value));
  }

  // All that is left comes, in the end.
  void finish() {
    now_ns_ += uint64_t{1} << 58;
    while (!due_.empty()) take(1u << 31);
  }

 private:
  Timers& timers() { return world_.kernel().timers; }

  void arm(ActivityRef ref) {
    const auto bits = static_cast<unsigned>(random_() % 46);
    uint64_t at_ns = now_ns_ + (random_() & ((uint64_t{1} << bits) - 1));
    if (random_() % 4 == 0) at_ns &= ~(tick_ns - 1);
    timers().arm(ref, at_ns);
    due_[ref.value] = at_ns;
  }

  void pass_time() {
    now_ns_ += random_() & ((uint64_t{1} << random_() % 40) - 1);
    take(1u << 30);
    const uint64_t now = now_ns_ / tick_ns;
    for (const auto& [ref, at_ns] : due_) REQUIRE((at_ns - 1) / tick_ns + 1 > now);  // no activity is late
  }

  void take(unsigned steps_max) {
    unsigned steps = random_() % 8 == 0 ? static_cast<unsigned>(random_() % 50) : steps_max;  // in pieces
    for (;;) {
      const ActivityRef ref = timers().take_due(now_ns_, steps);
      if (ref.is_none() && steps == 0) {
        steps = steps_max;
        continue;
      }
      if (ref.is_none()) break;
      REQUIRE(due_.contains(ref.value));  // once
      if (due_[ref.value] < now_ns_ + tick_ns) REQUIRE(due_[ref.value] <= now_ns_);
      if (due_[ref.value] > now_ns_) {  // so far away that it is looked at on the way
        timers().arm(ref, due_[ref.value]);
        continue;
      }
      due_.erase(ref.value);
    }
  }

  std::mt19937_64 random_;
  KernelWorld world_;
  std::vector<ActivityRef> refs_;
  std::map<uint32_t, uint64_t> due_;
  uint64_t now_ns_ = 0;
};

}  // namespace

TEST_CASE("timers strike once, never early, and none is lost") {
  for_each_seed(6, [](uint64_t seed) {
    TimersAndModel both(seed);
    for (int i = 0; i < 2000; ++i) both.step();
    both.finish();
  });
}
