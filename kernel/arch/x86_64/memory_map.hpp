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

class MemoryMap {
 public:
  static constexpr size_t regions_max = 128;

  // Adds the whole pages of [start, end). False, and no change, when there is no room.
  bool add(uint64_t start, uint64_t end);
  // Takes away every page that [start, end) touches. False, and no change, when it would have to
  // split a region and there is no room.
  bool remove(uint64_t start, uint64_t end);

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
