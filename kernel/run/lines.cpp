// SPDX-License-Identifier: MIT
#include "kernel/run/lines.hpp"

#include "kernel/attempt/lookup.hpp"
#include "objects/assertion.hpp"

namespace perdure {
namespace {

// Which line, in the 15 bits of Activity::stood_in; not 0.
uint64_t mark_of(ObjectId receiver) {
  const uint64_t mark = receiver.frame().value * 0x9e3779b97f4a7c15 >> 49;
  return mark != 0 ? mark : 1;
}

WaitChannel line_of(ObjectId receiver) {
  return WaitChannel::of(WaitChannel::Reason::receiver, receiver.value);
}

// ProcessControl::waiting_fault: the trap of a process that waits for a keeper.
constexpr uint8_t trap_page_fault = 1 << 0;
constexpr uint8_t trap_exception = 1 << 1;
constexpr uint8_t trap_write = 1 << 2;
constexpr uint8_t trap_execute = 1 << 3;

void keep_trap(ProcessControl& control, const Trap& trap) {
  const bool is_page_fault = trap.reason == Trap::Reason::page_fault;
  control.waiting_fault = static_cast<uint8_t>((is_page_fault ? trap_page_fault : trap_exception) |
                                               (trap.write ? trap_write : 0) | (trap.execute ? trap_execute : 0));
  control.waiting_address = trap.address.value;
  control.waiting_detail = uint64_t{trap.vector} << 32 | (trap.error_code & 0xffff'ffff);
}

}  // namespace

Trap kept_trap(const ProcessControl& control) {
  return {.reason = control.waiting_fault & trap_page_fault ? Trap::Reason::page_fault : Trap::Reason::exception,
          .vector = static_cast<uint8_t>(control.waiting_detail >> 32),
          .error_code = static_cast<uint32_t>(control.waiting_detail),
          .address = {control.waiting_address},
          .write = (control.waiting_fault & trap_write) != 0,
          .execute = (control.waiting_fault & trap_execute) != 0};
}

// The current process joins the line for a receiver that is busy, or is free and has other callers first.
void Lines::join(ObjectId receiver) {
  Activity& activity = processor_.activity();
  if (!attempt_.is_call()) keep_trap(processor_.process().control, attempt_.trap());
  if (activity.stood_in != mark_of(receiver)) {
    no_longer_awaited(activity);
    activity.ticket = store_.system().next_ticket++ & ticket_mask;
    activity.stood_in = mark_of(receiver) & 0x7fff;
  }
  stall(processor_.ref(), line_of(receiver));
  const CacheSlot slot = store_.find(receiver.frame());
  if (process_in(store_, slot).control.state == ProcessState::receiving) look_again(slot);
}

// LINE-IS-LOOKED-AT. The row of the receiver's activity is in memory: Messages::prepare_receiver() has found it.
void Lines::look_again(CacheSlot receiver) {
  const ActivityRef ref = scheduler_.priorities.activity_of(process_in(store_, receiver));
  if (!scheduler_.is_queued(ref)) scheduler_.make_ready(ref);
  else if (scheduler_.is_waiting(ref)) scheduler_.wake(ref);
}

bool Lines::has_to_wait(ObjectId receiver, const Process& process) {
  const uint8_t priority = scheduler_.priorities.running_priority(processor_.slot());
  return process.control.callers_map >> priority != 0 || is_closed(receiver, priority);
}

// --- taking ----------------------------------------------------------------------------------------------

void Lines::begin_taking(ActivityRef caller, CacheSlot receiver) {
  gave_way_before_ = gave_way_ == caller;
  gave_way_ = {};
  taken_ = caller;
  taker_ = receiver;
  taken_stalled_ = {};
}

Lines::Taken Lines::end_taking() {
  const bool gives_way = taken_stalled_.reason() == WaitChannel::Reason::time;
  if (gives_way && !gave_way_before_) gave_way_ = taken_;
  taken_ = {};
  taker_ = no_slot;
  return {.stalled = taken_stalled_, .gives_way_again = gives_way && gave_way_before_};
}

// --- after a restart -------------------------------------------------------------------------------------

bool Lines::is_closed(ObjectId receiver, uint8_t priority) const {
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

void Lines::await_after_restart(Activity& activity) {
  activity.is_awaited = 1;
  ++awaited_[activity.stood_in % awaited_lines][first_look_priority(activity)];
  ++awaited_count_;
  processor_.become_slow(Processor::slow_by_restart);
}

void Lines::no_longer_awaited(Activity& activity) {
  if (!activity.is_awaited) return;
  activity.is_awaited = 0;
  if (--awaited_count_ == 0) processor_.no_longer_slow(Processor::slow_by_restart);
  if (--awaited_[activity.stood_in % awaited_lines][first_look_priority(activity)] == 0) {
    scheduler_.wake_all(WaitChannel::of(WaitChannel::Reason::restart));
  }
}

void Lines::forget_place(Activity& activity) {
  if (activity.stood_in == 0) return;
  no_longer_awaited(activity);
  activity.stood_in = 0;
  if (processor_.is_current(activity)) processor_.no_longer_slow(Processor::slow_by_place);
}

// --- the current process waits ------------------------------------------------------------------------------

void Lines::stall_current(WaitChannel channel) {
  trace_.add(TraceEntry::Event::stall, scheduler_.at(processor_.ref()).process.frame().value, channel.value);
  assert_that(!progress.stalls_too_often(processor_.ref(), channel),
              "PROGRESS: a process tries again and again without getting on");
  note_priority();
  if (channel.reason() == WaitChannel::Reason::receiver) {
    join(ObjectId{channel.key()});
  } else {
    stall(processor_.ref(), channel);
  }
  processor_.leave_current();
}

// A caller that was taken out of a line, and waits for the store, keeps its place there.
void Lines::stall(ActivityRef activity, WaitChannel channel) {
  if (activity == taken_ && channel.reason() <= WaitChannel::Reason::disk_queue) {
    taken_stalled_ = channel;
    return;
  }
  scheduler_.remove(activity);
  scheduler_.stall(activity, channel, attempt_.is_call());
}

void Lines::note_priority() {
  if (!store_.is_current(processor_.ref().slot()) || processor_.activity().is_awaited) return;
  const ProcessControl& control = processor_.process().control;
  if (control.priority_stamp != scheduler_.priorities.stamp()) scheduler_.priorities.standing(processor_.process());
  processor_.activity().priority = static_cast<uint8_t>(control.priority + 1);
}

void Lines::hold_current_until_commit() {
  timers_.disarm(processor_.ref());
  stall_current(WaitChannel::of(WaitChannel::Reason::commit, store_.epoch()));
}

void Lines::give_way() {
  const ActivityRef activity = processor_.ref();
  processor_.leave_current();
  if (activity == taken_) taken_stalled_ = WaitChannel::of(WaitChannel::Reason::time);
  else scheduler_.make_ready(activity);
}

bool Lines::must_give_way() {
  if (!machine::is_timer_pending()) return false;
  // A caller that is taken out of a line is as important as its receiver, which waits for it.
  const int own = scheduler_.priorities.running_priority(taker_ != no_slot ? taker_ : processor_.slot());
  const int lead = scheduler_.highest_ready() - own;
  const uint64_t now_ns = machine::now_ns();
  return lead > 0 || (lead == 0 && processor_.has_slice_ended(now_ns)) ||
         timers_.is_any_due(now_ns, [&](ActivityRef due) { return scheduler_.priorities.running_priority(due) > own; });
}

}  // namespace perdure
