// SPDX-License-Identifier: MIT
//
// The local APIC of the one processor: its timer, its identity for MSI-X messages, and the way
// in for the 8259s (virtual wire mode). Used through memory-mapped registers, not as an x2APIC.
#pragma once

#include <cstdint>

namespace perdure {

void set_up_local_apic();
void end_local_interrupt();

// Address and data of a message (MSI, MSI-X) that raises `vector` on this processor.
struct InterruptMessage {
  uint64_t address;
  uint32_t data;
};
InterruptMessage interrupt_message(uint8_t vector);

// The timer counts down from a start value at an unknown rate; clock.cpp measures it.
void start_local_timer_once(uint32_t count);
void start_local_timer_periodic(uint32_t count);
void stop_local_timer();
uint32_t local_timer_count();

}  // namespace perdure
