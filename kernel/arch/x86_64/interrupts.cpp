// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/interrupts.hpp"

#include <utility>

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/arch/x86_64/serial.hpp"
#include "kernel/arch/x86_64/text.hpp"
#include "kernel/machine.hpp"

extern "C" const char interrupt_stubs[];

namespace perdure {

namespace {

struct Gate {
  uint16_t offset_low;
  uint16_t selector;
  uint8_t interrupt_stack;  // 0: none
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

constexpr size_t stub_bytes = 16;
constexpr uint8_t gate_kernel = 0x8e;  // interrupt gate: interrupts are off behind it
constexpr uint8_t gate_user = 0xee;    // the same, and user mode may use it with INT n
constexpr uint8_t emergency_stack = 1;
constexpr uint64_t flag_trap = 1 << 8;
constexpr uint64_t error_write = 1 << 1, error_reserved_bit = 1 << 3, error_fetch = 1 << 4;

constinit Gate gates[256] = {};
constinit Pending pending;
constinit bool legacy_timer_struck = false;

constexpr uint16_t first_command = 0x20, first_data = 0x21;
constexpr uint16_t second_command = 0xa0, second_data = 0xa1;
constinit uint16_t masked_lines = 0xffff;

bool is_fatal(uint64_t number) {
  return number == vector::non_maskable || number == vector::double_fault ||
         number == vector::machine_check;
}

void end_legacy_interrupt(uint64_t number) {
  constexpr uint8_t end_of_interrupt = 0x20;
  if (number >= vector::legacy_first + 8) instruction::out8(second_command, end_of_interrupt);
  instruction::out8(first_command, end_of_interrupt);
}

void handle_legacy_interrupt(uint64_t number) {
  if (number == vector::legacy_spurious_1) return;  // its line is masked: it can be nothing else
  if (number == vector::legacy_spurious_2) {
    instruction::out8(first_command, 0x20);  // the first controller did see its cascade line
    return;
  }
  if (number == vector::legacy_timer) legacy_timer_struck = true;
  if (number == vector::legacy_serial) {
    serial_interrupt();
    pending.console = true;
  }
  end_legacy_interrupt(number);
}

void handle_device_interrupt(uint64_t number) {
  if (number < vector::timer) {
    handle_legacy_interrupt(number);
    return;
  }
  if (number == vector::spurious) return;
  if (number == vector::timer) pending.timer = true;
  if (number == vector::disk) pending.disk = true;
  end_local_interrupt();
}

constexpr std::string_view exception_names[] = {
    "divide error", "debug", "non-maskable interrupt", "breakpoint", "overflow", "bound range",
    "invalid instruction", "device not available", "double fault", "coprocessor overrun",
    "invalid task state", "segment not present", "stack fault", "general protection",
    "page fault", "reserved", "floating point", "alignment", "machine check", "vector floating point"};

[[noreturn]] void report_bug(const InterruptFrame& frame) {
  const uint64_t fault_address = instruction::read_cr2();
  TextLine line;
  line.text("exception ").decimal(frame.vector).text(" (");
  line.text(frame.vector < std::size(exception_names) ? exception_names[frame.vector] : "unknown");
  line.text((frame.cs & 3) != 0 ? ") in user mode" : ") in the kernel");
  line.text(", error code ").hexadecimal(frame.error_code);
  line.text(", cr2 ").hexadecimal(fault_address);
  line.text(", rsp ").hexadecimal(frame.rsp);
  kernel_bug(line.view(), frame.rip);
}

Trap trap_of(const InterruptFrame& frame) {
  Trap trap{.reason = Trap::Reason::exception,
            .vector = static_cast<uint8_t>(frame.vector),
            .error_code = frame.error_code};
  if (frame.vector == vector::page_fault) {
    trap.reason = Trap::Reason::page_fault;
    trap.address = {instruction::read_cr2()};
    trap.write = (frame.error_code & error_write) != 0;
    trap.execute = (frame.error_code & error_fetch) != 0;
  } else if (frame.vector == vector::device_not_available) {
    trap.reason = Trap::Reason::fpu_absent;
  }
  return trap;
}

}  // namespace

// --- called by entry.S ----------------------------------------------------------------------

extern "C" [[noreturn, gnu::hot]] void arch_system_call() {
  kernel_called();
}

extern "C" [[noreturn, gnu::hot]] void arch_user_interrupt(const InterruptFrame& frame, Registers& registers) {
  if (frame.vector >= vector::exception_count) {
    handle_device_interrupt(frame.vector);
    static constexpr Trap trap{.reason = Trap::Reason::interrupt};
    kernel_entered(trap);
  }
  // A reserved bit in a table entry is our doing, whichever program walked into it.
  const bool is_malformed_table =
      frame.vector == vector::page_fault && (frame.error_code & error_reserved_bit) != 0;
  if (is_fatal(frame.vector) || is_malformed_table) report_bug(frame);
  if (frame.vector == vector::debug) registers.rflags &= ~flag_trap;  // one trap each time that it is set
  kernel_entered(trap_of(frame));
}

extern "C" void arch_kernel_interrupt(const InterruptFrame& frame) {
  if (frame.vector < vector::exception_count) report_bug(frame);
  handle_device_interrupt(frame.vector);
}

// --- for the rest of arch ---------------------------------------------------------------------

void load_interrupt_table() {
  for (size_t number = 0; number < std::size(gates); ++number) {
    const auto stub = reinterpret_cast<uint64_t>(interrupt_stubs) + number * stub_bytes;
    gates[number] = {.offset_low = static_cast<uint16_t>(stub),
                     .selector = SELECTOR_KERNEL_CODE,
                     .interrupt_stack = is_fatal(number) ? emergency_stack : uint8_t{0},
                     .type = number == vector::breakpoint ? gate_user : gate_kernel,
                     .offset_middle = static_cast<uint16_t>(stub >> 16),
                     .offset_high = static_cast<uint32_t>(stub >> 32),
                     .reserved = 0};
  }
  const struct [[gnu::packed]] {
    uint16_t limit = sizeof(gates) - 1;
    const Gate* base = gates;
  } pointer;
  asm volatile("lidt %0" ::"m"(pointer) : "memory");
}

void set_up_legacy_controllers() {
  instruction::out8(first_command, 0x11);  // initialize, four words follow
  instruction::out8(second_command, 0x11);
  instruction::out8(first_data, vector::legacy_first);
  instruction::out8(second_data, vector::legacy_first + 8);
  instruction::out8(first_data, 1 << 2);  // the second one is on line 2
  instruction::out8(second_data, 2);
  instruction::out8(first_data, 1);
  instruction::out8(second_data, 1);
  instruction::out8(first_data, static_cast<uint8_t>(masked_lines));
  instruction::out8(second_data, static_cast<uint8_t>(masked_lines >> 8));
}

void enable_legacy_line(uint8_t number) {
  masked_lines &= static_cast<uint16_t>(~(1u << (number - vector::legacy_first)));
  instruction::out8(first_data, static_cast<uint8_t>(masked_lines));
}

void disable_legacy_line(uint8_t number) {
  masked_lines |= static_cast<uint16_t>(1u << (number - vector::legacy_first));
  instruction::out8(first_data, static_cast<uint8_t>(masked_lines));
}

bool take_legacy_timer() { return std::exchange(legacy_timer_struck, false); }

// --- machine.hpp -----------------------------------------------------------------------------

Pending machine::take_pending() { return std::exchange(pending, Pending{}); }

void machine::let_interrupts_in() { instruction::let_interrupts_in(); }

bool machine::is_timer_pending() { return pending.timer; }

void machine::idle() {
  if (pending.timer || pending.disk || pending.console) return;
  instruction::wait_for_interrupt();
}

}  // namespace perdure
