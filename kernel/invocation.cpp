// SPDX-License-Identifier: MIT
//
// One invocation, from the registers to the operation: decode and check, follow wrappers, look
// the object up, dispatch by type. Errors are found in this order: malformed, void capability,
// wrong type, missing right, bad argument.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

constexpr unsigned wrapper_depth_max = 8;

constexpr std::array<Operation, capability_type_count> operations{
    nullptr,               // void
    invoke_number,         //
    invoke_page,           //
    invoke_capability_page,
    invoke_node,
    invoke_process,
    invoke_endpoint,
    nullptr,  // entry
    nullptr,  // resume
    invoke_wrapper_control,
    nullptr,  // wrapped
    invoke_notice,
    invoke_schedule,
    invoke_activity,
    invoke_range,
    invoke_checkpoint,
    invoke_devices,
    invoke_console,
    invoke_clock,
    invoke_discriminator,
};

bool is_well_formed(const Registers& registers) {
  const auto kind = invocation_kind(registers);
  return kind >= Invocation::call && kind <= Invocation::reply_and_wait &&
         invoked_register(registers) < capability_register_count &&
         (registers.rbx & not_a_register) == 0;
}

Outcome answer_type(Request& request) {
  const Commit committed = request.kernel.attempt.commit();
  return request.answer(committed, static_cast<uint64_t>(request.capability.type),
                        request.capability.restrictions);
}

}  // namespace

Outcome Kernel::invoke(Process& caller) {
  const Registers& registers = caller.registers;
  if (!is_well_formed(registers)) return Outcome::refuse(Result::malformed);
  if (send_length(registers) > message_bytes_max) return Outcome::refuse(Result::too_large);
  const Invocation kind = invocation_kind(registers);
  if (registers.r15 != 0) [[unlikely]] {
    if (kind != Invocation::call) return Outcome::refuse(Result::unsupported);
    if (time.has_passed(registers.r15)) return Outcome::refuse(Result::timed_out);
  }
  if (kind == Invocation::reply_and_wait) return reply_and_wait(caller);

  Capability& invoked = invoked_slot(caller);
  Request request{.kernel = *this, .caller = caller, .kind = kind, .capability = invoked, .stored = &invoked};
  if (invoked.type == CapabilityType::wrapped) {
    if (const Outcome o = resolve(request, &invoked); o.is_obstacle()) return o;
  }
  const CapabilityType type = request.capability.type;
  if (names_object(type)) {
    // The hint is kept where the capability stands, so that the next use finds the object at once.
    const auto found = attempt.find(request.capability);
    if (!found) return found.error();
    request.stored->hint = request.capability.hint;
    request.object = *found;
  }
  if (type == CapabilityType::entry) return invoke_entry(request);
  if (type == CapabilityType::resume) return invoke_resume(request);
  const Operation operation = operations[static_cast<size_t>(type)];
  if (operation == nullptr) return Outcome::refuse(Result::void_capability);
  return request.method() == method::type ? answer_type(request) : operation(request);
}

// Follows wrappers to what they stand for. Restrictions add up; only the innermost wrapper's
// payload counts, because a client may put wrappers of its own around anything it holds.
[[gnu::noinline]] Outcome Kernel::resolve(Request& request, Capability* capability) {
  uint8_t restrictions = 0;
  for (unsigned depth = 0; capability->type == CapabilityType::wrapped; ++depth) {
    if (depth == wrapper_depth_max) return Outcome::refuse(Result::malformed);
    const auto found = attempt.find(*capability);
    if (!found) return found.error();
    Wrapper& wrapper = *row_object<Wrapper>(store.bytes(found->slot), found->index);
    if (wrapper.flags & Wrapper::flag_blocked) {
      return Outcome::wait(WaitChannel::of(WaitChannel::Reason::wrapper, capability->object.value));
    }
    restrictions |= capability->restrictions;
    request.is_wrapped = true;
    request.hand_over = wrapper.flags & Wrapper::flag_hand_over;
    request.wrapper_payload = wrapper.payload;
    request.wrapper = capability->object;
    request.wrapper_version = capability->version;
    capability = &wrapper.target;
  }
  // A weak one stands for memory only: invoking anything else could change something.
  if ((restrictions & restriction::weak) && !capability->is_memory()) {
    return Outcome::refuse(Result::missing_right);
  }
  request.stored = capability;
  request.capability = *capability;
  request.capability.restrictions |= restrictions;
  return Outcome::prepared();
}

// --- answers of kernel objects -----------------------------------------------------------------------

void take_moved(Process& sender) {
  for (unsigned i = 0; i < message_capability_count; ++i) {
    if (is_moved(sender.registers, i)) sender.capability_registers[sent_register(sender.registers, i)] = {};
  }
}

// A moved register may be one that receives: it is emptied before it is filled.
void Request::take_moved_once() {
  if (has_taken_moved || !moves_anything(caller.registers)) return;
  has_taken_moved = true;
  take_moved(caller);
}

Outcome Request::answer(const Commit&, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5,
                        uint32_t byte_count) {
  if (!kernel.processor.is_current(caller)) return Outcome::done();  // it destroyed or stopped itself
  Registers& registers = caller.registers;
  take_moved_once();
  if (kind == Invocation::send) {
    registers.rax = static_cast<uint64_t>(Delivery::none);
    registers.rdi = static_cast<uint64_t>(Result::ok);
    return Outcome::done();
  }
  unsigned written = answered;
  for (uint64_t into = registers.rbx >> 32; into != 0; into >>= 8, written >>= 1) {
    if (!(written & 1)) caller.capability_registers[into & 31] = {};  // register 0 is void as it is
  }
  registers.rax = static_cast<uint64_t>(Delivery::reply) | uint64_t{byte_count} << 32;
  set_message_words(registers, {static_cast<uint64_t>(Result::ok), w1, w2, w3, w4, w5});
  return Outcome::done();
}

void Request::answer_capability(const Commit&, unsigned i, const Capability& answer) {
  if (!kernel.processor.is_current(caller) || kind == Invocation::send) return;
  take_moved_once();
  const unsigned number = receiving_register(caller.registers, i);
  if (number != 0) caller.capability_registers[number] = answer;
  answered |= 1u << i;
}

// What a refused caller is told. Its registers are not well-formed if that is the reason.
void Kernel::answer_refusal(const Commit&, Process& caller, Result result) {
  Registers& registers = caller.registers;
  const Invocation kind = invocation_kind(registers);
  const bool is_call = kind == Invocation::call;
  if (is_call && result != Result::malformed) {
    for (unsigned i = 0; i < message_capability_count; ++i) {
      const unsigned number = receiving_register(registers, i);
      if (number != 0) caller.capability_registers[number] = {};
    }
  }
  registers.rax = static_cast<uint64_t>(is_call ? Delivery::reply : Delivery::none);
  set_message_words(registers, {static_cast<uint64_t>(result)});
}

void Kernel::system_call() {
  Process& caller = processor.process();
  const ActivityRef activity = processor.ref();
  attempt_is_call_ = true;
  trace.add(TraceEntry::Event::invocation, store.descriptor(processor.slot()).number.value,
            caller.registers.rax, caller.registers.rdi);
  const uint64_t deadline_ns = caller.registers.r15;
  const Outcome outcome = invoke(caller);
  if (outcome.what != Outcome::What::done) settle(outcome);
  else if (processor.is_current(caller)) forget_place(processor.activity());
  if (outcome.what != Outcome::What::stalled) {
    if (processor.is_current(caller) && processor.activity().queue_flags != 0) timers.disarm(activity);
  } else if (!processor.has_current()) {
    arm_for_stall(activity, deadline_ns, outcome.wake_at_ns());
  }
  attempt_is_call_ = false;
}

// What becomes of the caller whose call has met an obstacle. A stalled or faulted one is made again: nothing
// has changed but that the program counter stands at the call again. (A caller that destroys itself, with other things,
// comes last, when nothing can stall any more: retire_activity_row.)
void Kernel::settle(const Outcome& outcome) {
  assert_that(processor.has_current(), "a caller that meets an obstacle is still there");
  switch (outcome.what) {
    case Outcome::What::prepared:
    case Outcome::What::done:
      return;
    case Outcome::What::refused:
      forget_place(processor.activity());
      answer_refusal(attempt.commit(), processor.process(), outcome.result);
      return;
    case Outcome::What::stalled:
      processor.process().registers.rip -= system_call_instruction_bytes;
      stall_current(outcome.stall.until);
      return;
    case Outcome::What::preempted:
      processor.process().registers.rip -= system_call_instruction_bytes;
      give_way();
      return;
    case Outcome::What::faulted:
      processor.process().registers.rip -= system_call_instruction_bytes;
      page_fault({.reason = Trap::Reason::page_fault, .address = outcome.address, .write = outcome.is_write});
      return;
  }
}

}  // namespace perdure
