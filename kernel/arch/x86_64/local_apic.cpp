// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/local_apic.hpp"

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/interrupts.hpp"
#include "kernel/arch/x86_64/paging.hpp"

namespace perdure {

namespace {

constexpr uint32_t msr_apic_base = 0x1b;
constexpr uint64_t base_enabled = 1 << 11, base_x2apic = 1 << 10;
constexpr uint64_t base_address_mask = 0x000f'ffff'ffff'f000;

constexpr uint32_t id = 0x20, task_priority = 0x80, end_of_interrupt = 0xb0;
constexpr uint32_t spurious_vector = 0xf0, local_timer = 0x320, local_line_0 = 0x350;
constexpr uint32_t local_line_1 = 0x360, local_error = 0x370, initial_count = 0x380;
constexpr uint32_t current_count = 0x390, divide = 0x3e0;

constexpr uint32_t masked = 1 << 16, periodic = 1 << 17;
constexpr uint32_t delivery_nmi = 4 << 8, delivery_external = 7 << 8;
constexpr uint32_t software_enable = 1 << 8;
constexpr uint32_t divide_by_16 = 3;

constinit volatile std::byte* registers = nullptr;

volatile uint32_t& at(uint32_t offset) {
  return *reinterpret_cast<volatile uint32_t*>(registers + offset);
}

}  // namespace

void set_up_local_apic() {
  uint64_t base = instruction::read_msr(msr_apic_base);
  if ((base & base_x2apic) != 0) {
    // Firmware may have left it in x2APIC mode; the way back leads through "disabled".
    base &= ~(base_x2apic | base_enabled);
    instruction::write_msr(msr_apic_base, base);
  }
  instruction::write_msr(msr_apic_base, base | base_enabled);
  registers = map_device(base & base_address_mask, 4096);
  at(spurious_vector) = software_enable | vector::spurious;
  at(task_priority) = 0;
  at(local_timer) = masked;
  at(local_error) = masked;
  at(local_line_0) = delivery_external;
  at(local_line_1) = delivery_nmi;
  at(divide) = divide_by_16;
  end_local_interrupt();
}

void end_local_interrupt() { at(end_of_interrupt) = 0; }

InterruptMessage interrupt_message(uint8_t vector) {
  return {.address = 0xfee0'0000 | uint64_t{at(id) >> 24} << 12, .data = vector};
}

void start_local_timer_once(uint32_t count) {
  at(local_timer) = vector::timer;
  at(initial_count) = count;
}

void start_local_timer_periodic(uint32_t count) {
  at(local_timer) = vector::timer | periodic;
  at(initial_count) = count;
}

void stop_local_timer() {
  at(local_timer) = masked;
  at(initial_count) = 0;
}

uint32_t local_timer_count() { return at(current_count); }

}  // namespace perdure
