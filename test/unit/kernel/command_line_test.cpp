// SPDX-License-Identifier: MIT
//
// The boot command line: words that mean nothing are named, and none hides those behind it.
#include "kernel/upkeep/command_line.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace perdure;

namespace {

struct Parsed {
  KernelOptions options;
  std::vector<std::string> unknown;
};

Parsed parse(std::string_view line) {
  Parsed parsed;
  parsed.options = parse_command_line(line, [&](std::string_view word) { parsed.unknown.emplace_back(word); });
  return parsed;
}

}  // namespace

TEST_CASE("all that the kernel knows") {
  const Parsed parsed = parse("  check unsafe-processor slow interval=0 chaos=18446744073709551615  verdict=127 leave-stopped=7 leave-stopped=0 ");
  CHECK(parsed.unknown.empty());
  CHECK(parsed.options.check);
  CHECK(parsed.options.slow);
  CHECK(parsed.options.unsafe_processor);
  CHECK(parsed.options.interval_ms == 0);
  CHECK(parsed.options.chaos_seed == ~uint64_t{0});
  CHECK(parsed.options.verdict == 127);
  REQUIRE(parsed.options.leave_stopped_count == 2);
  CHECK(parsed.options.leave_stopped[0].value == 7);
  CHECK(parsed.options.leave_stopped[1].value == 0);
}

TEST_CASE("what is not understood is named as it was written, and what follows is read") {
  for (const std::string word : {"nonsense", "zero", "zero=5", "=5", "=", "check=1", "slow=1", "unsafe-processor=1", "interval",
                                 "interval=", "interval=-1", "interval=86400001", "chaos=18446744073709551616", "verdict=128",
                                 "interval=1=2", "leave-stopped", "leave-stopped=c1",
                                 "leave-stopped=288230376151711744"}) {
    INFO(word);
    const Parsed parsed = parse(word + " check");
    CHECK(parsed.unknown == std::vector{word});
    CHECK(parsed.options.check);
  }
}

TEST_CASE("no more processes are left stopped than there is room for") {
  std::string line;
  for (unsigned i = 0; i <= leave_stopped_max; ++i) line += "leave-stopped=" + std::to_string(i) + " ";
  const Parsed parsed = parse(line);
  CHECK(parsed.options.leave_stopped_count == leave_stopped_max);
  CHECK(parsed.unknown == std::vector<std::string>{"leave-stopped=" + std::to_string(leave_stopped_max)});
}

TEST_CASE("an empty line asks for nothing") {
  for (const char* line : {"", "   "}) CHECK(parse(line).unknown.empty());
  // What stands behind it is not looked at (the sanitizer would tell).
  const std::vector<char> blanks(3, ' ');
  CHECK(parse({blanks.data(), blanks.size()}).unknown.empty());
}
