// SPDX-License-Identifier: MIT
#include "checkpoint/directory.hpp"

#include <bit>
#include <utility>

#include "objects/assertion.hpp"

namespace perdure {
namespace {
constexpr uint32_t no_item = 0xffff'ffff;
}

void Directory::open(std::span<Item> items, std::span<uint32_t> order, std::span<uint32_t> heads) {
  assert_that(heads.size() > 1 && (heads.size() & (heads.size() - 1)) == 0, "hash heads are a power of two");
  items_ = items;
  order_ = order;
  heads_ = heads;
  hash_shift_ = 64 - static_cast<unsigned>(std::countr_zero(heads.size()));
  for (uint32_t& head : heads_) head = no_item;
  size_ = heap_ = 0;
}

bool Directory::insert(const SummaryEntry& entry) {
  if (size_ == items_.size() || find(entry.number)) return false;
  assert_that(heap_ == size_, "nothing is inserted once sorting has begun");
  uint32_t& head = heads_[bucket_of(entry.number)];
  items_[size_] = {entry, head};
  head = static_cast<uint32_t>(size_);
  order_[size_] = static_cast<uint32_t>(size_);
  sift_up(size_);
  heap_ = ++size_;
  return true;
}

const SummaryEntry* Directory::find(FrameNumber number) const {
  for (uint32_t i = heads_[bucket_of(number)]; i != no_item; i = items_[i].hash_next) {
    if (items_[i].entry.number == number) return &items_[i].entry;
  }
  return nullptr;
}

bool Directory::sort_step(unsigned steps) {
  for (; steps > 0 && heap_ > 0; --steps) {
    --heap_;
    std::swap(order_[0], order_[heap_]);
    sift_down(0);
  }
  return heap_ == 0;
}

bool Directory::forget_step(unsigned steps) {
  heap_ = 0;  // order is of no use any more
  for (; steps > 0 && size_ > 0; --steps) {
    const uint32_t last = static_cast<uint32_t>(--size_);
    uint32_t* link = &heads_[bucket_of(items_[last].entry.number)];
    while (*link != last) link = &items_[*link].hash_next;
    *link = items_[last].hash_next;
  }
  return size_ == 0;
}

void Directory::sift_up(size_t at) {
  while (at > 0 && is_above(at, (at - 1) / 2)) {
    std::swap(order_[at], order_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
}

void Directory::sift_down(size_t at) {
  for (;;) {
    size_t largest = at;
    for (const size_t child : {2 * at + 1, 2 * at + 2}) {
      if (child < heap_ && is_above(child, largest)) largest = child;
    }
    if (largest == at) return;
    std::swap(order_[at], order_[largest]);
    at = largest;
  }
}

}  // namespace perdure
