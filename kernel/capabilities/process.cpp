// SPDX-License-Identifier: MIT
//
// Process: control over another program's registers, capabilities, and whether it runs.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/buffers.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/processes/process_states.hpp"
#include "objects/slot_types.hpp"

namespace perdure {
namespace {

Process& process_of(Request& request) { return process_in(request.attempt.store, request.object.slot); }

// Registers 0-31, then process_slot. Null: no such slot.
Capability* slot_of(Process& process, uint64_t index) {
  switch (index) {
    case process_slot::space: return &process.space;
    case process_slot::keeper: return &process.keeper;
    case process_slot::schedule: return &process.schedule;
    case process_slot::brand: return &process.brand;
    default: return index < capability_register_count ? &process.capability_registers[index] : nullptr;
  }
}

bool is_allowed_in(uint64_t index, const Capability& capability) {
  switch (index) {
    case process_slot::space: return is_allowed(TypedSlot::process_space, capability);
    case process_slot::schedule: return is_allowed(TypedSlot::process_schedule, capability);
    case process_slot::keeper: return is_allowed(TypedSlot::process_keeper, capability);
    default: return true;
  }
}

// Any slot but the schedule: the right to change what a process does is not the right to say how important it is.
// A program gets at its own process by its bank (bank.recap), and shares its schedule with others.
Outcome fetch(Request& request) {
  const Capability* slot = slot_of(process_of(request), request.word(1));
  if (slot == nullptr) return Outcome::refuse(Result::bad_argument);
  if (request.word(1) == process_slot::schedule) return Outcome::refuse(Result::missing_right);
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0, *slot);
  return request.answer(committed);
}

Outcome store(Request& request, Scheduler& scheduler) {
  const uint64_t index = request.word(1);
  Capability* slot = slot_of(process_of(request), index);
  if (!is_allowed_in(index, request.sent(0))) return Outcome::refuse(Result::wrong_type);
  if (slot == nullptr || index == 0) return Outcome::refuse(Result::bad_argument);
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  *slot = request.sent(0);
  if (index == process_slot::space) process_of(request).control.root_identity = 0;
  if (index == process_slot::schedule) scheduler.process_changed(process_of(request));
  return request.answer(committed);
}

// The activity that is bound; or, if none is, or it is gone, the given one. Both frames are writable on success.
Expected<ActivityRef, Outcome> activity_to_run_by(Request& request, ProcessStates& states) {
  Process& process = process_of(request);
  if (!process.control.activity.is_void()) {
    const auto bound = states.prepare_activity(process);
    if (bound || bound.error().result != Result::void_capability) return bound;
  }
  Capability& given = request.sent(0);
  if (!is_allowed(TypedSlot::process_activity, given)) return std::unexpected(Outcome::refuse(Result::wrong_type));
  const auto found = request.attempt.find(given);
  if (!found) return std::unexpected(found.error());
  const ActivityRef ref = ActivityRef::of(found->slot, found->index);
  const auto unbound = states.is_unbound(ref);
  if (!unbound) return std::unexpected(unbound.error());
  if (!*unbound) return std::unexpected(Outcome::refuse(Result::in_use));
  if (const Outcome o = request.attempt.prepare_write(found->slot, Need::reserve); o.is_obstacle()) {
    return std::unexpected(o);
  }
  return ref;
}

Outcome start(Request& request, ProcessStates& states, Scheduler& scheduler) {
  Process& process = process_of(request);
  if (process.control.state != ProcessState::stopped) return Outcome::refuse(Result::in_use);
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const auto activity = activity_to_run_by(request, states);
  if (!activity) return activity.error();
  const Commit committed = request.attempt.commit();
  Activity& bound = scheduler.at(*activity);
  if (!states.is_activity_of(bound, process) || scheduler.priorities.activity_of(process) != *activity) {
    process.control.activity = request.sent(0);
    bound.process = request.capability.object;
    bound.process_version = request.capability.version;
    bound.ticket = request.attempt.store.system().next_ticket++ & ticket_mask;
  }
  process.control.fault = FaultCode::none;
  forget_refusals(process.control);
  states.set_running(committed, process, *activity);
  states.make_ready(committed, *activity);
  return request.answer(committed);
}

Outcome stop(Request& request, ProcessStates& states) {
  if (const Outcome o = states.stop(request.object.slot, process_of(request)); o.is_obstacle()) {
    return o;
  }
  return request.answer(request.attempt.commit());
}

Outcome interrupt(Request& request, ProcessStates& states) {
  const auto ended = states.interrupt(request.object.slot, process_of(request));
  if (!ended) return ended.error();
  return request.answer(request.attempt.commit(), *ended);
}

Outcome status(Request& request) {
  const Process& process = process_of(request);
  const ProcessControl& control = process.control;
  return request.answer(request.attempt.commit(), static_cast<uint64_t>(control.state),
                        static_cast<uint64_t>(control.fault), control.fault_address, control.fault_detail,
                        process.registers.rip);
}

Outcome get_registers(Request& request, Buffers& buffers) {
  const auto room = buffers.prepare_own(request.caller, sizeof(Registers));
  if (!room) return room.error();
  Registers& registers = process_of(request).registers;
  const Commit committed = request.attempt.commit();
  const Pieces from(reinterpret_cast<std::byte*>(&registers), sizeof(Registers));
  copy_pieces(from, *room);
  return request.answer(committed, 0, 0, 0, 0, 0, room->length());
}

// Only while it is stopped: a process that waits for a message has its request in its registers.
Outcome set_registers(Request& request, Buffers& buffers) {
  Process& process = process_of(request);
  if (request.send_length() != sizeof(Registers)) return Outcome::refuse(Result::bad_argument);
  if (process.control.state != ProcessState::stopped) return Outcome::refuse(Result::in_use);
  const auto source = buffers.prepare_source(request.caller, {request.caller.registers.r13}, sizeof(Registers));
  if (!source) return source.error();
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  const Pieces to(reinterpret_cast<std::byte*>(&process.registers), sizeof(Registers));
  copy_pieces(*source, to);
  process.registers.entered_by_system_call = 0;
  return request.answer(committed);
}

}  // namespace

Outcome invoke_process(Request& request, ProcessStates& states, Scheduler& scheduler, Buffers& buffers) {
  switch (request.method()) {
    case method::fetch: return fetch(request);
    case method::store: return store(request, scheduler);
    case method::process_start: return start(request, states, scheduler);
    case method::process_stop: return stop(request, states);
    case method::process_interrupt: return interrupt(request, states);
    case method::process_status: return status(request);
    case method::process_get_registers: return get_registers(request, buffers);
    case method::process_set_registers: return set_registers(request, buffers);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
