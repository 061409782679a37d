// SPDX-License-Identifier: MIT
//
// Attacks on the processor's and the kernel's entries: registers, addresses and instructions that
// no honest program would use. Each costs at most the puppet that tries it.
#include <cstring>
#include <iterator>

#include "test/hostile/attack_functions.hpp"
#include "test/hostile/puppet.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure::hostile {

// instructions.S: STACK
constexpr uint64_t fault_of_stack = 109;

struct ForbiddenInstruction {
  PuppetProgram program;
  uint64_t fault;
};

extern "C" {
extern const ForbiddenInstruction forbidden_instructions[], forbidden_instructions_end[];
void harmless(uint64_t), spin(uint64_t), call_for_ever(uint64_t);
void return_by_interrupt(uint64_t), return_far(uint64_t);
void load_from(uint64_t), store_to(uint64_t), jump_to(uint64_t);
void trap_by_breakpoint(uint64_t), trap_behind_stack_load(uint64_t), trap_by_single_step(uint64_t);
}

namespace {

constexpr uint64_t not_canonical[] = {
    0x0000'8000'0000'0000, 0x0000'8000'0000'0001, 0x1234'5678'9abc'def0, 0x7fff'ffff'ffff'ffff,
    0x8000'0000'0000'0000, 0xffff'7fff'ffff'ffff, 0xffff'7fff'ffff'f000};
constexpr uint64_t of_the_kernel[] = {
    0xffff'8000'0000'0000, 0xffff'8000'0010'0000, 0xffff'c000'0000'0000, 0xffff'ffff'8000'0000,
    0xffff'ffff'8010'0000, 0xffff'ffff'8020'0000, 0xffff'ffff'fee0'0000, 0xffff'ffff'ffff'f000,
    0xffff'ffff'ffff'fff8};
// Nothing is mapped there, or only partly, and no keeper fills it.
constexpr uint64_t unmapped[] = {0, 8, layout::text_start - 1, layout::slot_start(5), layout::window_start,
                                 layout::slot_start(layout::pocket_slot), 0x7fff'ffff'f000,
                                 user_address_end - 16};

constexpr uint64_t flag_trap = 1 << 8;
// Carry, parity, adjust, zero, sign, direction, overflow, nested task, alignment check, identification; and what always is set.
constexpr uint64_t own_flags = 0x0024'4cd5, fixed_flags = 0x0202;

RawInvocation raw;

bool is_malformed(RawInvocation attempt) {
  perdure_invoke(&attempt);
  return static_cast<Result>(attempt.words[0]) == Result::malformed;
}

constexpr uint64_t no_registers[] = {32, 33, 63, 64, 96, 127};

// The puppet calls the target; a fault that is its own, or a refusal, never an answer.
void try_buffers(Puppet& puppet, uint64_t address, bool to_send) {
  for (const uint64_t length : {uint64_t{1}, uint64_t{64}, uint64_t{4096}}) {
    raw = raw_call(object, method::describe);
    raw.r12 = to_send ? length : length << 32;
    (to_send ? raw.r13 : raw.r14) = address;
    const auto status = puppet.run(invoke_puppet, reinterpret_cast<uint64_t>(&raw));
    const bool is_refused = ended(status) && static_cast<Result>(raw.words[0]) != Result::ok;
    require(has_own_fault(status) || is_refused, address == 0 ? 1 : address);
  }
}

Puppet new_puppet() {
  Puppet puppet(0);
  puppet.buy(higher_schedule);
  return puppet;
}

}  // namespace

void bad_registers() {
  for (const uint64_t number : no_registers) {
    for (const uint64_t kind : {1, 2, 3}) require(is_malformed({.rax = kind | number << 8}));
    for (unsigned byte = 0; byte < 8; ++byte) {
      require(is_malformed({.rax = 1 | uint64_t{object.number} << 8, .rbx = number << 8 * byte}));
    }
  }
  for (uint64_t kind = 0; kind < 256; ++kind) {
    if (kind < 1 || kind > 3) require(is_malformed({.rax = kind | uint64_t{object.number} << 8}));
  }
  RawInvocation too_long = raw_call(object, method::type);
  too_long.r12 = 0xffff'ffff;
  perdure_invoke(&too_long);
  require(static_cast<Result>(too_long.words[0]) == Result::too_large);
  RawInvocation of_nothing = raw_call(registers::nothing, method::type);
  perdure_invoke(&of_nothing);
  require(static_cast<Result>(of_nothing.words[0]) == Result::void_capability);
}

void bad_addresses() {
  Puppet puppet = new_puppet();
  for (const bool to_send : {true, false}) {
    for (const uint64_t address : not_canonical) try_buffers(puppet, address, to_send);
    for (const uint64_t address : of_the_kernel) try_buffers(puppet, address, to_send);
    for (const uint64_t address : unmapped) try_buffers(puppet, address, to_send);
  }
  // The text is there, but not to be written.
  try_buffers(puppet, layout::text_start, false);
}

void privileged_instructions() {
  Puppet puppet = new_puppet();
  for (const ForbiddenInstruction* one = forbidden_instructions; one != forbidden_instructions_end; ++one) {
    const auto line = static_cast<uint64_t>(one - forbidden_instructions) + 1;
    const auto status = puppet.run(one->program, 0, 3000 + line);
    const bool is_either = one->fault == fault_of_stack && status.fault == FaultCode::protection;
    require(is_either || static_cast<uint64_t>(status.fault) == one->fault % 100, 1000 + line);
    const auto registers = puppet.process().get_registers();
    require(registers && registers->rip != 0, 2000 + line);
  }
}

namespace {

// At the last bytes of the user half: the instruction behind the system call has an address that
// is not canonical, with which SYSRET would fault in the kernel.
void call_at_the_end(Puppet& puppet) {
  constexpr CapabilityRegister tall{first_free_register}, page{first_free_register + 1};
  constexpr uint64_t last_page = user_address_end - layout::page_bytes;
  require(bank.allocate(Kind::node, tall).has_value());
  require(bank.allocate(Kind::page, page).has_value());
  require(MemoryCapability{{page}}.reduce(0, 0, page).has_value());
  require(space.store(layout::window_slot, page).has_value());
  constexpr uint8_t system_call[] = {0x0f, 0x05};
  std::memcpy(reinterpret_cast<void*>(layout::window_start + layout::page_bytes - 2), system_call, 2);
  // Slots of 2^32 pages: the last page of the user half is the last of slot 7.
  constexpr uint8_t slot_size = 32;
  constexpr uint64_t page_number = last_page / layout::page_bytes;
  require(NodeCapability{{{tall}}}.set({.slot_size = slot_size}).has_value());
  require(MemoryCapability{{page}}.reduce(0, page_number & ((uint64_t{1} << slot_size) - 1), page).has_value());
  require(NodeCapability{{{tall}}}.store(page_number >> slot_size, page).has_value());
  require(puppet.process().store(process_slot::space, tall).has_value());
  for (const uint64_t kind : {0, 1, 2}) {
    Registers registers;
    registers.rip = user_address_end - 2;
    registers.rax = kind;
    const auto status = puppet.run(registers);
    require(status.fault == FaultCode::protection && status.instruction_pointer == user_address_end);
  }
  require(puppet.process().store(process_slot::space, space.at).has_value());
}

}  // namespace

void every_register_not_canonical() {
  Puppet puppet = new_puppet();
  const auto values = [](auto use) {
    for (const uint64_t value : not_canonical) use(value);
    for (const uint64_t value : of_the_kernel) use(value);
    use(user_address_end - 1);
  };
  values([&](uint64_t value) {
    Registers registers = puppet.initial(harmless, 0);
    registers.rip = value;
    require(has_own_fault(puppet.run(registers)));
  });
  values([&](uint64_t value) {
    Registers registers = puppet.initial(harmless, 0);
    registers.rsp = registers.rbp = registers.fs_base = registers.gs_base = value;
    registers.rcx = registers.r11 = value;
    registers.rflags = value & ~flag_trap;  // a program's own: it would stop it behind its first instruction
    registers.entered_by_system_call = value;
    for (uint64_t& spare : registers.spare) spare = value;
    require(ended(puppet.run(registers)));
  });
  for (const uint64_t flags : {~uint64_t{0}, uint64_t{0}, uint64_t{0x3700}}) {
    Registers registers = puppet.initial(harmless, 0);
    registers.rflags = flags & ~flag_trap;
    registers.entered_by_system_call = 1;
    require(ended(puppet.run(registers)));
    const auto seen = puppet.process().get_registers();
    require(seen && (seen->rflags & ~own_flags) == fixed_flags);
  }
  call_at_the_end(puppet);
}

void kernel_addresses() {
  Puppet puppet = new_puppet();
  for (const uint64_t address : of_the_kernel) {
    for (const PuppetProgram program : {load_from, store_to, jump_to}) {
      const auto status = puppet.run(program, address);
      require(status.fault == FaultCode::protection);
      const auto registers = puppet.process().get_registers();
      require(registers && (registers->rax & 0xff) == 0);  // nothing was read
    }
  }
}

// Loops of every kind: of nothing, of system calls, of faults that are no faults of memory, and of
// faults after which we start the puppet again.
void endless_loop() {
  constexpr PuppetProgram programs[puppets_max] = {spin, call_for_ever, return_by_interrupt, return_far};
  Puppet puppets[] = {Puppet(0), Puppet(1), Puppet(2), Puppet(3)};
  for (unsigned i = 0; i < puppets_max; ++i) {
    puppets[i].buy(equal_schedule);
    puppets[i].start(programs[i], 0);
  }
  while (true) {
    for (Puppet& puppet : puppets) {
      const auto status = puppet.process().status();
      if (status && status->state == ProcessState::stopped) puppet.start(load_from, layout::slot_start(5));
    }
  }
}

namespace {

// Takes the next fault as the keeper, and gives the answer to the one before.
FaultCode next_fault(Result answer) {
  Message message{.words = {static_cast<uint64_t>(answer)}};
  reply_and_wait(CapabilityRegister{resume_register}, message);
  require(message.delivery == Delivery::call && message.words[0] == method::keeper_fault);
  return static_cast<FaultCode>(message.words[1]);
}

// It has left its first instruction; and we do not listen.
void await_trap(const Puppet& puppet, PuppetProgram program) {
  while (true) {
    const auto status = puppet.process().status();
    require(status.has_value());
    if (status->instruction_pointer != reinterpret_cast<uint64_t>(program)) return;
  }
}

}  // namespace

// We are the keeper, and do not listen while the puppet, which is more important, traps. Then each trap
// is told, once: what comes behind it is the instruction that does not exist.
void busy_keeper() {
  struct Trapping {
    PuppetProgram program;
    FaultCode code;
  };
  constexpr Trapping all[] = {{trap_by_breakpoint, FaultCode::breakpoint},
                              {trap_behind_stack_load, FaultCode::breakpoint},
                              {trap_by_single_step, FaultCode::other_exception}};
  constexpr CapabilityRegister own_entry{first_free_register};
  Puppet puppet = new_puppet();
  require(endpoint.entry(0, own_entry).has_value());
  require(puppet.process().store(process_slot::keeper, own_entry).has_value());
  for (const Trapping& one : all) {
    puppet.start(one.program, 0);
    await_trap(puppet, one.program);
    const FaultCode trap = next_fault(Result::ok);
    require(trap == one.code);
    require(next_fault(Result::ok) == FaultCode::invalid_instruction);
    // Refused: the puppet stops.
    RawInvocation refusal{.rax = static_cast<uint64_t>(Invocation::send) | uint64_t{resume_register} << 8};
    refusal.words[0] = static_cast<uint64_t>(Result::bad_argument);
    perdure_invoke(&refusal);
    require(ended(puppet.await_fault()));
  }
}

}  // namespace perdure::hostile
