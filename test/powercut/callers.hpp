// SPDX-License-Identifier: MIT
//
// The world's callers: processes in its space, each of which calls it, waits for the answer, counts it, and calls again.
// So at each instant each of them is in a call: on the way, in line, or with what answers it in a capability page.
#pragma once

#include "test/powercut/world.hpp"
#include "userland/runtime/bank_client.hpp"

namespace perdure {

class WorldCallers {
 public:
  static constexpr unsigned count = 6;

  Answer<> begin();
  // A message of a caller's: what answers it is kept. False: it is another's.
  bool take(const Message&);
  bool are_all_held() const;
  // Each of them once. All are held.
  Answer<> answer_all(uint64_t step);
  // The error of World, if one has not got an answer for each step, or has sent something else than it should.
  Answer<> check(uint64_t step) const;
  void spoil_count() { ++callers_[0].answers; }
  void spoil_message() { callers_[1].is_spoilt = true; }

 private:
  static constexpr size_t stack_words = 1024;
  struct Caller {
    uint64_t number = 0;
    uint64_t answers = 0;  // that it has got
    bool is_spoilt = false;
    std::byte bytes[WorldCall::bytes] = {};
    alignas(16) uint64_t stack[stack_words] = {};
  };
  Caller callers_[count];
  bool is_held_[count] = {};
  bool is_garbled_ = false;

  static void play(void* self);
  Answer<> start(Caller&);
};

}  // namespace perdure
