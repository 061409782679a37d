// SPDX-License-Identifier: MIT
//
// Exceptions of every kind, and how the keeper is told of them. Breaks if one is told as another, at another place,
// twice or never, or if what the keeper answers does not decide what becomes of the process.
#include "test/guest/servers.hpp"
#include "test/guest/spaces.hpp"

namespace perdure::guest {
namespace {

struct Code {
  Body begin;
  uint64_t at, behind;
};
extern "C" const Code exceptions[];  // exceptions.S

struct Exception {
  std::string_view name;
  FaultCode code;
  uint64_t told = 0;  // vector number of what has no code of its own, else the processor's error code
  bool is_trap = false;
};
constexpr uint64_t any = ~uint64_t{0};  // processors and emulators differ
constexpr Exception rows[] = {
    {"an instruction that does not exist", FaultCode::invalid_instruction},
    {"a division by zero", FaultCode::divide_error},
    {"a quotient that is too large", FaultCode::divide_error},
    {"a breakpoint", FaultCode::breakpoint, 0, true},
    {"a halt", FaultCode::protection},
    {"an interrupt flag that is cleared", FaultCode::protection},
    {"a port that is read", FaultCode::protection},
    {"a control register that is read", FaultCode::protection},
    {"a model-specific register that is read", FaultCode::protection},
    {"a software interrupt", FaultCode::protection, any},
    {"a single step", FaultCode::other_exception, 1, true},
    {"a vector that is not aligned", FaultCode::protection},
    {"a floating-point division by zero", FaultCode::other_exception, 16},
    {"what comes behind a system call that was to be a single step", FaultCode::invalid_instruction},
};

constexpr Result refusal = Result::bad_argument;

void stops_without_keeper(uint64_t row) {
  const Exception& one = rows[row];
  Actor actor(exceptions[row].begin);
  actor.start();
  const auto status = actor.await_stop();
  expect(status.fault, one.code);
  if (one.told != any) expect(status.fault_address, one.told);
  expect(status.instruction_pointer, one.is_trap ? exceptions[row].behind : exceptions[row].at);
}

Message hear_exception(const Exception& one) {
  const Message told = receive();
  expect(told.delivery, Delivery::call);
  expect(told.words[0], method::keeper_fault);
  expect(told.words[1], one.code);
  if (one.told != any) expect(told.words[2], one.told);
  expect(told.words[3], 0);
  expect(type_in(arrived[0]), CapabilityType::void_capability);
  return told;
}

// A fault is run into again behind `ok`; a trap is not, and then comes what stands behind it.
void told_to_the_keeper(uint64_t row) {
  const Exception& one = rows[row];
  Actor actor(exceptions[row].begin);
  actor.tell_faults_to(my_entry());
  actor.start();
  hear_exception(one);
  expect(actor.status().state, ProcessState::waiting);
  expect(actor.status().instruction_pointer, one.is_trap ? exceptions[row].behind : exceptions[row].at);
  results(answer(), Result::ok);
  const Exception& next = one.is_trap ? rows[0] : one;
  hear_exception(next);
  results(answer({.words = {static_cast<uint64_t>(refusal)}}), Result::ok);
  const auto status = actor.await_stop();
  expect(status.fault, next.code);
  expect(status.instruction_pointer, one.is_trap ? exceptions[row].behind : exceptions[row].at);
}

// Whatever takes the processor from it in between (in a space without page tables, the fetch of the instruction).
void single_steps(uint64_t row) {
  constexpr uint64_t flag_trap = 0x100;
  Actor actor(exceptions[1].begin);
  if (row == 1) actor.live_in(new_space().at);
  constexpr uint64_t instruction_bytes = 2;
  Registers registers = actor.first_registers();
  registers.rcx = registers.rdx = 1;
  for (unsigned step = 1; step <= 2; ++step) {
    registers.rflags |= flag_trap;
    actor.start(registers);
    const auto status = actor.await_stop();
    expect(status.fault, FaultCode::other_exception);
    expect(status.fault_address, 1);
    expect(status.instruction_pointer, actor.first_registers().rip + step * instruction_bytes);
    registers = value_of(actor.process.get_registers());
    expect(registers.rflags & flag_trap, 0);
  }
  expect(registers.rcx, 0);
  expect(registers.rdx, 0);
  done(actor.process.start(nothing));  // it has not been told to take another step
  expect(actor.await_stop().fault, FaultCode::divide_error);
}

// The keeper that mends: the process goes on behind the fault with the registers that it is given.
void goes_on_where_it_is_put(uint64_t) {
  Actor actor(exceptions[0].begin);
  actor.start();
  for (unsigned round = 0; round < 10; ++round) {
    expect(actor.await_stop().fault, FaultCode::invalid_instruction);
    Registers registers = value_of(actor.process.get_registers());
    registers.rip = exceptions[0].behind;
    registers.rbx = round;
    done(actor.process.set_registers(registers));
    done(actor.process.start(nothing));
    const auto status = actor.await_stop();
    expect(status.instruction_pointer, exceptions[0].behind);
    expect(value_of(actor.process.get_registers()).rbx, round);
  }
}

void start_forgets_the_fault(uint64_t) {
  Actor actor(exceptions[1].begin);
  actor.start();
  expect(actor.await_stop().fault, FaultCode::divide_error);
  actor.start(Actor(never_listens).first_registers());
  rest();
  expect(actor.status().fault, FaultCode::none);
  expect(actor.status().state, ProcessState::running);
}

// The keeper does not receive at first: the fault waits for it, in line with callers.
void waits_for_a_busy_keeper(uint64_t) {
  Actor actor(exceptions[3].begin);
  const CapabilityRegister entry = my_entry();
  actor.tell_faults_to(entry);
  actor.start();
  Caller caller(entry, {.words = {1}});
  caller.start();
  rest();
  bool has_come[2] = {};
  for (unsigned i = 0; i < 2; ++i) {
    const Message told = receive();
    has_come[told.words[0] == method::keeper_fault] = true;
    answer();
  }
  holds(has_come[0] && has_come[1]);
  results(caller.finish(), Result::ok);
  hear_exception(rows[0]);
}

void keeper_destroyed_with_the_fault(uint64_t) {
  Actor actor(exceptions[4].begin), keeper(takes_one);
  actor.tell_faults_to(keeper.receives());
  keeper.start();
  actor.start();
  actor.await(ProcessState::waiting);
  done(bank.free(keeper.process.at));
  // `destroyed` is no ok: the fault stops it.
  const auto status = actor.await_stop();
  expect(status.fault, FaultCode::protection);
  expect(status.instruction_pointer, exceptions[4].at);
}

void stopped_while_told(uint64_t) {
  Actor actor(exceptions[1].begin);
  actor.tell_faults_to(my_entry());
  actor.start();
  hear_exception(rows[1]);
  done(actor.process.stop());
  results(answer(), Result::void_capability);
  done(actor.process.start(nothing));
  hear_exception(rows[1]);
}

void registers_are_left_alone(uint64_t) {
  Actor actor(exceptions[0].begin);
  actor.tell_faults_to(my_entry());
  Registers registers = actor.first_registers();
  registers.rax = 1, registers.rbx = 2, registers.rcx = 3, registers.rdx = 4, registers.rsi = 5, registers.rdi = 6;
  registers.rbp = 7, registers.r8 = 8, registers.r9 = 9, registers.r10 = 10, registers.r11 = 11, registers.r12 = 12;
  registers.r13 = 13, registers.r14 = 14, registers.r15 = 15;
  actor.start(registers);
  for (unsigned round = 0; round < 3; ++round) {
    hear_exception(rows[0]);
    const auto seen = value_of(actor.process.get_registers());
    const uint64_t found[] = {seen.rax, seen.rbx, seen.rcx, seen.rdx, seen.rsi, seen.rdi, seen.rbp, seen.r8,
                              seen.r9, seen.r10, seen.r11, seen.r12, seen.r13, seen.r14, seen.r15};
    for (uint64_t i = 0; i < std::size(found); ++i) expect(found[i], i + 1);
    expect(seen.rsp, registers.rsp);
    answer({.words = {0, 99, 99, 99, 99, 99}});
  }
}

// --- memory --------------------------------------------------------------------------------------------

void stops_with_the_address(uint64_t row) {
  struct Access {
    Probe probe;
    uint64_t address, detail;
    FaultCode code;
  };
  constexpr Access accesses[] = {{reads, 0x0500'0000, 0, FaultCode::no_memory},
                                 {writes, 0x0500'0008, 1, FaultCode::no_memory},
                                 {jumps, 0x0500'0010, 2, FaultCode::no_memory},
                                 {writes, 0x0040'0000, 1, FaultCode::access},
                                 {jumps, 0x0100'0000, 2, FaultCode::access},
                                 {reads, 0xffff'8000'0010'0000, 0, FaultCode::protection}};
  const Access& access = accesses[row];
  Prober prober(new_space(), access.address, access.probe);
  prober.actor.tell_faults_to(nothing);
  prober.start();
  const auto status = prober.actor.await_stop();
  expect(status.fault, access.code);
  expect(status.fault_address, access.address);
  expect(status.fault_detail, access.detail);
}
constexpr Exception accesses[] = {{"a read of nothing", {}}, {"a write to nothing", {}}, {"a jump to nothing", {}},
                                  {"a write to text", {}}, {"a jump to data", {}}, {"a read of the kernel's memory", {}}};

constexpr Test tests[] = {
    {"a process that has faulted goes on where it is put, with the registers that it is given", goes_on_where_it_is_put},
    {"a process that is started again has forgotten its fault", start_forgets_the_fault},
    {"a fault waits for a keeper that is busy", waits_for_a_busy_keeper},
    {"a fault whose keeper is destroyed with it stops its process", keeper_destroyed_with_the_fault},
    {"a process that is stopped while its keeper is told runs into its fault again", stopped_while_told},
    {"a fault and its answer leave all registers alone", registers_are_left_alone},
};
constexpr Exception spaces[] = {{"in a space that is in use", {}}, {"in a space without page tables", {}}};
constexpr auto steps = for_each_row("single steps, each of one instruction, ", spaces, single_steps);
constexpr auto stops = for_each_row("without a keeper it stops the process, which says so: ", rows, stops_without_keeper);
constexpr auto told = for_each_row("the keeper is told, and decides what becomes of it: ", rows, told_to_the_keeper);
constexpr auto memory = for_each_row("the status tells address and kind of ", accesses, stops_with_the_address);

}  // namespace

constinit const Suite faults{"faults", {{tests, steps, stops, told, memory}}};

}  // namespace perdure::guest
