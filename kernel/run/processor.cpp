// SPDX-License-Identifier: MIT
#include "kernel/run/processor.hpp"

#include "objects/assertion.hpp"

namespace perdure {

void Processor::become_current(CacheSlot slot, ActivityRef ref) {
  assert_that(!has_current(), "ONE-CURRENT: none is current when one becomes so");
  change_over(slot, *reinterpret_cast<Process*>(store_.bytes(slot)), ref,
              *row_object<Activity>(store_.bytes(ref.slot()), ref.index()));
  if (activity_->stood_in != 0) [[unlikely]] become_slow(slow_by_place);
}

void Processor::leave_current() {
  release_fpu();
  store_.keep(no_slot, no_slot);
  store_.may_have_room();
  no_longer_slow(slow_by_place);
  slot_ = no_slot;
  process_ = nullptr;
  ref_ = {};
  activity_ = nullptr;
}

// The root table of the process, if it has to be found anew, is remembered in the process.
[[gnu::noinline]] void Processor::load_space(Process& process) {
  ProcessControl& control = process.control;
  if (tables_.load_hinted(control.root_hint, control.root_identity)) return;
  tables_.load(process.space);
  control.root_hint = tables_.loaded();
  control.root_identity = tables_.loaded_identity();
}

void Processor::give_fpu() {
  machine::fpu_initial_state(process_->fpu_area);
  process_->control.flags |= ProcessControl::flag_fpu;
}

void Processor::load_fpu() {
  machine::fpu_enable();
  machine::fpu_load(process_->fpu_area);
  become_slow(slow_by_fpu);
}

void Processor::release_fpu() {
  if (!is_fpu_loaded()) return;
  machine::fpu_save(process_->fpu_area);
  machine::fpu_disable();
  no_longer_slow(slow_by_fpu);
}

}  // namespace perdure
