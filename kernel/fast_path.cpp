// SPDX-License-Identifier: MIT
//
// The fast path: a call through an entry (directly, or through one wrapper), and the answer to it. It
// does what invoke/messages.cpp does, for the case that everything is at hand: words and capabilities only,
// every frame resident and writable in this epoch, the partner waiting, no caller in line before, no
// more important process ready. Everything else, and everything doubtful, is left to the general path, which
// then finds nothing changed: all is looked at first, then all is changed, and nothing in between can
// fail (PREPARE-BEFORE-COMMIT in one screen). No allocation, no search, no loop over slots.
//
// What it leaves out, and why it may:
//  - housekeeping: interrupts are off from the entry on; an interrupt that was let in between two steps of
//    something long is looked at after the next entry of another kind, a tick later at most;
//  - the caller's frames: both are writable (CURRENT-WHILE-RUNNING), and nothing has happened since;
//  - the caller's place: a process that was woken, has a timer, or has stood in a line by its ticket
//    takes the general path; so does a process that uses the FPU.
//
// test/unit/kernel/fast_path_test.cpp runs the same random messages with it and without it, and
// compares the two worlds.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

// No bytes either way, no deadline, nothing that is no register.
bool is_words_only(const Registers& r) {
  return ((r.rbx & not_a_register) | r.r12 | r.r15) == 0;
}

// As one number, to compare both at once.
constexpr unsigned type_and_restrictions(CapabilityType type, unsigned restrictions = 0) {
  return static_cast<unsigned>(type) | restrictions << 8;
}
unsigned type_and_restrictions(const Capability& capability) {
  return type_and_restrictions(capability.type, capability.restrictions);
}
constexpr unsigned whole_entry = type_and_restrictions(CapabilityType::entry);
constexpr unsigned whole_wrapped = type_and_restrictions(CapabilityType::wrapped);

// True if the sender names a capability to send, or the receiver a register to receive one in.
bool passes_capabilities(const Registers& sender, const Registers& receiver) {
  return ((sender.rbx & 0xffff'ffff) | receiver.rbx >> 32) != 0;
}

void copy_words(const Registers& from, Registers& to) {
  to.rdi = from.rdi;
  to.rsi = from.rsi;
  to.rdx = from.rdx;
  to.r8 = from.r8;
  to.r9 = from.r9;
  to.r10 = from.r10;
}

// As deliver_capabilities and take_moved do it.
[[gnu::noinline]] void pass_capabilities(Process& sender, Process& receiver) {
  uint64_t from = sender.registers.rbx;
  for (uint64_t into = receiver.registers.rbx >> 32; into != 0; into >>= 8, from >>= 8) {
    if ((into & 31) == 0) continue;
    receiver.capability_registers[into & 31] = sender.capability_registers[from & 31];
  }
  if (moves_anything(sender.registers)) take_moved(sender);
}

// The small object that a capability names, if the hint is right and the row can be read as it stands.
template <typename Object>
[[gnu::always_inline]] inline Object* hinted_object(Store& store, const Capability& capability, Kind kind) {
  if (capability.hint >= store.slot_count()) return nullptr;
  const FrameDescriptor& frame = store.descriptor(capability.hint);
  const uint64_t index = capability.object.index_in(frame.number);
  if (index >= info(Kind::wrapper).objects_per_frame || frame.identity.kind != kind || !frame.is_readable()) {
    return nullptr;
  }
  auto* object = row_object<Object>(store.body(capability.hint), static_cast<unsigned>(index));
  return names(capability, capability.object, object->version) ? object : nullptr;
}

}  // namespace

// A process, and its activity, both writable.
struct Kernel::Partner {
  CacheSlot slot = no_slot;
  Process* process = nullptr;
  ActivityRef activity;
  Activity* line = nullptr;
};

[[gnu::always_inline]] inline bool Kernel::find_partner(const Capability& capability, Partner& partner) {
  if (capability.hint >= store.slot_count()) return false;
  const FrameDescriptor& frame = store.descriptor(capability.hint);
  if (!names(capability, ObjectId::of(frame.number), frame.identity.source) ||
      frame.identity.kind != Kind::process || !store.is_at_hand(frame)) {
    return false;
  }
  partner.slot = capability.hint;
  partner.process = reinterpret_cast<Process*>(store.body(capability.hint));
  const Capability& bound = partner.process->control.activity;
  if (bound.hint >= store.slot_count()) return false;
  const FrameDescriptor& row = store.descriptor(bound.hint);
  const uint64_t index = bound.object.index_in(row.number);
  // The kind too: where a row of activities was, a page may say whatever its owner likes.
  if (index >= info(Kind::activity).objects_per_frame || row.identity.kind != Kind::activity ||
      !store.is_at_hand(row)) {
    return false;
  }
  partner.line = row_object<Activity>(store.body(bound.hint), static_cast<unsigned>(index));
  // A disk may say that two processes have one activity.
  if (!names(bound, bound.object, partner.line->version) || partner.line->process != capability.object) return false;
  partner.activity = ActivityRef::of(bound.hint, static_cast<unsigned>(index));
  // The partner stands in no line (so no caller is in line for it, if it receives: LINE-IS-LOOKED-AT) and has no
  // timer armed; and no more important process would have to run instead.
  const ProcessControl& control = partner.process->control;
  return partner.line->queue_flags == 0 && control.priority_stamp == scheduler.priorities.stamp() &&
         scheduler.may_run_at_once(control.priority, processor.is_overdue());
}

// The current process leaves the processor to its partner.
[[gnu::always_inline]] inline Registers* Kernel::change_over(Process& from, ProcessState state, const Partner& to) {
  from.control.state = state;  // it ran: it leaves no wait
  processor.activity().runnable = 0;
  ProcessControl& control = to.process->control;
  to.line->runnable = 1;
  processor.change_over(to.slot, *to.process, to.activity, *to.line);
  if (!tables.load_hinted(control.root_hint, control.root_identity)) [[unlikely]] processor.load_space(*to.process);
  return &to.process->registers;
}

// The type of a number: the least that an invocation can ask for. The caller runs on, with what is
// loaded.
inline Registers* Kernel::type_fast(Process& caller, const Capability& capability) {
  Registers& registers = caller.registers;
  if (registers.rdi != method::type || registers.rbx != 0) return nullptr;
  registers.rax = static_cast<uint64_t>(Delivery::reply);
  set_message_words(registers, {static_cast<uint64_t>(Result::ok), static_cast<uint64_t>(capability.type),
                                capability.restrictions});
  return &registers;
}

Registers* Kernel::call_fast(Process& caller, const Capability& invoked) {
  const Registers& asked = caller.registers;
  const Capability* entry = &invoked;
  const Wrapper* wrapper = nullptr;
  if (const unsigned has = type_and_restrictions(invoked); has != whole_entry) [[unlikely]] {
    if (has != whole_wrapped) {
      return invoked.type == CapabilityType::number ? type_fast(caller, invoked) : nullptr;
    }
    wrapper = hinted_object<Wrapper>(store, invoked, Kind::wrapper);
    if (wrapper == nullptr) return nullptr;
    if (wrapper->flags != 0) [[unlikely]] {
      if (wrapper->flags != Wrapper::flag_hand_over || moves_anything(asked)) return nullptr;
    }
    entry = &wrapper->target;
    if (type_and_restrictions(*entry) != whole_entry) return nullptr;
  }
  const Endpoint* endpoint = hinted_object<Endpoint>(store, *entry, Kind::endpoint);
  if (endpoint == nullptr || endpoint->receiver.type != CapabilityType::process) return nullptr;
  Partner receiver;
  if (!find_partner(endpoint->receiver, receiver)) return nullptr;
  Process& process = *receiver.process;
  if (process.control.state != ProcessState::receiving) return nullptr;
  if (process.control.flags & ProcessControl::flag_fpu) return nullptr;

  // --- from here on nothing can fail ---
  // What the invoked capability says is told before anything is moved: it may itself be moved.
  Registers& told = process.registers;
  told.r14 = entry->payload;
  if (passes_capabilities(asked, told)) pass_capabilities(caller, process);
  const FrameDescriptor& own = store.descriptor(processor.slot());
  process.capability_registers[resume_register] = {.type = CapabilityType::resume,
                                                   .hint = processor.slot(),
                                                   .version = own.identity.source,
                                                   .object = ObjectId::of(own.number),
                                                   .payload = caller.control.call_count};
  copy_words(asked, told);
  told.rax = static_cast<uint64_t>(Delivery::call);
  told.r13 = endpoint->id;
  told.r15 = 0;
  if (wrapper != nullptr) {
    told.rax |= delivery_flag::wrapper_payload;
    told.r15 = wrapper->payload;
    if (wrapper->flags & Wrapper::flag_hand_over) [[unlikely]] {
      told.rax |= delivery_flag::handed_over;
      process.capability_registers[handed_over_register] = {.type = CapabilityType::wrapper_control,
                                                            .version = invoked.version,
                                                            .object = invoked.object};
    }
  }
  process.control.state = ProcessState::running;  // it received
  return change_over(caller, ProcessState::waiting, receiver);
}

Registers* Kernel::reply_fast(Process& server, const Capability& resume) {
  const Registers& answer = server.registers;
  if (resume.type != CapabilityType::resume) return nullptr;
  Partner caller;
  if (!find_partner(resume, caller)) return nullptr;
  ProcessControl& control = caller.process->control;
  if (control.state != ProcessState::waiting || control.call_count != resume.payload) return nullptr;
  if (control.fault != FaultCode::none || control.flags & ProcessControl::flag_fpu) return nullptr;
  if (caller.line->awaits_deadline || server.control.pending_notices != 0) return nullptr;
  if (server.control.callers_map != 0) return nullptr;

  // --- from here on nothing can fail ---
  end_wait(control, ProcessState::running);
  Registers& told = caller.process->registers;
  if (passes_capabilities(answer, told)) pass_capabilities(server, *caller.process);
  copy_words(answer, told);
  told.rax = static_cast<uint64_t>(Delivery::reply);
  return change_over(server, ProcessState::receiving, caller);
}

Registers* Kernel::fast_path() {
  if ((processor.slow_because() | processor.activity().queue_flags) != 0) return nullptr;
  Process& caller = processor.process();
  const Registers& registers = caller.registers;
  if (!is_words_only(registers) || invoked_register(registers) >= capability_register_count) return nullptr;
  const Capability& invoked = invoked_slot(caller);
  if (invocation_kind(registers) == Invocation::reply_and_wait) return reply_fast(caller, invoked);
  return invocation_kind(registers) == Invocation::call ? call_fast(caller, invoked) : nullptr;
}

}  // namespace perdure
