// SPDX-License-Identifier: MIT
//
// Ctrl-C leaves a waiting call. The shell, while it waits in a call, reads nothing; so a second
// small process in the same address space, the *interrupter*, waits at the console for a ^C and
// ends that call. The two share this object.
//
//   shell         is_in_call_ = true, calls, is_in_call_ = false, waits until !is_at_work_
//   interrupter   is_at_work_ = true, looks at is_in_call_; if set: ends the call, takes the ^C
//                 out of the input; is_at_work_ = false
//
// Each sets its own flag before it looks at the other's, so (ONLY-WHAT-MAY-BE-LEFT) no call is
// ever ended but one that call() makes: never one to the bank, in whose middle the shell would lose
// what it has bought. And a ^C goes to one of the two: to the call that it ends, else it stays in
// the input, where the line editor finds it.
//
// Everything here persists. A call that hung before a power cut hangs after it, and can be left.
#pragma once

#include <atomic>

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

class Interrupter {
 public:
  struct Parts {
    BankCapability bank;       // pays
    NodeCapability space;      // of both
    ProcessCapability caller;  // whose calls are ended
    CapabilityRegister schedule;  // the interrupter's; its priority is above the caller's
    DevicesCapability devices;
    ClockCapability clock;
    CapabilityRegister scratch[2];
  };
  // Once. Without it, calls cannot be left.
  Answer<> begin(const Parts&);

  // Like perdure::call, and answers Result::interrupted if the person has typed ^C.
  Result call(CapabilityRegister target, Message&);

 private:
  static constexpr size_t stack_words = 512;

  std::atomic<bool> is_in_call_ = false;
  std::atomic<bool> is_at_work_ = false;
  ClockCapability clock_;  // the caller's
  alignas(16) uint64_t stack_[stack_words] = {};

  [[noreturn]] static void run(Interrupter*);
  bool end_call();
};

}  // namespace perdure
