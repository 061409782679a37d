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
  constexpr uint64_t not_a_register = 0xe0e0'e0e0'e0e0'e0e0;
  return kind >= Invocation::call && kind <= Invocation::reply_and_wait &&
         invoked_register(registers) < capability_register_count &&
         (registers.rbx & not_a_register) == 0;
}

Outcome answer_type(Request& request) {
  const Commit committed = request.kernel.commit();
  return request.answer(committed, static_cast<uint64_t>(request.capability.type),
                        request.capability.restrictions);
}

}  // namespace

Outcome Kernel::invoke(Process& caller) {
  const Registers& registers = caller.registers;
  if (!is_well_formed(registers)) return Outcome::refuse(Result::malformed);
  if (send_length(registers) > message_bytes_max) return Outcome::refuse(Result::too_large);
  if (registers.r15 != 0) return Outcome::refuse(Result::unsupported);  // deadlines
  const Invocation kind = invocation_kind(registers);
  if (kind == Invocation::reply_and_wait) return reply_and_wait(caller);

  Request request{.kernel = *this, .caller = caller, .kind = kind};
  if (const Outcome o = resolve(request, &caller.capability_registers[invoked_register(registers)]);
      o.is_obstacle()) {
    return o;
  }
  const CapabilityType type = request.capability.type;
  if (type == CapabilityType::entry) return invoke_entry(request);
  if (type == CapabilityType::resume) return invoke_resume(request);
  const Operation operation = operations[static_cast<size_t>(type)];
  if (operation == nullptr) return Outcome::refuse(Result::void_capability);
  if (names_object(type)) {
    const auto found = find(request.capability);
    if (!found) return found.error();
    request.object = *found;
    hold(found->slot);
  }
  return request.method() == method::type ? answer_type(request) : operation(request);
}

// Follows wrappers to what they stand for. Restrictions add up; only the innermost wrapper's
// payload counts, because a client may put wrappers of its own around anything it holds.
Outcome Kernel::resolve(Request& request, Capability* capability) {
  uint8_t restrictions = 0;
  request.invoked = *capability;
  for (unsigned depth = 0; capability->type == CapabilityType::wrapped; ++depth) {
    if (depth == wrapper_depth_max) return Outcome::refuse(Result::malformed);
    const auto found = find(*capability);
    if (!found) return found.error();
    Wrapper& wrapper = *row_object<Wrapper>(store.bytes(found->slot), found->index);
    if (wrapper.flags & Wrapper::flag_blocked) {
      return Outcome::wait(WaitChannel::of(WaitChannel::Reason::wrapper, capability->object.value));
    }
    restrictions |= capability->restrictions;
    request.wrapper_count = depth + 1;
    request.wrapper_payload = wrapper.payload;
    request.hand_over = wrapper.flags & Wrapper::flag_hand_over;
    request.wrapper_control = {.type = CapabilityType::wrapper_control,
                               .version = capability->version,
                               .object = capability->object};
    capability = &wrapper.target;
  }
  // A weak one stands for memory only: invoking anything else could change something.
  if ((restrictions & restriction::weak) && !capability->is_memory()) {
    return Outcome::refuse(Result::missing_right);
  }
  request.capability = *capability;
  request.capability.restrictions |= restrictions;
  return Outcome::prepared();
}

// --- answers of kernel objects -----------------------------------------------------------------------

Outcome Request::answer(Commit, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5,
                        uint32_t byte_count) {
  if (!kernel.is_current(caller)) return Outcome::done();  // it destroyed or stopped itself
  Registers& registers = caller.registers;
  if (kind == Invocation::send) {
    registers.rax = static_cast<uint64_t>(Delivery::none);
    registers.rdi = static_cast<uint64_t>(Result::ok);
    return Outcome::done();
  }
  for (unsigned i = 0; i < message_capability_count; ++i) {
    const unsigned number = receiving_register(registers, i);
    if (number != 0 && !(answered >> i & 1)) caller.capability_registers[number] = {};
  }
  registers.rax = static_cast<uint64_t>(Delivery::reply) | uint64_t{byte_count} << 32;
  set_message_words(registers, {static_cast<uint64_t>(Result::ok), w1, w2, w3, w4, w5});
  return Outcome::done();
}

void Request::answer_capability(Commit, unsigned i, const Capability& answer) {
  if (!kernel.is_current(caller) || kind == Invocation::send) return;
  const unsigned number = receiving_register(caller.registers, i);
  if (number != 0) caller.capability_registers[number] = answer;
  answered |= 1u << i;
}

// What a refused caller is told. Its registers are not well-formed if that is the reason.
void Kernel::answer_refusal(Process& caller, Result result) {
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
  Process& caller = current();
  committed_ = false;
  trace.add(TraceEntry::Event::invocation, store.descriptor(current_slot_).number.value,
            caller.registers.rax, caller.registers.rdi);
  settle(invoke(caller), true);
}

// What becomes of the attempt's process. A stalled or faulted system call is made again: nothing
// has changed but that its program counter stands at the call again.
void Kernel::settle(const Outcome& outcome, bool in_system_call) {
  if (!has_current()) return;  // it waits for an answer, or has stopped itself
  switch (outcome.what) {
    case Outcome::What::prepared:
    case Outcome::What::done:
      return;
    case Outcome::What::refused:
      answer_refusal(current(), outcome.result);
      return;
    case Outcome::What::stalled:
      if (in_system_call) current().registers.rip -= system_call_instruction_bytes;
      stall_current(outcome.stall.until);
      return;
    case Outcome::What::faulted:
      if (in_system_call) current().registers.rip -= system_call_instruction_bytes;
      tell_keeper(caller_fault, caller_fault_address, caller_fault_write, false);
      return;
  }
}

}  // namespace perdure
