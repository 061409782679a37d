// SPDX-License-Identifier: MIT
#include "kernel/invoke/destruction.hpp"

namespace perdure {
namespace {

WaitChannel channel(WaitChannel::Reason reason, ObjectId id) {
  return WaitChannel::of(reason, id.value);
}

}  // namespace

// The frame of the capabilities is writable. Each capability is cleared when it is dealt with, so that no caller
// is asked for twice: each try would read a caller that cannot be read again, and with many of those a try would
// only begin again with the first.
Outcome Destruction::answer_all(Capability* capabilities, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (capabilities[i].type != CapabilityType::resume) continue;
    if (const Outcome o = messages_.answer_caller(capabilities[i], Result::destroyed); o.is_obstacle()) return o;
    const Commit committed = attempt_.commit();
    capabilities[i] = {};
    machine::let_interrupts_in();
  }
  return Outcome::prepared();
}

// A process that destroys itself is stopped last: until then it can wait for what is on the disk.
Outcome Destruction::retire_process(CacheSlot slot) {
  Process& process = process_in(store_, slot);
  if (slot != processor_.slot()) {
    if (const Outcome o = states_.stop(slot, process); o.is_obstacle()) return o;
  }
  if (const Outcome o = answer_all(process.capability_registers, capability_register_count);
      o.is_obstacle()) {
    return o;
  }
  if (const Outcome o = states_.stop(slot, process); o.is_obstacle()) return o;
  if (!process.control.activity.is_void()) {
    const auto activity = states_.prepare_activity(process);
    if (!activity && activity.error().what == Outcome::What::stalled) return activity.error();
    const Commit committed = attempt_.commit();
    if (activity) {
      Activity& bound = scheduler_.at(*activity);
      bound.process = {};
      bound.process_version = {};
    }
    process.control.activity = {};
  }
  scheduler_.wake_callers(slot);
  return Outcome::prepared();
}

// A process that loses its activity stops. If the process cannot be read, the activity at least leaves its line.
Outcome Destruction::retire_activity(ActivityRef ref) {
  Activity& activity = scheduler_.at(ref);
  Capability bound = process_of(activity);
  if (activity.process.value == 0) {
    // Bought and never bound.
  } else if (const auto found = attempt_.find(bound)) {
    Process& process = process_in(store_, found->slot);
    if (states_.is_bound(process, ref)) {
      if (const Outcome o = states_.stop(found->slot, process); o.is_obstacle()) return o;
      if (const Outcome o = attempt_.prepare_write(found->slot, Need::reserve); o.is_obstacle()) return o;
      const Commit committed = attempt_.commit();
      process.control.activity = {};
    }
  } else if (found.error().what == Outcome::What::stalled) {
    return found.error();
  }
  const Commit committed = attempt_.commit();
  deadlines_.forget_deadline(ref);
  scheduler_.remove(ref);
  lines_.forget_place(activity);
  activity.process = {};
  activity.process_version = {};
  activity.runnable = 0;
  return Outcome::prepared();
}

// All activities of a row, and the row's place in the restart list. If the caller destroys its own activity,
// that one comes last, when nothing can stall any more.
Outcome Destruction::retire_activity_row(CacheSlot slot) {
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store_.bytes(slot))->allocated;
  const ActivityRef own = processor_.ref();
  for (unsigned index = 0; index < info(Kind::activity).objects_per_frame; ++index) {
    const ActivityRef ref = ActivityRef::of(slot, index);
    if (!(allocated >> index & 1) || ref == own) continue;
    if (const Outcome o = retire_activity(ref); o.is_obstacle()) return o;
  }
  const auto neighbours = restart_list_.prepare_to_unlink(slot);
  if (!neighbours) return Outcome::wait(neighbours.error());
  if (own.slot() == slot) {
    if (const Outcome o = retire_activity(own); o.is_obstacle()) return o;
  }
  restart_list_.unlink(attempt_.commit(), slot, *neighbours);
  return Outcome::prepared();
}

Outcome Destruction::retire_object(CacheSlot slot, unsigned index, FrameNumber frame) {
  const ObjectId id = ObjectId::of(frame, index);
  switch (store_.descriptor(slot).identity.kind) {
    case Kind::node:
      tables_.forget_node(id);
      return Outcome::prepared();
    case Kind::wrapper:
      scheduler_.wake_all(channel(WaitChannel::Reason::wrapper, id));
      return Outcome::prepared();
    case Kind::endpoint: {
      const Endpoint& endpoint = *row_object<Endpoint>(store_.bytes(slot), index);
      scheduler_.wake_all(channel(WaitChannel::Reason::endpoint, id));
      scheduler_.wake_callers(endpoint.receiver);
      return Outcome::prepared();
    }
    case Kind::activity:
      return retire_activity(ActivityRef::of(slot, index));
    case Kind::schedule:
      scheduler_.schedule_changed(slot, index, true);
      return Outcome::prepared();
    default:
      return Outcome::prepared();
  }
}

// No process waits for an object in a lost frame, and no activity in it runs or is queued: either keeps the frame
// in memory. But there may be translations that went by its nodes, and priorities that came from its schedules.
// If it held a process, the activity of that process is not known any more: the activity is put to rest when its
// turn comes. Callers that wait for an answer from here are not known either. If it held a row of activities, the
// restart list still names that row, and is not whole until a boot makes it anew.
void Destruction::retire_lost_frame(CacheSlot slot, FrameNumber frame) {
  const Kind kind = store_.descriptor(slot).identity.kind;
  trace_.add(TraceEntry::Event::destroy, frame.value, static_cast<uint64_t>(kind));
  for (unsigned index = 0; kind == Kind::node && index < info(kind).objects_per_frame; ++index) {
    tables_.forget_node(ObjectId::of(frame, index));
  }
  if (kind == Kind::schedule) scheduler_.priorities.forget();
  if (kind == Kind::process) scheduler_.wake_unread(frame);
}

Outcome Destruction::retire_frame(CacheSlot slot, FrameNumber frame) {
  const Kind kind = store_.descriptor(slot).identity.kind;
  trace_.add(TraceEntry::Event::destroy, frame.value, static_cast<uint64_t>(kind));
  switch (kind) {
    case Kind::empty:
      return Outcome::prepared();
    case Kind::page:
      tables_.unmap(slot);
      return Outcome::prepared();
    case Kind::capability_page:
      return answer_all(reinterpret_cast<Capability*>(store_.bytes(slot)), capabilities_per_page);
    case Kind::process:
      return retire_process(slot);
    case Kind::activity:
      return retire_activity_row(slot);
    default:
      break;
  }
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store_.bytes(slot))->allocated;
  for (unsigned index = 0; index < info(kind).objects_per_frame; ++index) {
    if (!(allocated >> index & 1)) continue;
    if (const Outcome o = retire_object(slot, index, frame); o.is_obstacle()) return o;
  }
  return Outcome::prepared();
}

}  // namespace perdure
