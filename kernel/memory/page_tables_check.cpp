// SPDX-License-Identifier: MIT
//
// The checks of page_tables.hpp: of the tables among themselves, and against the walk. Slow, and
// only made when asked for (`check` on the command line, and by tests).
#include "kernel/memory/page_tables.hpp"
#include "kernel/memory/space_walk.hpp"

namespace perdure {

namespace pte = page_table_entry;

namespace {

constexpr unsigned root_level = pte::levels - 1;

bool is_noted_writable(const Table& table, unsigned index) {
  return table.writable[index / 64] >> index % 64 & 1;
}

}  // namespace

std::optional<TableMismatch> PageTables::check_leaf(const Table& table, UserAddr address,
                                                    uint64_t entry) const {
  const CacheSlot slot = slot_of(entry);
  if (slot >= store_->slot_count()) {
    return TableMismatch{"a leaf entry points to what is no frame", address, entry, 0};
  }
  const FrameDescriptor& descriptor = store_->descriptor(slot);
  if (descriptor.identity.kind != Kind::page) {
    return TableMismatch{"a leaf entry points to what is no page", address, entry, 0};
  }
  if (!is_counted(descriptor) || descriptor.mapping_count == 0) {
    return TableMismatch{"MAPPINGS-ARE-COUNTED: an entry is not counted", address, entry, 0};
  }
  if (pte::is_writable(entry) && is_true(table) && !store_->is_current(slot)) {
    return TableMismatch{"WRITABLE-IMPLIES-CURRENT: a page is not current", address, entry, 0};
  }
  return std::nullopt;
}

std::optional<TableMismatch> PageTables::check_link(TableNumber number, unsigned index,
                                                    uint64_t entry) const {
  const Table& table = pool_.at(number);
  const unsigned level = table.key.level;
  const UserAddr address = table.key.address_of_entry(index);
  const TableNumber child_number = pool_.number_of({pte::address_of(entry)});
  if (child_number == no_table || !pool_.at(child_number).in_use ||
      !(pool_.at(child_number).key == table.key.at(address, level - 1))) {
    return TableMismatch{"an entry links to a table of another key", address, entry, level};
  }
  const Table& child = pool_.at(child_number);
  if (child.parent != (number << 9 | index)) {
    return TableMismatch{"ONE-PARENT: a linked table remembers another", address, entry, level};
  }
  if (table.mapping_epoch != mapping_epoch_) return std::nullopt;
  if (child.mapping_epoch != mapping_epoch_ || child.filled_for != table.filled_for) {
    return TableMismatch{"STALE-IS-EMPTIED: a stale table is linked", address, entry, level};
  }
  if (pte::is_writable(entry) && is_true(table) && !is_true(child)) {
    return TableMismatch{"WRITABLE-IMPLIES-CURRENT: a table is not true", address, entry, level};
  }
  return std::nullopt;
}

std::optional<TableMismatch> PageTables::check_entry(TableNumber number, unsigned index) const {
  const Table& table = pool_.at(number);
  const unsigned level = table.key.level;
  const uint64_t entry = pool_.entries(number)[index];
  const UserAddr address = table.key.address_of_entry(index);
  if (!table.in_use) {
    if (entry == 0) return std::nullopt;
    return TableMismatch{"a free table is not empty", {}, entry, level};
  }
  const bool is_writable = pte::is_present(entry) && pte::is_writable(entry);
  if (is_writable != is_noted_writable(table, index)) {
    return TableMismatch{"the map of writable entries is wrong", address, entry, level};
  }
  if (!pte::is_present(entry)) return std::nullopt;
  if (!pte::is_user(entry) || pte::is_large(entry)) {
    return TableMismatch{"an entry is not one of user memory", address, entry, level};
  }
  if (level > 0) return check_link(number, index, entry);
  return table.mapping_epoch == mapping_epoch_ ? check_leaf(table, address, entry) : std::nullopt;
}

std::optional<TableMismatch> PageTables::check_last_leaf() const {
  if (last_leaf_ == no_table || !is_true(pool_.at(last_leaf_))) return std::nullopt;
  const TableKey& leaf = pool_.at(last_leaf_).key;
  const UserAddr address = leaf.first_address();
  TableNumber table = pool_.find(leaf.at({}, root_level));
  if (table == no_table || pool_.at(table).root_identity != pool_.at(last_leaf_).filled_for) return std::nullopt;
  for (unsigned level = root_level; level > 0; --level) {
    const uint64_t entry = pool_.entries(table)[pte::index_of(address.value, level)];
    if (!pte::is_present(entry) || !pte::is_writable(entry)) {
      return TableMismatch{"LAST-LEAF-IS-LINKED: it is not", address, entry, level};
    }
    table = pool_.number_of({pte::address_of(entry)});
  }
  if (table == last_leaf_) return std::nullopt;
  return TableMismatch{"LAST-LEAF-IS-LINKED: another is", address, 0, 0};
}

std::optional<TableMismatch> PageTables::check_tables() const {
  if (!loaded_is_stale() && pool_.at(loaded_).filled_for != pool_.at(loaded_).root_identity) {
    return TableMismatch{"STALE-IS-EMPTIED: the loaded root was filled for another identity", {}, 0, root_level};
  }
  uint64_t present = 0;
  for (TableNumber number = 0; number < pool_.size(); ++number) {
    const Table& table = pool_.at(number);
    const unsigned count = table.in_use && table.key.level == root_level
                               ? pte::user_entries_of_root
                               : pte::entries_per_table;
    for (unsigned index = 0; index < count; ++index) {
      if (const auto mismatch = check_entry(number, index)) return mismatch;
      present += table.in_use && table.key.level == 0 && table.mapping_epoch == mapping_epoch_ &&
                 pte::is_present(pool_.entries(number)[index]);
    }
  }
  if (const auto mismatch = check_last_leaf()) return mismatch;
  uint64_t counted = 0;
  for (CacheSlot slot = 0; slot < store_->slot_count(); ++slot) {
    const FrameDescriptor& descriptor = store_->descriptor(slot);
    if (is_counted(descriptor)) counted += descriptor.mapping_count;
  }
  if (counted != present) return TableMismatch{"MAPPINGS-ARE-COUNTED: sums differ", {counted}, present};
  return std::nullopt;
}

bool PageTables::is_hint_harmless(const Capability& space, TableNumber hint, uint64_t identity) const {
  if (hint >= pool_.size() || identity == 0 || pool_.at(hint).root_identity != identity) return true;
  return pool_.at(hint).key == TableKey::of(space, {}, root_level);
}

bool PageTables::is_marked(const PageReached& page, uint64_t identity) {
  for (unsigned i = 0; i < page.depth; ++i) {
    const NodeMark& mark = marks_.of(page.nodes[i]);
    if (mark.mapping_epoch != mapping_epoch_) return false;
    if (mark.root_identity != identity && mark.root_identity != NodeMark::many) return false;
  }
  return true;
}

namespace {

// Whether a walk agrees with an entry. Less than the walk allows is always right.
std::optional<std::string_view> disagreement(const PageReached& page, CacheSlot slot,
                                             uint64_t entry) {
  if (page.slot != slot) return "an entry points to another page than the walk";
  if (pte::is_writable(entry) && !page.writable) return "an entry lets write what the walk does not";
  if (entry & pte::may_write && !page.writable) return "an entry promises a write that the walk does not let";
  if (pte::is_executable(entry) && !page.executable) {
    return "an entry lets execute what the walk does not";
  }
  return std::nullopt;
}

}  // namespace

std::optional<TableMismatch> PageTables::check(const Capability& space) {
  const TableKey wanted = TableKey::of(space, {}, 0);
  const TableNumber root = pool_.find(TableKey::of(space, {}, root_level));
  if (root == no_table) return std::nullopt;
  const uint64_t identity = pool_.at(root).root_identity;
  const uint64_t epoch = mapping_epoch_;
  for (TableNumber number = 0; number < pool_.size(); ++number) {
    const Table& table = pool_.at(number);
    if (!table.in_use || table.key.level != 0 || !table.key.same_space(wanted)) continue;
    if (table.mapping_epoch != epoch || table.filled_for != identity) continue;
    for (unsigned index = 0; index < pte::entries_per_table; ++index) {
      const uint64_t entry = pool_.entries(number)[index];
      if (!pte::is_present(entry)) continue;
      const UserAddr address = table.key.address_of_entry(index);
      Capability start = space;
      const WalkOutcome outcome = walk(*store_, start, address, {});
      if (mapping_epoch_ != epoch) return std::nullopt;  // the walk evicted what was mapped
      if (outcome.is_stall() || outcome.fault.code == FaultCode::unreadable) continue;  // as it was when it was mapped
      if (outcome.is_fault()) {
        return TableMismatch{"an entry is present where the walk faults", address, entry, 0};
      }
      if (const auto what = disagreement(outcome.page, slot_of(entry), entry)) {
        return TableMismatch{*what, address, entry, 0};
      }
      if (!is_marked(outcome.page, identity)) {
        return TableMismatch{"MARKED-BEFORE-MAPPED: a node behind an entry is not marked", address, entry, 0};
      }
    }
  }
  return std::nullopt;
}

}  // namespace perdure
