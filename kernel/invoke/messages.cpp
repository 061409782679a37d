// SPDX-License-Identifier: MIT
#include "kernel/invoke/messages.hpp"

namespace perdure {
namespace {

uint64_t delivery_word(Delivery delivery, uint64_t flags, uint32_t length) {
  return static_cast<uint64_t>(delivery) | flags | uint64_t{length} << 32;
}

void deliver_capabilities(Process& process, const Capability (&capabilities)[message_capability_count]) {
  for (unsigned i = 0; i < message_capability_count; ++i) {
    const unsigned number = receiving_register(process.registers, i);
    if (number != 0) process.capability_registers[number] = capabilities[i];
  }
}

Capability resume_capability(const Process& caller, CacheSlot slot, ObjectId id, Version version) {
  return {.type = CapabilityType::resume,
          .hint = slot,
          .version = version,
          .object = id,
          .payload = caller.control.call_count};
}

}  // namespace

// A process that can receive: waiting open, writable, with room for `length` bytes in its buffer.
Expected<Messages::Receiver, Outcome> Messages::prepare_receiver(Capability& entry, uint32_t length) {
  const auto found = attempt_.find(entry);
  if (!found) return std::unexpected(found.error());
  Endpoint& endpoint = *row_object<Endpoint>(store_.bytes(found->slot), found->index);
  if (endpoint.receiver.is_void()) {
    if (endpoint.flags & Endpoint::flag_had_receiver) {
      return std::unexpected(Outcome::refuse(Result::void_capability));
    }
    return std::unexpected(
        Outcome::wait(WaitChannel::of(WaitChannel::Reason::endpoint, entry.object.value)));
  }
  const auto at = attempt_.find(endpoint.receiver);
  if (!at) return std::unexpected(at.error());
  Process& process = process_in(store_, at->slot);
  const ObjectId receiver = endpoint.receiver.object;
  const bool is_receiving = process.control.state == ProcessState::receiving;
  if (!is_receiving || (!lines_.is_taken_by(at->slot) && lines_.has_to_wait(receiver, process))) {
    if (at->slot == processor_.slot()) return std::unexpected(Outcome::refuse(Result::in_use));
    if (is_receiving) {  // LINE-IS-LOOKED-AT
      if (const auto row = attempt_.find(process.control.activity); !row) return std::unexpected(row.error());
    }
    return std::unexpected(Outcome::wait(WaitChannel::of(WaitChannel::Reason::receiver, receiver.value)));
  }
  if (const Outcome o = attempt_.prepare_write(at->slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);
  const auto activity = states_.prepare_activity(process);
  if (!activity) return std::unexpected(activity.error());
  const auto room = buffers_.prepare_other(process, length);
  if (!room) return std::unexpected(room.error());
  return Receiver{at->slot, *activity, *room, endpoint.id, entry.payload};
}

void Messages::deliver(const Commit& commit, const Receiver& receiver, Delivery delivery, const Outgoing& message,
                     const Capability& resume, const Request& request) {
  Process& process = process_in(store_, receiver.slot);
  Registers& registers = process.registers;
  uint64_t flags = receiver.room.length() < message.bytes.length() ? delivery_flag::truncated : 0;
  if (request.is_wrapped) flags |= delivery_flag::wrapper_payload;
  deliver_capabilities(process, message.capabilities);
  process.capability_registers[resume_register] = resume;
  if (request.hand_over) {
    process.capability_registers[handed_over_register] = {.type = CapabilityType::wrapper_control,
                                                          .version = request.wrapper_version,
                                                          .object = request.wrapper};
    flags |= delivery_flag::handed_over;
  }
  registers.rax = delivery_word(delivery, flags, receiver.room.length());
  set_message_words(registers, message.words);
  registers.r13 = receiver.endpoint_id;
  registers.r14 = receiver.entry_payload;
  registers.r15 = request.wrapper_payload;
  states_.set_running(commit, process, receiver.activity);
}

// A call on behalf of `caller`, which is current: the caller waits, the receiver runs.
Outcome Messages::call_through(Process& caller, Capability& entry, const Outgoing& message,
                             const Request& request, uint64_t deadline_ns) {
  const auto receiver = prepare_receiver(entry, message.bytes.length());
  if (!receiver) return receiver.error();
  if (const Outcome o = buffers_.transfer(message.bytes, receiver->room); o.is_obstacle()) return o;
  const Commit committed = attempt_.commit();
  const ActivityRef own = processor_.ref();
  const FrameDescriptor& frame = store_.descriptor(processor_.slot());
  const Capability resume =
      resume_capability(caller, processor_.slot(), ObjectId::of(frame.number), frame.identity.source);
  processor_.leave_current();
  states_.set_not_running(committed, caller, own, ProcessState::waiting);
  if (deadline_ns != 0) deadlines_.await_deadline(committed, own, deadline_ns);
  deliver(committed, *receiver, Delivery::call, message, resume, request);
  states_.hand_over_to(committed, receiver->slot, receiver->activity);
  return Outcome::done();
}

Outcome Messages::send_through(Process& caller, Capability& entry, const Outgoing& message,
                             const Request& request) {
  const auto receiver = prepare_receiver(entry, message.bytes.length());
  if (!receiver) return receiver.error();
  if (const Outcome o = buffers_.transfer(message.bytes, receiver->room); o.is_obstacle()) return o;
  const Commit committed = attempt_.commit();
  deliver(committed, *receiver, Delivery::send, message, {}, request);
  states_.make_ready(committed, receiver->activity);
  caller.registers.rax = static_cast<uint64_t>(Delivery::none);
  set_message_words(caller.registers, {});
  return Outcome::done();
}

Outcome Messages::invoke_entry(Request& request) {
  const bool is_call = request.kind == Invocation::call;
  if (is_call) {
    if (const Outcome o = buffers_.probe_own(request.caller); o.is_obstacle()) return o;
  }
  const auto message = outgoing(request.caller);
  if (!message) return message.error();
  const Outcome outcome = is_call ? call_through(request.caller, request.capability, *message, request,
                                                 request.caller.registers.r15)
                                  : send_through(request.caller, request.capability, *message, request);
  if (outcome.what == Outcome::What::done) take_moved(request.caller);
  return outcome;
}

// What the registers of `caller` say it sends.
Expected<Outgoing, Outcome> Messages::outgoing(Process& caller) {
  const Registers& registers = caller.registers;
  const auto source = buffers_.prepare_source(caller, {registers.r13}, send_length(registers));
  if (!source) return std::unexpected(source.error());
  Outgoing message;
  message.bytes = *source;
  for (unsigned i = 0; i < message_word_count; ++i) message.words[i] = message_word(registers, i);
  for (unsigned i = 0; i < message_capability_count; ++i) {
    message.capabilities[i] = caller.capability_registers[sent_register(registers, i)];
  }
  return message;
}

// --- replies -------------------------------------------------------------------------------------

// The process that a resume capability still lets go on, writable; nothing if there is none (any
// more): then the reply is dropped. Only the disk can stall it, never another program.
Expected<std::optional<Messages::Waiting>, Outcome> Messages::prepare_waiting(Capability& resume,
                                                                          uint32_t length) {
  if (resume.type != CapabilityType::resume) return std::nullopt;
  const auto found = attempt_.find(resume);
  if (!found) {
    if (found.error().what == Outcome::What::refused) return std::nullopt;
    return std::unexpected(found.error());
  }
  Process& process = process_in(store_, found->slot);
  const ProcessControl& control = process.control;
  if (control.state != ProcessState::waiting || control.call_count != resume.payload) return std::nullopt;
  if (const Outcome o = attempt_.prepare_write(found->slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);
  const auto activity = states_.prepare_activity(process);
  if (!activity && activity.error().what == Outcome::What::refused) return std::nullopt;
  if (!activity) return std::unexpected(activity.error());
  Waiting waiting{found->slot, *activity, {}};
  if (control.fault == FaultCode::none) {
    const auto room = buffers_.prepare_other(process, length);
    if (!room) return std::unexpected(room.error());
    waiting.room = *room;
  }
  return waiting;
}

// The answer to a fault: `ok` lets the access be made again. Any other answer of the space's keeper passes the
// fault on to the process's own keeper; any other answer of the process's own keeper stops the process.
// True: the process runs.
bool Messages::finish_fault(ProcessControl& control, Result result) {
  if (result == Result::ok) {
    forget_refusals(control);
    control.fault = FaultCode::none;
    return true;
  }
  if (control.flags & ProcessControl::flag_with_own_keeper) return false;
  control.flags |= ProcessControl::flag_space_keeper_refused;
  control.fault = FaultCode::none;
  return true;
}

// True if the process runs again.
bool Messages::finish_call(const Commit& commit, const Waiting& waiting, const Outgoing& message) {
  Process& process = process_in(store_, waiting.slot);
  bool runs = true;
  if (process.control.fault != FaultCode::none) {
    runs = finish_fault(process.control, static_cast<Result>(message.words[0]));
  } else {
    const bool truncated = waiting.room.length() < message.bytes.length();
    deliver_capabilities(process, message.capabilities);
    process.registers.rax = delivery_word(Delivery::reply, truncated ? delivery_flag::truncated : 0,
                                          waiting.room.length());
    set_message_words(process.registers, message.words);
  }
  if (runs) states_.set_running(commit, process, waiting.activity);
  else set_state(process.control, ProcessState::stopped);
  return runs;
}

Outcome Messages::invoke_resume(Request& request) {
  if (request.kind == Invocation::call) return Outcome::refuse(Result::bad_argument);
  const auto message = outgoing(request.caller);
  if (!message) return message.error();
  const auto waiting = prepare_waiting(request.capability, message->bytes.length());
  if (!waiting) return waiting.error();
  if (!*waiting) return Outcome::refuse(Result::void_capability);
  if (const Outcome o = buffers_.transfer(message->bytes, (*waiting)->room); o.is_obstacle()) return o;
  const Commit committed = attempt_.commit();
  if (finish_call(committed, **waiting, *message)) {
    states_.make_ready(committed, (*waiting)->activity);
  }
  return request.answer(committed);
}

Outcome Messages::answer_caller(Capability& resume, Result result) {
  const auto waiting = prepare_waiting(resume, 0);
  if (!waiting) return waiting.error();
  if (!*waiting) return Outcome::prepared();
  Outgoing message;
  message.words[0] = static_cast<uint64_t>(result);
  const Commit committed = attempt_.commit();
  if (finish_call(committed, **waiting, message)) {
    states_.make_ready(committed, (*waiting)->activity);
  }
  return Outcome::prepared();
}

// --- the open wait ---------------------------------------------------------------------------------

Outcome Messages::reply_and_wait(Process& caller) {
  if (const Outcome o = buffers_.probe_own(caller); o.is_obstacle()) return o;
  const auto message = outgoing(caller);
  if (!message) return message.error();
  Capability& resume = invoked_slot(caller);
  const auto waiting = prepare_waiting(resume, message->bytes.length());
  if (!waiting) return waiting.error();
  if (*waiting) {
    if (const Outcome o = buffers_.transfer(message->bytes, (*waiting)->room); o.is_obstacle()) return o;
  }

  const Commit committed = attempt_.commit();
  const bool caller_runs = *waiting && finish_call(committed, **waiting, *message);
  if (*waiting) take_moved(caller);
  if (caller.control.pending_notices != 0) {
    deliver_notices(committed, caller);
    if (caller_runs) states_.make_ready(committed, (*waiting)->activity);
    return Outcome::done();
  }
  const ActivityRef own = processor_.ref();
  processor_.leave_current();
  states_.set_not_running(committed, caller, own, ProcessState::receiving);
  if (caller.control.callers_map != 0) scheduler_.make_ready(own);  // LINE-IS-LOOKED-AT
  if (caller_runs) states_.hand_over_to(committed, (*waiting)->slot, (*waiting)->activity);
  return Outcome::done();
}

void Messages::deliver_notices(const Commit&, Process& process) {
  Registers& registers = process.registers;
  registers.rax = delivery_word(Delivery::notices, 0, 0);
  set_message_words(registers, {process.control.pending_notices});
  registers.r13 = registers.r14 = registers.r15 = 0;
  deliver_capabilities(process, {});
  process.capability_registers[resume_register] = {};
  process.control.pending_notices = 0;
}

// Sets bits in a process's pending word, and lets it run if it waits open. The sender waits for no program.
Outcome Messages::post_notice(Request& request, Capability& receiver, uint64_t bits) {
  const auto found = attempt_.find(receiver);
  if (!found) return found.error();
  Process& process = process_in(store_, found->slot);
  if (const Outcome o = attempt_.prepare_write(found->slot, Need::reserve); o.is_obstacle()) return o;
  if (process.control.state != ProcessState::receiving) {
    const Commit committed = attempt_.commit();
    process.control.pending_notices |= bits;
    return request.answer(committed);
  }
  const auto activity = states_.prepare_activity(process);
  if (!activity) return activity.error();
  const Commit committed = attempt_.commit();
  process.control.pending_notices |= bits;
  deliver_notices(committed, process);
  states_.set_running(committed, process, *activity);
  states_.make_ready(committed, *activity);
  return request.answer(committed);
}

}  // namespace perdure
