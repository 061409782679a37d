// SPDX-License-Identifier: MIT
#include "spacebank/bank_tree.hpp"

#include <algorithm>

#include "spacebank/interface.hpp"

namespace perdure::bank {
namespace {

uint32_t total(const FramesByKind& frames) {
  uint32_t sum = 0;
  for (const uint32_t count : frames) sum += count;
  return sum;
}

// A limit may be below what is used: then there is no room.
bool has_room(const BankRecord& record, uint32_t frames) {
  return record.used <= record.limit && frames <= record.limit - record.used;
}

}  // namespace

bool BankTree::is_ending(Bank bank) const {
  if (arena_.at(bank).flags & BankRecord::flag_dissolving) return true;
  for (; bank != Bank::none; bank = parent_of(bank)) {
    if (arena_.at(bank).flags & BankRecord::flag_dying) return true;
  }
  return false;
}

unsigned BankTree::depth(Bank bank) const {
  unsigned depth = 0;
  for (; bank != Bank::none; bank = parent_of(bank)) ++depth;
  return depth;
}

uint32_t BankTree::effective_limit(Bank bank) const {
  uint32_t limit = arena_.at(bank).limit;
  for (; bank != Bank::none; bank = parent_of(bank)) limit = std::min(limit, arena_.at(bank).limit);
  return limit;
}

Expected<void, Result> BankTree::can_pay(Bank bank, uint32_t count) const {
  if (arena_.at(bank).flags & BankRecord::flag_dissolving) return std::unexpected(Result::dying);
  bool fits = true;
  for (Bank at = bank; at != Bank::none; at = parent_of(at)) {
    if (arena_.at(at).flags & BankRecord::flag_dying) return std::unexpected(Result::dying);
    fits = fits && has_room(arena_.at(at), count);
  }
  if (!fits) return std::unexpected(Result::limit_reached);
  return {};
}

Expected<void, Result> BankTree::charge(Bank bank, const FramesByKind& frames) const {
  const uint32_t count = total(frames);
  if (auto paid = can_pay(bank, count); !paid) return paid;
  for (Bank at = bank; at != Bank::none; at = parent_of(at)) {
    BankRecord& record = arena_.at(at);
    record.used += count;
    for (unsigned kind = 0; kind < kind_count; ++kind) record.used_by_kind[kind] += frames[kind];
  }
  return {};
}

void BankTree::pass_up(Bank bank, const FramesByKind& frames) const {
  BankRecord& record = arena_.at(bank);
  record.used -= total(frames);
  for (unsigned kind = 0; kind < kind_count; ++kind) record.used_by_kind[kind] -= frames[kind];
}

void BankTree::discharge(Bank bank, const FramesByKind& frames) const {
  for (; bank != Bank::none; bank = parent_of(bank)) pass_up(bank, frames);
}

void BankTree::move_beside_parent(Bank bank) const {
  const Bank parent = parent_of(bank);
  FramesByKind taken_along = cost_of_a_bank();
  for (unsigned kind = 0; kind < kind_count; ++kind) {
    taken_along[kind] += arena_.at(bank).used_by_kind[kind];
  }
  unlink(bank);
  link_below(parent_of(parent), bank);
  pass_up(parent, taken_along);
}

Expected<void, Result> BankTree::charge_one(Bank bank, Kind kind) const {
  if (auto paid = can_pay(bank, 1); !paid) return paid;
  for (Bank at = bank; at != Bank::none; at = parent_of(at)) {
    BankRecord& record = arena_.at(at);
    ++record.used;
    ++record.used_by_kind[static_cast<size_t>(kind)];
  }
  return {};
}

void BankTree::discharge_one(Bank bank, Kind kind) const {
  for (; bank != Bank::none; bank = parent_of(bank)) {
    BankRecord& record = arena_.at(bank);
    --record.used;
    --record.used_by_kind[static_cast<size_t>(kind)];
  }
}

Bank BankTree::take_record() const {
  ArenaHeader& header = arena_.header();
  const Bank free = header.free_records;
  if (free != Bank::none) {
    header.free_records = arena_.at(free).next_sibling;
    return free;
  }
  if (header.records_touched == header.record_count) return Bank::none;
  return Bank{header.records_touched++};
}

Expected<Bank, Result> BankTree::add(Bank parent, uint32_t limit) const {
  if (depth(parent) == bank_depth_max) return std::unexpected(Result::limit_reached);
  const Bank bank = take_record();
  if (bank == Bank::none) return std::unexpected(Result::exhausted);
  BankRecord& record = arena_.at(bank);
  record = {};
  record.limit = limit;
  record.flags = BankRecord::flag_in_use;
  link_below(parent, bank);
  ++arena_.header().bank_count;
  return bank;
}

void BankTree::link_below(Bank parent, Bank bank) const {
  BankRecord& record = arena_.at(bank);
  BankRecord& above = arena_.at(parent);
  record.parent = parent;
  record.previous_sibling = Bank::none;
  record.next_sibling = above.first_child;
  if (above.first_child != Bank::none) arena_.at(above.first_child).previous_sibling = bank;
  above.first_child = bank;
}

void BankTree::unlink(Bank bank) const {
  const BankRecord& record = arena_.at(bank);
  const Bank next = record.next_sibling;
  const Bank previous = record.previous_sibling;
  if (next != Bank::none) arena_.at(next).previous_sibling = previous;
  (previous != Bank::none ? arena_.at(previous).next_sibling
                          : arena_.at(record.parent).first_child) = next;
}

void BankTree::remove(Bank bank) const {
  unlink(bank);
  ArenaHeader& header = arena_.header();
  BankRecord& record = arena_.at(bank);
  record = {};
  record.next_sibling = header.free_records;
  header.free_records = bank;
  --header.bank_count;
}

Bank BankTree::next_parents_first(Bank top, Bank at) const {
  if (arena_.at(at).first_child != Bank::none) return arena_.at(at).first_child;
  for (; at != top; at = parent_of(at)) {
    if (arena_.at(at).next_sibling != Bank::none) return arena_.at(at).next_sibling;
  }
  return Bank::none;
}

Bank BankTree::first_leaf(Bank bank) const {
  while (arena_.at(bank).first_child != Bank::none) bank = arena_.at(bank).first_child;
  return bank;
}

bool BankTree::is_within(Bank top, Bank bank) const {
  while (bank != Bank::none && bank != top) bank = parent_of(bank);
  return bank == top;
}

}  // namespace perdure::bank
