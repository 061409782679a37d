// SPDX-License-Identifier: MIT
//
// Hardware page tables as a cache of walks (space_walk.hpp). Whatever is here may be dropped at
// any instant; the next access faults, is walked again and entered again. The pool of tables is
// fixed at boot (P6). All processes with the same space share one set of tables.
//
// Invariants, checked by check_tables():
//  WRITABLE-IMPLIES-CURRENT  In a table that is true for the checkpoint epoch, an entry is
//      writable only if what it points to is current: the page dirty in this epoch, the lower
//      table true for this epoch. The processor writes only if every level allows it. So a
//      declaration touches no table: it moves the epoch, and the loaded root is loaded again
//      without its writable entries. Every other table is brought up to date when it is next
//      linked, by visiting the entries in its map of writable ones.
//  STALE-IS-EMPTIED  A table of an old mapping epoch, or that was filled for a root which had
//      another identity, is emptied before it is linked or loaded. So forget_all() is one addition,
//      and voids every translation at once; those of one space go with its root's identity.
//  MAPPINGS-ARE-COUNTED  A frame's mapping_count is the number of present leaf entries for it in
//      tables of the present mapping epoch, if its mapping_epoch is that one; else there are
//      none. So a frame is unmapped without a mapping database.
//  LAST-LEAF-IS-LINKED  The leaf into which the last translation was entered, while it is true, is
//      reached from the root for which it was filled, by links that allow writing.
//  ONE-PARENT  A table is linked from at most one entry, of the next higher table of the same space.
//  Absent entries are never cached: filling a void slot invalidates nothing.
//
// After any call here that can drop translations of the loaded root, loaded_is_stale() says so;
// the kernel loads it again before it returns to user mode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "checkpoint/frame_store.hpp"
#include "kernel/machine.hpp"
#include "kernel/memory/node_marks.hpp"
#include "kernel/memory/space_walk.hpp"
#include "kernel/memory/table_pool.hpp"
#include "objects/capability.hpp"

namespace perdure {

// The first thing that check() or check_tables() found wrong.
struct TableMismatch {
  std::string_view what;
  UserAddr address;      // of the entry
  uint64_t entry = 0;
  unsigned level = 0;    // of the table that holds it
};

class PageTables {
 public:
  // Four on the way down, the loaded root, and some to choose a victim from.
  static constexpr uint32_t tables_min = 8;

  // Once, at boot. `table_memory` is aligned to 4096 and mapped for ever; it holds the tables
  // and what is known of each. False if that is not enough for tables_min.
  bool start(std::span<std::byte> table_memory, FrameStore&);

  // The root table of this space, made if need be and true for both epochs: to map into. Never
  // fails: it takes the least recently used table that is not the loaded root. Loads nothing.
  PhysAddr root_for(const Capability& space);
  // Makes the processor use it, and answers it. Nothing to do if it is loaded and not stale.
  PhysAddr load(const Capability& space);
  // The same for the root table that had this number and identity, if it still has them, and is true. False:
  // nothing was done. 0 is no root's identity.
  [[gnu::always_inline]] bool load_hinted(TableNumber hint, uint64_t identity) {
    if (hint >= pool_.size() || identity == 0) return false;
    const Table& table = pool_.at(hint);
    if (table.root_identity != identity || !is_true(table)) return false;
    load_table(hint);
    return true;
  }
  // Whether the loaded root is that one, and is not stale: then it need not be loaded again.
  bool is_loaded(TableNumber hint, uint64_t identity) const {
    return hint == loaded_ && loaded_ != no_table && pool_.at(hint).root_identity == identity && !loaded_is_stale();
  }
  uint64_t loaded_identity() const { return pool_.at(loaded_).root_identity; }
  TableNumber loaded() const { return loaded_; }
  PhysAddr loaded_root() const { return pool_.physical(loaded_); }
  // The kernel's own root instead, which maps no user memory.
  void unload();
  // Either epoch has moved since the root was loaded: translations that no longer hold may be in
  // use. Load it again before user mode.
  bool loaded_is_stale() const {
    return loaded_ == no_table || loaded_mapping_epoch_ != mapping_epoch_ ||
           loaded_checkpoint_epoch_ != store_->epoch();
  }

  // Enters a translation that a walk has just allowed. Writable only if the frame is current too.
  void map(PhysAddr root, UserAddr address, const PageReached&);

  // Whether the loaded root, which is not stale, translates `address` to a page that the walk allowed to
  // write, and to which. What it answers may be given to map() again: its path is marked.
  bool allows_write(UserAddr address, PageReached&) const;

  // Voids every translation.
  void forget_all() { ++mapping_epoch_; }
  // Voids the translations with a walk that used this node; and others, of the one space that used it, or of all.
  void forget_node(ObjectId node);
  // Voids the translations to one frame: its slot is about to hold another.
  void unmap(CacheSlot);

  // Chaos: empties one table.
  void drop_random(uint64_t random);

  // Every present entry of this space's tables, walked again and compared. A walk that would have
  // to wait for the disk is left out.
  std::optional<TableMismatch> check(const Capability& space);
  // The invariants above, over all tables.
  std::optional<TableMismatch> check_tables() const;
  // The root table that load_hinted would take for this space, if any, is this space's.
  bool is_hint_harmless(const Capability& space, TableNumber hint, uint64_t identity) const;

  const TablePool& pool() const { return pool_; }
  uint64_t mapping_epoch() const { return mapping_epoch_; }
  bool is_true(const Table& table) const {  // for both epochs
    return table.mapping_epoch == mapping_epoch_ && table.checkpoint_epoch == store_->epoch();
  }

 private:
  void load_table(TableNumber number) {
    // Before the load, behind which the compiler would read again what is_true has just read.
    loaded_ = number;
    loaded_mapping_epoch_ = mapping_epoch_;
    loaded_checkpoint_epoch_ = store_->epoch();
    machine::load_root(pool_.physical(number));
  }
  void mark_path(TableNumber root, const PageReached&);
  void forget_space(TableNumber root);
  TableNumber leaf_for(TableNumber root, UserAddr address, bool& changed);
  bool is_last_leaf(TableNumber root, UserAddr address) const;
  TableNumber find_or_take(const TableKey&);
  TableNumber take_victim();
  void bring_up_to_date(TableNumber number, uint64_t identity) {
    const Table& table = pool_.at(number);
    if (!is_true(table) || table.filled_for != identity) [[unlikely]] make_true(number, identity);
  }
  void make_true(TableNumber, uint64_t identity);
  void forbid_writes(TableNumber);
  void empty(TableNumber);
  void unlink(TableNumber);
  std::optional<TableMismatch> check_last_leaf() const;
  std::optional<TableMismatch> check_entry(TableNumber, unsigned index) const;
  std::optional<TableMismatch> check_leaf(const Table&, UserAddr address, uint64_t entry) const;
  std::optional<TableMismatch> check_link(TableNumber, unsigned index, uint64_t entry) const;
  bool is_marked(const PageReached&, uint64_t identity);
  TableNumber descend(TableNumber parent, unsigned level, UserAddr address, uint64_t identity, bool& changed);
  void set_entry(TableNumber, unsigned index, uint64_t entry);
  void enter(TableNumber leaf, UserAddr address, uint64_t entry, bool& changed);
  void count(CacheSlot, TableNumber, unsigned index);
  void uncount(uint64_t entry);
  bool is_loaded_space(const TableKey&) const;
  CacheSlot slot_of(uint64_t entry) const;
  bool is_counted(const FrameDescriptor&) const;

  TablePool pool_;
  NodeMarks marks_;
  FrameStore* store_ = nullptr;
  const std::byte* frames_ = nullptr;  // where the cache begins: slot = distance / 4096
  uint64_t mapping_epoch_ = 1;

  TableNumber last_leaf_ = no_table;

  TableNumber loaded_ = no_table;
  uint64_t loaded_mapping_epoch_ = 0;   // when it was loaded
  uint32_t loaded_checkpoint_epoch_ = 0;
};

}  // namespace perdure
