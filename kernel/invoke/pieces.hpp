// SPDX-License-Identifier: MIT
//
// Bytes between the kernel and one process.
#pragma once

#include <cstdint>
#include <span>

#include "objects/abi.hpp"
#include "objects/ids.hpp"

namespace perdure {

// Where they stand in memory: a piece for each page.
class Pieces {
 public:
  struct Piece {
    std::byte* bytes;
    uint32_t length;
  };
  static constexpr unsigned count_max = message_bytes_max / frame_bytes + 1;

  Pieces() = default;
  Pieces(std::byte* bytes, uint32_t length) { add(bytes, length); }
  // Most messages have no bytes: what is not there is neither cleared nor copied.
  Pieces(const Pieces& other) : count_(other.count_), length_(other.length_) {
    for (unsigned i = 0; i < count_; ++i) pieces_[i] = other.pieces_[i];
  }
  Pieces& operator=(const Pieces& other) {
    count_ = other.count_;
    length_ = other.length_;
    for (unsigned i = 0; i < count_; ++i) pieces_[i] = other.pieces_[i];
    return *this;
  }

  // At most message_bytes_max bytes together, each piece but the first at the start of a page.
  void add(std::byte* bytes, uint32_t length) {
    pieces_[count_++] = {bytes, length};
    length_ += length;
  }
  uint32_t length() const { return length_; }
  std::span<const Piece> pieces() const { return {pieces_, count_}; }

 private:
  Piece pieces_[count_max];
  uint32_t count_ = 0;
  uint32_t length_ = 0;
};

}  // namespace perdure
