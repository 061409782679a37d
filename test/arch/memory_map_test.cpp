// SPDX-License-Identifier: MIT
//
// Tries to break MemoryMap: random additions and removals, compared after each with a plain
// array of pages; and the corners of the address space, which a model cannot hold.
#include "kernel/arch/x86_64/memory_map.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace perdure;

namespace {

constexpr uint64_t page = 4096;

std::vector<bool> pages_of(const MemoryMap& map, size_t count) {
  std::vector<bool> pages(count, false);
  for (const MemoryRegion& region : map.regions()) {
    for (uint64_t i = 0; i < region.length_bytes / page; ++i) pages.at(region.start.value / page + i) = true;
  }
  return pages;
}

bool is_normal(const MemoryMap& map) {
  uint64_t previous_end = 0;
  bool is_first = true;
  for (const MemoryRegion& region : map.regions()) {
    if (region.length_bytes == 0 || region.start.value % page != 0 || region.length_bytes % page != 0) return false;
    if (!is_first && region.start.value <= previous_end) return false;  // touching ones are joined
    previous_end = region.start.value + region.length_bytes;
    is_first = false;
  }
  return true;
}

}  // namespace

TEST_CASE("memory map: random changes against an array of pages") {
  constexpr size_t count = 300;
  std::mt19937_64 random(42);
  for (int round = 0; round < 50; ++round) {
    MemoryMap map;
    std::vector<bool> model(count, false);
    for (int change = 0; change < 200; ++change) {
      const uint64_t start = random() % (count * page), end = start + random() % (20 * page);
      if (end > count * page) continue;
      const bool adds = random() % 2 == 0;
      REQUIRE((adds ? map.add(start, end) : map.remove(start, end)));
      for (uint64_t i = 0; i < count; ++i) {
        const bool is_inside = start <= i * page && (i + 1) * page <= end;
        const bool is_touched = start < (i + 1) * page && i * page < end && start < end;
        if (adds && is_inside) model[i] = true;
        if (!adds && is_touched) model[i] = false;
      }
      REQUIRE(is_normal(map));
      REQUIRE(pages_of(map, count) == model);
    }
  }
}

TEST_CASE("memory map: the end of the address space and nonsense") {
  MemoryMap map;
  CHECK(map.add(5 * page, 4 * page));
  CHECK(map.add(page + 1, 2 * page + 1));
  CHECK(map.regions().empty());
  CHECK(map.add(~uint64_t{0} - 3 * page, ~uint64_t{0}));
  CHECK(map.regions().empty());
  CHECK(map.add(0, ~uint64_t{0}));
  CHECK(map.total_bytes() == uint64_t{1} << 52);
  CHECK(map.remove(page, ~uint64_t{0}));
  CHECK(map.total_bytes() == page);
  CHECK(map.overlaps(0, 1));
  CHECK_FALSE(map.overlaps(page, 2 * page));
}

TEST_CASE("memory map: a full map says so and stays as it was") {
  MemoryMap map;
  for (uint64_t i = 0; i < MemoryMap::regions_max; ++i) REQUIRE(map.add(4 * i * page, (4 * i + 3) * page));
  const uint64_t total = map.total_bytes();
  CHECK_FALSE(map.add(10000 * page, 10001 * page));
  CHECK_FALSE(map.remove(page, 2 * page));
  CHECK(map.total_bytes() == total);
  CHECK(map.add(3 * page, 4 * page));  // joins two
  CHECK(map.remove(page, 2 * page));
}
