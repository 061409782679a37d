// SPDX-License-Identifier: MIT
//
// What page, capability page and node share: memory.reduce yields the same memory with more
// restrictions and another guard. Invoked through a wrapper it yields a reduced capability to the wrapper: a client
// that was given something that can be taken back must not get hold of what is behind it.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"

namespace perdure {

Outcome invoke_memory_reduce(Request& request) {
  const uint64_t restrictions = request.word(1);
  if (restrictions & ~uint64_t{restriction::all}) return Outcome::refuse(Result::bad_argument);
  Capability reduced = request.invoked();
  reduced.restrictions |= static_cast<uint8_t>(restrictions);
  reduced.payload = request.word(2);
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0, reduced);
  return request.answer(committed);
}

}  // namespace perdure
