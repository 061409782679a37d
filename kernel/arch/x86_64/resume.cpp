// SPDX-License-Identifier: MIT
//
// The last steps before user mode. The registers of a program are whatever a program, an owner
// or a disk has put there; here they become such that loading them cannot fault in the kernel,
// nor give the program anything that is the kernel's.
#include "kernel/arch/x86_64/interrupts.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/machine.hpp"
#include "objects/abi.hpp"

extern "C" [[noreturn]] void arch_leave(const perdure::Registers*);
extern "C" [[noreturn]] void arch_restart_stack(void (*function)());

namespace perdure {

namespace {

// CF, PF, AF, ZF, SF, DF, OF, AC, ID are the program's own. TF (a trap per instruction), IOPL,
// NT, RF, VM and the rest are 0; IF and the bit that always is 1 are set.
constexpr uint64_t rflags_of_user = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 11 |
                                    1 << 18 | 1 << 21;
constexpr uint64_t rflags_forced = 1 << 1 | 1 << 9;

// The nearest address that the processor can hold in a base: bit 47 repeated upwards.
uint64_t canonical(uint64_t address) {
  return static_cast<uint64_t>(static_cast<int64_t>(address << 16) >> 16);
}

[[noreturn]] void refuse_instruction_pointer() {
  static constexpr Trap trap{.reason = Trap::Reason::exception, .vector = vector::general_protection};
  kernel_entered(trap);
}

}  // namespace

void machine::resume_user(Registers& registers) {
  processor.registers = &registers;
  registers.rflags = (registers.rflags & rflags_of_user) | rflags_forced;
  registers.fs_base = canonical(registers.fs_base);
  registers.gs_base = canonical(registers.gs_base);
  // SYSRET and IRET to such an address would fault in the kernel: the program gets that fault.
  if (registers.rip >= user_address_end) arch_restart_stack(refuse_instruction_pointer);
  arch_leave(&registers);
}

}  // namespace perdure
