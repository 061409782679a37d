// SPDX-License-Identifier: MIT
//
// The fixed pool of hardware page tables: where they lie, which translations each one holds
// (its key), which was used last. Mechanism only; page_tables.hpp gives it meaning.
//
//   table memory   | table 0 | table 1 | ... | Table 0, Table 1, ... | hash buckets |
//                    4096 bytes each           what is known of each
//
// Every table is in the line of use, free ones at its old end; those with a key are also in the
// hash table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/machine.hpp"
#include "kernel/memory/page_table_entry.hpp"
#include "objects/capability.hpp"

namespace perdure {

using TableNumber = uint32_t;
inline constexpr TableNumber no_table = 0xffff'ffff;
inline constexpr TableNumber tables_max = 1u << 23;  // with the number of an entry, 32 bits: the tables of 4 TiB

// Which part of which space a table translates. The restrictions are those that matter to a
// translation (read-only, with what implies it, and no-execute), so that spaces which differ in
// others share their tables.
struct TableKey {
  ObjectId object;
  Version version;
  uint64_t guard = 0;
  uint64_t prefix = 0;       // the address bits above what the table covers
  uint8_t restrictions = 0;
  uint8_t level = 0;         // 3: root ... 0: its entries are pages

  static constexpr TableKey of(const Capability& space, UserAddr address, unsigned level) {
    return {.object = space.object,
            .version = space.version,
            .guard = space.payload,
            .prefix = prefix_of(address, level),
            .restrictions = translation_restrictions(space.restrictions),
            .level = static_cast<uint8_t>(level)};
  }
  // The same space, another table on the way to `address`.
  constexpr TableKey at(UserAddr address, unsigned other_level) const {
    TableKey result = *this;
    result.prefix = prefix_of(address, other_level);
    result.level = static_cast<uint8_t>(other_level);
    return result;
  }
  constexpr UserAddr first_address() const {
    return {prefix << (page_table_entry::covered_bits(level) + 9)};
  }
  constexpr UserAddr address_of_entry(unsigned index) const {
    return first_address() + (uint64_t{index} << page_table_entry::covered_bits(level));
  }
  constexpr bool covers(UserAddr address) const { return prefix == prefix_of(address, level); }
  constexpr bool same_space(const TableKey& other) const {
    return object == other.object && version == other.version && guard == other.guard &&
           restrictions == other.restrictions;
  }
  bool operator==(const TableKey&) const = default;

 private:
  static constexpr uint64_t prefix_of(UserAddr address, unsigned level) {
    return address.value >> (page_table_entry::covered_bits(level) + 9);
  }
  // What of a capability's restrictions shows in a translation. Weak forbids writing; opaque says
  // nothing about memory access; no_call only chooses the keeper that is told of a fault, and faults are
  // never cached.
  static constexpr uint8_t translation_restrictions(uint8_t restrictions) {
    uint8_t result = restrictions & (restriction::read_only | restriction::no_execute);
    if (restrictions & restriction::weak) result |= restriction::read_only;
    return result;
  }
};

struct Table {
  TableKey key;
  bool in_use = false;             // has a key, is in the hash table
  // Of a root: drawn anew whenever it is given a key, and never again; else 0. With 32 bits, a program
  // that makes roots for hours could wait for the one that an idle process remembers.
  uint64_t root_identity = 0;
  uint64_t filled_for = 0;         // the identity of the root for which its present entries are true
  uint64_t mapping_epoch = 0;      // and the epoch; 0: never
  uint32_t checkpoint_epoch = 0;   // for which its writable entries are true
  // The table that linked to it last, as number << 9 | entry. True only if that entry still points here.
  uint32_t parent = 0;
  TableNumber hash_next = no_table;
  TableNumber older = no_table;
  TableNumber newer = no_table;
  uint64_t touched_at = 0;         // the pool's count of touches when it was last made the newest
  // Bit i is about entry i. So a table with few entries is emptied in few steps.
  uint64_t present[page_table_entry::entries_per_table / 64] = {};
  uint64_t writable[page_table_entry::entries_per_table / 64] = {};
};

class TablePool {
 public:
  // Carves the memory. Answers how many tables there are; all are free and zero.
  uint32_t start(std::span<std::byte> memory);

  uint32_t size() const { return size_; }
  uint64_t* entries(TableNumber number) { return tables_[number]; }
  const uint64_t* entries(TableNumber number) const { return tables_[number]; }
  Table& at(TableNumber number) { return known_[number]; }
  const Table& at(TableNumber number) const { return known_[number]; }
  PhysAddr physical(TableNumber number) const { return {first_.value + number * table_bytes}; }
  TableNumber number_of(PhysAddr physical) const {  // no_table if it is none of the pool
    const uint64_t number = (physical.value - first_.value) / table_bytes;
    return number < size_ ? static_cast<TableNumber>(number) : no_table;
  }

  TableNumber find(const TableKey&) const;
  // Gives a table that has no key a key.
  void assign(TableNumber, const TableKey&);
  // Takes its key away; its entries are the caller's care.
  void release(TableNumber);
  // The tables that were filled for this root are not to be believed any more.
  void renew_identity(TableNumber root) { known_[root].root_identity = next_identity_++; }

  // The line of use.
  // The table is now among the newest quarter. Every touch that moves a table makes the others older by one place
  // at most: a table that was moved a moment ago is left where it is.
  void touch(TableNumber number) {
    if (touches_ - known_[number].touched_at >= size_ / 4) make_newest(number);
  }
  TableNumber oldest() const { return oldest_; }
  TableNumber newer_than(TableNumber number) const { return known_[number].newer; }

 private:
  static constexpr uint64_t table_bytes = page_table_entry::entries_per_table * sizeof(uint64_t);

  uint32_t bucket_of(const TableKey&) const;
  void make_newest(TableNumber);
  void leave_line(TableNumber);

  uint64_t (*tables_)[page_table_entry::entries_per_table] = nullptr;
  Table* known_ = nullptr;
  TableNumber* buckets_ = nullptr;
  PhysAddr first_;
  uint32_t size_ = 0;
  uint32_t bucket_count_ = 0;  // a power of two
  uint64_t next_identity_ = 1;
  uint64_t touches_ = 0;
  TableNumber oldest_ = no_table;
  TableNumber newest_ = no_table;
};

}  // namespace perdure
