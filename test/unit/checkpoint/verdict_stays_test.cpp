// SPDX-License-Identifier: MIT
//
// What is known of frames in bad places, while other frames come and go (VERDICT-STAYS).
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr uint64_t first_frame = 2, frame_count = 300;

// A start with all frames on the disk and few slots; a read of a bad place takes half a minute.
struct Scene {
  Scene() {
    SmallMachine before(SmallMachine::geometry());
    for (uint64_t i = 0; i < frame_count; ++i) {
      while (!before.write_page(first_frame + i, 'a')) {
        if (before.store->can_declare()) before.declare();
        before.poll();
      }
    }
    REQUIRE(before.run_to_idle());
    REQUIRE(before.checkpoint());
    machine = std::make_unique<SmallMachine>(before.disk.keep_everything(), 900 << 10);
    REQUIRE(machine->opened);
    REQUIRE(machine->run_to_idle());
    REQUIRE(slots() > 32);
    REQUIRE(slots() < 100);
  }
  CacheSlot slots() { return machine->store->slot_count(); }
  bool is_known_at_once(uint64_t number) {
    const auto asked = machine->store->obtain({number});
    return !asked && asked.error().why == Absent::Why::unreadable;
  }
  void find_out(uint64_t number) {
    machine->disk.damage(SmallMachine::geometry().home_block({number}).value, 100, 1);
    bool is_begun = false;
    REQUIRE(machine->poll_until([&] {
      const auto asked = machine->store->obtain({number});
      REQUIRE_FALSE(asked);
      if (!is_begun && asked.error().stall.until == WaitChannel::of(WaitChannel::Reason::frame, number)) {
        is_begun = true;
        machine->now_ns += 30'000'000'000;
      }
      return asked.error().why == Absent::Why::unreadable;
    }));
  }
  // Reads three times as many frames as there are slots.
  void turn_over() {
    for (unsigned i = 0; i < 3 * slots(); ++i) {
      const uint64_t number = first_frame + frame_count - 1 - i % (2 * slots());
      REQUIRE(machine->read_page(number) == 'a');
    }
  }
  unsigned known(unsigned count) {
    unsigned known = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const CacheSlot slot = machine->store->slot_of({first_frame + i});
      known += slot != no_slot && machine->store->descriptor(slot).has_verdict();
    }
    return known;
  }
  std::unique_ptr<SmallMachine> machine;
};

}  // namespace

TEST_CASE("what is known of frames in bad places is known at once after the cache has been turned over") {
  Scene scene;
  for (const uint64_t number : {2u, 3u, 4u}) scene.find_out(number);
  scene.turn_over();
  for (const uint64_t number : {2u, 3u, 4u}) CHECK(scene.is_known_at_once(number));
}

TEST_CASE("of many frames in bad places so many are known as fill an eighth of the cache, and the others can be used") {
  Scene scene;
  const unsigned count = scene.slots() / 2;
  for (unsigned i = 0; i < count; ++i) scene.find_out(first_frame + i);
  scene.turn_over();
  CHECK(scene.known(count) == scene.slots() / 8);
}

TEST_CASE("what was known of frames in bad places leaves the cache when it has lapsed") {
  Scene scene;
  for (const uint64_t number : {2u, 3u, 4u}) scene.find_out(number);
  scene.machine->now_ns += 1'001'000'000'000;
  scene.turn_over();
  CHECK(scene.known(3) == 0);
}
