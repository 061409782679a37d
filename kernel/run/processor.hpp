// SPDX-License-Identifier: MIT
//
// The processor: which process runs on it, for how long yet, and what of that process is in its registers. There is one. On a
// machine with several each would have one of these, and one Attempt with what Lines, Kernel and PageTables note of it.
//
// Invariant ONE-CURRENT: between become_current() and leave_current() one process is current; its frame and that of its
// activity stay in memory (Store::keep).
#pragma once

#include <cstdint>

#include "checkpoint/frame_store.hpp"
#include "kernel/machine.hpp"
#include "kernel/memory/page_tables.hpp"
#include "kernel/run/activity_ref.hpp"
#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {

class Processor {
 public:
  constexpr Processor(FrameStore& store, PageTables& tables) : store_(store), tables_(tables) {}

  // --- the current process ---
  bool has_current() const { return slot_ != no_slot; }
  bool is_current(const Process& process) const { return &process == process_; }
  bool is_current(const Activity& activity) const { return &activity == activity_; }
  CacheSlot slot() const { return slot_; }  // no_slot: none is current
  Process& process() { return *process_; }
  ActivityRef ref() const { return ref_; }
  Activity& activity() { return *activity_; }
  void become_current(CacheSlot, ActivityRef);
  // What is not yet in its frame is saved.
  void leave_current();
  // From one process to another that uses no FPU and has stood in no line.
  [[gnu::always_inline]] void change_over(CacheSlot slot, Process& process, ActivityRef ref, Activity& activity) {
    store_.keep(slot, ref.slot());
    slot_ = slot;
    process_ = &process;
    ref_ = ref;
    activity_ = &activity;
  }

  // --- what is loaded of it ---
  // Loads the address space of the current process, and its FPU registers if it uses them.
  void load_current() {
    if (!is_space_loaded(*process_)) [[unlikely]] load_space(*process_);
    if ((process_->control.flags & ProcessControl::flag_fpu) && !is_fpu_loaded()) load_fpu();
  }
  bool is_space_loaded(const Process& process) const {
    return tables_.is_loaded(process.control.root_hint, process.control.root_identity);
  }
  void load_space(Process&);  // its frame is writable
  void give_fpu();            // to the current process, which has none
  void release_fpu();         // saved, if it is loaded

  // --- its slice ---
  void begin_slice(uint64_t slice_ns) {
    slice_end_ns_ = machine::now_ns() + slice_ns;
    is_overdue_ = false;
  }
  bool has_slice_ended(uint64_t now_ns) const { return now_ns >= slice_end_ns_; }
  // At its end, and no process is ready that the current one could give way to.
  void note_overdue() { is_overdue_ = true; }
  bool is_overdue() const { return is_overdue_; }

  // --- why the fast path is not to be taken now; 0: it may be ---
  static constexpr uint8_t slow_by_choice = 1 << 0;   // the option, or chaos
  static constexpr uint8_t slow_by_fpu = 1 << 1;      // its registers are loaded, and have to be saved
  static constexpr uint8_t slow_by_restart = 1 << 2;  // a caller that stood in a line has not come back to it
  static constexpr uint8_t slow_by_place = 1 << 3;    // the current process has stood in a line (Activity::stood_in)
  uint8_t slow_because() const { return slow_because_; }
  void become_slow(uint8_t because) { slow_because_ |= because; }
  void no_longer_slow(uint8_t because) { slow_because_ &= static_cast<uint8_t>(~because); }

 private:
  bool is_fpu_loaded() const { return slow_because_ & slow_by_fpu; }
  void load_fpu();

  FrameStore& store_;
  PageTables& tables_;
  CacheSlot slot_ = no_slot;
  uint8_t slow_because_ = 0;
  bool is_overdue_ = false;
  Process* process_ = nullptr;  // in the same slot
  ActivityRef ref_;
  Activity* activity_ = nullptr;  // the same
  uint64_t slice_end_ns_ = 0;
};

}  // namespace perdure
