// SPDX-License-Identifier: MIT
//
// Asks for a checkpoint and waits for it, so that another program can go on meanwhile: it answers
// its caller first.
#include "test/bench/bench.hpp"
#include "userland/runtime/fast_call.hpp"

namespace perdure {

void program(uint64_t) {
  (void)fast_reply_and_wait(registers::nothing, {});
  while (true) {
    Message answer;
    (void)send(registers::resume, answer);
    (void)bench::checkpoint.take();
    (void)fast_reply_and_wait(registers::nothing, {});
  }
}

}  // namespace perdure
