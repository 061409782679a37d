// SPDX-License-Identifier: MIT
//
// Moves a process in its lines when its priority changes: by its schedule, by the callers in line for it, or by
// the client that has an unanswered call with it.
#include <utility>

#include "kernel/machine.hpp"
#include "kernel/run/scheduler.hpp"

namespace perdure {

void Scheduler::join_peers(ActivityRef ref, const Standing& standing) {
  if (!standing.is_known || standing.schedule.is_none()) return;
  const Place place = place_of(standing.schedule.slot(), standing.schedule.index());
  LineEnds& peers = schedule_at(place).peers;
  Activity& activity = at(ref);
  activity.peer_next = end_mark | place;
  if (peers.is_empty()) {
    activity.peer_previous = end_mark | place;
    peers.first = ref.value;
    store_->pin(standing.schedule.slot());
  } else {
    activity.peer_previous = peers.last;
    at({peers.last}).peer_next = ref.value;
  }
  peers.last = ref.value;
}

void Scheduler::leave_peers(ActivityRef ref) {
  Activity& activity = at(ref);
  const uint32_t next = activity.peer_next, previous = activity.peer_previous;
  if (previous == 0) return;
  if (!(next & end_mark)) at({next}).peer_previous = previous;
  else schedule_at(next & ~end_mark).peers.last = previous & end_mark ? 0 : previous;
  if (!(previous & end_mark)) at({previous}).peer_next = next;
  else schedule_at(previous & ~end_mark).peers.first = next & end_mark ? 0 : next;
  if (next & previous & end_mark) store_->unpin((next & ~end_mark) >> ObjectId::index_bits);
  activity.peer_next = activity.peer_previous = 0;
}

// The activity has another present priority. A caller that waits for a receiver makes its call again, and so
// comes to the right line, with the ticket that it has.
void Scheduler::move(ActivityRef ref, const Standing& standing) {
  if (!has_priority_line(ref)) return;
  store_->pin(ref.slot());
  remove(ref);
  make_ready(ref, standing);
  store_->unpin(ref.slot());
}

// Each peer that is moved goes to the end of the list, so that as many as there were at first are all of them.
// All peers leave a schedule that is destroyed: also a receiver that was moved before one of its callers was, and
// joined again when its priority changed by that. No receiver does so twice for the same caller.
void Scheduler::schedule_changed(CacheSlot slot, unsigned index, bool is_destroyed) {
  priorities.forget();
  const Schedule& schedule = schedule_at(place_of(slot, index));
  uint32_t count = 0;
  for (uint32_t peer = schedule.peers.first; peer != 0 && !(peer & end_mark); peer = at({peer}).peer_next) ++count;
  for (uint32_t done = 0; (is_destroyed || done < count) && !schedule.peers.is_empty(); ++done) {
    const ActivityRef ref{schedule.peers.first};
    const CacheSlot process = priorities.process_of(at(ref));
    const uint8_t inherited = process == no_slot ? 0 : highest_of(process_in(process).control.callers_map);
    Standing now{.is_known = true};
    if (!is_destroyed) now = {schedule.priority, schedule.ceiling, true, ActivityRef::of(slot, index)};
    now.is_lent(inherited);
    move(ref, now);
    if ((done + 1) % steps_between_interrupts == 0) machine::let_interrupts_in();
  }
  if (is_destroyed) priorities.forget();  // its priority has been looked at meanwhile
}

void Scheduler::process_changed(Process& process) {
  process.control.priority_stamp = 0;
  const ActivityRef ref = priorities.activity_of(process);
  if (!ref.is_none()) move(ref, priorities.standing(process));
}

void Scheduler::look_again(ActivityRef ref) {
  const FrameDescriptor& row = store_->descriptor(ref.slot());
  if (row.identity.kind != Kind::activity || !row.is_readable()) return;
  const CacheSlot process = priorities.process_of(at(ref));
  if (process != no_slot) process_in(process).control.lost_schedule_stamp = 0;
  if (!has_priority_line(ref)) return;
  store_->pin(ref.slot());
  remove(ref);
  make_ready(ref);
  store_->unpin(ref.slot());
}

// The line of callers for the process has changed: so may its own priority have.
void Scheduler::set_callers_map(CacheSlot slot, uint16_t map) {
  Process& process = process_in(slot);
  uint16_t& present = process.control.callers_map;
  if (present == 0) store_->pin(slot);
  const uint8_t before = priorities.standing(process).priority;
  present = map;
  if (priorities.standing(process).priority != before) changed_ = slot;
  if (map == 0) store_->unpin(slot);
}

// A caller that leaves a line, or joins one, may change the priority of the receiver. The receiver may itself
// stand in another line, or wait for a server that has accepted its call, and so on: the change is followed to
// the end of this chain. Else the last process of it would for ever be as important as a caller of the first that
// has left, or be kept from running by processes less important than a caller that has come. Each process leaves
// its line by this, so no more are moved than stood in one.
void Scheduler::follow_changes() {
  unsigned calls = 0;  // one in the middle of the other
  for (unsigned count = 1; changed_ != no_slot; ++count) {
    const CacheSlot slot = std::exchange(changed_, no_slot);
    Process& process = process_in(slot);
    const ActivityRef ref = priorities.activity_of(process);
    if (ref.is_none() || !has_priority_line(ref)) {
      if (++calls <= Priorities::clients_max) changed_ = priorities.callee_of(process);
      continue;
    }
    // Not moved for nothing: it would lose its turn, and a server that calls its own client would never wait.
    if (priorities.running_priority(slot) == process.control.line_priority) continue;
    calls = 0;
    store_->pin(ref.slot());
    leave_line(ref);
    make_ready(ref);
    store_->unpin(ref.slot());
    if (count % steps_between_interrupts == 0) machine::let_interrupts_in();
  }
}

}  // namespace perdure
