// SPDX-License-Identifier: MIT
//
// Copies of frozen frames that were written to before they were staged. The copy is what belongs
// to the pending generation; the live frame keeps its address and goes on. A fixed pool, of which
// ordinary pages may not take the last quarter.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "checkpoint/descriptor.hpp"

namespace perdure {

struct FrozenCopy {
  FrameNumber number;
  FrameIdentity identity;    // at the cut
  uint64_t check = 0;        // checksum at the cut, if it was taken
  bool all_zero = false;     // no body
  uint32_t next = 0;         // buffer number + 1; 0 ends the list
};

class FrozenCopies {
 public:
  void open(std::span<FrozenCopy> copies, std::byte* bodies) {
    *this = {};
    copies_ = copies;
    bodies_ = bodies;
    for (uint32_t i = 0; i < copies_.size(); ++i) give_back(i);
  }
  bool can_take(bool reserve) const { return vacant_count_ > (reserve ? 0 : copies_.size() / 4); }
  bool is_empty() const { return first_ == 0; }

  // `body` null: it reads as zero. can_take() was asked.
  void take(const FrozenCopy& frozen, const std::byte* body) {
    const uint32_t buffer = vacant_ - 1;
    vacant_ = copies_[buffer].next;
    --vacant_count_;
    copies_[buffer] = frozen;
    copies_[buffer].all_zero = !body;
    if (body) std::memcpy(bodies_ + buffer * frame_bytes, body, frame_bytes);
    copies_[buffer].next = first_;
    first_ = buffer + 1;
  }
  // Not empty.
  const FrozenCopy& first() const { return copies_[first_ - 1]; }
  const std::byte* first_body() const {
    return first().all_zero ? nullptr : bodies_ + (first_ - 1) * frame_bytes;
  }
  void drop_first() {
    const uint32_t buffer = first_ - 1;
    first_ = copies_[buffer].next;
    give_back(buffer);
  }

 private:
  void give_back(uint32_t buffer) {
    copies_[buffer].next = vacant_;
    vacant_ = buffer + 1;
    ++vacant_count_;
  }

  std::span<FrozenCopy> copies_;
  std::byte* bodies_ = nullptr;
  uint32_t vacant_ = 0;  // both lists: buffer number + 1; 0: none
  uint32_t first_ = 0;
  size_t vacant_count_ = 0;
};

}  // namespace perdure
