// SPDX-License-Identifier: MIT
//
// The words in which the store and the kernel talk: what the store asks of the kernel, and the
// answers of the store. The store itself: checkpoint/store.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "checkpoint/descriptor.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/wait.hpp"
#include "objects/ids.hpp"

namespace perdure {

// What the store asks of the kernel.
class StoreClient {
 public:
  // A process that waits for this tries again.
  virtual void wake(WaitChannel) = 0;
  // Removes every hardware entry that maps this frame; the slot is about to hold another one.
  virtual void unmap(CacheSlot) = 0;
  // A generation is durable; or, with `failed`, it could not be made so: warn loudly. The system
  // runs on, nothing in memory is lost, and the next attempt, under a new number, includes it.
  virtual void committed(Generation, bool failed) = 0;
  // Something is wrong with the disk that costs time or a frame, and not the machine. `what` is
  // static text, `number` the block or frame it is about.
  virtual void warning(std::string_view what, uint64_t number) = 0;
  // The disk has answered no read (or no write or flush) for a while; a process that needs one waits. And: the
  // disk answers again, after so long.
  virtual void disk_is_ill(DiskRequest::Operation) = 0;
  virtual void disk_is_well(DiskRequest::Operation, uint64_t after_ns) = 0;
  // A clock that never goes back, also while the store is being opened.
  virtual uint64_t clock_ns() = 0;
  // What stands on the disk is not what this machine may go on from; `why` is static text. The kernel
  // stops. Nothing is read or written any more.
  virtual void cannot_go_on(std::string_view why) = 0;
  // A frame of the pending generation breaks an invariant: our own bug. The kernel asserts; the
  // generation is never committed.
  virtual void bug(std::string_view what, FrameNumber) = 0;

 protected:
  ~StoreClient() = default;
};

enum class OpenError : uint8_t { not_an_image, other_version, damaged, mixture, too_small_memory, disk_failed, other_machine };

struct OpenFailure {
  OpenError error;
  std::string_view what;  // the first thing found wrong, static text
  uint64_t missing_features = 0;  // of other_machine: bits of StoreSettings::processor_features
};

struct StoreSettings {
  // Between checkpoints; 0: never by the clock; nothing: as the image says.
  std::optional<uint64_t> interval_ns;
  // What this machine has; bits of the kernel's choosing. An image that was ever run with more is
  // refused: its programs may have that state.
  uint64_t processor_features = 0;
  uint64_t boot_identity = 0;  // drawn by chance, by which roots of this boot are told from another's
  bool check = false;        // debug help: checksum of each frozen frame at the cut, compared when
                             // it is staged. A declaration then loops over the frames
};

}  // namespace perdure
