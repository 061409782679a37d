// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/memory_map.hpp"

#include <algorithm>

namespace perdure {

namespace {

constexpr uint64_t page_bytes = 4096;
// Physical addresses have at most 52 bits; what claims more is nonsense and is cut off.
constexpr uint64_t address_end = uint64_t{1} << 52;

uint64_t round_down(uint64_t address) { return std::min(address, address_end) & ~(page_bytes - 1); }
uint64_t round_up(uint64_t address) {
  return round_down(std::min(address, address_end) + page_bytes - 1);
}
uint64_t end_of(const MemoryRegion& region) { return region.start.value + region.length_bytes; }

// The lower region holds all that is larger than a page and in one piece in physical memory: the page tables (a 128th of
// all memory) and what the disk reads and writes in one request (a few MiB).
constexpr uint64_t lower_bytes_min = uint64_t{256} << 20;
constexpr uint64_t lower_share_min = 64;

}  // namespace

bool MemoryMap::add(uint64_t start, uint64_t end) {
  start = round_up(start);
  end = round_down(end);
  if (start >= end) return true;
  size_t index = 0;
  while (index < count_ && end_of(regions_[index]) < start) ++index;
  const bool joins = index < count_ && regions_[index].start.value <= end;
  if (!joins && count_ == regions_max) return false;
  while (index < count_ && regions_[index].start.value <= end) {
    start = std::min(start, regions_[index].start.value);
    end = std::max(end, end_of(regions_[index]));
    erase_at(index);
  }
  insert_at(index, {PhysAddr{start}, end - start});
  return true;
}

bool MemoryMap::remove(uint64_t start, uint64_t end) {
  if (start >= end) return true;
  start = round_down(start);
  end = round_up(end);
  for (size_t index = 0; index < count_;) {
    const MemoryRegion region = regions_[index];
    if (end_of(region) <= start || region.start.value >= end) {
      ++index;
      continue;
    }
    const bool keeps_lower = region.start.value < start;
    const bool keeps_upper = end_of(region) > end;
    if (keeps_lower && keeps_upper && count_ == regions_max) return false;
    erase_at(index);
    if (keeps_lower) insert_at(index++, {region.start, start - region.start.value});
    if (keeps_upper) insert_at(index++, {PhysAddr{end}, end_of(region) - end});
  }
  return true;
}

MemoryGap MemoryMap::close_gap(uint64_t boundary) {
  MemoryRegion lower, upper;
  for (const MemoryRegion& region : regions()) {
    MemoryRegion& largest = region.start.value < boundary ? lower : upper;
    if (region.length_bytes > largest.length_bytes) largest = region;
  }
  const uint64_t start = end_of(lower) & ~(MemoryGap::alignment - 1);
  const uint64_t end = (upper.start.value + MemoryGap::alignment - 1) & ~(MemoryGap::alignment - 1);
  if (end >= end_of(upper) || start >= end) return {};
  if (lower.length_bytes < lower_bytes_min || lower.length_bytes < upper.length_bytes / lower_share_min) return {};
  remove(start, end);  // splits no region: it begins at the end of one, and ends at the start of one
  return {start, end - start};
}

bool MemoryMap::overlaps(uint64_t start, uint64_t end) const {
  return std::ranges::any_of(regions(), [&](const MemoryRegion& region) {
    return region.start.value < end && start < end_of(region);
  });
}

uint64_t MemoryMap::total_bytes() const {
  uint64_t total = 0;
  for (const MemoryRegion& region : regions()) total += region.length_bytes;
  return total;
}

void MemoryMap::insert_at(size_t index, MemoryRegion region) {
  for (size_t i = count_; i > index; --i) regions_[i] = regions_[i - 1];
  regions_[index] = region;
  ++count_;
}

void MemoryMap::erase_at(size_t index) {
  for (size_t i = index; i + 1 < count_; ++i) regions_[i] = regions_[i + 1];
  --count_;
}

}  // namespace perdure
