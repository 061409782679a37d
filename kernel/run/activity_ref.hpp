// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>

#include "checkpoint/descriptor.hpp"
#include "objects/ids.hpp"
#include "objects/kinds.hpp"

namespace perdure {

// An activity in memory: cache slot and index. Valid while its row is pinned.
struct ActivityRef {
  uint32_t value = 0;  // 0: none; else (slot << 6 | index) + 1

  static constexpr ActivityRef of(CacheSlot slot, unsigned index) {
    return {(slot << ObjectId::index_bits | index) + 1};
  }
  constexpr bool is_none() const { return value == 0; }
  constexpr CacheSlot slot() const { return (value - 1) >> ObjectId::index_bits; }
  constexpr unsigned index() const { return (value - 1) & ((1u << ObjectId::index_bits) - 1); }
  bool operator==(const ActivityRef&) const = default;
};
static_assert(ActivityRef::of(cache_slots_max - 1, info(Kind::activity).objects_per_frame - 1).value >> 31 == 0);

}  // namespace perdure
