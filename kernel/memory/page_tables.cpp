// SPDX-License-Identifier: MIT
#include "kernel/memory/page_tables.hpp"

#include <bit>
#include <cstring>

#include "objects/assertion.hpp"

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

void note(uint64_t (&map)[pte::entries_per_table / 64], unsigned index, bool is_so) {
  const uint64_t bit = uint64_t{1} << index % 64;
  map[index / 64] = is_so ? map[index / 64] | bit : map[index / 64] & ~bit;
}

}  // namespace

bool PageTables::start(std::span<std::byte> table_memory, FrameStore& store) {
  store_ = &store;
  frames_ = store.bytes(0);
  const CacheSlot last = store.slot_count() - 1;
  assert_that(store.bytes(last) == frames_ + last * frame_bytes, "the cache's frames are contiguous");
  return pool_.start(table_memory) >= tables_min;
}

// --- what is true ----------------------------------------------------------------------------

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
  const TableKey key = TableKey::of(space, {}, root_level);
  const TableNumber root = loaded_ != no_table && pool_.at(loaded_).key == key ? loaded_ : find_or_take(key);
  pool_.touch(root);
  bring_up_to_date(root, pool_.at(root).root_identity);
  return pool_.physical(root);
}

// The root that was loaded keeps its protection until the processor has left it.
PhysAddr PageTables::load(const Capability& space) {
  const PhysAddr root = root_for(space);
  const TableNumber number = pool_.number_of(root);
  if (number != loaded_ || loaded_is_stale()) load_table(number);
  return root;
}

void PageTables::unload() {
  machine::load_root(machine::kernel_root());
  loaded_ = no_table;
}

// --- entering a translation ------------------------------------------------------------------------

void PageTables::map(PhysAddr root, UserAddr address, const PageReached& reached) {
  const TableNumber table = pool_.number_of(root);
  assert_that(table != no_table && pool_.at(table).in_use && pool_.at(table).key.level == root_level,
              "map is given a root that root_for made");
  const PhysAddr page = machine::physical_address_of(store_->bytes(reached.slot));
  mark_path(table, reached);
  bool changed = false;
  if (!is_last_leaf(table, address)) last_leaf_ = leaf_for(table, address, changed);
  enter(last_leaf_, address,
        pte::user_page(page.value, reached.writable, reached.executable, store_->is_current(reached.slot)),
        changed);
  // A processor may keep an entry that has since been given more rights, and fault once more.
  if (changed) machine::flush_translation(address);
}

// The entry that is there says what the walk said; only the frame was not current.
bool PageTables::allows_write(UserAddr address, PageReached& reached) const {
  TableNumber table = loaded_;
  for (unsigned level = root_level; level > 0; --level) {
    const uint64_t link = pool_.entries(table)[pte::index_of(address.value, level)];
    if (!pte::is_present(link)) return false;
    table = pool_.number_of({pte::address_of(link)});
  }
  const uint64_t entry = pool_.entries(table)[pte::index_of(address.value, 0)];
  if (!(entry & pte::may_write)) return false;
  reached.slot = slot_of(entry);
  reached.writable = true;
  reached.executable = pte::is_executable(entry);
  return true;
}

// Faults come in runs.
bool PageTables::is_last_leaf(TableNumber root, UserAddr address) const {
  if (last_leaf_ == no_table) return false;
  const Table& leaf = pool_.at(last_leaf_);
  return leaf.filled_for == pool_.at(root).root_identity && leaf.key.covers(address) && is_true(leaf);
}

TableNumber PageTables::leaf_for(TableNumber root, UserAddr address, bool& changed) {
  const uint64_t identity = pool_.at(root).root_identity;
  pool_.touch(root);
  bring_up_to_date(root, identity);
  TableNumber table = root;
  for (unsigned level = root_level; level > 0; --level) table = descend(table, level, address, identity, changed);
  return table;
}

// The next table on the way down: the one that is linked, or one that is looked for. True for both
// epochs *before* it is linked for writing, since the processor may walk at any instant.
TableNumber PageTables::descend(TableNumber parent, unsigned level, UserAddr address, uint64_t identity,
                                bool& changed) {
  const unsigned index = pte::index_of(address.value, level);
  uint64_t& entry = pool_.entries(parent)[index];
  const bool is_linked = pte::is_present(entry);
  const TableNumber child = is_linked ? pool_.number_of({pte::address_of(entry)})
                                      : find_or_take(pool_.at(parent).key.at(address, level - 1));
  pool_.touch(child);
  bring_up_to_date(child, identity);
  if (pte::is_writable(entry)) return child;
  pool_.at(child).parent = entry_name(parent, index);
  set_entry(parent, index, pte::user_table(pool_.physical(child).value));
  changed |= is_linked;
  return child;
}

void PageTables::enter(TableNumber leaf, UserAddr address, uint64_t entry, bool& changed) {
  const unsigned index = pte::index_of(address.value, 0);
  const uint64_t present = pool_.entries(leaf)[index];
  if ((present & ~set_by_processor) == entry) return;
  changed |= pte::is_present(present);
  uncount(present);
  set_entry(leaf, index, entry);
  count(slot_of(entry), leaf, index);
}

void PageTables::set_entry(TableNumber number, unsigned index, uint64_t entry) {
  pool_.entries(number)[index] = entry;
  note(pool_.at(number).present, index, pte::is_present(entry));
  note(pool_.at(number).writable, index, pte::is_writable(entry));
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

// --- voiding the translations of a space ---------------------------------------------------------

// If the root of a mark has another identity by now, the translations that the mark spoke of are gone.
void PageTables::mark_path(TableNumber root, const PageReached& reached) {
  const uint64_t identity = pool_.at(root).root_identity;
  for (unsigned i = 0; i < reached.depth; ++i) {
    NodeMark& mark = marks_.of(reached.nodes[i]);
    if (mark.mapping_epoch == mapping_epoch_) {
      if (mark.root_identity == identity || mark.root_identity == NodeMark::many) continue;
      if (pool_.at(mark.root).root_identity == mark.root_identity) {
        mark.root_identity = NodeMark::many;
        continue;
      }
    }
    mark = {.mapping_epoch = mapping_epoch_, .root_identity = identity, .root = root};
  }
}

void PageTables::forget_node(ObjectId node) {
  const NodeMark& mark = marks_.of(node.value);
  if (mark.mapping_epoch != mapping_epoch_) return;
  if (mark.root_identity == NodeMark::many) return forget_all();
  if (pool_.at(mark.root).root_identity == mark.root_identity) forget_space(mark.root);
}

// The tables below stay, to be emptied when they are next linked.
void PageTables::forget_space(TableNumber root) {
  pool_.renew_identity(root);
  if (root == loaded_) loaded_mapping_epoch_ = 0;  // stale
}

// --- keeping tables true ---------------------------------------------------------------------------

void PageTables::make_true(TableNumber number, uint64_t identity) {
  Table& table = pool_.at(number);
  if (table.mapping_epoch != mapping_epoch_ || table.filled_for != identity) empty(number);
  if (table.checkpoint_epoch != store_->epoch()) forbid_writes(number);
  table.filled_for = identity;
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
  last_leaf_ = no_table;
  Table& table = pool_.at(number);
  const bool are_counted = table.key.level == 0 && table.mapping_epoch == mapping_epoch_;
  for (unsigned word = 0; word < std::size(table.present); ++word) {
    if (table.present[word] == 0) continue;
    for (uint64_t bits = table.present[word]; bits != 0; bits &= bits - 1) {
      uint64_t& entry = pool_.entries(number)[word * 64 + std::countr_zero(bits)];
      if (are_counted) uncount(entry);
      entry = 0;
    }
    table.present[word] = table.writable[word] = 0;
    machine::let_interrupts_in();  // it may be the fourth of one fault
  }
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
  if (table.key.level == root_level) std::memset(pool_.entries(victim), 0, frame_bytes);  // the kernel's half
  if (is_loaded_space(table.key)) machine::flush_translations();
  pool_.release(victim);
  return victim;
}

// The remembered parent may long be another table: the entry itself tells.
void PageTables::unlink(TableNumber number) {
  const Table& table = pool_.at(number);
  const TableNumber parent = table_of(table.parent);
  const unsigned index = index_in(table.parent);
  const uint64_t entry = pool_.entries(parent)[index];
  if (pool_.at(parent).key.level != table.key.level + 1u || !pte::is_present(entry) ||
      pte::address_of(entry) != pool_.physical(number).value) {
    return;
  }
  set_entry(parent, index, 0);
}

// The translation to a frame that is mapped once is cleared; if there are more, only their number is known.
void PageTables::unmap(CacheSlot slot) {
  FrameDescriptor& descriptor = store_->descriptor(slot);
  if (!is_counted(descriptor) || descriptor.mapping_count == 0) return;
  const TableNumber number = table_of(descriptor.mapping_table);
  const unsigned index = index_in(descriptor.mapping_table);
  const Table& table = pool_.at(number);
  const uint64_t entry = pool_.entries(number)[index];
  // When there were two translations, the remembered one may have been the one that went.
  const bool is_remembered = table.key.level == 0 && pte::is_present(entry) && slot_of(entry) == slot;
  if (descriptor.mapping_count > 1 || !is_remembered) return forget_all();
  set_entry(number, index, 0);
  descriptor.mapping_count = 0;
  machine::flush_translation(table.key.address_of_entry(index));
}

void PageTables::drop_random(uint64_t random) {
  const auto number = static_cast<TableNumber>(random % pool_.size());
  empty(number);
  if (is_loaded_space(pool_.at(number).key)) machine::flush_translations();
}

}  // namespace perdure
