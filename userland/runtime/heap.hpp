// SPDX-License-Identifier: MIT
//
// The heap: the region that the keeper fills on demand, handed out from its start. Freed blocks
// are kept by size class and used again; the region never shrinks (its pages die with the bank).
// What lies there persists, like all memory.
//
// Beyond the bank's limit a first touch stops the program (its keeper refuses): a program that
// must survive that buys the pages itself (furnish_with) and looks at the answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace perdure {

// Pure: acts on the region that it is given. Blocks are 16-byte aligned.
class Heap {
 public:
  constexpr Heap() = default;
  explicit Heap(std::span<std::byte> region) : next_(region.data()), end_(region.data() + region.size()) {}

  // Null: the region is used up, or the request is larger than it.
  void* allocate(size_t length_bytes);
  // With the length that was asked for.
  void release(void* block, size_t length_bytes);

  // Called before a part of the region is handed out for the first time: sees to it that its pages
  // are there. False: it cannot, and the allocation answers null. Without one, pages come at the
  // first touch.
  using Furnish = bool (*)(std::span<std::byte>);
  void furnish_with(Furnish furnish) { furnish_ = furnish; }

 private:
  static constexpr unsigned class_count = 24;  // 16 bytes << class
  struct FreeBlock {
    FreeBlock* next;
  };
  FreeBlock* free_[class_count] = {};
  std::byte* next_ = nullptr;
  std::byte* end_ = nullptr;
  Furnish furnish_ = nullptr;

  static unsigned class_of(size_t length_bytes);
};

// This program's own heap.
Heap& program_heap();

}  // namespace perdure
