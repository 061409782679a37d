// SPDX-License-Identifier: MIT
//
// Actors: processes that a test brings on, in the tester's space or another. An actor runs a function of this
// program on a stack of its own and holds what it is given. A Caller is the usual one: it makes one
// invocation, and its test sees what came of it.
#pragma once

#include "objects/process.hpp"
#include "test/guest/guest.hpp"
#include "userland/runtime/program.hpp"

namespace perdure::guest {

using Body = void (*)(uint64_t argument);

// An actor's end: an instruction that does not exist.
[[noreturn]] void leave();

class Actor {
 public:
  explicit Actor(Body, uint64_t argument = 0, ScheduleCapability schedule = ordinary);
  Actor(const Actor&) = delete;
  // It runs no longer than what it may write to: its test's variables are gone next.
  ~Actor();

  ProcessCapability process;

  void hold(CapabilityRegister as, CapabilityRegister from) const;
  void live_in(CapabilityRegister space) const;
  void tell_faults_to(CapabilityRegister entry) const;
  // It becomes the receiver of a new endpoint, of which it holds the control as register 4 → an entry.
  CapabilityRegister receives(uint64_t payload = 0) const;
  // From its first instruction, also once more; or from any registers.
  void start();
  void start(const Registers&);
  Registers first_registers() const;

  ProcessCapability::Status status() const;
  // It writes to nothing of its test's, and runs until its bank goes.
  void outlive() { outlives_ = true; }
  // Lets all run until it is in this state.
  void await(ProcessState) const;
  // Until it is stopped → why.
  ProcessCapability::Status await_stop() const;

 private:
  Body body_;
  uint64_t argument_;
  unsigned stack_;
  bool has_activity_ = false;
  bool outlives_ = false;
};

// Where callers hold what they invoke, what they send and what they receive.
inline constexpr CapabilityRegister caller_target{9};
inline constexpr CapabilityRegister caller_sends[] = {{10}, {11}, {12}, {13}};
inline constexpr CapabilityRegister caller_receives[] = {{20}, {21}, {22}, {23}};

// Makes one invocation of `target`, and has then ended.
class Caller {
 public:
  Caller(CapabilityRegister target, const Message& sends, ScheduleCapability schedule = ordinary,
         Invocation kind = Invocation::call);
  Caller(const Caller&) = delete;

  Caller& start();
  // The same once more, with another message.
  Caller& start(const Message& sends);
  bool has_ended() const { return has_ended_; }
  Result result() const { return message.result(); }
  // Lets all run until it has ended → the result.
  Result finish();

  Message message;  // what it sends, and then what it was answered

 private:
  Invocation kind_;
  volatile bool has_ended_ = false;
  static void make(uint64_t caller);

 public:
  Actor actor;  // behind what it is made of
};

// The next message to the tester, capabilities in `arrived`. Waits.
Message receive(std::span<std::byte> buffer = {});
// Answers the request in the resume register.
Result answer(const Message&);
inline Result answer(uint64_t word1 = 0) { return answer(Message{.words = {0, word1}}); }
// The next message must be this caller's call with that word 1.
bool receives_call(uint64_t word1, std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE());

}  // namespace perdure::guest
