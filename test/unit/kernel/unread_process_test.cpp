// SPDX-License-Identifier: MIT
//
// A process whose own frame the disk does not give for some time: no other process asks for it.
#include <catch2/catch.hpp>

#include <algorithm>

#include "test/unit/kernel/owner.hpp"

using namespace perdure;

namespace {

constexpr uint64_t s = 1'000'000'000;

void run_for(KernelWorld& world, uint64_t ns) {
  for (const uint64_t end_ns = fake_machine().now_ns + ns; fake_machine().now_ns < end_ns;) {
    world.run(20);
    fake_machine().advance(s / 4);
  }
}

}  // namespace

TEST_CASE("processes that could not be read run again when the disk gives them") {
  constexpr unsigned count = 3;
  Owner owner;
  std::vector<Guest> guests;
  std::vector<unsigned> turns(count);
  for (unsigned i = 0; i < count; ++i) guests.push_back(owner.world.new_guest([&turns, i](Process&) { ++turns[i]; }));
  const auto do_all_run = [&] {
    turns.assign(count, 0);
    run_for(owner.world, 20 * s);
    return std::ranges::count(turns, 0u) == 0;
  };
  owner.world.start();
  REQUIRE(do_all_run());
  Kernel& kernel = owner.world.kernel();  // the current process stays in memory
  const FrameNumber owners = owner.guest.process.object.frame();
  while (!kernel.processor.has_current() || kernel.processor.slot() != kernel.store.find(owners)) owner.world.run(1);
  owner.world.page_out({guests[0].process, guests[1].process, guests[2].process});
  for (const Guest& guest : guests) owner.turn_bits(guest.process.object.frame());
  run_for(owner.world, 200 * s);
  CHECK_FALSE(do_all_run());
  CHECK(was_told("a process cannot be read and does not run"));
  // It is told, but not each time that it is tried.
  const std::string& told = fake_machine().console_output;
  CHECK(std::ranges::count(told, '\n') < 80);
  for (const Guest& guest : guests) owner.turn_bits(guest.process.object.frame());
  run_for(owner.world, 100 * s);
  CHECK(do_all_run());
  run_checked(owner.world, 50);
}
