// SPDX-License-Identifier: MIT
#include "kernel/memory/table_pool.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "objects/assertion.hpp"

namespace perdure {

namespace pte = page_table_entry;

uint32_t TablePool::start(std::span<std::byte> memory) {
  // Between half a bucket and one bucket per table.
  constexpr size_t bytes_each = table_bytes + sizeof(Table) + sizeof(TableNumber);
  size_ = static_cast<uint32_t>(std::min<size_t>(memory.size() / bytes_each, tables_max));
  bucket_count_ = std::bit_floor(size_);
  std::memset(memory.data(), 0, memory.size());
  tables_ = reinterpret_cast<uint64_t(*)[pte::entries_per_table]>(memory.data());
  known_ = reinterpret_cast<Table*>(memory.data() + size_ * table_bytes);
  buckets_ = reinterpret_cast<TableNumber*>(known_ + size_);
  first_ = machine::physical_address_of(memory.data());
  const PhysAddr last = size_ == 0 ? first_ : machine::physical_address_of(memory.data() + memory.size() - 1);
  assert_that(size_ == 0 || last.value - first_.value == memory.size() - 1, "page tables: in one piece of physical memory");
  for (uint32_t i = 0; i < bucket_count_; ++i) buckets_[i] = no_table;
  oldest_ = 0;
  newest_ = size_ - 1;
  touches_ = size_;  // no table was moved a moment ago
  for (TableNumber i = 0; i < size_; ++i) {
    known_[i] = {};
    known_[i].older = i == 0 ? no_table : i - 1;
    known_[i].newer = i + 1 == size_ ? no_table : i + 1;
  }
  return size_;
}

// Asked for each level of each fault. Object and prefix are what differs between the tables of a machine;
// the rest hardly ever does.
uint32_t TablePool::bucket_of(const TableKey& key) const {
  uint64_t hash = key.object.value ^ std::rotl(key.prefix, 24) ^ std::rotl(key.version.value, 40) ^ std::rotl(key.guard, 52);
  hash = (hash ^ uint64_t{key.restrictions} << 60 ^ uint64_t{key.level} << 56) * 0x9e3779b97f4a7c15;
  return static_cast<uint32_t>(hash >> 32) & (bucket_count_ - 1);
}

TableNumber TablePool::find(const TableKey& key) const {
  TableNumber number = buckets_[bucket_of(key)];
  while (number != no_table && !(known_[number].key == key)) number = known_[number].hash_next;
  return number;
}

void TablePool::assign(TableNumber number, const TableKey& key) {
  Table& table = known_[number];
  TableNumber& head = buckets_[bucket_of(key)];
  table.key = key;
  table.in_use = true;
  if (key.level == pte::levels - 1) table.root_identity = next_identity_++;
  table.hash_next = head;
  head = number;
}

void TablePool::release(TableNumber number) {
  Table& table = known_[number];
  TableNumber* link = &buckets_[bucket_of(table.key)];
  while (*link != number) link = &known_[*link].hash_next;
  *link = table.hash_next;
  table.key = {};
  table.in_use = false;
  table.root_identity = 0;
  table.hash_next = no_table;
}

void TablePool::leave_line(TableNumber number) {
  const Table& table = known_[number];
  (table.older == no_table ? oldest_ : known_[table.older].newer) = table.newer;
  (table.newer == no_table ? newest_ : known_[table.newer].older) = table.older;
}

void TablePool::make_newest(TableNumber number) {
  known_[number].touched_at = ++touches_;
  if (number == newest_) return;
  leave_line(number);
  Table& table = known_[number];
  table.older = newest_;
  table.newer = no_table;
  known_[newest_].newer = number;
  newest_ = number;
}

}  // namespace perdure
