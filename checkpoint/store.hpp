// SPDX-License-Identifier: MIT
//
// The store: the cache of frames, the log behind it, and the checkpointer that moves one into
// the other. The kernel sees only this file. Nothing here waits: what cannot be done now answers
// with a Stall, and goes on in poll().
//
// Truth for frame n: its descriptor, else the newest entry of the log's directory, else its tag.
// Nobody reads a tag for a frame that the log names (invariant LOG-BEFORE-TAG).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "checkpoint/descriptor.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/system_state.hpp"
#include "checkpoint/wait.hpp"
#include "objects/abi.hpp"

namespace perdure {

// What the store asks of the kernel.
class StoreClient {
 public:
  // Whoever waits for this tries again.
  virtual void wake(WaitChannel) = 0;
  // Removes every hardware entry that maps this frame; the slot is about to hold another one.
  virtual void unmap(CacheSlot) = 0;
  // A generation is durable (or, with `failed`, is not and never will be; the system runs on).
  virtual void committed(Generation, bool failed) = 0;

 protected:
  ~StoreClient() = default;
};

enum class OpenError : uint8_t { not_an_image, other_version, damaged, too_small_memory, disk_failed };

// Who may use the last of a pool: ordinary data pages stop before the reserve is touched, so that
// processes, activities and capability-bearing frames can always go on.
enum class Need : uint8_t { ordinary, reserve };

}  // namespace perdure
