// SPDX-License-Identifier: MIT
//
// An image as a file that is only read: mapped, never written, and refused while a machine runs
// on it (QEMU locks bytes of its images; our own tools lock the whole file).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "checkpoint/geometry.hpp"

namespace perdure {

class ImageFile {
 public:
  // Throws ToolError(refused) with one clear line.
  explicit ImageFile(const std::string& path);
  ~ImageFile();
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size_bytes() const { return size_bytes_; }
  uint64_t size_blocks() const { return size_bytes_ / block_bytes; }
  // What the host's disk holds of it; images are sparse.
  uint64_t allocated_bytes() const { return allocated_bytes_; }
  // Must be below size_blocks().
  const std::byte* block(BlockIndex index) const { return bytes_ + index.value * block_bytes; }

 private:
  void map(int descriptor);

  std::string path_;
  int descriptor_ = -1;
  uint64_t size_bytes_ = 0;
  uint64_t allocated_bytes_ = 0;
  const std::byte* bytes_ = nullptr;
};

// Throws ToolError(refused) if another program uses the open file.
void refuse_if_in_use(int descriptor, const std::string& path);

}  // namespace perdure
