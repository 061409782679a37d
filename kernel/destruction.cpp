// SPDX-License-Identifier: MIT
//
// Taking objects away. Legal at any time as far as the kernel is concerned: what runs, waits
// or is mapped there is dealt with first. Each function goes through a frame or an object in steps
// that are complete in themselves (a process stopped, a caller answered), and can stall between
// them; the call is then made again and finds less to do. Only when nothing is left does the
// caller take the next version, and every capability is void at once.
//
// A client whose server is destroyed must not hang: every resume capability in a process or a
// capability page that goes is answered with `destroyed`.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

WaitChannel channel(WaitChannel::Reason reason, ObjectId id) {
  return WaitChannel::of(reason, id.value);
}

}  // namespace

// Their frame is writable. None is asked for twice: of a caller that cannot be read each try would read it again, and with
// many of those a try would only begin again with the first.
Outcome Kernel::answer_all(Capability* capabilities, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (capabilities[i].type != CapabilityType::resume) continue;
    if (const Outcome o = answer_caller(capabilities[i], Result::destroyed); o.is_obstacle()) return o;
    const Commit committed = attempt.commit();
    capabilities[i] = {};
    machine::let_interrupts_in();
  }
  return Outcome::prepared();
}

// A process that destroys itself is stopped last: until then it is there to wait for what is on the disk.
Outcome Kernel::retire_process(CacheSlot slot) {
  Process& process = process_at(slot);
  if (slot != processor.slot()) {
    if (const Outcome o = stop_process(slot, process); o.is_obstacle()) return o;
  }
  if (const Outcome o = answer_all(process.capability_registers, capability_register_count);
      o.is_obstacle()) {
    return o;
  }
  if (const Outcome o = stop_process(slot, process); o.is_obstacle()) return o;
  if (!process.control.activity.is_void()) {
    const auto activity = prepare_activity(process);
    if (!activity && activity.error().what == Outcome::What::stalled) return activity.error();
    const Commit committed = attempt.commit();
    if (activity) {
      Activity& bound = scheduler.at(*activity);
      bound.process = {};
      bound.process_version = {};
    }
    process.control.activity = {};
  }
  scheduler.wake_callers(slot);
  return Outcome::prepared();
}

// A process that loses its activity stops. One that cannot be read leaves at least its line.
Outcome Kernel::retire_activity(ActivityRef ref) {
  Activity& activity = scheduler.at(ref);
  Capability bound = process_of(activity);
  if (activity.process.value == 0) {
    // Bought and never bound.
  } else if (const auto found = attempt.find(bound)) {
    Process& process = process_at(found->slot);
    if (is_bound(process, ref)) {
      if (const Outcome o = stop_process(found->slot, process); o.is_obstacle()) return o;
      if (const Outcome o = attempt.prepare_write(found->slot, Need::reserve); o.is_obstacle()) return o;
      const Commit committed = attempt.commit();
      process.control.activity = {};
    }
  } else if (found.error().what == Outcome::What::stalled) {
    return found.error();
  }
  const Commit committed = attempt.commit();
  forget_deadline(ref);
  scheduler.remove(ref);
  forget_place(activity);
  activity.process = {};
  activity.process_version = {};
  activity.runnable = 0;
  return Outcome::prepared();
}

// All activities of a row, and the row's place in the restart list. The own activity of a process that
// asked for this comes when nothing can stall any more.
Outcome Kernel::retire_activity_row(CacheSlot slot) {
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store.bytes(slot))->allocated;
  const ActivityRef own = processor.ref();
  for (unsigned index = 0; index < info(Kind::activity).objects_per_frame; ++index) {
    const ActivityRef ref = ActivityRef::of(slot, index);
    if (!(allocated >> index & 1) || ref == own) continue;
    if (const Outcome o = retire_activity(ref); o.is_obstacle()) return o;
  }
  const auto neighbours = prepare_neighbours(slot);
  if (!neighbours) return Outcome::wait(neighbours.error());
  if (own.slot() == slot) {
    if (const Outcome o = retire_activity(own); o.is_obstacle()) return o;
  }
  unlink_activity_row(attempt.commit(), slot, *neighbours);
  return Outcome::prepared();
}

Outcome Kernel::retire_object(CacheSlot slot, unsigned index, FrameNumber frame) {
  const ObjectId id = ObjectId::of(frame, index);
  switch (store.descriptor(slot).identity.kind) {
    case Kind::node:
      tables.forget_node(id);
      return Outcome::prepared();
    case Kind::wrapper:
      scheduler.wake_all(channel(WaitChannel::Reason::wrapper, id));
      return Outcome::prepared();
    case Kind::endpoint: {
      const Endpoint& endpoint = *row_object<Endpoint>(store.bytes(slot), index);
      scheduler.wake_all(channel(WaitChannel::Reason::endpoint, id));
      scheduler.wake_callers(endpoint.receiver);
      return Outcome::prepared();
    }
    case Kind::activity:
      return retire_activity(ActivityRef::of(slot, index));
    case Kind::schedule:
      scheduler.schedule_changed(slot, index, true);
      return Outcome::prepared();
    default:
      return Outcome::prepared();
  }
}

// What is waited for keeps its frame in memory, and so does an activity that runs or is queued. But there may be
// translations that went by its nodes, and priorities that came from its schedules. The activity of a process is not
// known any more: it is put to rest when its turn comes. Nor are callers whose answer was to come from here. The
// restart list still names a row of activities that was in it, and is not whole until a boot makes it anew.
void Kernel::retire_lost_frame(CacheSlot slot, FrameNumber frame) {
  const Kind kind = store.descriptor(slot).identity.kind;
  trace.add(TraceEntry::Event::destroy, frame.value, static_cast<uint64_t>(kind));
  for (unsigned index = 0; kind == Kind::node && index < info(kind).objects_per_frame; ++index) {
    tables.forget_node(ObjectId::of(frame, index));
  }
  if (kind == Kind::schedule) scheduler.forget_priorities();
  if (kind == Kind::process) scheduler.wake_unread(frame);
}

Outcome Kernel::retire_frame(CacheSlot slot, FrameNumber frame) {
  const Kind kind = store.descriptor(slot).identity.kind;
  trace.add(TraceEntry::Event::destroy, frame.value, static_cast<uint64_t>(kind));
  switch (kind) {
    case Kind::empty:
      return Outcome::prepared();
    case Kind::page:
      tables.unmap(slot);
      return Outcome::prepared();
    case Kind::capability_page:
      return answer_all(reinterpret_cast<Capability*>(store.bytes(slot)), capabilities_per_page);
    case Kind::process:
      return retire_process(slot);
    case Kind::activity:
      return retire_activity_row(slot);
    default:
      break;
  }
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store.bytes(slot))->allocated;
  for (unsigned index = 0; index < info(kind).objects_per_frame; ++index) {
    if (!(allocated >> index & 1)) continue;
    if (const Outcome o = retire_object(slot, index, frame); o.is_obstacle()) return o;
  }
  return Outcome::prepared();
}

}  // namespace perdure
