// SPDX-License-Identifier: MIT
//
// A call with words only, in line: what a measured loop uses, and whoever must not touch memory.
#pragma once

#include "userland/runtime/invoke.hpp"

namespace perdure {

// Word 0 in: the method's code; out: the Result. Words 1-3 in and out.
struct FastWords {
  uint64_t word0 = 0, word1 = 0, word2 = 0, word3 = 0;
};

inline FastWords fast_call(CapabilityRegister target, FastWords words) {
  uint64_t rax = static_cast<uint64_t>(Invocation::call) | uint64_t{target.number} << 8;
  uint64_t rbx = 0;
  register uint64_t r8 asm("r8") = words.word3;
  register uint64_t r9 asm("r9") = 0;
  register uint64_t r10 asm("r10") = 0;
  register uint64_t r12 asm("r12") = 0;
  register uint64_t r13 asm("r13") = 0;
  register uint64_t r14 asm("r14") = 0;
  register uint64_t r15 asm("r15") = 0;
  asm volatile("syscall"
               : "+a"(rax), "+D"(words.word0), "+S"(words.word1), "+d"(words.word2), "+r"(r8),
                 "+r"(r9), "+r"(r10), "+b"(rbx), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
               :
               : "rcx", "r11", "memory");
  words.word3 = r8;
  return words;
}

}  // namespace perdure
