// SPDX-License-Identifier: MIT
//
// The states of a process and its activity (ONE-ACTIVITY), and who is current.
#include "kernel/kernel.hpp"

namespace perdure {

Expected<ActivityRef, Outcome> Kernel::prepare_activity(Process& process) {
  const auto found = attempt.find(process.control.activity);
  if (!found) return std::unexpected(found.error());
  if (const Outcome o = attempt.prepare_write(found->slot, Need::reserve); o.is_obstacle()) {
    return std::unexpected(o);
  }
  const auto activity = ActivityRef::of(found->slot, found->index);
  if (!is_activity_of(scheduler.at(activity), process)) return std::unexpected(Outcome::refuse(Result::void_capability));
  return activity;
}

void Kernel::set_running(const Commit&, Process& process, ActivityRef activity) {
  scheduler.call_ends(process);
  set_state(process.control, ProcessState::running);
  forget_deadline(activity);
  scheduler.remove(activity);  // its line was to be looked at, or its deadline
  forget_place(scheduler.at(activity));  // that of a lost process, which it was bound to before
  scheduler.at(activity).runnable = 1;
}

void Kernel::set_not_running(const Commit&, Process& process, ActivityRef activity, ProcessState state) {
  scheduler.call_ends(process);
  set_state(process.control, state);
  forget_deadline(activity);
  scheduler.remove(activity);
  forget_place(scheduler.at(activity));
  scheduler.at(activity).runnable = 0;
}

void Kernel::make_ready(const Commit&, CacheSlot, ActivityRef activity) { scheduler.make_ready(activity); }

void Kernel::hand_over_to(const Commit& commit, CacheSlot slot, ActivityRef activity) {
  // Legal only if nothing of higher priority is ready. With the slice over nobody equal may be ready either: else a client of a more
  // important server, in which the tick happens to find it, would keep its equals waiting for ever.
  const Standing standing = scheduler.standing(process_at(slot));
  if (!standing.is_known || !scheduler.may_run_at_once(standing.priority, processor.is_overdue())) {
    make_ready(commit, slot, activity);
    return;
  }
  processor.become_current(slot, activity);
}

// What a server is lent is known only with its clients in memory. One that cannot be read lends nothing.
std::optional<Stall> Kernel::fetch_clients(CacheSlot server) {
  for (unsigned i = 0; i < Scheduler::clients_max; ++i) {
    Capability& answer = process_at(server).capability_registers[resume_register];
    if (answer.type != CapabilityType::resume || process_at(server).control.state == ProcessState::receiving) break;
    const auto client = look_up(store, answer);
    if (!client) return client.error().why == Failure::Why::stall ? std::optional(client.error().stall) : std::nullopt;
    Process& process = process_at(client->slot);
    if (process.control.call_count != answer.payload) break;
    if (process.schedule.type == CapabilityType::schedule) {
      const auto schedule = look_up(store, process.schedule);
      if (!schedule && schedule.error().why == Failure::Why::stall) return schedule.error().stall;
    }
    server = client->slot;
  }
  return std::nullopt;
}

void Kernel::stall_current(WaitChannel channel) {
  trace.add(TraceEntry::Event::stall, scheduler.at(processor.ref()).process.frame().value, channel.value);
  if (options.check) [[unlikely]] check_progress(channel);
  note_priority();
  if (channel.reason() == WaitChannel::Reason::receiver) {
    join_line(ObjectId{channel.key()});
  } else {
    stall(processor.ref(), channel);
  }
  processor.leave_current();
}

// One that was taken out of a line, and waits for the store, keeps its place there.
void Kernel::stall(ActivityRef activity, WaitChannel channel) {
  if (activity == taken_ && channel.reason() <= WaitChannel::Reason::disk_queue) {
    taken_stalled_ = channel;
    return;
  }
  scheduler.remove(activity);
  scheduler.stall(activity, channel, attempt_is_call_);
}

// What the first look after a restart goes by. Its row is written anyway.
void Kernel::note_priority() {
  if (!store.is_current(processor.ref().slot()) || processor.activity().is_awaited) return;
  const ProcessControl& control = processor.process().control;
  if (control.priority_stamp != scheduler.stamp()) scheduler.standing(processor.process());
  processor.activity().priority = static_cast<uint8_t>(control.priority + 1);
}

// Only the commit lets it go on: not the deadline of the call, for which its timer may still be armed.
void Kernel::hold_current_until_commit() {
  timers.disarm(processor.ref());
  stall_current(WaitChannel::of(WaitChannel::Reason::commit, store.epoch()));
  checkpoints.request();
}

// A running one stops where it is. One that waits open will wait again when it is continued. One
// that waits for an answer is told `interrupted`; its resume capabilities are void from here. So is
// one that stops itself.
Outcome Kernel::stop_process(CacheSlot slot, Process& process) {
  ProcessControl& control = process.control;
  if (control.state == ProcessState::stopped) return Outcome::prepared();
  if (const Outcome o = attempt.prepare_write(slot, Need::reserve); o.is_obstacle()) return o;
  const auto activity = prepare_activity(process);
  if (!activity && activity.error().what == Outcome::What::stalled) return activity.error();
  const Commit committed = attempt.commit();
  if (control.state == ProcessState::receiving) {
    process.registers.rip -= system_call_instruction_bytes;
  } else if (control.state == ProcessState::waiting) {
    if (control.fault == FaultCode::none) answer_refusal(committed, process, Result::interrupted);
  }
  if (slot == processor.slot()) {
    answer_refusal(committed, process, Result::interrupted);
    processor.leave_current();
  }
  if (activity) {
    set_not_running(committed, process, *activity, ProcessState::stopped);
  } else {
    set_state(control, ProcessState::stopped);
    control.activity = {};
  }
  return Outcome::prepared();
}

}  // namespace perdure
