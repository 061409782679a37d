// SPDX-License-Identifier: MIT
//
// Calls and answers without bytes, in line: what a measured loop uses, and a program that must not touch
// memory. Four words travel, and at most one capability each way; the other two words are sent as
// zero, so that nothing of the sender's registers goes with them.
//
// Only what the kernel looks at is set: with no bytes (r12 = 0) the two buffer addresses mean
// nothing. rbx and r12 come back unchanged (objects/abi.hpp), so a loop sets them once.
#pragma once

#include "userland/runtime/invoke.hpp"

namespace perdure {

// Word 0 in: the method's code; out: the Result. Words 1-3 in and out.
struct FastWords {
  uint64_t word0 = 0, word1 = 0, word2 = 0, word3 = 0;
};

// `sent`: void sends none. What is received into a void register is dropped.
struct FastCapability {
  CapabilityRegister sent;
  CapabilityRegister received;
};

namespace fast_detail {

constexpr uint64_t operation(Invocation invocation, CapabilityRegister target) {
  return static_cast<uint64_t>(invocation) | uint64_t{target.number} << 8;
}

constexpr uint64_t packed(FastCapability passed) {
  return uint64_t{passed.sent.number} | uint64_t{passed.received.number} << 32;
}

}  // namespace fast_detail

inline FastWords fast_call(CapabilityRegister target, FastWords words, FastCapability passed = {}) {
  uint64_t rax = fast_detail::operation(Invocation::call, target);
  register uint64_t r8 asm("r8") = words.word3;
  register uint64_t r9 asm("r9") = 0;
  register uint64_t r10 asm("r10") = 0;
  register uint64_t r12 asm("r12") = 0;
  register uint64_t r15 asm("r15") = 0;
  asm volatile("syscall"
               : "+a"(rax), "+D"(words.word0), "+S"(words.word1), "+d"(words.word2), "+r"(r8),
                 "+r"(r9), "+r"(r10), "+r"(r15)
               : "b"(fast_detail::packed(passed)), "r"(r12)
               : "rcx", "r11", "r13", "r14", "memory");
  words.word3 = r8;
  return words;
}

// A request to a receiver that takes no bytes.
struct FastRequest {
  FastWords words;
  Delivery delivery = Delivery::none;
  uint64_t entry_payload = 0;
};

// Answers the last caller (`registers::nothing`: none), then waits for the next request.
inline FastRequest fast_reply_and_wait(CapabilityRegister answer_to, FastWords words,
                                       FastCapability passed = {}) {
  uint64_t rax = fast_detail::operation(Invocation::reply_and_wait, answer_to);
  register uint64_t r8 asm("r8") = words.word3;
  register uint64_t r9 asm("r9") = 0;
  register uint64_t r10 asm("r10") = 0;
  register uint64_t r12 asm("r12") = 0;
  register uint64_t r14 asm("r14");
  register uint64_t r15 asm("r15") = 0;
  asm volatile("syscall"
               : "+a"(rax), "+D"(words.word0), "+S"(words.word1), "+d"(words.word2), "+r"(r8),
                 "+r"(r9), "+r"(r10), "=r"(r14), "+r"(r15)
               : "b"(fast_detail::packed(passed)), "r"(r12)
               : "rcx", "r11", "r13", "memory");
  words.word3 = r8;
  return {words, static_cast<Delivery>(rax & 0xff), r14};
}

}  // namespace perdure
