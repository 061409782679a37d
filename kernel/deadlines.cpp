// SPDX-License-Identifier: MIT
//
// Calls that end before they are answered: by their deadline (r15, machine time), or because another
// process, which holds a capability to the caller's, interrupts it.
//
// A caller that stalls is simply woken when its time has come; it makes its call again, and the first
// thing that a call looks at is its deadline. One that has been accepted is not runnable: its activity
// notes that it awaits a deadline (Activity::awaits_deadline, stored), and is put in line by its timer
// alone. When its turn comes, it is looked at *instead of* being run: if its time has come the call
// ends, and its resume capability is void; else its timer is armed again. So a timer writes no object
// (VOLATILE-WAKES), and a restart, which loses all timers, puts all of those in line once.
#include <algorithm>

#include "kernel/kernel.hpp"

namespace perdure {
namespace {

// Timers that strike, and steps of their hand, between two programs.
constexpr unsigned strikes_per_housekeeping = 16;
constexpr unsigned timer_steps_per_housekeeping = 256;

// Not for the store, which lets it go on, nor for a commit: that one has its answer. At the clock and the console as for a
// program, for it cannot know that there is none behind the capability.
bool may_never_end(WaitChannel::Reason reason) {
  switch (reason) {
    case WaitChannel::Reason::receiver:
    case WaitChannel::Reason::endpoint:
    case WaitChannel::Reason::wrapper:
    case WaitChannel::Reason::console_input:
    case WaitChannel::Reason::boot_epoch:
    case WaitChannel::Reason::time: return true;
    default: return false;
  }
}

}  // namespace

// Of a system call that has stalled: its own deadline, and what it waits for if that is a time.
void Kernel::arm_for_stall(ActivityRef stalled, uint64_t deadline_ns, uint64_t wake_at_ns) {
  uint64_t at_ns = ~uint64_t{0};
  if (deadline_ns != 0) at_ns = deadline_ns;
  if (wake_at_ns != 0) at_ns = std::min(at_ns, wake_at_ns);
  if (at_ns == ~uint64_t{0}) timers.disarm(stalled);
  else timers.arm(stalled, time.clock_at(at_ns));
}

// A call with a deadline has been accepted.
void Kernel::await_deadline(const Commit&, ActivityRef activity, uint64_t deadline_ns) {
  scheduler.at(activity).awaits_deadline = 1;
  timers.arm(activity, time.clock_at(deadline_ns));
}

// It is answered, stopped, or gone: nobody waits any more.
void Kernel::forget_deadline(ActivityRef activity) {
  timers.disarm(activity);
  scheduler.at(activity).awaits_deadline = 0;
}

void Kernel::strike_timers() {
  unsigned steps = timer_steps_per_housekeeping;
  for (unsigned i = 0; i < strikes_per_housekeeping; ++i) {
    const ActivityRef due = timers.take_due(machine::now_ns(), steps);
    if (due.is_none()) return;
    if (scheduler.is_waiting(due)) scheduler.wake(due);
    else if (scheduler.at(due).awaits_deadline && !scheduler.is_queued(due)) scheduler.make_ready(due);
  }
}

// Its turn has come although its process waits for an answer. Both frames become writable, or it
// waits for that in line.
void Kernel::look_at_deadline(ActivityRef ref, CacheSlot slot) {
  Process& process = process_at(slot);
  const uint64_t deadline_ns = process.registers.r15;
  scheduler.forget_wake(ref);
  if (!time.has_passed(deadline_ns)) return timers.arm(ref, time.clock_at(deadline_ns));
  const auto activity = prepare_activity(process);
  const Outcome outcome = activity ? attempt.prepare_write(slot, Need::reserve) : activity.error();
  // Nothing is refused: is_to_run has looked at it.
  if (outcome.is_obstacle()) return stall(ref, outcome.stall.until);
  const Commit committed = attempt.commit();
  end_call(committed, process, ref, Result::timed_out);
  make_ready(committed, slot, ref);
}

// A process that waits for an answer gets this one from the kernel, and runs; its resume capability
// is void.
void Kernel::end_call(const Commit& committed, Process& process, ActivityRef activity, Result result) {
  answer_refusal(committed, process, result);
  set_running(committed, process, activity);
}

Expected<bool, Outcome> Kernel::interrupt_process(CacheSlot slot, Process& process) {
  ProcessControl& control = process.control;
  const bool is_unanswered = control.state == ProcessState::waiting && control.fault == FaultCode::none;
  if (!is_unanswered && control.state != ProcessState::running) return false;
  const auto activity = prepare_activity(process);
  if (!activity) return std::unexpected(activity.error());
  if (!is_unanswered && !may_never_end(scheduler.stalled_call(*activity))) return false;
  if (const Outcome o = attempt.prepare_write(slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);
  const Commit committed = attempt.commit();
  if (is_unanswered) {
    end_call(committed, process, *activity, Result::interrupted);
  } else {
    timers.disarm(*activity);
    scheduler.remove(*activity);
    forget_place(scheduler.at(*activity));
    process.registers.rip += system_call_instruction_bytes;
    answer_refusal(committed, process, Result::interrupted);
  }
  make_ready(committed, slot, *activity);
  return true;
}

}  // namespace perdure
