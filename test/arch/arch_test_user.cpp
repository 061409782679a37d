// SPDX-License-Identifier: MIT
//
// Tries to break the way into and out of user mode: runs user_program.S and expects its traps in
// exactly this order, with interrupts of the timer anywhere between.
#include <cstring>

#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/memory/page_table_entry.hpp"
#include "objects/process.hpp"
#include "test/arch/arch_test.hpp"

extern "C" const char user_program[], user_program_end[], user_stalled_call[], user_spin[];

namespace perdure {

using namespace arch_test;
namespace entry = page_table_entry;

namespace {

constexpr uint64_t program_address = 0x400000, stack_address = 0x500000, data_address = 0x600000;
constexpr uint64_t unmapped_address = 0x700000;
constexpr uint64_t not_canonical = 0x0000'8000'0000'0000;

constinit PhysAddr root;
constinit Process* process = nullptr;
constinit uint64_t* data = nullptr;
constinit unsigned next_trap = 0;
constinit uint64_t ticks = 0;
constinit uint64_t stalled_calls = 0;
constinit uint64_t resume_address = 0;

struct Expected {
  Trap::Reason reason;
  uint64_t detail;       // step of a system call, address of a page fault, or vector
  uint64_t skip_bytes;   // length of the instruction, to go on behind it
};
using enum Trap::Reason;
constexpr Expected expected[] = {
    {system_call, 1, 0}, {system_call, 2, 0}, {system_call, 3, 0}, {system_call, 4, 0},
    {page_fault, unmapped_address + 8, 0}, {system_call, 5, 0},
    {page_fault, program_address, 3}, {page_fault, data_address, 0},
    {fpu_absent, 0, 0}, {system_call, 6, 0}, {system_call, 7, 0},
    {system_call, 8, 0}, {system_call, 9, 0},
    {system_call, 10, 0}, {system_call, 10, 0}, {system_call, 10, 0},
    {exception, 13, 1}, {exception, 3, 0}, {exception, 13, 2}, {exception, 6, 2}, {exception, 0, 2},
    {exception, 13, 3}, {exception, 1, 0}, {page_fault, 0xffffffff80000000, 3}, {exception, 13, 3},
    {system_call, 11, 0}, {system_call, 12, 0},
    {system_call, 13, 0}, {exception, 13, 0}, {system_call, 14, 0}, {exception, 13, 0},
    {system_call, 15, 0}, {system_call, 16, 0}, {system_call, 99, 0}};

void map_user(uint64_t address, PhysAddr page, bool may_write, bool may_execute) {
  auto* table = reinterpret_cast<uint64_t*>(machine::memory_at(root));
  for (unsigned level = 3; level > 0; --level) {
    uint64_t& next = table[entry::index_of(address, level)];
    if (!entry::is_present(next)) next = entry::user_table(take_page().value);
    table = reinterpret_cast<uint64_t*>(machine::memory_at(PhysAddr{entry::address_of(next)}));
  }
  table[entry::index_of(address, 0)] = entry::user_page(page.value, may_write, may_execute, true);
}

void build_program() {
  root = take_page();
  machine::install_kernel_half(reinterpret_cast<uint64_t*>(machine::memory_at(root)));
  const PhysAddr program = take_page(), data_page = take_page();
  std::memcpy(machine::memory_at(program), user_program, static_cast<size_t>(user_program_end - user_program));
  map_user(program_address, program, false, true);
  map_user(stack_address, take_page(), true, false);
  map_user(data_address, data_page, true, false);
  data = reinterpret_cast<uint64_t*>(machine::memory_at(data_page));
  data[0] = 0x65;  // gs:0
  data[1] = 0x66;
  data[2] = 0;     // ticks
  data[3] = processor_features.fsgsbase ? 1 : 0;
  data[4] = 0xf5;  // fs:0
  machine::load_root(root);
}

// The vector registers as they are behind fpu_disable, which hides them: nothing of a program.
void check_nothing_is_left() {
  alignas(64) static constinit std::byte left[fpu_area_bytes] = {};
  for (size_t i = 0; i < 16 * 16; ++i) process->fpu_area[160 + i] = std::byte{0x5a};  // xmm0-15
  process->fpu_area[512] |= std::byte{3};
  machine::fpu_load(process->fpu_area);
  machine::fpu_disable();
  machine::fpu_enable();
  machine::fpu_save(left);
  uint64_t seen = 0;
  for (size_t i = 0; i < 16 * 16; ++i) seen |= static_cast<uint64_t>(left[160 + i]);
  check_equal(seen, 0, "vector registers that a program left");
}

void step_of_fpu() {
  alignas(64) static constinit std::byte initial[fpu_area_bytes] = {};
  machine::fpu_save(process->fpu_area);
  machine::fpu_initial_state(initial);
  machine::fpu_load(initial);
  machine::fpu_disable();
  machine::fpu_enable();
  // Bits that the processor has not: fpu_load must not fault on them.
  process->fpu_area[519] |= std::byte{0x80};
  process->fpu_area[540] |= std::byte{0x01};
  machine::fpu_load(process->fpu_area);
  alignas(64) static constinit std::byte before[fpu_area_bytes] = {};
  machine::fpu_save(before);
  check_nothing_is_left();
  machine::fpu_load(before);
}

void on_system_call(Registers& registers) {
  const uint64_t step = registers.rax;
  check_equal(registers.entered_by_system_call, 1, "entered_by_system_call");
  if (step < 13 && step != 6) check_equal(registers.rdi, registers.rsi, "report of the program");
  if (step == 6) step_of_fpu();
  if (step == 7) machine::set_tick(1'000'000);
  if (step == 10 && ++stalled_calls < 3) registers.rip -= system_call_instruction_bytes;
  if (step == 13 || step == 14) {
    resume_address = registers.rip;
    registers.rip = step == 13 ? not_canonical : 0xffff'ffff'8000'0000;
    registers.fs_base = 0x1234'5678'9abc'def0;  // neither is canonical
    registers.gs_base = not_canonical;
  }
  if (step == 14 || step == 16) registers.entered_by_system_call = 0;
  if (step == 99) {
    print(TextLine{}.text("user mode: ok, ").decimal(next_trap).text(" traps, ").decimal(ticks).text(" ticks"));
    finish();
  }
}

void on_interrupt(Registers& registers) {
  check_equal(registers.entered_by_system_call, 0, "entered by an interrupt");
  if (!machine::take_pending().timer) return;
  data[2] = ++ticks;
  if (registers.rip - program_address == static_cast<uint64_t>(user_spin - user_program)) {
    check_equal(registers.rcx, 0x0123456789abcdef, "rcx at an interrupt");
    check_equal(registers.r11, 0xfedcba9876543210, "r11 at an interrupt");
  }
  if (ticks == 3) machine::set_tick(20'000'000);
}

void on_page_fault(const Trap& trap, Registers& registers) {
  if (trap.address == UserAddr{unmapped_address + 8}) {
    check(trap.write && !trap.execute, "a store is a write");
    map_user(unmapped_address, take_page(), true, false);
    machine::flush_translation({unmapped_address});
  }
  if (trap.address == UserAddr{program_address}) check(trap.write && !trap.execute, "a write to text");
  if (trap.address == UserAddr{data_address}) {
    check(trap.execute && !trap.write, "a jump into data");
    registers.rip = registers.r15;
  }
}

void on_exception(const Trap& trap, Registers& registers) {
  if (trap.vector == 13 && registers.rip >= not_canonical) registers.rip = resume_address;
}

void check_trap(const Trap& trap, const Registers& registers) {
  if (!processor_features.fsgsbase && expected[next_trap].detail == 11) next_trap += 2;
  const Expected& wanted = expected[next_trap];
  const uint64_t detail = trap.reason == Trap::Reason::system_call  ? registers.rax
                          : trap.reason == Trap::Reason::page_fault ? trap.address.value
                                                                    : (trap.reason == Trap::Reason::exception ? trap.vector : 0);
  if (trap.reason != wanted.reason || detail != wanted.detail) {
    print(TextLine{}.text("trap ").decimal(next_trap).text(": reason ").decimal(static_cast<uint64_t>(trap.reason))
              .text(" vector ").decimal(trap.vector).text(" address ").hexadecimal(trap.address.value)
              .text(" rip ").hexadecimal(registers.rip).text(" error ").hexadecimal(trap.error_code));
    fail("an unexpected trap", detail, wanted.detail);
  }
}

}  // namespace

void kernel_called() { kernel_entered({.reason = Trap::Reason::system_call}); }

void kernel_entered(const Trap& trap) {
  Registers& registers = process->registers;
  if (trap.reason == Trap::Reason::interrupt) {
    on_interrupt(registers);
    machine::resume_user(registers);
  }
  check_trap(trap, registers);
  registers.rip += expected[next_trap++].skip_bytes;
  if (trap.reason == Trap::Reason::system_call) on_system_call(registers);
  if (trap.reason == Trap::Reason::page_fault) on_page_fault(trap, registers);
  if (trap.reason == Trap::Reason::exception) on_exception(trap, registers);
  if (trap.reason == Trap::Reason::fpu_absent) {
    machine::fpu_enable();
    machine::fpu_initial_state(process->fpu_area);
    machine::fpu_load(process->fpu_area);
  }
  machine::resume_user(registers);
}

void arch_test::test_user_mode() {
  build_program();
  process = reinterpret_cast<Process*>(machine::memory_at(take_page()));
  process->registers.rip = program_address;
  process->registers.rsp = stack_address + 4096;
  process->registers.rflags = ~uint64_t{0};  // resume_user keeps what is a program's own; but for AC, DF and TF
  process->registers.rflags &= ~(uint64_t{1} << 18 | uint64_t{1} << 10 | uint64_t{1} << 8);
  process->registers.fs_base = data_address + 32;
  process->registers.gs_base = data_address;
  machine::fpu_disable();
  machine::resume_user(process->registers);
}

}  // namespace perdure
