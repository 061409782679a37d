// SPDX-License-Identifier: MIT
//
// The processor's time stamp, unordered. Where QEMU counts instructions (-icount shift=0) it is
// the number of instructions that were executed, by programs and kernel together; the known loop
// shows whether it is.
#pragma once

#include <cstdint>

namespace perdure {

inline uint64_t time_stamp() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return uint64_t{high} << 32 | low;
}

// The time stamp's difference over exactly 2 * `rounds` instructions (rounds > 0).
inline uint64_t instructions_of_known_loop(uint64_t rounds) {
  constexpr uint64_t around_it = 4;  // from the first reading to the loop, and the second reading
  uint64_t begin, end;
  asm volatile(
      "rdtsc\n\t shlq $32, %%rdx\n\t orq %%rdx, %%rax\n\t movq %%rax, %[begin]\n"
      "1: decq %[rounds]\n\t jnz 1b\n\t"
      "rdtsc\n\t shlq $32, %%rdx\n\t orq %%rdx, %%rax"
      : "=&a"(end), [begin] "=&r"(begin), [rounds] "+r"(rounds)
      :
      : "rdx", "cc", "memory");
  return end - begin - around_it;
}

}  // namespace perdure
