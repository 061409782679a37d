// SPDX-License-Identifier: MIT
//
// Tries to have one trouble told a thousand times, or another one not at all.
#include <catch2/catch.hpp>

#include "kernel/upkeep/complaints.hpp"

using namespace perdure;

namespace {
constexpr uint64_t second_ns = 1'000'000'000;
}

TEST_CASE("the same trouble is told at once, and then ever less often, with how often it was left out") {
  Complaints complaints;
  unsigned said = 0;
  uint64_t left_out = 0, times = 0;
  for (uint64_t now_ns = 5; now_ns < 3600 * second_ns; now_ns += second_ns / 10, ++times) {
    const auto more = complaints.may_say("a", now_ns);
    if (now_ns == 5) CHECK(more == 0u);
    if (!more) continue;
    ++said;
    left_out += *more;
  }
  CHECK(said >= 8);
  CHECK(said <= 14);
  CHECK(left_out + said <= times);
  CHECK(left_out + said > times - 6400);  // those since it was last said
}

TEST_CASE("another trouble is told at once, also the ninth kind") {
  Complaints complaints;
  static const char kinds[] = "abcdefghi";
  for (uint64_t i = 0; i < 9; ++i) CHECK(complaints.may_say({kinds + i, 1}, second_ns + i) == 0u);
  CHECK_FALSE(complaints.may_say({kinds + 8, 1}, second_ns + 20).has_value());
}

TEST_CASE("a trouble that comes again after a long quiet is a new one") {
  Complaints complaints;
  CHECK(complaints.may_say("a", 1) == 0u);
  CHECK(complaints.may_say("a", 1000 * second_ns) == 0u);
  CHECK_FALSE(complaints.may_say("a", 1009 * second_ns).has_value());
  CHECK(complaints.may_say("a", 1011 * second_ns) == 1u);
}
