// SPDX-License-Identifier: MIT
//
// The system call, as a program sees it: a Message, and three ways to invoke a capability with
// it. Everything else in the runtime is built of these. The assembly is in invoke.S.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "objects/abi.hpp"
#include "objects/expected.hpp"
#include "userland/runtime/registers.hpp"

namespace perdure {

template <typename T = void>
using Answer = Expected<T, Result>;

// What the processor's registers hold at the SYSCALL, in the order that invoke.S loads and
// stores them (objects/abi.hpp says what each means).
struct RawInvocation {
  uint64_t rax = 0;
  uint64_t words[message_word_count] = {};  // rdi rsi rdx r8 r9 r10
  uint64_t rbx = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
};
static_assert(sizeof(RawInvocation) == 96);

// In: words, what to send, where to receive. Out: words, and what stands below the line.
// Sent registers that are void send nothing; what is received into a void register is dropped.
struct Message {
  uint64_t words[message_word_count] = {};
  CapabilityRegister sent[message_capability_count] = {};
  uint8_t moved = 0;                 // bit i: sent[i] is moved, not copied: void once it is delivered
  CapabilityRegister received[message_capability_count] = {};
  std::span<const std::byte> bytes;  // to send
  std::span<std::byte> buffer;       // for bytes that arrive
  uint64_t deadline_ns = 0;          // of a call, machine time; 0: none

  // Written by each delivery.
  Delivery delivery = Delivery::none;
  bool truncated = false;            // `buffer` was too small, or bad
  bool has_wrapper_payload = false;
  bool has_handed_over = false;      // register 2 holds the wrapper's control capability
  uint32_t byte_count = 0;           // that arrived in `buffer`
  uint64_t endpoint_id = 0;          // of requests only, like the next two
  uint64_t entry_payload = 0;
  uint64_t wrapper_payload = 0;

  Result result() const { return static_cast<Result>(words[0]); }
  std::span<const std::byte> arrived() const { return buffer.first(byte_count); }
};

// A Message of words and capabilities only: what most calls are, and much less to carry about.
struct WordMessage {
  uint64_t words[message_word_count] = {};
  CapabilityRegister sent[message_capability_count] = {};
  CapabilityRegister received[message_capability_count] = {};

  operator Message() const {
    return {.words = {words[0], words[1], words[2], words[3], words[4], words[5]},
            .sent = {sent[0], sent[1], sent[2], sent[3]},
            .received = {received[0], received[1], received[2], received[3]}};
  }
};

// Invokes and waits for the answer. Its result is word 0 of the answer: of the kernel if the
// invocation itself was refused.
Result call(CapabilityRegister, Message&);
Result call(CapabilityRegister, WordMessage&);
// Invokes and goes on. On a resume capability: replies.
Result send(CapabilityRegister, Message&);
// Replies (`registers::nothing`: sends no reply), then waits for any message, which overwrites this one.
void reply_and_wait(CapabilityRegister, Message&);

// SYSCALL with the registers as given. Host tests replace it by a fake.
extern "C" void perdure_invoke(RawInvocation*);

// Both directions between a Message and the registers; pure.
RawInvocation encode(Invocation, CapabilityRegister, const Message&);
void decode(const RawInvocation&, Message&);

// With exactly this. (error() of what was not refused says anything.)
template <typename T>
bool is_refused(const Answer<T>& answer, Result with) {
  return !answer && answer.error() == with;
}

inline Answer<> checked(Result result) {
  if (result == Result::ok) return {};
  return std::unexpected(result);
}

}  // namespace perdure
