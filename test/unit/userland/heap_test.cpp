// SPDX-License-Identifier: MIT
//
// Tries to make the heap hand out the same byte twice: random requests, each block filled with
// its own number and checked when it is given back.
#include "userland/runtime/growing_array.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

using namespace perdure;

TEST_CASE("blocks are apart, aligned, and used again") {
  std::vector<std::byte> region(1 << 20);
  Heap heap(region);
  std::mt19937 random(7);
  struct Block {
    unsigned char* at;
    size_t length;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  for (unsigned i = 0; i < 20'000; ++i) {
    if (blocks.size() < 100 && random() % 2 == 0) {
      const size_t length = random() % 2000;
      auto* at = static_cast<unsigned char*>(heap.allocate(length));
      REQUIRE(at != nullptr);
      REQUIRE((at - reinterpret_cast<unsigned char*>(region.data())) % 16 == 0);
      const auto mark = static_cast<unsigned char>(i);
      std::fill_n(at, length, mark);
      blocks.push_back({at, length, mark});
    } else if (!blocks.empty()) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      const Block block = blocks.back();
      blocks.pop_back();
      for (size_t k = 0; k < block.length; ++k) REQUIRE(block.at[k] == block.mark);
      heap.release(block.at, block.length);
    }
  }
}

TEST_CASE("a heap that is used up answers null, and serves again") {
  std::vector<std::byte> region(4096);
  Heap heap(region);
  void* first = heap.allocate(2048);
  REQUIRE(first != nullptr);
  REQUIRE(heap.allocate(2048) != nullptr);
  CHECK(heap.allocate(1) == nullptr);
  CHECK(heap.allocate(~size_t{0}) == nullptr);
  heap.release(first, 2048);
  CHECK(heap.allocate(2000) == first);
}

TEST_CASE("growing array against a vector") {
  std::vector<std::byte> region(1 << 16);
  Heap heap(region);
  GrowingArray<uint64_t> array(heap);
  std::vector<uint64_t> model;
  std::mt19937 random(3);
  for (unsigned i = 0; i < 3000; ++i) {
    if (model.size() < 500 && random() % 3 != 0) {
      const size_t position = random() % (model.size() + 1);
      REQUIRE(array.insert(position, i));
      model.insert(model.begin() + static_cast<ptrdiff_t>(position), i);
    } else if (!model.empty()) {
      const size_t position = random() % model.size();
      array.remove(position);
      model.erase(model.begin() + static_cast<ptrdiff_t>(position));
    }
    REQUIRE(std::equal(array.begin(), array.end(), model.begin(), model.end()));
  }
}

TEST_CASE("an append that finds no memory changes nothing") {
  std::vector<std::byte> region(256);
  Heap heap(region);
  GrowingArray<uint64_t> array(heap);
  unsigned count = 0;
  while (array.append(count)) ++count;
  CHECK(array.size() == count);
  CHECK(count >= 8);
  for (unsigned i = 0; i < count; ++i) CHECK(array[i] == i);
}

namespace {
bool may_furnish = false;
size_t furnished_bytes = 0;
bool furnish(std::span<std::byte> part) {
  if (may_furnish) furnished_bytes += part.size();
  return may_furnish;
}
}  // namespace

TEST_CASE("a heap without pages answers null, touches nothing, and serves when there are some") {
  std::vector<std::byte> region(4096);
  Heap heap(region);
  heap.furnish_with(furnish);
  GrowingArray<uint64_t> array(heap);
  CHECK(heap.allocate(100) == nullptr);
  CHECK_FALSE(array.reserve(100));
  CHECK(furnished_bytes == 0);
  may_furnish = true;
  CHECK(array.reserve(100));
  CHECK(furnished_bytes == 1024);
  for (uint64_t i = 0; i < 100; ++i) REQUIRE(array.append(i));
  CHECK(furnished_bytes == 1024);
  heap.release(heap.allocate(50), 50);
  may_furnish = false;
  CHECK(heap.allocate(50) != nullptr);  // used again: its pages are there
}
