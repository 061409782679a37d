// SPDX-License-Identifier: MIT
//
// A disk in memory that does as it is told, for tests that are not about the disk: requests
// complete in order, at the next poll, and fail only where the test says so. (Faults: test/support/simulated_disk.hpp.)
#pragma once

#include <cstring>
#include <deque>
#include <vector>

#include "checkpoint/layout.hpp"

namespace perdure {

class MemoryDisk final : public Disk {
 public:
  explicit MemoryDisk(uint64_t blocks) : bytes_(blocks * block_bytes) {}

  std::byte* block(BlockIndex index) { return bytes_.data() + index.value * block_bytes; }
  uint64_t size_blocks() const override { return bytes_.size() / block_bytes; }

  bool submit(const DiskRequest& request) override {
    std::byte* at = bytes_.data() + request.block * block_bytes;
    const size_t length = size_t{request.block_count} * block_bytes;
    if (request.operation == DiskRequest::Operation::read) std::memcpy(request.memory, at, length);
    if (request.operation == DiskRequest::Operation::read && spoiled_ == request.block && reads_to_spoil_ > 0) {
      request.memory[100] ^= std::byte{0x5a};
      --reads_to_spoil_;
    }
    if (request.operation == DiskRequest::Operation::write) std::memcpy(at, request.memory, length);
    const bool fails = request.operation == DiskRequest::Operation::flush && flushes_to_fail_ > 0;
    if (fails) --flushes_to_fail_;
    completed_.push_back({.token = request.token, .failed = fails});
    return true;
  }
  std::optional<DiskCompletion> poll() override {
    if (completed_.empty()) return std::nullopt;
    const DiskCompletion first = completed_.front();
    completed_.pop_front();
    return first;
  }
  void fail_flushes(unsigned count) { flushes_to_fail_ = count; }
  // It is given wrongly that often, though it is there.
  void spoil_reads(BlockIndex block, unsigned count) {
    spoiled_ = block.value;
    reads_to_spoil_ = count;
  }
  bool will_fail() const { return flushes_to_fail_ > 0; }
  void forget_completions() { completed_.clear(); }  // the machine that waited for them is gone

 private:
  std::vector<std::byte> bytes_;
  std::deque<DiskCompletion> completed_;
  unsigned flushes_to_fail_ = 0;
  uint64_t spoiled_ = 0;
  unsigned reads_to_spoil_ = 0;
};

// Generation 0 without a single object (checkpoint/layout.hpp says what that must contain).
inline void write_empty_image(MemoryDisk& disk, const Geometry& geometry) {
  Root root;
  root.clean = 1;
  root.store_id = 0x7e57;
  root.next_generation = {1};
  root.geometry = geometry;
  root.frontier = 0;
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    root.sequence = slot + 1;
    seal(root);
    for (unsigned copy = 0; copy < root_copies; ++copy) {
      std::memcpy(disk.block(root_blocks[slot][copy]), &root, sizeof(root));
    }
  }
}

}  // namespace perdure
