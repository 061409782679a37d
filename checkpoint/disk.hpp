// SPDX-License-Identifier: MIT
//
// The seam between the checkpointer and the world: one block device. Implemented by the
// virtio-blk driver (kernel/arch/x86_64), by a file (tools/) and by the simulated disk
// (test/support), which states the fault model.
//
// The contract, on which every proof in this folder leans:
//  - requests may complete in any order, and overlap;
//  - a completed write is *not* durable. It is durable once a flush that was submitted after
//    the write's completion has itself completed with success;
//  - a power cut keeps any subset of the writes that are not durable, each torn at any set of
//    512-byte sectors;
//  - a failed write or flush tells nothing about what is on the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace perdure {

inline constexpr size_t block_bytes = 4096;
inline constexpr size_t sector_bytes = 512;

struct DiskRequest {
  enum class Operation : uint8_t { read, write, flush };
  Operation operation = Operation::read;
  uint64_t block = 0;           // first block; ignored by flush
  uint32_t block_count = 0;     // at most Disk::blocks_per_request_max; 0 for flush
  std::byte* memory = nullptr;  // block_count * block_bytes bytes, contiguous, 512-byte aligned
  uint64_t token = 0;           // returned with the completion, never interpreted
};

struct DiskCompletion {
  uint64_t token = 0;
  bool failed = false;
  bool by_reading = false;  // a write that failed because what has to be read before it was not given (fence.hpp)
};

class Disk {
 public:
  static constexpr uint32_t blocks_per_request_max = 256;

  virtual uint64_t size_blocks() const = 0;
  // Takes the request, or answers false when its queue is full (try again after a completion).
  // The memory belongs to the disk until the completion.
  virtual bool submit(const DiskRequest&) = 0;
  // The next completed request, if any. Never waits.
  virtual std::optional<DiskCompletion> poll() = 0;

 protected:
  ~Disk() = default;
};

}  // namespace perdure
