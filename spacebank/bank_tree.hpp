// SPDX-License-Identifier: MIT
//
// The tree of banks: records, limits and usage, walks. Knows nothing of frames and of the
// kernel. Keeps USAGE-ADDS-UP (arena.hpp): whatever is charged to a bank is charged to every
// bank above it in the same step, or to none.
#pragma once

#include <array>
#include <cstdint>

#include "objects/expected.hpp"
#include "spacebank/arena.hpp"

namespace perdure::bank {

using FramesByKind = std::array<uint32_t, kind_count>;

// What a bank costs the one above it.
constexpr FramesByKind cost_of_a_bank() {
  FramesByKind cost{};
  cost[static_cast<size_t>(Kind::empty)] = 1;    // its record
  cost[static_cast<size_t>(Kind::wrapper)] = 1;  // its facets
  return cost;
}

class BankTree {
 public:
  explicit BankTree(Arena arena) : arena_(arena) {}

  // Is this bank, or one above it, being destroyed, or this one dissolved? Then nothing is sold
  // from it. (Those below one that is dissolved live on.)
  bool is_ending(Bank) const;
  // Banks on the path, the root and this one included. At most bank_depth_max steps.
  unsigned depth(Bank) const;
  // The minimum of the limits along the path, the bank's own included.
  uint32_t effective_limit(Bank) const;

  // dying, or limit_reached: nothing is charged. Every allocation passes through here.
  Expected<void, Result> charge(Bank, const FramesByKind&) const;
  Expected<void, Result> charge_one(Bank, Kind) const;
  void discharge(Bank, const FramesByKind&) const;
  void discharge_one(Bank, Kind) const;

  // A record below `parent`; charges nothing. limit_reached: too deep; exhausted: no record.
  Expected<Bank, Result> add(Bank parent, uint32_t limit) const;
  // A bank without banks below it and without usage.
  void remove(Bank) const;

  // Dissolving. From the bank to the one above it, which counts these frames in its usage already.
  void pass_up(Bank, const FramesByKind&) const;
  // A bank leaves the one above it, and stands beside it from then on, with all below it.
  void move_beside_parent(Bank) const;

  // Walks. `top` and all below it, parents first; none after the last.
  Bank next_parents_first(Bank top, Bank at) const;
  // Of the banks below this one (or itself) the first that has none below it.
  Bank first_leaf(Bank) const;
  // Is `bank` `top`, or below it?
  bool is_within(Bank top, Bank bank) const;

 private:
  // Is none of them ending, and is there room for so many frames more in each on the path?
  Expected<void, Result> can_pay(Bank, uint32_t count) const;
  Bank take_record() const;
  void link_below(Bank parent, Bank) const;
  void unlink(Bank) const;
  Bank parent_of(Bank bank) const { return arena_.at(bank).parent; }

  Arena arena_;
};

}  // namespace perdure::bank
