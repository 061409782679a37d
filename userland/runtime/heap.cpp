// SPDX-License-Identifier: MIT
#include "userland/runtime/heap.hpp"

#include <bit>

namespace perdure {

namespace {

constexpr size_t smallest_bytes = 16;

}  // namespace

unsigned Heap::class_of(size_t length_bytes) {
  if (length_bytes <= smallest_bytes) return 0;
  return static_cast<unsigned>(std::bit_width((length_bytes - 1) / smallest_bytes));
}

void* Heap::allocate(size_t length_bytes) {
  const unsigned size_class = class_of(length_bytes);
  if (size_class >= class_count) return nullptr;
  if (FreeBlock* block = free_[size_class]) {
    free_[size_class] = block->next;
    return block;
  }
  const size_t block_bytes = smallest_bytes << size_class;
  if (static_cast<size_t>(end_ - next_) < block_bytes) return nullptr;
  if (furnish_ != nullptr && !furnish_({next_, block_bytes})) return nullptr;
  void* block = next_;
  next_ += block_bytes;
  return block;
}

void Heap::release(void* block, size_t length_bytes) {
  if (block == nullptr) return;
  auto* freed = static_cast<FreeBlock*>(block);
  const unsigned size_class = class_of(length_bytes);
  freed->next = free_[size_class];
  free_[size_class] = freed;
}

}  // namespace perdure
