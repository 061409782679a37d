// SPDX-License-Identifier: MIT
//
// Switching off and starting again. QEMU's debug-exit device carries a number to the host; a
// machine without it stays halted with a line that says so.
#include "kernel/arch/x86_64/power.hpp"

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/machine.hpp"

namespace perdure {

namespace {

constexpr uint16_t debug_exit_port = 0xf4;
constexpr int status_3 = 1;  // QEMU ends with (1 << 1) | 1

// Ports of the reset register (PCI chipsets) and of the keyboard controller.
constexpr uint16_t reset_control_port = 0xcf9;
constexpr uint16_t keyboard_command_port = 0x64;

// A reset takes effect a little after the write that asks for it.
void wait_for_reset() {
  constexpr uint64_t patience_ns = 100'000'000;
  const uint64_t begin = machine::now_ns();
  while (machine::now_ns() - begin < patience_ns) {
  }
}

}  // namespace

void machine::power_off(int exit_code) {
  instruction::out32(debug_exit_port, static_cast<uint32_t>(exit_code));
  machine::console_write("perdure: it is now safe to switch this machine off\r\n");
  instruction::halt_for_ever();
}

void machine::reset() {
  instruction::out8(reset_control_port, 0x02);
  instruction::out8(reset_control_port, 0x06);
  wait_for_reset();
  instruction::out8(keyboard_command_port, 0xfe);
  wait_for_reset();
  // Neither helped: a fault that cannot be handled makes the processor shut down, which resets.
  const struct [[gnu::packed]] {
    uint16_t limit = 0;
    uint64_t base = 0;
  } no_handlers;
  asm volatile("lidt %0; int3" ::"m"(no_handlers));
  instruction::halt_for_ever();
}

void refuse_to_start(std::string_view what, std::string_view detail) {
  machine::console_write("perdure: ");
  machine::console_write(what);
  machine::console_write(detail);
  machine::console_write("\r\n");
  machine::power_off(status_3);
}

}  // namespace perdure
