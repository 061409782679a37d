// SPDX-License-Identifier: MIT
//
// A set of page-aligned, disjoint, ascending regions of physical memory, of bounded size. Boot
// loaders deliver their map in any order, unaligned and overlapping; what two entries disagree
// about is not memory. Pure: tested on the host by test/arch/memory_map_test.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/machine.hpp"

namespace perdure {

// A piece of physical memory that the direct map leaves out: what lies behind it is mapped where it begins.
//
//   physical      | lower ....|  gap: devices, and what is lost  | upper ..............|
//   direct map    | lower ....| upper ..............|
//
// So what the machine has below and above 4 GiB is one piece for the kernel. Both ends of the gap can be mapped by large
// pages.
struct MemoryGap {
  static constexpr uint64_t alignment = uint64_t{2} << 20;
  uint64_t start = ~uint64_t{0};  // without a gap nothing is moved
  uint64_t length_bytes = 0;

  constexpr uint64_t end() const { return start + length_bytes; }
  constexpr uint64_t mapped_at(uint64_t physical) const { return physical < end() ? physical : physical - length_bytes; }
  constexpr uint64_t physical_of(uint64_t mapped) const { return mapped < start ? mapped : mapped + length_bytes; }
};

class MemoryMap {
 public:
  static constexpr size_t regions_max = 128;

  // Adds the whole pages of [start, end). False, and no change, when there is no room.
  bool add(uint64_t start, uint64_t end);
  // Takes away every page that [start, end) touches. False, and no change, when it would have to
  // split a region and there is no room.
  bool remove(uint64_t start, uint64_t end);

  // Takes away what lies between the largest region that begins below `boundary` and the largest one behind it, so that
  // those two can be mapped one behind the other. None, and no change, if there is nothing behind it, or too little before
  // it: what has to lie together in physical memory stands at the front.
  MemoryGap close_gap(uint64_t boundary);

  bool overlaps(uint64_t start, uint64_t end) const;
  std::span<const MemoryRegion> regions() const { return {regions_.data(), count_}; }
  uint64_t total_bytes() const;

 private:
  void insert_at(size_t index, MemoryRegion region);
  void erase_at(size_t index);

  std::array<MemoryRegion, regions_max> regions_{};
  size_t count_ = 0;
};

}  // namespace perdure
