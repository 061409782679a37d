// SPDX-License-Identifier: MIT
//
// The registers of a process as an invocation: what it asks for, and what it is answered (objects/abi.hpp).
#pragma once

#include <cstdint>

#include "kernel/attempt/outcome.hpp"
#include "objects/abi.hpp"
#include "objects/process.hpp"

namespace perdure {

inline uint64_t message_word(const Registers& registers, unsigned i) {
  switch (i) {
    case 0: return registers.rdi;
    case 1: return registers.rsi;
    case 2: return registers.rdx;
    case 3: return registers.r8;
    case 4: return registers.r9;
    default: return registers.r10;
  }
}

inline void set_message_words(Registers& registers, const uint64_t (&words)[message_word_count]) {
  registers.rdi = words[0];
  registers.rsi = words[1];
  registers.rdx = words[2];
  registers.r8 = words[3];
  registers.r9 = words[4];
  registers.r10 = words[5];
}

inline Invocation invocation_kind(const Registers& r) { return static_cast<Invocation>(r.rax & 0xff); }
inline unsigned invoked_register(const Registers& r) { return r.rax >> 8 & 0xff; }
// The caller of this function has compared the number; the processor may guess past the comparison, but not past this.
inline Capability& invoked_slot(Process& process) {
  return process.capability_registers[invoked_register(process.registers) % capability_register_count];
}
inline unsigned sent_register(const Registers& r, unsigned i) { return r.rbx >> (8 * i) & 31; }
// Bits of rbx that name no register and move nothing (objects/abi.hpp).
inline constexpr uint64_t not_a_register = 0xe0e0'e0e0'6060'6060;
inline bool is_moved(const Registers& r, unsigned i) { return r.rbx >> (8 * i) & move_bit; }
inline bool moves_anything(const Registers& r) { return r.rbx & 0x8080'8080; }
inline unsigned receiving_register(const Registers& r, unsigned i) { return r.rbx >> (32 + 8 * i) & 31; }
inline uint32_t send_length(const Registers& r) { return static_cast<uint32_t>(r.r12); }
inline uint32_t receive_capacity(const Registers& r) { return static_cast<uint32_t>(r.r12 >> 32); }

// What a caller is told that is refused. Its registers are not well-formed if that is the reason.
void answer_refusal(const Commit&, Process& caller, Result);

}  // namespace perdure
