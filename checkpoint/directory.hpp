// SPDX-License-Identifier: MIT
//
// The log's directory: which frames the newest generation holds in the log, and where. Filled
// while frames are staged, or from the summaries at recovery; emptied when the generation is at
// home. A hash for the fetches, and a heap through which the migration gets home order without
// all of it ever being sorted at once.
//
//   filling --sort_step--> sorted --forget_step--> empty
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "checkpoint/layout.hpp"

namespace perdure {

class Directory {
 public:
  struct Item {
    SummaryEntry entry;
    uint32_t hash_next;
  };

  // `items` and `order` have the same size, `heads` a power of two.
  void open(std::span<Item> items, std::span<uint32_t> order, std::span<uint32_t> heads);

  size_t size() const { return size_; }
  size_t capacity() const { return items_.size(); }
  // False if the frame is there already, or there is no room: of a hostile image only.
  bool insert(const SummaryEntry&);
  const SummaryEntry* find(FrameNumber) const;

  // At most `steps` entries nearer to home order; true when all are.
  bool sort_step(unsigned steps);
  // In order of frame numbers. Only when sorted.
  const SummaryEntry& sorted(size_t index) const { return items_[order_[index]].entry; }
  // Forgets at most `steps` entries; true when it is empty. From any state.
  bool forget_step(unsigned steps);

 private:
  size_t bucket_of(FrameNumber number) const {
    return number.value * 0x9E3779B97F4A7C15 >> hash_shift_;
  }
  bool is_above(size_t a, size_t b) const {
    return items_[order_[a]].entry.number > items_[order_[b]].entry.number;
  }
  void sift_up(size_t);
  void sift_down(size_t);

  std::span<Item> items_;
  std::span<uint32_t> order_;  // [0, heap_) is a heap, largest first; behind it, in home order
  std::span<uint32_t> heads_;
  unsigned hash_shift_ = 63;
  size_t size_ = 0;
  size_t heap_ = 0;
};

}  // namespace perdure
