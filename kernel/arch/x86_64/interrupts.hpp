// SPDX-License-Identifier: MIT
//
// Vectors and where they go. Exceptions of user mode become a Trap; exceptions of the kernel a
// kernel_bug; device interrupts set a flag of Pending and nothing else.
//
//   0 – 31     the processor's exceptions
//   32 – 47    the two 8259 controllers: legacy lines, of which only the serial port's is used
//   48         timer of the local APIC
//   49         the disk (MSI-X)
//   255        spurious interrupt of the local APIC
//
// The serial line comes through the 8259s and not the I/O APIC: they are at the same ports on
// every PC, under every firmware, and need no tables to be found.
#pragma once

#include <cstdint>

namespace perdure {

namespace vector {
inline constexpr uint8_t debug = 1, non_maskable = 2, breakpoint = 3, device_not_available = 7;
inline constexpr uint8_t double_fault = 8, general_protection = 13, page_fault = 14;
inline constexpr uint8_t machine_check = 18;
inline constexpr uint8_t exception_count = 32;
inline constexpr uint8_t legacy_first = 32, legacy_timer = 32, legacy_serial = 36;
inline constexpr uint8_t legacy_spurious_1 = 39, legacy_spurious_2 = 47;
inline constexpr uint8_t timer = 48, disk = 49, spurious = 255;
}  // namespace vector

// What interrupt_stubs push, from low to high addresses.
struct InterruptFrame {
  uint64_t vector;
  uint64_t error_code;  // 0 where the processor pushes none
  uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(InterruptFrame) == 56);

void load_interrupt_table();

// The 8259s: all lines masked, then those that are asked for.
void set_up_legacy_controllers();
void enable_legacy_line(uint8_t vector);
void disable_legacy_line(uint8_t vector);

// Whether the legacy timer has struck since the last call. Only used to measure the clocks.
bool take_legacy_timer();

}  // namespace perdure
