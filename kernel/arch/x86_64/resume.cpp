// SPDX-License-Identifier: MIT
//
// The last steps before user mode. The registers of a program are whatever a program, an owner
// or a disk has put there; on the way out (arch_leave, entry.S) they become such that loading them
// cannot fault in the kernel, nor give the program anything that is the kernel's.
#include "kernel/arch/x86_64/interrupts.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/machine.hpp"
#include "objects/abi.hpp"

extern "C" [[noreturn]] void arch_leave(const perdure::Registers*);
extern "C" [[noreturn]] void arch_restart_stack(void (*function)());

namespace perdure {

namespace {
[[noreturn]] void refuse_instruction_pointer() {
  static constexpr Trap trap{.reason = Trap::Reason::exception, .vector = vector::general_protection};
  kernel_entered(trap);
}

}  // namespace

// SYSRET and IRET to such an address would fault in the kernel: the program gets that fault.
extern "C" [[noreturn]] void arch_refuse_instruction_pointer() { arch_restart_stack(refuse_instruction_pointer); }

void machine::resume_user(Registers& registers) {
  entry_state.registers = &registers;
  arch_leave(&registers);
}

}  // namespace perdure
