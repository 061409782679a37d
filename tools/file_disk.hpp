// SPDX-License-Identifier: MIT
//
// An image file as the Disk that checkpoint/ reads from: the tools recover with the kernel's own
// code. Read-only: a write or a flush fails.
#pragma once

#include <cstring>
#include <deque>

#include "tools/image_file.hpp"

namespace perdure {

class FileDisk final : public Disk {
 public:
  explicit FileDisk(const ImageFile& file) : file_(file) {}

  uint64_t size_blocks() const override { return file_.size_blocks(); }
  bool submit(const DiskRequest& request) override {
    const bool is_read = request.operation == DiskRequest::Operation::read &&
                         request.block + request.block_count <= size_blocks();
    if (is_read) {
      std::memcpy(request.memory, file_.block({request.block}), size_t{request.block_count} * block_bytes);
    }
    ended_.push_back({.token = request.token, .failed = !is_read});
    return true;
  }
  std::optional<DiskCompletion> poll() override {
    if (ended_.empty()) return {};
    const DiskCompletion first = ended_.front();
    ended_.pop_front();
    return first;
  }

 private:
  const ImageFile& file_;
  std::deque<DiskCompletion> ended_;
};

}  // namespace perdure
