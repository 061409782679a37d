// SPDX-License-Identifier: MIT
//
// One invocation as the kernel sees it: a typed view of the caller's saved registers
// (objects/abi.hpp), with the invoked capability resolved through its wrappers.
#pragma once

#include <cstdint>

#include "kernel/lookup.hpp"
#include "kernel/outcome.hpp"
#include "objects/abi.hpp"
#include "objects/process.hpp"

namespace perdure {

class Kernel;

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
inline unsigned sent_register(const Registers& r, unsigned i) { return r.rbx >> (8 * i) & 31; }
inline unsigned receiving_register(const Registers& r, unsigned i) { return r.rbx >> (32 + 8 * i) & 31; }
inline uint32_t send_length(const Registers& r) { return static_cast<uint32_t>(r.r12); }
inline uint32_t receive_capacity(const Registers& r) { return static_cast<uint32_t>(r.r12 >> 32); }

// Bytes between kernel and one process: at most message_bytes_max, so at most two pages.
struct Pieces {
  struct Piece {
    std::byte* bytes = nullptr;
    uint32_t length = 0;
  };
  Piece pieces[2];
  uint32_t length() const { return pieces[0].length + pieces[1].length; }
};

struct Request {
  Kernel& kernel;
  Process& caller;
  Invocation kind;

  Capability invoked;  // as it stands in the caller's register

  // The capability that is invoked in the end, with the restrictions of all wrappers on the way.
  Capability capability;
  Lookup object;  // of `capability`, if its type names one

  // The innermost wrapper, the one whose target is `capability`; wrapper_count 0: there is none.
  unsigned wrapper_count = 0;
  Capability wrapper_control;
  uint64_t wrapper_payload = 0;
  bool hand_over = false;
  unsigned answered = 0;  // bit i: capability i of the answer has been written

  uint64_t word(unsigned i) const { return message_word(caller.registers, i); }
  uint64_t method() const { return caller.registers.rdi; }
  Capability& sent(unsigned i) {
    return caller.capability_registers[sent_register(caller.registers, i)];
  }
  uint32_t send_length() const { return perdure::send_length(caller.registers); }

  // The answer of a kernel object: words 1-5. A send gets word 0 only.
  Outcome answer(Commit, uint64_t w1 = 0, uint64_t w2 = 0, uint64_t w3 = 0, uint64_t w4 = 0,
                 uint64_t w5 = 0, uint32_t byte_count = 0);
  // Capability i of the answer; before answer().
  void answer_capability(Commit, unsigned i, const Capability&);
};

// One file per capability type in kernel/capabilities; this table is the answer to "what can be
// invoked?". A null entry is no kernel object: void, entry, resume and wrapped are the
// invocation's own business (kernel/invocation.cpp).
using Operation = Outcome (*)(Request&);
Outcome invoke_number(Request&);
Outcome invoke_page(Request&);
Outcome invoke_capability_page(Request&);
Outcome invoke_node(Request&);
Outcome invoke_process(Request&);
Outcome invoke_endpoint(Request&);
Outcome invoke_wrapper_control(Request&);
Outcome invoke_notice(Request&);
Outcome invoke_schedule(Request&);
Outcome invoke_activity(Request&);
Outcome invoke_range(Request&);
Outcome invoke_checkpoint(Request&);
Outcome invoke_devices(Request&);
Outcome invoke_console(Request&);
Outcome invoke_clock(Request&);
Outcome invoke_discriminator(Request&);

// What the memory types share: memory.reduce.
Outcome invoke_memory_reduce(Request&);

}  // namespace perdure
