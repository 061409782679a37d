// SPDX-License-Identifier: MIT
//
// What a disk may say that cannot be. One frame by itself was checked when it was fetched
// (objects/frame_check.hpp); whether two frames agree shows only when both are looked at. A checksum
// tells that bytes are as they were written, not that this kernel wrote them: so no disagreement reaches an
// assertion (P5). A process that makes no sense does not run, is told in one line, and the machine goes on.
#include "kernel/processes/process_states.hpp"

namespace perdure {

// ONE-ACTIVITY: process and activity name each other. The caller has found the process by the activity. Two
// processes with one activity, or the reverse, would stand in the lines twice.
bool ProcessStates::is_bound(const Process& process, ActivityRef ref) {
  return names(process.control.activity, ObjectId::of(store_.descriptor(ref.slot()).number, ref.index()),
               scheduler_.at(ref).version);
}

// ONE-ACTIVITY: a process that is ready is running, or waits for an answer with a deadline, or waits open and
// has to look at its line.
bool ProcessStates::is_to_run(const Process& process, ActivityRef ref) {
  const Activity& activity = scheduler_.at(ref);
  const ProcessState state = activity.awaits_deadline ? ProcessState::waiting
                             : activity.runnable      ? ProcessState::running
                                                      : ProcessState::receiving;
  return process.control.state == state && is_bound(process, ref);
}

// The process of this activity is gone, bound to another activity, or in another state. That is told once, over
// restarts too: the activity is not runnable any more, and stands in no line. The process is left as it is; a
// program that holds it may stop and start it. If the process is gone, the activity can be bound to another one.
void ProcessStates::put_to_rest(ActivityRef ref) {
  if (const auto dirty = store_.make_dirty(ref.slot(), Need::reserve); !dirty) return lines_.stall(ref, dirty.error().until);
  scheduler_.remove(ref);
  deadlines_.disarm(ref);
  Activity& activity = scheduler_.at(ref);
  lines_.forget_place(activity);
  activity.runnable = activity.awaits_deadline = 0;
  Capability bound = process_of(activity);
  const uint64_t frame = bound.object.frame().value;
  if (look_up(store_, bound)) return announcements_.warn("a process makes no sense and does not run; its frame is", frame);
  activity.process = {};
  activity.process_version = {};
  announcements_.warn("a process that was to run is gone; its frame was", frame);
}

// An activity may still name a process that is bound to it no more: the disk had lost the process when it was
// destroyed, or the activity could not be read when the process was stopped. If the activity still has a turn,
// that puts it to rest; else this is where it shows.
Expected<bool, Outcome> ProcessStates::is_unbound(ActivityRef ref) {
  const Activity& activity = scheduler_.at(ref);
  if (activity.process.value == 0) return true;
  Capability bound = process_of(activity);
  const auto found = attempt_.find(bound);
  if (found) return !is_bound(process_in(store_, found->slot), ref);
  if (found.error().what == Outcome::What::stalled) return std::unexpected(found.error());
  return found.error().result == Result::void_capability;
}

}  // namespace perdure
