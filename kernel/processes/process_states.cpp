// SPDX-License-Identifier: MIT
#include "kernel/processes/process_states.hpp"

#include "kernel/register_view.hpp"

namespace perdure {
namespace {

// False for a wait for the store, which lets the process go on, and for a commit: the process has its answer. A
// wait at the clock or the console counts as one for a program: the process cannot know that there is none behind
// the capability.
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

bool ProcessStates::is_activity_of(const Activity& activity, const Process& process) {
  const auto from_first = reinterpret_cast<uintptr_t>(&process) - reinterpret_cast<uintptr_t>(store_.body(0));
  const FrameDescriptor& frame = store_.descriptor(static_cast<CacheSlot>(from_first / frame_bytes));
  return activity.process == ObjectId::of(frame.number) && activity.process_version == frame.identity.source;
}

Expected<ActivityRef, Outcome> ProcessStates::prepare_activity(Process& process) {
  const auto found = attempt_.find(process.control.activity);
  if (!found) return std::unexpected(found.error());
  if (const Outcome o = attempt_.prepare_write(found->slot, Need::reserve); o.is_obstacle()) {
    return std::unexpected(o);
  }
  const auto activity = ActivityRef::of(found->slot, found->index);
  if (!is_activity_of(scheduler_.at(activity), process)) return std::unexpected(Outcome::refuse(Result::void_capability));
  return activity;
}

void ProcessStates::set_running(const Commit&, Process& process, ActivityRef activity) {
  scheduler_.call_ends(process);
  set_state(process.control, ProcessState::running);
  deadlines_.forget_deadline(activity);
  scheduler_.remove(activity);  // the line of callers or the deadline of its process was to be looked at
  lines_.forget_place(scheduler_.at(activity));  // that of a lost process, which it was bound to before
  scheduler_.at(activity).runnable = 1;
}

void ProcessStates::set_not_running(const Commit&, Process& process, ActivityRef activity, ProcessState state) {
  scheduler_.call_ends(process);
  set_state(process.control, state);
  deadlines_.forget_deadline(activity);
  scheduler_.remove(activity);
  lines_.forget_place(scheduler_.at(activity));
  scheduler_.at(activity).runnable = 0;
}

void ProcessStates::hand_over_to(const Commit& commit, CacheSlot slot, ActivityRef activity) {
  // Legal only if no process of higher priority is ready. With the slice over no equal may be ready either: else
  // a client of a more important server would keep its equals waiting for ever, if the tick always finds it
  // inside that server.
  const Standing standing = scheduler_.priorities.standing(process_in(store_, slot));
  if (!standing.is_known || !scheduler_.may_run_at_once(standing.priority, processor_.is_overdue())) {
    make_ready(commit, activity);
    return;
  }
  processor_.become_current(slot, activity);
}

// A client that cannot be read lends nothing.
Expected<bool, Stall> ProcessStates::fetch_clients(CacheSlot server) {
  bool is_all_known = true;
  for (unsigned i = 0; i < Priorities::clients_max; ++i) {
    Capability& answer = process_in(store_, server).capability_registers[resume_register];
    if (answer.type != CapabilityType::resume || process_in(store_, server).control.state == ProcessState::receiving) break;
    const auto client = look_up(store_, answer);
    if (!client && client.error().why == Failure::Why::stall) return std::unexpected(client.error().stall);
    if (!client) return client.error().why != Failure::Why::unreadable;
    Process& process = process_in(store_, client->slot);
    if (process.control.call_count != answer.payload) break;
    if (process.schedule.type == CapabilityType::schedule) {
      const auto schedule = look_up(store_, process.schedule);
      if (!schedule && schedule.error().why == Failure::Why::stall) return std::unexpected(schedule.error().stall);
      is_all_known &= schedule || schedule.error().why != Failure::Why::unreadable;
    }
    server = client->slot;
  }
  return is_all_known;
}

Outcome ProcessStates::stop(CacheSlot slot, Process& process) {
  ProcessControl& control = process.control;
  if (control.state == ProcessState::stopped) return Outcome::prepared();
  if (const Outcome o = attempt_.prepare_write(slot, Need::reserve); o.is_obstacle()) return o;
  const auto activity = prepare_activity(process);
  if (!activity && activity.error().what == Outcome::What::stalled) return activity.error();
  const Commit committed = attempt_.commit();
  if (control.state == ProcessState::receiving) {
    process.registers.rip -= system_call_instruction_bytes;
  } else if (control.state == ProcessState::waiting) {
    if (control.fault == FaultCode::none) answer_refusal(committed, process, Result::interrupted);
  }
  if (slot == processor_.slot()) {
    answer_refusal(committed, process, Result::interrupted);
    processor_.leave_current();
  }
  if (activity) {
    set_not_running(committed, process, *activity, ProcessState::stopped);
  } else {
    set_state(control, ProcessState::stopped);
    // One that cannot be read just now stays bound, and the process can be started by it when it can be.
    if (activity.error().result == Result::void_capability) control.activity = {};
  }
  return Outcome::prepared();
}

void ProcessStates::end_call(const Commit& committed, Process& process, ActivityRef activity, Result result) {
  answer_refusal(committed, process, result);
  set_running(committed, process, activity);
}

Expected<bool, Outcome> ProcessStates::interrupt(CacheSlot slot, Process& process) {
  ProcessControl& control = process.control;
  const bool is_unanswered = control.state == ProcessState::waiting && control.fault == FaultCode::none;
  if (!is_unanswered && control.state != ProcessState::running) return false;
  const auto activity = prepare_activity(process);
  if (!activity) return std::unexpected(activity.error());
  if (!is_unanswered && !may_never_end(scheduler_.stalled_call(*activity))) return false;
  if (const Outcome o = attempt_.prepare_write(slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);
  const Commit committed = attempt_.commit();
  if (is_unanswered) {
    end_call(committed, process, *activity, Result::interrupted);
  } else {
    deadlines_.disarm(*activity);
    scheduler_.remove(*activity);
    lines_.forget_place(scheduler_.at(*activity));
    process.registers.rip += system_call_instruction_bytes;
    answer_refusal(committed, process, Result::interrupted);
  }
  make_ready(committed, *activity);
  return true;
}

}  // namespace perdure
