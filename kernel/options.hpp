// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "objects/ids.hpp"

namespace perdure {

inline constexpr unsigned leave_stopped_max = 8;

// From the boot command line: `interval=MS check slow chaos=SEED verdict=N unsafe-processor
// leave-stopped=FRAME`, the last one up to eight times.
struct KernelOptions {
  std::optional<uint64_t> interval_ms;  // between checkpoints; 0: never by the clock; else the image's
  bool slow = false;            // no fast path
  bool check = false;           // whole-state checks before each commit and at kernel exits
  uint64_t chaos_seed = 0;      // drop caches at random; 0: not
  bool unsafe_processor = false;  // run on a processor that lets programs read all memory
  FrameNumber leave_stopped[leave_stopped_max];  // of processes that are not to go on
  unsigned leave_stopped_count = 0;
  uint8_t verdict = 0;          // exit code of an orderly power-off, chosen by a test's host
};

}  // namespace perdure
