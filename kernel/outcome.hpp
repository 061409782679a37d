// SPDX-License-Identifier: MIT
//
// What an attempt at an operation comes to, and the commit point as a type.
//
// An operation has three steps: decode and check (may refuse), prepare (may stall, may fault the
// caller), commit and act (can no longer fail). A function that changes state takes a Commit,
// which only Kernel::commit can make; after it nothing may be prepared any more (invariant
// PREPARE-BEFORE-COMMIT, asserted by every prepare function).
#pragma once

#include <cstdint>

#include "checkpoint/wait.hpp"
#include "objects/abi.hpp"

namespace perdure {

class Commit {
  friend class Kernel;
  constexpr Commit() = default;
};

struct Outcome {
  enum class What : uint8_t {
    prepared,  // so far nothing stands in the way
    done,      // committed; the caller's registers hold the answer, or the caller waits
    refused,   // the caller asked wrongly: `result` becomes word 0 of its answer
    stalled,   // not now: nothing has changed, the call is made again after `stall`
    faulted,   // the caller's own memory is not there: Kernel::caller_fault says what
  };
  What what = What::prepared;
  Result result = Result::ok;
  Stall stall;

  constexpr bool is_obstacle() const { return what != What::prepared; }

  static constexpr Outcome prepared() { return {}; }
  static constexpr Outcome done() { return {.what = What::done}; }
  static constexpr Outcome refuse(Result result) { return {.what = What::refused, .result = result}; }
  static constexpr Outcome wait(Stall stall) { return {.what = What::stalled, .stall = stall}; }
  static constexpr Outcome wait(WaitChannel channel) { return wait(Stall{channel}); }
  static constexpr Outcome caller_faulted() { return {.what = What::faulted}; }
};

}  // namespace perdure
