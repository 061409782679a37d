// SPDX-License-Identifier: MIT
//
// Sees a snapshot from outside, as a running program does: the first write to a page takes long.
#pragma once

#include "test/bench/bench.hpp"
#include "userland/runtime/fast_call.hpp"

namespace perdure::bench {

inline constexpr uint64_t words_of_a_page = 512;  // moves that copying one takes

// A tick lies between two readings of the time stamp.
inline void await_tick() {
  constexpr uint64_t undisturbed_max = 100;
  uint64_t last = time_stamp();
  uint64_t now = time_stamp();
  while (now - last < undisturbed_max) {
    last = now;
    now = time_stamp();
  }
}

// Until everything that was committed has been written home: then a snapshot is taken at once.
inline void await_home() {
  GenerationStatus list[16];
  size_t in_log = 1;
  while (in_log != 0) {
    const auto count = must(checkpoint.generations(list), "the generations");
    in_log = std::ranges::count_if(std::span(list, count),
                                   [](const GenerationStatus& one) { return one.in_log != 0; });
  }
}

// A snapshot is taken when the helper (checkpoint_helper.cpp) has asked for it, or at a tick
// after that. That it has been shows at the probe, which must have been written to since the one
// before. Answers what the write to it took.
inline uint64_t first_write_after_snapshot(std::string_view row, CapabilityRegister helper,
                                           volatile uint64_t& probe) {
  constexpr unsigned ticks_max = 1'000;
  await_tick();  // so that the next one is far: at a tick the kernel writes to the log
  (void)fast_call(helper, {});
  for (unsigned i = 0; i < ticks_max; ++i) {
    const uint64_t spent = instructions_of(row, [&] { probe = i; });
    if (spent > words_of_a_page) return spent;
    await_tick();
  }
  give_up("no snapshot came", Result::ok);
}

}  // namespace perdure::bench
