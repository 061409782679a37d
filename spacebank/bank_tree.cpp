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

FramesByKind one(Kind kind) {
  FramesByKind frames{};
  frames[static_cast<size_t>(kind)] = 1;
  return frames;
}

// A limit may be below what is used: then there is no room.
bool has_room(const BankRecord& record, uint32_t frames) {
  return record.used <= record.limit && frames <= record.limit - record.used;
}

}  // namespace

bool BankTree::is_dying(Bank bank) const {
  for (; bank != Bank::none; bank = parent_of(bank)) {
    if (arena_.at(bank).flags & BankRecord::flag_dying) return true;
  }
  return false;
}

uint32_t BankTree::effective_limit(Bank bank) const {
  uint32_t limit = arena_.at(bank).limit;
  for (; bank != Bank::none; bank = parent_of(bank)) limit = std::min(limit, arena_.at(bank).limit);
  return limit;
}

std::expected<void, Result> BankTree::charge(Bank bank, const FramesByKind& frames) const {
  const uint32_t count = total(frames);
  bool fits = true;
  for (Bank at = bank; at != Bank::none; at = parent_of(at)) {
    if (arena_.at(at).flags & BankRecord::flag_dying) return std::unexpected(Result::dying);
    fits = fits && has_room(arena_.at(at), count);
  }
  if (!fits) return std::unexpected(Result::limit_reached);
  for (Bank at = bank; at != Bank::none; at = parent_of(at)) {
    BankRecord& record = arena_.at(at);
    record.used += count;
    for (unsigned kind = 0; kind < kind_count; ++kind) record.used_by_kind[kind] += frames[kind];
  }
  return {};
}

void BankTree::discharge(Bank bank, const FramesByKind& frames) const {
  const uint32_t count = total(frames);
  for (Bank at = bank; at != Bank::none; at = parent_of(at)) {
    BankRecord& record = arena_.at(at);
    record.used -= count;
    for (unsigned kind = 0; kind < kind_count; ++kind) record.used_by_kind[kind] -= frames[kind];
  }
}

std::expected<void, Result> BankTree::charge_one(Bank bank, Kind kind) const {
  return charge(bank, one(kind));
}

void BankTree::discharge_one(Bank bank, Kind kind) const { discharge(bank, one(kind)); }

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

std::expected<Bank, Result> BankTree::add(Bank parent, uint32_t limit) const {
  BankRecord& above = arena_.at(parent);
  if (above.depth == bank_depth_max) return std::unexpected(Result::limit_reached);
  const Bank bank = take_record();
  if (bank == Bank::none) return std::unexpected(Result::exhausted);
  BankRecord& record = arena_.at(bank);
  record = {};
  record.parent = parent;
  record.next_sibling = above.first_child;
  record.limit = limit;
  record.depth = static_cast<uint8_t>(above.depth + 1);
  record.flags = BankRecord::flag_in_use;
  if (above.first_child != Bank::none) arena_.at(above.first_child).previous_sibling = bank;
  above.first_child = bank;
  ++arena_.header().bank_count;
  return bank;
}

void BankTree::remove(Bank bank) const {
  BankRecord& record = arena_.at(bank);
  const Bank next = record.next_sibling;
  const Bank previous = record.previous_sibling;
  if (next != Bank::none) arena_.at(next).previous_sibling = previous;
  (previous != Bank::none ? arena_.at(previous).next_sibling
                          : arena_.at(record.parent).first_child) = next;
  ArenaHeader& header = arena_.header();
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
