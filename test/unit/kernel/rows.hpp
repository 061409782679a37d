// SPDX-License-Identifier: MIT
//
// Rows of activities, for the tests of the restart list.
#pragma once

#include <catch2/catch.hpp>

#include <string_view>
#include <utility>
#include <vector>

#include "test/unit/kernel/scripted_guest.hpp"

namespace perdure {

inline constexpr unsigned range_register = 5, bought = 7;
inline constexpr uint64_t first_free = 300;  // frames that KernelWorld does not reach

// Guests that count, each with an activity in a row of its own, made in this order: the first one stands last in
// the list. One more, in the row of the last, does what it is told.
struct Rows {
  explicit Rows(unsigned count, WorldSize size = {}) : world({}, size), counts(count) {
    for (unsigned i = 0; i < count; ++i) {
      world.open_new_rows();
      guests.push_back(world.new_guest([this, i](Process&) { ++counts[i]; }));
    }
    owner = world.new_guest([this](Process& p) {
      if (is_asking) results.push_back(result_of(p));
      is_asking = !calls.empty();
      if (!is_asking) return;
      calls.front()(p);
      calls.erase(calls.begin());
    });
    world.process(owner).capability_registers[range_register] = {.type = CapabilityType::range, .payload = first_free + 64};
    world.start();
    run_checked(world, 50);
    world.page_out({});
  }

  FrameNumber row(unsigned i) { return guests[i].activity.object.frame(); }

  void damage(FrameNumber frame) {
    const Geometry& geometry = world.kernel().store.root().geometry;
    for (unsigned i = 100; i < 164; ++i) world.disk().block(geometry.home_block(frame))[i] ^= std::byte{0x5a};
  }

  // -> which of them run.
  std::vector<unsigned> who_runs() {
    counts.assign(counts.size(), 0);
    run_checked(world, 200);
    std::vector<unsigned> running;
    for (unsigned i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) running.push_back(i);
    }
    return running;
  }

  Result ask(KernelWorld::Program what) {
    results.clear();
    calls.push_back(std::move(what));
    for (unsigned i = 0; i < 2000 && results.empty(); ++i) run_checked(world, 1);
    REQUIRE(results.size() == 1);
    return results[0];
  }

  Result destroy(FrameNumber row) { return ask(call(range_register, {method::range_rescind, row.value, 1})); }
  Result make_row(uint64_t frame) {
    return ask(call(range_register, {method::range_make, frame, static_cast<uint64_t>(Kind::activity), 1, 0}, 0, bought));
  }

  KernelWorld world;
  std::vector<Guest> guests;
  Guest owner;
  std::vector<unsigned> counts;
  std::vector<KernelWorld::Program> calls;
  std::vector<Result> results;
  bool is_asking = false;
};

inline bool was_told(std::string_view what) { return fake_machine().console_output.find(what) != std::string::npos; }
inline constexpr std::string_view lost = "a row of activities, or what may be one, cannot be read; what stood there does not run\n";
inline constexpr std::string_view looks = "the list of what ran is not whole; every frame is looked at\n";

}  // namespace perdure
