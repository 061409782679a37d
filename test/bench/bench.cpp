// SPDX-License-Identifier: MIT
#include "test/bench/bench.hpp"

namespace perdure::bench {
namespace {

constexpr uint64_t known_rounds = 100'000;
constexpr unsigned known_readings = 9;

// The least of them: an interrupt in the midst of a reading only adds to it.
uint64_t known_loop() {
  uint64_t least = UINT64_MAX;
  for (unsigned i = 0; i < known_readings; ++i) {
    least = std::min(least, instructions_of_known_loop(known_rounds));
  }
  return least;
}

void say(std::string_view line) {
  if (!console.write(line)) wait_for_ever();
}

}  // namespace

// Each with another text, so that they stay apart; and as they stand here, for the profiler looks for them.
extern "C" {
[[gnu::noipa]] void bench_row_begins(const char* name, size_t length) {
  asm volatile("# a row begins" : : "D"(name), "S"(length));
}
[[gnu::noipa]] void bench_span_begins(const char* name, size_t length) {
  asm volatile("# a span begins" : : "D"(name), "S"(length));
}
[[gnu::noipa]] void bench_span_ends() { asm volatile("# it ends"); }
}

void begin() {
  if (!devices.console(console.at)) wait_for_ever();
  tell("known_loop", known_loop());
}

void finish() {
  say("bench: done\n");
  (void)checkpoint.power_off(0, 0);
  wait_for_ever();
}

void give_up(std::string_view why, Result result) {
  TextBuffer<160> line;
  line << "bench: given up: " << why << ": " << name_of(result) << "\n";
  say(line.text());
  wait_for_ever();
}

void tell(std::string_view name, uint64_t total, uint64_t count, std::string_view unit) {
  TextBuffer<160> line;
  line << "bench: " << name << " " << total / count;
  if (const uint64_t hundredths = total % count * 100 / count; hundredths != 0) {
    line << "." << Padded{hundredths, 2, '0'};
  }
  line << " " << unit << "\n";
  say(line.text());
}

}  // namespace perdure::bench
