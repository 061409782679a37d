// SPDX-License-Identifier: MIT
//
// The line of callers before a receiver that is busy: in order of priority, among equals in order of
// their tickets, which is that of arrival. Nobody in it is ever woken to try: *the receiver takes*.
//
//   caller                       receiver
//   call, receiver busy          serves another
//   joins the line, draws        reply_and_wait: its activity is ready, to look at its line
//   a ticket                     its turn comes: the first caller's attempt is made for it, here
//   waiting <--- accepted ------ running
//
// A caller that waits has its program counter at the call (or stands at a trap, which is kept with it),
// so its attempt can be made at any time, whatever its own priority is. What can come of it:
//  - it is accepted, answered, or turns out to wait for something else: it leaves the line;
//  - it needs a frame or room that is not at hand: it keeps its place, what it needs is asked for, and
//    the next one is tried. The receiver looks again when what the first of them needs is there.
// So who stands in line reserves nothing that another could take, and nobody is passed by one that
// comes later, but while its frames are on the way.
//
// A line is persistent as far as that: an activity's ticket and a mark of its line (Activity::stood_in)
// are written when it joins, when its row is current. After a restart those with a mark are counted, by
// line and priority, and until they have come back nobody of no higher priority is taken from the line
// or passes it. They make their attempts when they are looked at, in the order of their last known
// priorities, so no schedule that was changed since can hold up a line. Two lines whose marks collide
// wait for each other's; a mark that has lost its sense does not do more either.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

// Of the callers in a line, at one look.
constexpr unsigned tried_max = 4;

// Which line, in the 15 bits of Activity::stood_in; not 0.
uint64_t mark_of(ObjectId receiver) {
  const uint64_t mark = receiver.frame().value * 0x9e3779b97f4a7c15 >> 49;
  return mark != 0 ? mark : 1;
}

WaitChannel line_of(ObjectId receiver) {
  return WaitChannel::of(WaitChannel::Reason::receiver, receiver.value);
}

// ProcessControl::waiting_fault: the trap of one that waits for a keeper.
constexpr uint8_t trap_page_fault = 1 << 0;
constexpr uint8_t trap_exception = 1 << 1;
constexpr uint8_t trap_write = 1 << 2;
constexpr uint8_t trap_execute = 1 << 3;

void keep_trap(ProcessControl& control, const Trap& trap) {
  const bool is_page_fault = trap.reason == Trap::Reason::page_fault;
  control.waiting_fault = static_cast<uint8_t>((is_page_fault ? trap_page_fault : trap_exception) |
                                               (trap.write ? trap_write : 0) | (trap.execute ? trap_execute : 0));
  control.waiting_address = trap.address;
  control.waiting_detail = uint64_t{trap.vector} << 32 | (trap.error_code & 0xffff'ffff);
}

Trap kept_trap(const ProcessControl& control) {
  return {.reason = control.waiting_fault & trap_page_fault ? Trap::Reason::page_fault : Trap::Reason::exception,
          .vector = static_cast<uint8_t>(control.waiting_detail >> 32),
          .error_code = static_cast<uint32_t>(control.waiting_detail),
          .address = control.waiting_address,
          .write = (control.waiting_fault & trap_write) != 0,
          .execute = (control.waiting_fault & trap_execute) != 0};
}

}  // namespace

// The current process, before a receiver that is busy, or is free with others first.
void Kernel::join_line(ObjectId receiver) {
  Activity& activity = processor.activity();
  if (!attempt_is_call_) keep_trap(processor.process().control, *attempt_trap_);
  if (activity.stood_in != mark_of(receiver)) {
    no_longer_awaited(activity);
    activity.ticket = store.system().next_ticket++ & ticket_mask;
    activity.stood_in = mark_of(receiver) & 0x7fff;
  }
  stall(processor.ref(), line_of(receiver));
  const CacheSlot slot = store.find(receiver.frame());
  if (process_at(slot).control.state == ProcessState::receiving) look_again(slot);
}

// LINE-IS-LOOKED-AT. Its row is in memory: prepare_receiver() has found it.
void Kernel::look_again(CacheSlot receiver) {
  const ActivityRef ref = scheduler.activity_of(process_at(receiver));
  if (!scheduler.is_queued(ref)) scheduler.make_ready(ref);
  else if (scheduler.is_waiting(ref)) scheduler.wake(ref);
}

// The turn of a process that waits open has come: it takes the first caller that can be taken.
void Kernel::look_at_line(ActivityRef ref, CacheSlot slot) {
  const ObjectId receiver = ObjectId::of(store.descriptor(slot).number);
  const Version row = scheduler.at(ref).version;
  scheduler.forget_wake(ref);
  store.pin(slot);
  // Whatever an attempt has done: in what has been made in place of a receiver that it destroyed no caller stands in line.
  const auto waits_open = [&] { return process_at(slot).control.state == ProcessState::receiving; };
  WaitChannel obstacle;
  unsigned passed = 0;
  for (unsigned tried = 0; tried < tried_max && waits_open() && !processor.has_current(); ++tried) {
    const auto [caller, priority] = scheduler.caller(process_at(slot), passed);
    if (caller.is_none()) break;
    if (is_line_closed(receiver, priority)) {
      if (obstacle.value == 0) obstacle = WaitChannel::of(WaitChannel::Reason::restart);
      break;
    }
    const WaitChannel needed = attempt_for(caller, slot);
    if (needed.value == 0) continue;
    ++passed;
    if (obstacle.value == 0) obstacle = needed;
    if (needed.reason() == WaitChannel::Reason::time) break;  // it had to give way
  }
  if (waits_open() && process_at(slot).control.callers_map != 0 && scheduler.at(ref).version == row &&
      !scheduler.is_queued(ref)) {
    if (obstacle.value == 0 || obstacle.reason() == WaitChannel::Reason::time) scheduler.make_ready(ref);
    else stall(ref, obstacle);
  }
  store.unpin(slot);
}

// The frames without which the attempt of one that stands in line cannot be made.
Expected<CacheSlot, WaitChannel> Kernel::prepare_caller(ActivityRef ref) {
  const Activity& activity = scheduler.at(ref);
  Capability bound = process_of(activity);
  const auto found = look_up(store, bound);
  if (!found && found.error().why == Failure::Why::stall) return std::unexpected(found.error().stall.until);
  if (!found) {
    stall_unchosen(ref, found.error());
    return std::unexpected(WaitChannel{});
  }
  for (const CacheSlot slot : {found->slot, ref.slot()}) {
    if (const auto dirty = store.make_dirty(slot, Need::reserve); !dirty) return std::unexpected(dirty.error().until);
  }
  return found->slot;
}

// The attempt of one that stands in line before `receiver`. What it needs and keeps its place for;
// nothing: it has left the line.
WaitChannel Kernel::attempt_for(ActivityRef caller, CacheSlot receiver) {
  const auto slot = prepare_caller(caller);
  if (!slot) return slot.error();
  const bool gave_way_before = gave_way_ == caller;
  gave_way_ = {};
  taken_ = caller;
  taker_ = receiver;
  taken_stalled_ = {};
  processor.become_current(*slot, caller);
  processor.begin_slice(default_slice_ns);  // enough for any message
  attempt_again();
  const bool runs_on = processor.ref() == caller;
  if (runs_on) processor.leave_current();
  taken_ = {};
  taker_ = no_slot;
  const bool gives_way = taken_stalled_.reason() == WaitChannel::Reason::time;
  if (runs_on || (gives_way && gave_way_before)) {
    scheduler.remove(caller);
    scheduler.make_ready(caller);
    return {};
  }
  if (gives_way) gave_way_ = caller;
  return taken_stalled_;
}

// Of the current process, which stands in line.
void Kernel::attempt_again() {
  if (scheduler.waits_in_call(processor.ref())) {
    processor.process().registers.rip += system_call_instruction_bytes;
    carry_out({.reason = Trap::Reason::system_call});
  } else {
    carry_out(kept_trap(processor.process().control));
  }
}

// Others are before the current process, and no less important.
bool Kernel::has_to_wait(ObjectId receiver, const Process& process) {
  const uint8_t priority = scheduler.running_priority(processor.slot());
  return process.control.callers_map >> priority != 0 || is_line_closed(receiver, priority);
}

// --- after a restart -------------------------------------------------------------------------------------

bool Kernel::is_line_closed(ObjectId receiver, uint8_t priority) const {
  if (awaited_count_ == 0) [[likely]] return false;
  const uint32_t* awaited = awaited_[mark_of(receiver) % awaited_lines];
  for (unsigned p = priority; p < priority_count; ++p) {
    if (awaited[p] != 0) return true;
  }
  return false;
}

namespace {

unsigned first_look_priority(const Activity& activity) {
  return activity.priority == 0 || activity.priority > priority_max ? priority_max : activity.priority - 1u;
}

}  // namespace

void Kernel::await_after_restart(Activity& activity) {
  activity.is_awaited = 1;
  ++awaited_[activity.stood_in % awaited_lines][first_look_priority(activity)];
  ++awaited_count_;
  processor.become_slow(Processor::slow_by_restart);
}

void Kernel::no_longer_awaited(Activity& activity) {
  if (!activity.is_awaited) return;
  activity.is_awaited = 0;
  if (--awaited_count_ == 0) processor.no_longer_slow(Processor::slow_by_restart);
  if (--awaited_[activity.stood_in % awaited_lines][first_look_priority(activity)] == 0) {
    scheduler.wake_all(WaitChannel::of(WaitChannel::Reason::restart));
  }
}

// Its call has ended, or is no longer the same one. Its row is current.
void Kernel::forget_place(Activity& activity) {
  if (activity.stood_in == 0) return;
  no_longer_awaited(activity);
  activity.stood_in = 0;
  if (processor.is_current(activity)) processor.no_longer_slow(Processor::slow_by_place);
}

// The current process stood in a line before the restart, with its program counter at the call: the
// call is made for it at once, lest it keep others waiting until its own turn comes. (One that stood
// there with a fault, or was on its way out, has to run into it again.)
void Kernel::attempt_after_restart() {
  const ActivityRef ref = processor.ref();
  if (!make_current_writable()) return;
  if (!processor.process().registers.entered_by_system_call) return no_longer_awaited(processor.activity());
  processor.process().registers.rip += system_call_instruction_bytes;
  carry_out({.reason = Trap::Reason::system_call});
  // If it has been accepted or answered, it has forgotten its place.
  const bool waits_elsewhere = scheduler.stalled_call(ref) > WaitChannel::Reason::disk_queue;
  if (waits_elsewhere) no_longer_awaited(scheduler.at(ref));
}

}  // namespace perdure
