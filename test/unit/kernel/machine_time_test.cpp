// SPDX-License-Identifier: MIT
//
// Tries to have machine time jump, or a deadline be counted past the end of the clock: at a start, and at the limits.
#include <catch2/catch.hpp>

#include "kernel/run/machine_time.hpp"
#include "test/support/fake_machine.hpp"

using namespace perdure;

TEST_CASE("machine time stands still while the power is off, and goes on from the cut") {
  fake_machine().power_on();
  fake_machine().step_ns = 0;
  for (const uint64_t at_cut_ns : {uint64_t{0}, uint64_t{5'000'000'000}}) {
    fake_machine().now_ns = 777;  // the clock of a boot begins anywhere
    MachineTime time;
    time.start(at_cut_ns, 1);
    CHECK(time.now_ns() == at_cut_ns);
    CHECK(time.uptime_ns() == 0);
    fake_machine().now_ns += 1000;
    CHECK(time.now_ns() == at_cut_ns + 1000);
    CHECK(time.uptime_ns() == 1000);
    CHECK(time.has_passed(at_cut_ns + 1000));
    CHECK_FALSE(time.has_passed(at_cut_ns + 1001));
  }
}

TEST_CASE("an instant of machine time is one of the clock, or its highest value if the clock never comes there") {
  fake_machine().power_on();
  fake_machine().step_ns = 0;
  fake_machine().now_ns = 777;
  MachineTime time;
  time.start(1'000'000, 1);
  CHECK(time.clock_at(1'000'000) == 777);
  CHECK(time.clock_at(1'000'500) == 777 + 500);
  CHECK(time.clock_at(~uint64_t{0}) == ~uint64_t{0} - 1'000'000 + 777);
  MachineTime fresh;
  fresh.start(0, 1);
  CHECK(fresh.clock_at(~uint64_t{0} - 777) == ~uint64_t{0});
  CHECK(fresh.clock_at(~uint64_t{0} - 776) == ~uint64_t{0});
  CHECK(fresh.clock_at(~uint64_t{0}) == ~uint64_t{0});
}
