// SPDX-License-Identifier: MIT
//
// How important a process is at present, and what moves it in its lines when that changes: its schedule, those who
// stand in line for it, the client whose call it has accepted (decisions 0022 to 0024).
#include <algorithm>
#include <bit>
#include <utility>

#include "kernel/attempt/lookup.hpp"
#include "kernel/machine.hpp"
#include "kernel/run/scheduler.hpp"

namespace perdure {
namespace {

uint8_t highest_of(uint16_t callers_map) {
  return callers_map == 0 ? 0 : static_cast<uint8_t>(std::bit_width(callers_map) - 1);
}

uint8_t last_known(const Activity& activity) {
  return activity.priority == 0 ? priority_max : std::min<uint8_t>(activity.priority - 1, priority_max);
}

}  // namespace

Standing Scheduler::standing(Process& process) {
  ProcessControl& control = process.control;
  Standing now{.is_known = true};
  Capability& capability = process.schedule;
  Lookup found;
  if (capability.type == CapabilityType::schedule && control.lost_schedule_stamp != stamp_) {
    if (!look_up_hinted<Kind::schedule>(*store_, capability, found)) {
      const CacheSlot slot = store_->find(capability.object.frame());
      if (slot == no_slot) {
        now = {.priority = control.priority, .ceiling = control.ceiling};
        now.is_lent(highest_of(control.callers_map));
        return now;
      }
      capability.hint = slot;
    }
    if (look_up_hinted<Kind::schedule>(*store_, capability, found)) {
      const Place place = place_of(found.slot, found.index);
      const Schedule& schedule = schedule_at(place);
      now.priority = std::min(schedule.priority, priority_max);
      now.ceiling = std::min(schedule.ceiling, priority_max);
      now.schedule = ActivityRef::of(found.slot, found.index);
    }
  }
  control.priority = now.priority;
  control.ceiling = now.ceiling;
  control.priority_stamp = stamp_;
  now.is_lent(highest_of(control.callers_map));
  return now;
}

bool Scheduler::is_process(CacheSlot slot) {
  if (slot >= store_->slot_count()) return false;
  const FrameDescriptor& frame = store_->descriptor(slot);
  return frame.identity.kind == Kind::process && frame.is_readable();
}

// Its frame may be another's by now, if the disk has lost it.
CacheSlot Scheduler::process_of_activity(const Activity& activity) {
  const CacheSlot slot = store_->find(activity.process.frame());
  return is_process(slot) && store_->descriptor(slot).identity.source == activity.process_version ? slot : no_slot;
}

Standing Scheduler::standing(ActivityRef ref) {
  const Activity& activity = at(ref);
  const CacheSlot slot = process_of_activity(activity);
  if (slot == no_slot) return {.priority = last_known(activity)};
  Standing now = standing(process_in(slot));
  if (!now.is_known) now.priority = std::max(now.priority, last_known(activity));
  return now;
}

// Whose call it accepted last and has not answered: what answers that call stands where it was delivered. The
// way back is noted: who stands in line for the client, and the end of its call, change the server's priority.
Scheduler::Client Scheduler::client_of(CacheSlot server) {
  const Process& process = process_in(server);
  const Capability& answer = process.capability_registers[resume_register];
  if (answer.type != CapabilityType::resume) return {};
  const CacheSlot slot = store_->find(answer.object.frame(), answer.hint);
  // One that waits open has most often answered.
  if (slot == no_slot) return {.is_absent = process.control.state != ProcessState::receiving};
  const FrameDescriptor& frame = store_->descriptor(slot);
  if (!is_process(slot) || !names(answer, ObjectId::of(frame.number), frame.identity.source)) return {};
  ProcessControl& client = process_in(slot).control;
  if (client.call_count != answer.payload) return {};
  client.callee = server;
  return {slot};
}

// Or another process, if the hint is old: that is looked at in vain.
CacheSlot Scheduler::callee_of(const Process& client) {
  return is_process(client.control.callee) ? client.control.callee : no_slot;
}

Standing Scheduler::lent(CacheSlot server, Standing now) {
  uint8_t ceiling = now.ceiling;
  Client client = client_of(server);
  for (unsigned i = 0; i < clients_max && client.slot != no_slot; ++i) {
    const Standing its = standing(process_in(client.slot));
    now.priority = std::max(now.priority, std::min(its.priority, ceiling));
    now.is_known &= its.is_known;
    ceiling = std::min(ceiling, its.ceiling);  // its own clients lend by way of it
    client = client_of(client.slot);
  }
  now.is_known &= !client.is_absent;
  return now;
}

Standing Scheduler::lent(ActivityRef ref, CacheSlot process) {
  return process == no_slot ? standing(ref) : lent(process, standing(ref));
}

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

// Its present priority is another one. Who waits for a receiver makes its call again, and so comes to
// the right line, with the ticket that it has.
void Scheduler::move(ActivityRef ref, const Standing& standing) {
  if (!has_priority_line(ref)) return;
  store_->pin(ref.slot());
  remove(ref);
  make_ready(ref, standing);
  store_->unpin(ref.slot());
}

// Each goes to the end of the list of peers, so that as many as there were at first are all of them.
// One that is destroyed is left by all: also by a receiver that was moved before one of its callers was,
// and joined again when its priority changed by that. None does so twice for the same caller.
void Scheduler::schedule_changed(CacheSlot slot, unsigned index, bool is_destroyed) {
  forget_priorities();
  const Schedule& schedule = schedule_at(place_of(slot, index));
  uint32_t count = 0;
  for (uint32_t peer = schedule.peers.first; peer != 0 && !(peer & end_mark); peer = at({peer}).peer_next) ++count;
  for (uint32_t done = 0; (is_destroyed || done < count) && !schedule.peers.is_empty(); ++done) {
    const ActivityRef ref{schedule.peers.first};
    const CacheSlot process = process_of_activity(at(ref));
    const uint8_t inherited = process == no_slot ? 0 : highest_of(process_in(process).control.callers_map);
    Standing now{.is_known = true};
    if (!is_destroyed) now = {schedule.priority, schedule.ceiling, true, ActivityRef::of(slot, index)};
    now.is_lent(inherited);
    move(ref, now);
    if ((done + 1) % steps_between_interrupts == 0) machine::let_interrupts_in();
  }
  if (is_destroyed) forget_priorities();  // its priority has been looked at meanwhile
}

ActivityRef Scheduler::activity_of(Process& process) {
  Lookup found;
  Capability& bound = process.control.activity;
  if (bound.is_void()) return {};
  if (!look_up_hinted<Kind::activity>(*store_, bound, found)) {
    bound.hint = store_->find(bound.object.frame());
    if (!look_up_hinted<Kind::activity>(*store_, bound, found)) return {};
  }
  return ActivityRef::of(found.slot, found.index);
}

void Scheduler::process_changed(Process& process) {
  process.control.priority_stamp = 0;
  const ActivityRef ref = activity_of(process);
  if (!ref.is_none()) move(ref, standing(process));
}

// Who waits for it has changed: so may its own priority have.
void Scheduler::set_callers_map(CacheSlot slot, uint16_t map) {
  Process& process = process_in(slot);
  uint16_t& present = process.control.callers_map;
  if (present == 0) store_->pin(slot);
  const uint8_t before = standing(process).priority;
  present = map;
  if (standing(process).priority != before) changed_ = slot;
  if (map == 0) store_->unpin(slot);
}

// Who leaves a line, or joins one, may change the priority of the receiver, which may itself stand in
// another line, or wait for one that has accepted its call, and so on to the end: else the last of them would
// for ever be as important as a caller of the first that has left, or be kept from running by others less
// important than one that has come. Each leaves its line by this, so they are no more than stood in one.
void Scheduler::follow_changes() {
  unsigned calls = 0;  // one in the middle of the other
  for (unsigned count = 1; changed_ != no_slot; ++count) {
    const CacheSlot slot = std::exchange(changed_, no_slot);
    Process& process = process_in(slot);
    const ActivityRef ref = activity_of(process);
    if (ref.is_none() || !has_priority_line(ref)) {
      if (++calls <= clients_max) changed_ = callee_of(process);
      continue;
    }
    // Not moved for nothing: it would lose its turn, and one that calls its own client would never wait.
    if (running_priority(slot) == process.control.line_priority) continue;
    calls = 0;
    store_->pin(ref.slot());
    leave_line(ref);
    make_ready(ref);
    store_->unpin(ref.slot());
    if (count % steps_between_interrupts == 0) machine::let_interrupts_in();
  }
}

}  // namespace perdure
