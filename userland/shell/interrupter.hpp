// SPDX-License-Identifier: MIT
//
// Ctrl-C leaves a waiting call, and the restart banner comes while one waits. The shell, while it waits in a
// call, reads and writes nothing; so a second small process in the same address space, the *interrupter*,
// waits at the console for a ^C and ends that call, and for the next boot, which it announces. The two
// share this object.
//
//   shell         is_in_call_ = true, calls, is_in_call_ = false, waits until at_work_ is 0
//   interrupter   raises at_work_, looks at is_in_call_; if set: ends the call, takes the ^C
//                 out of the input; lowers at_work_
//
// The fault watcher (fault_watcher.hpp) does the same when the called program has stopped. It looks at is_in_call_
// after the program has stopped; the shell looks whether the program has stopped after it has set is_in_call_. One of
// the two sees the other, so the shell never waits for a stopped program. A call that waits for something else just
// then (the shell for a page of its own, or for its turn) cannot be ended: watcher and interrupter try again. If the
// call is answered between the look and the end, the shell already waits for at_work_ to be 0, and the answer stays.
//
// Each sets its own flag before it looks at the other's, so (ONLY-WHAT-MAY-BE-LEFT) no call is
// ever ended but one that call() makes: never one by which the shell buys something of the bank, and would
// lose it. And a ^C has one effect: it ends a call, else it stays in the input, where the line
// editor finds it.
//
// The shell's first use of the console in a boot waits until the banner is there (Shell::await_banner):
// so only one of the two writes at a time.
//
// Everything here persists. A call that hung before a power cut hangs after it, and can be left.
#pragma once

#include <atomic>
#include <optional>

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

class Interrupter {
 public:
  // The interrupter has what it is given in registers of the same numbers, so that `announce` can
  // use it as the caller does.
  struct Parts {
    BankCapability bank;       // pays
    NodeCapability space;      // of both
    ProcessCapability caller;  // the process that makes the calls
    CapabilityRegister schedule;  // the interrupter's; its priority is above the caller's
    DevicesCapability devices;
    ClockCapability clock;
    ConsoleCapability console;  // in each of the two its own
    CheckpointCapability checkpoint;
    void (*announce)(void* context);  // each boot
    void* context;
    CapabilityRegister scratch[2];
  };
  // Once. Without it, calls cannot be left, and restarts are not announced while one waits.
  Answer<> begin(const Parts&);
  bool is_there() const { return is_there_; }

  // The program behind the target, if the shell has started it.
  struct Callee {
    ProcessCapability process;
    uint64_t start = 0;  // Named; 0: no such program
  };
  enum class End : uint8_t { answered, left, stopped_before, stopped_meanwhile };
  // Like perdure::call; nothing if the person has typed ^C, or the callee stops, or has done so before.
  std::optional<Result> call(CapabilityRegister target, Message&, const Callee&);
  std::optional<Result> call(CapabilityRegister target, Message& message) { return call(target, message, {}); }
  bool is_in_call() const { return is_in_call_; }
  // How the last call ended.
  End end() const { return end_; }

  // What a ^C does. → was there a call to end?
  bool end_call();
  // By the fault watcher: the program of this start has stopped, and answers no call. → was it called?
  bool end_call_of(uint64_t start);

 private:
  static constexpr size_t stack_words = 2048;

  // Raises at_work_ as long as it is there: what is seen of the call then stays so.
  class Look;
  bool try_to_end(End);

  std::atomic<bool> is_in_call_ = false;
  std::atomic<uint64_t> called_start_ = 0;
  std::atomic<unsigned> at_work_ = 0;          // how many look at the present call, or end it
  std::atomic<End> end_ = End::answered;       // of the present call
  bool is_there_ = false;
  Parts parts_;
  alignas(16) uint64_t stack_[stack_words] = {};

  [[noreturn]] static void run(void* self);
  void serve();
};

}  // namespace perdure
