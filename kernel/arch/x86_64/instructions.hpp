// SPDX-License-Identifier: MIT
//
// The processor's privileged and special instructions, one function each, without any policy.
#pragma once

#include <cstdint>

namespace perdure::instruction {

inline void out8(uint16_t port, uint8_t value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
inline void out16(uint16_t port, uint16_t value) { asm volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
inline void out32(uint16_t port, uint32_t value) { asm volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }

inline uint8_t in8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint32_t in32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

inline void pause() { asm volatile("pause"); }

inline uint64_t read_msr(uint32_t number) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return uint64_t{high} << 32 | low;
}
inline void write_msr(uint32_t number, uint64_t value) {
  asm volatile("wrmsr" ::"c"(number), "a"(static_cast<uint32_t>(value)),
               "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}

inline uint64_t read_cr0() {
  uint64_t value;
  asm volatile("movq %%cr0, %0" : "=r"(value));
  return value;
}
inline void write_cr0(uint64_t value) { asm volatile("movq %0, %%cr0" ::"r"(value) : "memory"); }
inline uint64_t read_cr2() {
  uint64_t value;
  asm volatile("movq %%cr2, %0" : "=r"(value));
  return value;
}
inline uint64_t read_cr3() {
  uint64_t value;
  asm volatile("movq %%cr3, %0" : "=r"(value));
  return value;
}
inline void write_cr3(uint64_t value) { asm volatile("movq %0, %%cr3" ::"r"(value) : "memory"); }
inline uint64_t read_cr4() {
  uint64_t value;
  asm volatile("movq %%cr4, %0" : "=r"(value));
  return value;
}
inline void write_cr4(uint64_t value) { asm volatile("movq %0, %%cr4" ::"r"(value) : "memory"); }
// The value of DR7 after a reset: no breakpoint is on.
inline void disable_debug_registers() { asm volatile("movq %0, %%dr7" ::"r"(uint64_t{0x400})); }
inline void clear_task_switched() { asm volatile("clts" ::: "memory"); }
inline void write_xcr0(uint64_t value) {
  asm volatile("xsetbv" ::"c"(0), "a"(static_cast<uint32_t>(value)),
               "d"(static_cast<uint32_t>(value >> 32)));
}
inline void invalidate_page(uint64_t address) {
  asm volatile("invlpg (%0)" ::"r"(address) : "memory");
}

struct Cpuid {
  uint32_t eax, ebx, ecx, edx;
};
inline Cpuid cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Cpuid result;
  asm volatile("cpuid"
               : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
               : "a"(leaf), "c"(subleaf));
  return result;
}

inline uint64_t read_time_stamp() {
  uint32_t low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
  return uint64_t{high} << 32 | low;
}

// Interrupts on, wait for one, interrupts off. STI takes effect after the next instruction, so
// an interrupt that is already pending ends the HLT and none is missed.
// STI takes effect behind the instruction that follows it.
inline void let_interrupts_in() { asm volatile("sti; nop; cli" ::: "memory"); }
inline void wait_for_interrupt() { asm volatile("sti; hlt; cli" ::: "memory"); }

[[noreturn]] inline void halt_for_ever() {
  for (;;) {
    asm volatile("cli; hlt");
  }
}

}  // namespace perdure::instruction
