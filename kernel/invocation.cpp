// SPDX-License-Identifier: MIT
//
// One invocation, from the registers to the operation: decode and check, follow wrappers, look
// the object up, dispatch by type. Errors are found in this order: malformed, void capability,
// wrong type, missing right, bad argument.
#include "kernel/capabilities/operations.hpp"
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

// By capability type. Null: no object of the kernel.
using Operation = Outcome (*)(Request&, Kernel&);
struct Entry {
  CapabilityType type;
  Operation operation;
};
constexpr std::array<Entry, capability_type_count> operations{{
    {CapabilityType::void_capability, nullptr},
    {CapabilityType::number, [](Request& request, Kernel&) { return invoke_number(request); }},
    {CapabilityType::page, [](Request& request, Kernel&) { return invoke_page(request); }},
    {CapabilityType::capability_page, [](Request& request, Kernel&) { return invoke_capability_page(request); }},
    {CapabilityType::node, [](Request& request, Kernel& k) { return invoke_node(request, k.tables); }},
    {CapabilityType::process,
     [](Request& request, Kernel& k) { return invoke_process(request, k.states, k.scheduler, k.buffers); }},
    {CapabilityType::endpoint, [](Request& request, Kernel& k) { return invoke_endpoint(request, k.scheduler); }},
    {CapabilityType::entry, nullptr},
    {CapabilityType::resume, nullptr},
    {CapabilityType::wrapper_control, [](Request& request, Kernel& k) { return invoke_wrapper_control(request, k.scheduler); }},
    {CapabilityType::wrapped, nullptr},
    {CapabilityType::notice, [](Request& request, Kernel& k) { return invoke_notice(request, k.messages); }},
    {CapabilityType::schedule, [](Request& request, Kernel& k) { return invoke_schedule(request, k.scheduler); }},
    {CapabilityType::activity, [](Request& request, Kernel&) { return invoke_activity(request); }},
    {CapabilityType::range, [](Request& request, Kernel& k) { return invoke_range(request, k.destruction, k.restart_list); }},
    {CapabilityType::checkpoint,
     [](Request& request, Kernel& k) { return invoke_checkpoint(request, k.checkpoints, k.lines, k.buffers, k.time); }},
    {CapabilityType::devices, [](Request& request, Kernel& k) { return invoke_devices(request, k.time); }},
    {CapabilityType::console, [](Request& request, Kernel& k) { return invoke_console(request, k.console, k.buffers, k.time); }},
    {CapabilityType::clock, [](Request& request, Kernel& k) { return invoke_clock(request, k.time); }},
    {CapabilityType::discriminator, [](Request& request, Kernel&) { return invoke_discriminator(request); }},
}};

constexpr bool is_in_order() {
  for (size_t i = 0; i < operations.size(); ++i) {
    if (static_cast<size_t>(operations[i].type) != i) return false;
  }
  return true;
}
static_assert(is_in_order());

bool is_well_formed(const Registers& registers) {
  const auto kind = invocation_kind(registers);
  return kind >= Invocation::call && kind <= Invocation::reply_and_wait &&
         invoked_register(registers) < capability_register_count &&
         (registers.rbx & not_a_register) == 0;
}

Outcome answer_type(Request& request) {
  const Commit committed = request.attempt.commit();
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
  if (kind == Invocation::reply_and_wait) return messages.reply_and_wait(caller);

  Capability& invoked = invoked_slot(caller);
  Request request{.attempt = attempt, .processor = processor, .caller = caller, .kind = kind, .capability = invoked, .stored = &invoked};
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
  if (type == CapabilityType::entry) return messages.invoke_entry(request);
  if (type == CapabilityType::resume) return messages.invoke_resume(request);
  const Operation operation = operations[static_cast<size_t>(type)].operation;
  if (operation == nullptr) return Outcome::refuse(Result::void_capability);
  return request.method() == method::type ? answer_type(request) : operation(request, *this);
}

void Kernel::system_call() {
  Process& caller = processor.process();
  const ActivityRef activity = processor.ref();
  trace.add(TraceEntry::Event::invocation, store.descriptor(processor.slot()).number.value,
            caller.registers.rax, caller.registers.rdi);
  const uint64_t deadline_ns = caller.registers.r15;
  const Outcome outcome = invoke(caller);
  if (outcome.what != Outcome::What::done) settle(outcome);
  else if (processor.is_current(caller)) lines.forget_place(processor.activity());
  if (outcome.what != Outcome::What::stalled) {
    if (processor.is_current(caller) && processor.activity().queue_flags != 0) timers.disarm(activity);
  } else if (!processor.has_current()) {
    deadlines.arm_for_stall(activity, deadline_ns, outcome.wake_at_ns());
  }
}

// What becomes of a caller when its call has met an obstacle. A stalled or faulted call is made again: nothing
// has changed but that the program counter stands at the call again. (A caller that destroys itself, with other things,
// comes last, when nothing can stall any more: retire_activity_row.)
void Kernel::settle(const Outcome& outcome) {
  assert_that(processor.has_current(), "a caller that meets an obstacle is still there");
  switch (outcome.what) {
    case Outcome::What::prepared:
    case Outcome::What::done:
      return;
    case Outcome::What::refused:
      lines.forget_place(processor.activity());
      answer_refusal(attempt.commit(), processor.process(), outcome.result);
      return;
    case Outcome::What::stalled:
      processor.process().registers.rip -= system_call_instruction_bytes;
      lines.stall_current(outcome.stall.until);
      return;
    case Outcome::What::preempted:
      processor.process().registers.rip -= system_call_instruction_bytes;
      lines.give_way();
      return;
    case Outcome::What::faulted:
      processor.process().registers.rip -= system_call_instruction_bytes;
      faults.own_memory(outcome.address, outcome.is_write);
      return;
  }
}

}  // namespace perdure
