// SPDX-License-Identifier: MIT
//
// An array that grows, for plain values. In place of std::vector, which throws an exception when
// memory is used up: here an append answers false, and nothing has changed.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>

#include "userland/runtime/heap.hpp"

namespace perdure {

template <typename T>
  requires std::is_trivially_copyable_v<T>
class GrowingArray {
 public:
  explicit constexpr GrowingArray(Heap& heap) : heap_(&heap) {}
  ~GrowingArray() { heap_->release(items_, capacity_ * sizeof(T)); }
  GrowingArray(const GrowingArray&) = delete;
  GrowingArray& operator=(const GrowingArray&) = delete;

  // Afterwards appends will succeed up to so many items, and need no page from the keeper.
  [[nodiscard]] bool reserve(size_t count) { return count <= capacity_ || grow(count); }
  [[nodiscard]] bool append(const T& item) { return insert(count_, item); }

  [[nodiscard]] bool insert(size_t position, const T& item) {
    const T kept = item;  // `item` may lie in this array, which moves
    if (!reserve(count_ + 1)) return false;
    std::move_backward(items_ + position, items_ + count_, items_ + count_ + 1);
    items_[position] = kept;
    ++count_;
    return true;
  }

  void remove(size_t position) {
    std::move(items_ + position + 1, items_ + count_, items_ + position);
    --count_;
  }

  void shorten(size_t count) { count_ = std::min(count, count_); }

  T& operator[](size_t index) { return items_[index]; }
  const T& operator[](size_t index) const { return items_[index]; }
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  T* begin() { return items_; }
  T* end() { return items_ + count_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + count_; }
  std::span<const T> view() const { return {items_, count_}; }

 private:
  Heap* heap_;
  T* items_ = nullptr;
  size_t count_ = 0;
  size_t capacity_ = 0;

  bool grow(size_t count) {
    size_t capacity = capacity_ == 0 ? 8 : 2 * capacity_;
    while (capacity < count) capacity *= 2;
    auto* items = static_cast<T*>(heap_->allocate(capacity * sizeof(T)));
    if (items == nullptr) return false;
    std::memset(static_cast<void*>(items), 0, capacity * sizeof(T));  // so its pages are there
    std::copy_n(items_, count_, items);
    heap_->release(items_, capacity_ * sizeof(T));
    items_ = items;
    capacity_ = capacity;
    return true;
  }
};

}  // namespace perdure
