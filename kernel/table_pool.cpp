// SPDX-License-Identifier: MIT
#include "kernel/table_pool.hpp"

#include <bit>
#include <cstring>

namespace perdure {

namespace pte = page_table_entry;

namespace {

constexpr size_t table_bytes = pte::entries_per_table * sizeof(uint64_t);

constexpr uint64_t prefix_of(uint64_t address, unsigned level) {
  return address >> (pte::covered_bits(level) + 9);
}

// What of a capability's restrictions shows in a translation. Weak forbids writing; opaque says
// nothing about memory access; no_call only chooses who is told of a fault, and faults are
// never cached.
constexpr uint8_t translation_restrictions(uint8_t restrictions) {
  uint8_t result = restrictions & (restriction::read_only | restriction::no_execute);
  if (restrictions & restriction::weak) result |= restriction::read_only;
  return result;
}

}  // namespace

TableKey TableKey::of(const Capability& space, uint64_t address, unsigned level) {
  return {.object = space.object,
          .version = space.version,
          .guard = space.payload,
          .prefix = prefix_of(address, level),
          .restrictions = translation_restrictions(space.restrictions),
          .level = static_cast<uint8_t>(level)};
}

TableKey TableKey::at(uint64_t address, unsigned other_level) const {
  TableKey result = *this;
  result.prefix = prefix_of(address, other_level);
  result.level = static_cast<uint8_t>(other_level);
  return result;
}

uint32_t TablePool::start(std::span<std::byte> memory) {
  // Between half a bucket and one bucket per table.
  constexpr size_t bytes_each = table_bytes + sizeof(Table) + sizeof(TableNumber);
  size_ = static_cast<uint32_t>(memory.size() / bytes_each);
  if (size_ == 0) return 0;
  bucket_count_ = std::bit_floor(size_);
  std::memset(memory.data(), 0, memory.size());
  tables_ = reinterpret_cast<uint64_t(*)[pte::entries_per_table]>(memory.data());
  known_ = reinterpret_cast<Table*>(memory.data() + size_ * table_bytes);
  buckets_ = reinterpret_cast<TableNumber*>(known_ + size_);
  first_ = machine::physical_address_of(memory.data());
  for (uint32_t i = 0; i < bucket_count_; ++i) buckets_[i] = no_table;
  oldest_ = 0;
  newest_ = size_ - 1;
  for (TableNumber i = 0; i < size_; ++i) {
    known_[i] = {};
    known_[i].older = i == 0 ? no_table : i - 1;
    known_[i].newer = i + 1 == size_ ? no_table : i + 1;
  }
  return size_;
}

TableNumber TablePool::number_of(PhysAddr physical) const {
  if (physical < first_) return no_table;
  const uint64_t number = (physical.value - first_.value) / table_bytes;
  return number < size_ ? static_cast<TableNumber>(number) : no_table;
}

uint32_t TablePool::bucket_of(const TableKey& key) const {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint64_t word : {key.object.value, key.version.value, key.guard, key.prefix,
                              uint64_t{key.restrictions} << 8 | key.level}) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return static_cast<uint32_t>(hash) & (bucket_count_ - 1);
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
  table.hash_next = head;
  head = number;
}

void TablePool::release(TableNumber number) {
  Table& table = known_[number];
  if (!table.in_use) return;
  TableNumber* link = &buckets_[bucket_of(table.key)];
  while (*link != number) link = &known_[*link].hash_next;
  *link = table.hash_next;
  table.key = {};
  table.in_use = false;
  table.hash_next = no_table;
}

void TablePool::leave_line(TableNumber number) {
  const Table& table = known_[number];
  (table.older == no_table ? oldest_ : known_[table.older].newer) = table.newer;
  (table.newer == no_table ? newest_ : known_[table.newer].older) = table.older;
}

void TablePool::touch(TableNumber number) {
  if (number == newest_) return;
  leave_line(number);
  Table& table = known_[number];
  table.older = newest_;
  table.newer = no_table;
  known_[newest_].newer = number;
  newest_ = number;
}

}  // namespace perdure
