// SPDX-License-Identifier: MIT
//
// One invocation as the kernel sees it: a typed view of the caller's saved registers
// (objects/abi.hpp), with the invoked capability resolved through its wrappers.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/attempt/lookup.hpp"
#include "kernel/attempt/outcome.hpp"
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

// Bytes between the kernel and one process, where they stand in memory: a piece for each page.
class Pieces {
 public:
  struct Piece {
    std::byte* bytes;
    uint32_t length;
  };
  static constexpr unsigned count_max = message_bytes_max / frame_bytes + 1;

  Pieces() = default;
  Pieces(std::byte* bytes, uint32_t length) { add(bytes, length); }
  // Most messages have no bytes: what is not there is neither cleared nor copied.
  Pieces(const Pieces& other) : count_(other.count_), length_(other.length_) {
    for (unsigned i = 0; i < count_; ++i) pieces_[i] = other.pieces_[i];
  }
  Pieces& operator=(const Pieces& other) {
    count_ = other.count_;
    length_ = other.length_;
    for (unsigned i = 0; i < count_; ++i) pieces_[i] = other.pieces_[i];
    return *this;
  }

  // At most message_bytes_max bytes together, each piece but the first at the start of a page.
  void add(std::byte* bytes, uint32_t length) {
    pieces_[count_++] = {bytes, length};
    length_ += length;
  }
  uint32_t length() const { return length_; }
  std::span<const Piece> pieces() const { return {pieces_, count_}; }

 private:
  Piece pieces_[count_max];
  uint32_t count_ = 0;
  uint32_t length_ = 0;
};

struct Request {
  Kernel& kernel;
  Process& caller;
  Invocation kind;

  // The capability that is invoked in the end, with the restrictions of all wrappers on the way.
  Capability capability;
  Lookup object;  // of `capability`, if its type names one
  Capability* stored = nullptr;  // where it stands: the caller's register, or a wrapper

  // The innermost wrapper, the one whose target is `capability`, if there is one.
  bool is_wrapped = false;
  bool hand_over = false;
  bool has_taken_moved = false;
  unsigned answered = 0;  // bit i: capability i of the answer has been written
  uint64_t wrapper_payload = 0;
  ObjectId wrapper;
  Version wrapper_version;

  uint64_t word(unsigned i) const { return message_word(caller.registers, i); }
  uint64_t method() const { return caller.registers.rdi; }
  // As it stands in the caller's register. Until the answer.
  const Capability& invoked() const {
    return invoked_slot(caller);
  }
  Capability& sent(unsigned i) {
    return caller.capability_registers[sent_register(caller.registers, i)];
  }
  uint32_t send_length() const { return perdure::send_length(caller.registers); }

  // The answer of a kernel object: words 1-5. A send gets word 0 only.
  Outcome answer(const Commit&, uint64_t w1 = 0, uint64_t w2 = 0, uint64_t w3 = 0, uint64_t w4 = 0,
                 uint64_t w5 = 0, uint32_t byte_count = 0);
  // Capability i of the answer; before answer().
  void answer_capability(const Commit&, unsigned i, const Capability&);

 private:
  void take_moved_once();
};

// What the sender moved is no longer its own. When the message has been delivered.
void take_moved(Process& sender);

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
