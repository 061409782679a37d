// SPDX-License-Identifier: MIT
//
// Tries to take the processor from a process too early.
#include <catch2/catch.hpp>

#include "test/support/kernel_world.hpp"

using namespace perdure;

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
