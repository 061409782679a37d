// SPDX-License-Identifier: MIT
//
// The short forms in which the typed wrappers write their calls.
#pragma once

#include "userland/runtime/invoke.hpp"

namespace perdure {

// A request of words only. The message's words are the answer's afterwards.
inline WordMessage request(uint64_t method, uint64_t word1 = 0, uint64_t word2 = 0, uint64_t word3 = 0,
                           uint64_t word4 = 0) {
  return {.words = {method, word1, word2, word3, word4, 0}};
}

inline Answer<> call_for_nothing(CapabilityRegister target, WordMessage message) {
  return checked(call(target, message));
}

inline Answer<uint64_t> call_for_word(CapabilityRegister target, WordMessage message) {
  if (auto done = checked(call(target, message)); !done) return std::unexpected(done.error());
  return message.words[1];
}

inline Answer<> call_for_capability(CapabilityRegister target, WordMessage message,
                                    CapabilityRegister into) {
  message.received[0] = into;
  return checked(call(target, message));
}

inline Answer<> call_with_capability(CapabilityRegister target, WordMessage message,
                                     CapabilityRegister sent) {
  message.sent[0] = sent;
  return checked(call(target, message));
}

}  // namespace perdure
