// SPDX-License-Identifier: MIT
//
// Tries to break MemoryMap: random additions and removals, compared after each with a plain
// array of pages; the corners of the address space, which a model cannot hold; and closing the gap below 4 GiB, on maps of
// real machines and at random, where no two pages may be mapped at one place.
#include "kernel/arch/x86_64/memory_map.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
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

namespace {

constexpr uint64_t mebibyte = uint64_t{1} << 20, gibibyte = uint64_t{1} << 30;

// All that is left lies where it did or follows the region before the gap, and both directions agree.
void check_mapping(const MemoryMap& map, const MemoryGap& gap) {
  uint64_t mapped_end = 0;
  for (const MemoryRegion& region : map.regions()) {
    const uint64_t first = region.start.value, last = first + region.length_bytes - 1;
    REQUIRE(gap.mapped_at(last) - gap.mapped_at(first) == region.length_bytes - 1);
    REQUIRE(gap.mapped_at(first) >= mapped_end);
    for (const uint64_t address : {first, first + region.length_bytes / 2, last}) {
      REQUIRE(gap.physical_of(gap.mapped_at(address)) == address);
    }
    mapped_end = gap.mapped_at(last) + 1;
  }
}

}  // namespace

TEST_CASE("memory map: a q35 machine of 6 GiB is one piece") {
  MemoryMap map;
  REQUIRE(map.add(mebibyte, 2 * gibibyte - 36 * page));  // QEMU's firmware keeps its end
  REQUIRE(map.add(4 * gibibyte, 8 * gibibyte));
  const MemoryGap gap = map.close_gap(4 * gibibyte);
  CHECK(gap.start == 2 * gibibyte - MemoryGap::alignment);
  CHECK(gap.end() == 4 * gibibyte);
  check_mapping(map, gap);
  REQUIRE(map.regions().size() == 2);
  CHECK(gap.mapped_at(4 * gibibyte) == map.regions()[0].start.value + map.regions()[0].length_bytes);
  CHECK(gap.mapped_at(8 * gibibyte - 1) == 6 * gibibyte - MemoryGap::alignment - 1);
  CHECK(map.total_bytes() == 6 * gibibyte - MemoryGap::alignment - mebibyte);
}

TEST_CASE("memory map: what lies in the gap is lost, and so is what cannot be mapped by large pages") {
  MemoryMap map;
  REQUIRE(map.add(mebibyte, 8 * mebibyte));
  REQUIRE(map.add(9 * mebibyte, gibibyte + 5 * page));
  REQUIRE(map.add(gibibyte + 7 * page, gibibyte + 20 * mebibyte));  // above the largest one below 4 GiB
  REQUIRE(map.add(4 * gibibyte + page, 5 * gibibyte));
  REQUIRE(map.add(6 * gibibyte, 6 * gibibyte + page));
  const MemoryGap gap = map.close_gap(4 * gibibyte);
  CHECK(gap.start == gibibyte);
  CHECK(gap.end() == 4 * gibibyte + MemoryGap::alignment);
  check_mapping(map, gap);
  CHECK(map.regions().size() == 4);
  CHECK_FALSE(map.overlaps(gap.start, gap.end()));
}

TEST_CASE("memory map: gaps that stay open") {
  const auto stays_open = [](std::initializer_list<std::pair<uint64_t, uint64_t>> regions) {
    MemoryMap map;
    for (const auto& [start, end] : regions) REQUIRE(map.add(start, end));
    const uint64_t total = map.total_bytes();
    const MemoryGap gap = map.close_gap(4 * gibibyte);
    check_mapping(map, gap);
    return gap.length_bytes == 0 && gap.mapped_at(~uint64_t{0} - 1) == ~uint64_t{0} - 1 && map.total_bytes() == total;
  };
  CHECK(stays_open({}));
  CHECK(stays_open({{mebibyte, 2 * gibibyte}}));
  CHECK(stays_open({{5 * gibibyte, 6 * gibibyte}}));
  CHECK(stays_open({{mebibyte, 6 * gibibyte}}));                                  // none is there
  CHECK(stays_open({{mebibyte, 2 * gibibyte}, {4 * gibibyte + page, 4 * gibibyte + 3 * page}}));  // no large page
  CHECK(stays_open({{mebibyte, 200 * mebibyte}, {4 * gibibyte, 5 * gibibyte}}));  // too little below
  CHECK(stays_open({{mebibyte, gibibyte}, {4 * gibibyte, 100 * gibibyte}}));
  CHECK_FALSE(stays_open({{mebibyte, 2 * gibibyte}, {4 * gibibyte, 66 * gibibyte}}));
}

TEST_CASE("memory map: gaps of random maps") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    MemoryMap map;
    for (int i = 0; i < 12; ++i) {
      const uint64_t start = random() % (10 * gibibyte), length = random() % (uint64_t{1} << (12 + random() % 21));
      REQUIRE(map.add(start, start + length));
    }
    const MemoryMap before = map;
    const MemoryGap gap = map.close_gap(4 * gibibyte);
    check_mapping(map, gap);
    if (gap.length_bytes == 0) continue;
    REQUIRE(gap.start % MemoryGap::alignment == 0);
    REQUIRE(gap.end() % MemoryGap::alignment == 0);
    MemoryMap expected = before;
    REQUIRE(expected.remove(gap.start, gap.end()));
    REQUIRE(std::ranges::equal(map.regions(), expected.regions(), [](const MemoryRegion& a, const MemoryRegion& b) {
      return a.start == b.start && a.length_bytes == b.length_bytes;
    }));
  }
}
