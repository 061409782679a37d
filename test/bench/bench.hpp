// SPDX-License-Identifier: MIT
//
// What the guest's part of a benchmark is made of: a console on which rows are told to the host,
// and measuring. One line for each row:
//
//   bench: NAME VALUE UNIT
//
// and `bench: done` before an orderly power-off. scripts/bench takes nothing for a result that
// does not end with both. All images in test/bench give their main program the registers below.
#pragma once

#include <algorithm>
#include <string_view>

#include "userland/runtime/format.hpp"
#include "userland/runtime/program.hpp"
#include "userland/runtime/system_objects.hpp"
#include "userland/runtime/time_stamp.hpp"

namespace perdure::bench {

inline constexpr CheckpointCapability checkpoint{{6}};
inline constexpr DevicesCapability devices{{7}};
inline constexpr ConsoleCapability console{{8}};
// 9 to 27: each program's own.

// Tells of the known loop: the proof that the time stamp counts instructions.
void begin();
// Ends the run, with success.
[[noreturn]] void finish();
// Ends the run: this cannot be measured. The host sees no `bench: done`.
[[noreturn]] void give_up(std::string_view why, Result);

// Nothing happens in them: places where the host's profiler stops (scripts/bench --profile ROW).
// A row begins, and its loop follows; a row that is measured once (a span) begins, and ends.
extern "C" void bench_row_begins(const char* name, size_t length);
extern "C" void bench_span_begins(const char* name, size_t length);
extern "C" void bench_span_ends();

// The profiler can read a name only where it is mapped.
inline void touch(std::string_view name) {
  asm volatile("testb $0, %0" : : "m"(*name.data()) : "cc");
}

// A mean is told with as many places as it needs, two at most.
void tell(std::string_view name, uint64_t total, uint64_t count = 1,
          std::string_view unit = "instructions");

template <typename T>
T must(const Answer<T>& answer, std::string_view what) {
  if (!answer) give_up(what, answer.error());
  if constexpr (!std::is_void_v<T>) return *answer;
}

inline uint64_t median(std::span<uint64_t> values) {
  std::ranges::nth_element(values, values.begin() + values.size() / 2);
  return values[values.size() / 2];
}

// Batches are short beside the kernel's tick (2 ms), so that most have none in them: the median
// of all is what the operation costs undisturbed.
inline constexpr unsigned batch_count = 65;
inline constexpr unsigned batch_rounds = 64;
inline constexpr uint64_t loop_instructions_per_round = 2;  // decrement and branch

// The loop around `operation` is two instructions, with the count in a register that a system call
// leaves alone.
template <typename Operation>
[[gnu::noinline]] uint64_t median_of_batches(const Operation& operation, uint64_t rounds_each) {
  uint64_t spent[batch_count];
  for (uint64_t& one : spent) {
    const uint64_t begin = time_stamp();
    register uint64_t rounds asm("rbp") = rounds_each;
  again:
    operation();
    // The label is for the profiler: once in each round.
    asm volatile goto("bench_loop_%=: decq %0\n\tjnz %l[again]" : "+r"(rounds) : : "cc" : again);
    one = time_stamp() - begin;
  }
  return median(spent);
}

// Instructions that `batch_rounds` of `operation` take. The difference of two batches: what
// stands around a loop is in both.
template <typename Operation>
uint64_t instructions_of_batch(std::string_view row, const Operation& operation) {
  touch(row);
  bench_row_begins(row.data(), row.size());
  const uint64_t once = median_of_batches(operation, batch_rounds);
  const uint64_t twice = median_of_batches(operation, 2 * batch_rounds);
  return twice - once - batch_rounds * loop_instructions_per_round;
}

// Instructions of one `operation`, to within the few around it.
template <typename Operation>
uint64_t instructions_of(std::string_view row, const Operation& operation) {
  touch(row);
  bench_span_begins(row.data(), row.size());
  const uint64_t begin = time_stamp();
  operation();
  const uint64_t spent = time_stamp() - begin;
  bench_span_ends();
  return spent;
}

}  // namespace perdure::bench
