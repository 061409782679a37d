// SPDX-License-Identifier: MIT
//
// The leanest receiver there can be: it answers what it was sent.
#include "userland/runtime/fast_call.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {

void program(uint64_t) {
  FastRequest request = fast_reply_and_wait(registers::nothing, {});
  while (true) request = fast_reply_and_wait(registers::resume, request.words);
}

}  // namespace perdure
