// SPDX-License-Identifier: MIT
//
// The whole-state checker: every invariant between the objects that are in memory. It loops over
// the cache, so it runs only in --check boots (at timer ticks and before each declaration: what
// is wrong then is never committed) and in tests. `image verify` checks the same of an image.
#include "kernel/kernel.hpp"

namespace perdure {

// ONE-ACTIVITY, seen from the process.
std::string_view Kernel::check_process(CacheSlot slot) {
  const Process& process = process_in(store, slot);
  const ProcessControl& control = process.control;
  const bool runs = control.state == ProcessState::running;
  if (control.state > ProcessState::waiting) return "a process is in no state that exists";
  if (slot == processor.slot() && !runs) return "ONE-ACTIVITY: the current process is not running";
  Capability bound = control.activity;
  if (bound.is_void()) return runs ? "ONE-ACTIVITY: a running process has no activity" : "";
  if (store.find(bound.object.frame()) == no_slot) return "";  // not in memory: cannot be checked
  const auto found = look_up(store, bound);
  // The process may be bound to an activity that the disk has lost, and that was destroyed: if the activity was
  // not in line, or could not be when the machine started.
  if (!found) return slot == processor.slot() ? "ONE-ACTIVITY: a process is bound to an activity that does not exist" : "";
  const Activity& activity = scheduler.at(ActivityRef::of(found->slot, found->index));
  if (activity.process != ObjectId::of(store.descriptor(slot).number) ||
      activity.process_version != store.descriptor(slot).identity.source) {
    return "ONE-ACTIVITY: the activity of a process is bound to another one";
  }
  if (activity.awaits_deadline && control.state != ProcessState::waiting) return "a deadline is awaited of a call that is none";
  const bool is_queued = scheduler.is_queued(ActivityRef::of(found->slot, found->index));
  if (control.state == ProcessState::receiving && control.callers_map != 0 && !is_queued) {
    return "LINE-IS-LOOKED-AT: callers stand in line for a process that waits open";
  }
  if (is_queued && !runs && control.state != ProcessState::receiving && !activity.awaits_deadline) {
    return "ONE-ACTIVITY: an activity is in line for nothing";
  }
  return (activity.runnable != 0) == runs ? "" : "ONE-ACTIVITY: an activity is runnable while its process is not running, or the reverse";
}

// ... and from the activities: a runnable one is current, or stands in a line; no other one does.
std::string_view Kernel::check_activities(CacheSlot slot) {
  const auto& header = *reinterpret_cast<const RowHeader*>(store.bytes(slot));
  for (unsigned index = 0; index < info(Kind::activity).objects_per_frame; ++index) {
    if (!(header.allocated >> index & 1)) continue;
    const ActivityRef ref = ActivityRef::of(slot, index);
    const Activity& activity = scheduler.at(ref);
    // A row that the start could not read may be read later; what stood in it does not run.
    const bool has_place = ref == processor.ref() || scheduler.is_queued(ref) || restart_list.is_row_missing();
    if (activity.runnable && !has_place) return "ONE-ACTIVITY: a runnable activity is lost";
    if (ref == processor.ref() && !activity.runnable) return "ONE-ACTIVITY: an activity that is not runnable runs";
    if (activity.runnable && activity.process.value == 0) return "ONE-ACTIVITY: an activity of nobody is runnable";
    if (activity.awaits_deadline && !has_place && !timers.is_armed(ref)) return "a deadline is awaited without a timer";
  }
  return "";
}

std::optional<StateMismatch> Kernel::check_state() {
  for (CacheSlot slot = 0; slot < store.slot_count(); ++slot) {
    const FrameDescriptor& frame = store.descriptor(slot);
    const bool usable = frame.state == FrameState::clean || frame.state == FrameState::dirty;
    if (!usable || (frame.flags & FrameDescriptor::flag_body_absent)) continue;
    std::string_view what;
    if (frame.identity.kind == Kind::process) {
      const Process& process = process_in(store, slot);
      what = check_process(slot);
      if (const auto wrong = tables.check(process.space)) what = wrong->what;
      if (!tables.is_hint_harmless(process.space, process.control.root_hint, process.control.root_identity)) {
        what = "a process remembers the root of another space";
      }
    } else if (frame.identity.kind == Kind::activity) {
      what = check_activities(slot);
    }
    if (!what.empty()) return StateMismatch{what, frame.number};
  }
  if (const auto wrong = tables.check_tables()) return StateMismatch{wrong->what, {wrong->address.value}};
  return std::nullopt;
}

void Kernel::check_if_asked() {
  if (const auto wrong = check_state()) store_events.bug(wrong->what, wrong->frame);
}

}  // namespace perdure
