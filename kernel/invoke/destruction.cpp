// SPDX-License-Identifier: MIT
#include "kernel/invoke/destruction.hpp"

namespace perdure {
namespace {

WaitChannel channel(WaitChannel::Reason reason, ObjectId id) {
  return WaitChannel::of(reason, id.value);
}

}  // namespace

// Their frame is writable. None is asked for twice: of a caller that cannot be read each try would read it again, and with
// many of those a try would only begin again with the first.
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

// A process that destroys itself is stopped last: until then it is there to wait for what is on the disk.
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

// A process that loses its activity stops. One that cannot be read leaves at least its line.
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

// All activities of a row, and the row's place in the restart list. The own activity of a process that
// asked for this comes when nothing can stall any more.
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

// What is waited for keeps its frame in memory, and so does an activity that runs or is queued. But there may be
// translations that went by its nodes, and priorities that came from its schedules. The activity of a process is not
// known any more: it is put to rest when its turn comes. Nor are callers whose answer was to come from here. The
// restart list still names a row of activities that was in it, and is not whole until a boot makes it anew.
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
