// SPDX-License-Identifier: MIT
#include "kernel/page_tables.hpp"

#include <bit>
#include <cstring>

#include "kernel/assertion.hpp"

namespace perdure {

namespace pte = page_table_entry;

namespace {

constexpr unsigned root_level = pte::levels - 1;
constexpr unsigned entry_bits = 9;

constexpr uint32_t entry_name(TableNumber table, unsigned index) {
  return table << entry_bits | index;
}
constexpr TableNumber table_of(uint32_t name) { return name >> entry_bits; }
constexpr unsigned index_in(uint32_t name) { return name & (pte::entries_per_table - 1); }

// The processor sets these by itself.
constexpr uint64_t set_by_processor = pte::accessed | pte::dirty;

constexpr unsigned user_entries(unsigned level) {
  return level == root_level ? pte::user_entries_of_root : pte::entries_per_table;
}

void note_writable(Table& table, unsigned index, bool writable) {
  const uint64_t bit = uint64_t{1} << index % 64;
  if (writable) {
    table.writable[index / 64] |= bit;
  } else {
    table.writable[index / 64] &= ~bit;
  }
}

}  // namespace

bool PageTables::start(std::span<std::byte> table_memory, Store& store) {
  store_ = &store;
  frames_ = store.bytes(0);
  const CacheSlot last = store.slot_count() - 1;
  assert_that(store.bytes(last) == frames_ + last * frame_bytes, "the cache's frames are contiguous");
  return pool_.start(table_memory) >= tables_min;
}

// --- what is true ----------------------------------------------------------------------------

bool PageTables::is_true(const Table& table) const {
  return table.mapping_epoch == mapping_epoch_ && table.checkpoint_epoch == store_->epoch();
}

bool PageTables::loaded_is_stale() const {
  return loaded_ == no_table || loaded_mapping_epoch_ != mapping_epoch_ ||
         loaded_checkpoint_epoch_ != store_->epoch();
}

bool PageTables::is_loaded_space(const TableKey& key) const {
  return loaded_ != no_table && pool_.at(loaded_).key.same_space(key);
}

CacheSlot PageTables::slot_of(uint64_t entry) const {
  const std::byte* page = machine::memory_at({pte::address_of(entry)});
  return static_cast<CacheSlot>((page - frames_) / static_cast<ptrdiff_t>(frame_bytes));
}

// Descriptors keep the low half of the epoch. After 2^32 epochs an old count can look valid; it
// is then too high, which costs a forget_all and voids nothing too few.
bool PageTables::is_counted(const FrameDescriptor& descriptor) const {
  return descriptor.mapping_epoch == static_cast<uint32_t>(mapping_epoch_);
}

// --- roots -------------------------------------------------------------------------------------

PhysAddr PageTables::root_for(const Capability& space) {
  const TableNumber root = find_or_take(TableKey::of(space, 0, root_level));
  pool_.touch(root);
  bring_up_to_date(root);
  return pool_.physical(root);
}

// What was loaded keeps its protection until the processor has left it.
PhysAddr PageTables::load(const Capability& space) {
  const PhysAddr root = root_for(space);
  const TableNumber number = pool_.number_of(root);
  if (number == loaded_ && !loaded_is_stale()) return root;
  machine::load_root(root);
  loaded_ = number;
  loaded_mapping_epoch_ = mapping_epoch_;
  loaded_checkpoint_epoch_ = store_->epoch();
  return root;
}

void PageTables::unload() {
  machine::load_root(machine::kernel_root());
  loaded_ = no_table;
}

// --- entering a translation ------------------------------------------------------------------------

void PageTables::map(PhysAddr root, uint64_t address, CacheSlot slot, bool writable,
                     bool executable) {
  TableNumber table = pool_.number_of(root);
  assert_that(table != no_table && pool_.at(table).in_use && pool_.at(table).key.level == root_level,
              "map is given a root that root_for made");
  const PhysAddr page = machine::physical_address_of(store_->bytes(slot));
  pool_.touch(table);
  bring_up_to_date(table);
  bool changed = false;
  for (unsigned level = root_level; level > 0; --level) table = descend(table, address, changed);
  enter(table, address,
        pte::user_page(page.value, writable && store_->is_current(slot), executable), changed);
  // A processor may keep an entry that has since been given more rights, and fault once more.
  if (changed) machine::flush_translation(address);
}

// The next table on the way down: true for both epochs *before* it is linked for writing, since
// the processor may walk at any instant.
TableNumber PageTables::descend(TableNumber parent, uint64_t address, bool& changed) {
  const TableKey& parent_key = pool_.at(parent).key;
  const TableNumber child = find_or_take(parent_key.at(address, parent_key.level - 1u));
  pool_.touch(child);
  bring_up_to_date(child);
  const unsigned index = pte::index_of(address, parent_key.level);
  pool_.at(child).parent = entry_name(parent, index);
  const uint64_t link = pte::user_table(pool_.physical(child).value);
  uint64_t& entry = pool_.entries(parent)[index];
  if ((entry & ~set_by_processor) != link) {
    changed |= pte::is_present(entry);
    entry = link;
    note_writable(pool_.at(parent), index, true);
  }
  return child;
}

void PageTables::enter(TableNumber leaf, uint64_t address, uint64_t entry, bool& changed) {
  const unsigned index = pte::index_of(address, 0);
  uint64_t& present = pool_.entries(leaf)[index];
  if ((present & ~set_by_processor) == entry) return;
  changed |= pte::is_present(present);
  uncount(present);
  present = entry;
  note_writable(pool_.at(leaf), index, pte::is_writable(entry));
  count(slot_of(entry), leaf, index);
}

void PageTables::count(CacheSlot slot, TableNumber table, unsigned index) {
  FrameDescriptor& descriptor = store_->descriptor(slot);
  if (!is_counted(descriptor)) descriptor.mapping_count = 0;
  ++descriptor.mapping_count;
  descriptor.mapping_epoch = static_cast<uint32_t>(mapping_epoch_);
  descriptor.mapping_table = entry_name(table, index);
}

void PageTables::uncount(uint64_t entry) {
  if (!pte::is_present(entry)) return;
  FrameDescriptor& descriptor = store_->descriptor(slot_of(entry));
  assert_that(is_counted(descriptor) && descriptor.mapping_count > 0, "MAPPINGS-ARE-COUNTED");
  --descriptor.mapping_count;
}

// --- keeping tables true ---------------------------------------------------------------------------

void PageTables::bring_up_to_date(TableNumber number) {
  Table& table = pool_.at(number);
  if (table.mapping_epoch != mapping_epoch_) empty(number);
  if (table.checkpoint_epoch != store_->epoch()) forbid_writes(number);
  table.mapping_epoch = mapping_epoch_;
  table.checkpoint_epoch = store_->epoch();
}

// Right after a declaration nothing is current. What has become so since pays one more fault.
void PageTables::forbid_writes(TableNumber number) {
  Table& table = pool_.at(number);
  for (unsigned word = 0; word < std::size(table.writable); ++word) {
    for (uint64_t bits = table.writable[word]; bits != 0; bits &= bits - 1) {
      pool_.entries(number)[word * 64 + std::countr_zero(bits)] &= ~pte::writable;
    }
    table.writable[word] = 0;
  }
}

// Leaves the kernel's half of a root. What it linked to stays, to be linked again.
void PageTables::empty(TableNumber number) {
  Table& table = pool_.at(number);
  const unsigned count = user_entries(table.key.level);
  uint64_t* entries = pool_.entries(number);
  if (table.key.level == 0 && table.mapping_epoch == mapping_epoch_) {
    for (unsigned i = 0; i < count; ++i) uncount(entries[i]);
  }
  std::memset(entries, 0, count * sizeof(uint64_t));
  std::memset(table.writable, 0, sizeof(table.writable));
}

// --- finding, taking and dropping tables -------------------------------------------------------------

TableNumber PageTables::find_or_take(const TableKey& key) {
  const TableNumber found = pool_.find(key);
  if (found != no_table) return found;
  const TableNumber taken = take_victim();
  pool_.assign(taken, key);
  if (key.level == root_level) machine::install_kernel_half(pool_.entries(taken));
  return taken;
}

// The least recently used table but the loaded root. Those on the way down were used just now:
// with tables_min tables they are never the oldest. Answers a table that is all zero.
TableNumber PageTables::take_victim() {
  TableNumber victim = pool_.oldest();
  if (victim == loaded_) victim = pool_.newer_than(victim);
  const Table& table = pool_.at(victim);
  if (!table.in_use) return victim;
  unlink(victim);
  empty(victim);
  std::memset(pool_.entries(victim), 0, frame_bytes);  // the kernel's half of a former root
  if (is_loaded_space(table.key)) machine::flush_translations();
  pool_.release(victim);
  return victim;
}

// The remembered parent may long be another table: the entry itself tells.
void PageTables::unlink(TableNumber number) {
  const Table& table = pool_.at(number);
  if (table.key.level == root_level) return;
  const TableNumber parent = table_of(table.parent);
  const unsigned index = index_in(table.parent);
  uint64_t& entry = pool_.entries(parent)[index];
  if (pool_.at(parent).key.level != table.key.level + 1u || !pte::is_present(entry) ||
      pte::address_of(entry) != pool_.physical(number).value) {
    return;
  }
  entry = 0;
  note_writable(pool_.at(parent), index, false);
}

// The translation to a frame that is mapped once is cleared; of more only their number is known.
void PageTables::unmap(CacheSlot slot) {
  FrameDescriptor& descriptor = store_->descriptor(slot);
  if (!is_counted(descriptor) || descriptor.mapping_count == 0) return;
  const TableNumber number = table_of(descriptor.mapping_table);
  const unsigned index = index_in(descriptor.mapping_table);
  Table& table = pool_.at(number);
  uint64_t& entry = pool_.entries(number)[index];
  // It may have been the other one that went when there were two.
  const bool is_remembered = table.key.level == 0 && pte::is_present(entry) && slot_of(entry) == slot;
  if (descriptor.mapping_count > 1 || !is_remembered) return forget_all();
  entry = 0;
  note_writable(table, index, false);
  descriptor.mapping_count = 0;
  machine::flush_translation(table.key.address_of_entry(index));
}

void PageTables::drop_random(uint64_t random) {
  const auto number = static_cast<TableNumber>(random % pool_.size());
  if (!pool_.at(number).in_use) return;
  empty(number);
  if (is_loaded_space(pool_.at(number).key)) machine::flush_translations();
}

}  // namespace perdure
