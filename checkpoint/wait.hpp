// SPDX-License-Identifier: MIT
//
// A stall is a value: "not now, and this is what to wait for". Nothing has changed; the caller
// waits with its program counter still at the call, and the call is made again later.
#pragma once

#include <cstdint>

#include "objects/ids.hpp"

namespace perdure {

// What a process waits for: a reason in the top 6 bits, and which one of it below. Volatile:
// never stored. 0 is nothing.
struct WaitChannel {
  enum class Reason : uint8_t {
    none = 0,
    frame = 1,        // key: frame number; arrives from the disk (or fails to)
    log_space = 2,    // until a migration gives log segments back
    copy_buffer = 3,  // for the first write to a frozen frame
    cache_space = 4,  // until a frame of the cache can be taken for another
    disk_queue = 5,   // until the disk takes another request
    receiver = 6,     // key: object id of the process; until it waits for messages
    endpoint = 7,     // key: object id; until it is given a receiver
    wrapper = 8,      // key: object id; until it is unblocked or destroyed
    console_input = 9,
    boot_epoch = 10,
    commit = 11,      // until a generation is committed
    destruction = 12, // key: object id; a bounded destruction is still going on
    time = 13,        // until a timer strikes
    restart = 14,     // until the callers that stood in line before the restart have come back
    frame_unread = 15,  // for its own process or its keeper, which could not be read, until that has come, is gone, or is asked for again
  };
  uint64_t value = 0;

  static constexpr WaitChannel of(Reason reason, uint64_t key = 0) {
    return {static_cast<uint64_t>(reason) << 58 | (key & ((uint64_t{1} << 58) - 1))};
  }
  constexpr Reason reason() const { return static_cast<Reason>(value >> 58); }
  constexpr uint64_t key() const { return value & ((uint64_t{1} << 58) - 1); }
  auto operator<=>(const WaitChannel&) const = default;
};

struct Stall {
  WaitChannel until;
};

// Why a frame cannot be had.
struct Absent {
  enum class Why : uint8_t { stall, unreadable, out_of_range };
  Why why = Why::stall;
  Stall stall;  // if why is stall
};

// What may use the last of a pool: ordinary data pages stop before the reserve is touched, so that
// processes, activities and capability-bearing frames can always go on.
enum class Need : uint8_t { ordinary, reserve };

}  // namespace perdure
