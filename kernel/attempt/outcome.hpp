// SPDX-License-Identifier: MIT
//
// What an attempt at an operation comes to, and the commit point as a type.
//
// An operation has three steps: decode and check (may refuse), prepare (may stall, may fault the
// caller), commit and act (can no longer fail). A function that changes state takes a Commit, which only
// Attempt::commit can make. While one lives nothing may be prepared (invariant PREPARE-BEFORE-COMMIT, asserted by
// every prepare function); its end begins the next step of an operation that has several, each complete in itself.
#pragma once

#include <cstdint>

#include "checkpoint/wait.hpp"
#include "objects/abi.hpp"

namespace perdure {

class [[nodiscard]] Commit {
 public:
  Commit(const Commit&) = delete;
  ~Commit() { stands_ = false; }

 private:
  friend class Attempt;
  explicit Commit(bool& stands) : stands_(stands) { stands_ = true; }

  bool& stands_;
};

struct [[nodiscard]] Outcome {
  enum class What : uint8_t {
    prepared,  // so far nothing stands in the way
    done,      // committed; the caller's registers hold the answer, or the caller waits
    refused,   // the caller asked wrongly: `result` becomes word 0 of its answer
    stalled,   // not now: nothing has changed, the call is made again after `stall`
    preempted, // another has to run first; nothing has changed, the call is made again in its turn
    faulted,   // the walk of the caller's own memory ends in a fault at `address`
  };
  What what : 8;
  bool is_write : 8;   // faulted
  Result result : 48;  // refused
  union {
    Stall stall;       // stalled
    UserAddr address;  // faulted
  };

  // (An aggregate with such fields is beyond GCC 12.)
  constexpr Outcome(What becomes = What::prepared, Result told = Result::ok, Stall until = {})
      : what(becomes), is_write(false), result(told), stall(until) {}
  constexpr bool is_obstacle() const { return what != What::prepared; }

  static constexpr Outcome prepared() { return {}; }
  static constexpr Outcome done() { return {What::done}; }
  static constexpr Outcome refuse(Result result) { return {What::refused, result}; }
  static constexpr Outcome wait(Stall stall) { return {What::stalled, Result::ok, stall}; }
  static constexpr Outcome wait(WaitChannel channel) { return wait(Stall{channel}); }
  static constexpr Outcome wait_until(uint64_t machine_time_ns) {
    return wait(WaitChannel::of(WaitChannel::Reason::time, machine_time_ns / ns_per_time_key +
                                                               (machine_time_ns % ns_per_time_key != 0)));
  }
  static constexpr Outcome give_way() { return {What::preempted}; }
  static constexpr Outcome caller_faulted(UserAddr address, bool is_write) {
    Outcome outcome{What::faulted};
    outcome.address = address;
    outcome.is_write = is_write;
    return outcome;
  }

  // Stalled: machine time at which it tries again anyway; 0: none. It is the key of its channel, which
  // has 58 bits.
  static constexpr uint64_t ns_per_time_key = 64;
  constexpr uint64_t wake_at_ns() const {
    return stall.until.reason() == WaitChannel::Reason::time ? stall.until.key() * ns_per_time_key : 0;
  }
};
static_assert(sizeof(Outcome) == 16, "an outcome is returned in two registers");

}  // namespace perdure
