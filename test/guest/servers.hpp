// SPDX-License-Identifier: MIT
//
// What actors do that several tests need.
#pragma once

#include "test/guest/actor.hpp"

namespace perdure::guest {

// Answers each word with one more, and every capability with itself.
[[noreturn]] inline void echo(uint64_t) {
  Message message;
  CapabilityRegister answer_to = nothing;
  while (true) {
    for (unsigned i = 0; i < message_capability_count; ++i) message.received[i] = arrived[i];
    reply_and_wait(answer_to, message);
    answer_to = registers::resume;
    for (uint64_t& word : message.words) ++word;
    for (unsigned i = 0; i < message_capability_count; ++i) message.sent[i] = arrived[i];
  }
}

// Takes messages, and answers none.
[[noreturn]] inline void wait_openly(uint64_t) { wait_for_ever(); }

// Takes one message, and neither answers it nor takes another.
[[noreturn]] inline void takes_one(uint64_t) {
  Message message;
  reply_and_wait(nothing, message);
  while (true) (void)the_clock.wait_until(~uint64_t{0});
}

// Waits, but not for a message: a process that calls it stands in line.
[[noreturn]] inline void never_listens(uint64_t) {
  while (true) (void)the_clock.wait_until(~uint64_t{0});
}

}  // namespace perdure::guest
