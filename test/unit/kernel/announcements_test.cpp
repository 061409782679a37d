// SPDX-License-Identifier: MIT
//
// Tries to have a line of the kernel's run into another one, lose its number, or go unseen by the reader of the console.
#include <catch2/catch.hpp>

#include <utility>

#include "kernel/upkeep/announcements.hpp"
#include "test/support/fake_machine.hpp"

using namespace perdure;

TEST_CASE("what the kernel tells stands on lines of its own, with its number, and the reader of the console is woken") {
  fake_machine().power_on();
  Scheduler scheduler;
  Console console(scheduler);
  Announcements announcements(console);
  const auto told = [] { return std::exchange(fake_machine().console_output, {}); };
  told();
  announcements.tell_at_start("nothing runs yet");
  CHECK(told() == "perdure: nothing runs yet\n");
  announcements.tell_at_start("frames:", 0);
  CHECK(told() == "perdure: frames: 0\n");
  CHECK(console.writes() == 0);  // nothing reads yet
  announcements.tell("it gives again, after", ~uint64_t{0}, "seconds");
  CHECK(told() == "\nperdure: it gives again, after 18446744073709551615 seconds\n");
  announcements.tell("written again:", 10);
  CHECK(told() == "\nperdure: written again: 10\n");
  announcements.warn("nothing is safe");
  CHECK(told() == "\nperdure: WARNING: nothing is safe\n");
  announcements.warn("a frame is damaged:", 7);
  CHECK(told() == "\nperdure: WARNING: a frame is damaged: 7\n");
  CHECK(console.writes() == 4);
}
