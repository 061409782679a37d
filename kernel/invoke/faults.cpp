// SPDX-License-Identifier: MIT
#include "kernel/invoke/faults.hpp"

namespace perdure {
namespace {

constexpr uint32_t detail_write = 1 << 0;
constexpr uint32_t detail_execute = 1 << 1;

FaultCode fault_of_vector(uint8_t vector) {
  switch (vector) {
    case 0: return FaultCode::divide_error;
    case 3: return FaultCode::breakpoint;
    case 6: return FaultCode::invalid_instruction;
    case 13: return FaultCode::protection;
    default: return FaultCode::other_exception;
  }
}

// The space's keeper refused the same access. The refusal of another one, which another program then made
// possible in another way, says nothing about this one.
bool has_refused(const ProcessControl& control, UserAddr address) {
  return control.flags & ProcessControl::flag_space_keeper_refused && control.fault_address == address.value;
}

void note_refusal(ProcessControl& control, UserAddr address) {
  control.flags |= ProcessControl::flag_space_keeper_refused;
  control.fault_address = address.value;
}

}  // namespace

void Faults::page_fault(const Trap& trap) {
  Process& process = processor_.process();
  if (!trap.address.is_in_user_memory()) {
    tell_keeper({.code = FaultCode::protection}, trap.address, trap.write, trap.execute);
    return;
  }
  PageReached known;  // most often the first write behind a snapshot
  if (trap.write && processor_.is_space_loaded(process) && tables_.allows_write(trap.address, known)) {
    enter_translation(process, trap, known);
    return;
  }
  resolve_by_walk(trap);
}

void Faults::resolve_by_walk(const Trap& trap) {
  Process& process = processor_.process();
  const WalkOutcome walked =
      walk(store_, process.space, trap.address, {.write = trap.write, .execute = trap.execute});
  if (walked.is_stall()) {
    lines_.stall_current(walked.stall.until);
  } else if (walked.is_fault()) {
    tell_keeper(walked.fault, trap.address, trap.write, trap.execute);
  } else {
    enter_translation(process, trap, walked.page);
  }
}

// As if the program had touched the address, but by the walk alone: that is what has failed. A translation may still
// be there, of a path of which a node has left memory and is not given by the disk any more.
void Faults::own_memory(UserAddr address, bool write) {
  const Trap trap{.reason = Trap::Reason::page_fault, .address = address, .write = write};
  if (!address.is_in_user_memory()) return tell_keeper({.code = FaultCode::protection}, address, write, false);
  resolve_by_walk(trap);
}

void Faults::enter_translation(Process& process, const Trap& trap, const PageReached& page) {
  if (trap.write) {
    if (const auto dirty = store_.make_dirty(page.slot); !dirty) {
      lines_.stall_current(dirty.error().until);
      return;
    }
  }
  if (!processor_.is_space_loaded(process)) [[unlikely]] processor_.load_space(process);
  tables_.map(tables_.loaded_root(), trap.address, page);
}

void Faults::exception(const Trap& trap) {
  if (is_trap(trap.vector)) processor_.process().control.untold_trap = trap.vector;
  const FaultCode code = fault_of_vector(trap.vector);
  const uint64_t told_as_address = code == FaultCode::other_exception ? trap.vector : trap.error_code;
  tell_keeper({.code = code}, {told_as_address}, false, false);
}

// Calls the keeper that is responsible. An obstacle makes the process wait: its program counter stays
// where it was, and it runs into the same fault again.
void Faults::tell_keeper(const MemoryFault& fault, UserAddr address, bool write, bool execute) {
  Process& process = processor_.process();
  const uint32_t detail = (write ? detail_write : 0) | (execute ? detail_execute : 0);
  const bool by_space = fault.has_keeper &&
                        !has_refused(process.control, address);
  trace_.add(TraceEntry::Event::fault, store_.descriptor(processor_.slot()).number.value, address.value,
            static_cast<uint64_t>(fault.code));
  Outgoing message;
  message.words[0] = method::keeper_fault;
  message.words[1] = static_cast<uint64_t>(fault.code);
  message.words[2] = by_space ? fault.offset : address.value;
  message.words[3] = detail;
  if (by_space) message.capabilities[0] = fault.node;
  else message.words[4] = process.registers.rip;

  Capability keeper = by_space ? fault.keeper : process.keeper;
  const Outcome outcome = call_keeper(process, keeper, message, fault.code, address, detail, by_space);
  if (outcome.what == Outcome::What::stalled) {
    lines_.stall_current(outcome.stall.until);
  } else if (outcome.what == Outcome::What::refused && outcome.result == Result::unreadable) {
    lines_.stall_current(WaitChannel::of(WaitChannel::Reason::frame_unread));  // the disk may give the keeper again
  } else if (outcome.what == Outcome::What::refused) {
    if (by_space) note_refusal(process.control, address);
    else stop_faulted(process, fault, address, detail);
  }
}

Outcome Faults::call_keeper(Process& process, Capability& keeper, const Outgoing& message, FaultCode code,
                            UserAddr address, uint32_t detail, bool by_space) {
  Request request{.attempt = attempt_, .processor = processor_, .caller = process, .kind = Invocation::call};
  if (const Outcome o = resolve(request, &keeper); o.is_obstacle()) return o;
  if (request.capability.type != CapabilityType::entry) return Outcome::refuse(Result::void_capability);
  const Outcome outcome = messages_.call_through(process, request.capability, message, request, 0);
  if (outcome.what != Outcome::What::done) return outcome;
  ProcessControl& control = process.control;
  control.untold_trap = 0;
  control.fault = code;
  control.fault_address = address.value;
  control.fault_detail = detail;
  if (!by_space) control.flags |= ProcessControl::flag_with_own_keeper;
  return outcome;
}

// No keeper takes the fault: the process stops, and its state says why.
void Faults::stop_faulted(Process& process, const MemoryFault& fault, UserAddr address, uint32_t detail) {
  const auto activity = states_.prepare_activity(process);
  if (!activity) {
    if (activity.error().what == Outcome::What::stalled) lines_.stall_current(activity.error().stall.until);
    return;
  }
  const Commit committed = attempt_.commit();
  process.control.untold_trap = 0;
  process.control.fault = fault.code;
  process.control.fault_address = address.value;
  process.control.fault_detail = detail;
  processor_.leave_current();
  states_.set_not_running(committed, process, *activity, ProcessState::stopped);
}

}  // namespace perdure
