// SPDX-License-Identifier: MIT
//
// Actors: further processes that a row brings on, servers and clients. Each is an ordinary process
// with capability registers of its own, bought from the bank that the row names; it lives in the
// demonstration's space, so that a row can look at what its actors have noted. What an actor can
// do to others is decided by what it was given, as always.
//
// An actor's registers: 4 control of its endpoint; those that it is given.
#pragma once

#include "userland/demo/stage.hpp"

namespace perdure {

struct Given {
  CapabilityRegister as;    // the actor's register
  CapabilityRegister from;  // the row's
};

struct ActorStart {
  BankCapability bank;          // pays for process, activity and endpoint
  void (*body)(uint64_t);       // never returns
  uint64_t argument = 0;
  std::span<const Given> given;
  ScheduleCapability schedule = demo_register::schedule;
  CapabilityRegister keeper = registers::nothing;  // of the process itself
  NodeCapability space = own_space;  // or another that shows the same memory
  // Where the row wants them.
  ProcessCapability process;
  CapabilityRegister entry;
  CapabilityRegister activity;
  EndpointCapability endpoint;
};

// One that takes four work registers in a row.
constexpr ActorStart actor_in(unsigned first, BankCapability bank, void (*body)(uint64_t),
                              uint64_t argument = 0) {
  return {.bank = bank,
          .body = body,
          .argument = argument,
          .process = {work_register(first)},
          .entry = work_register(first + 1),
          .activity = work_register(first + 2),
          .endpoint = {work_register(first + 3)}};
}

bool start_actor(Stage&, const ActorStart&);

// A schedule by which an actor runs before all programs that a person starts.
bool buy_urgent_schedule(Stage&, BankCapability, ScheduleCapability);

// --- a server that answers a number, and visitors that ask for it --------------------------------

struct Host {
  static constexpr std::string_view name = "host";
  static constexpr Method<uint64_t()> ask{"ask"};  // → its number
  using Methods = MethodList<ask>;
};
[[noreturn]] void play_host(uint64_t number);
// Asks it, and wants to hear this number.
bool host_says(Stage&, CapabilityRegister entry, uint64_t number);

struct Visitor {
  static constexpr std::string_view name = "visitor";
  // Asks the host through the capability it holds. Sent rather than called: then the sender does
  // not wait while the visitor waits.
  static constexpr Method<void()> visit{"visit"};
  // Answers when it waits for nothing else.
  static constexpr Method<void()> ready{"ready"};
  using Methods = MethodList<visit, ready>;
};

inline constexpr CapabilityRegister visitor_holds{8};

// What a visitor notes; its argument is the address of one.
struct Visit {
  uint64_t begun = 0;
  uint64_t ended = 0;
  Result result = Result::ok;  // of the last one that ended
  uint64_t number = 0;
};
[[noreturn]] void play_visitor(uint64_t visit);

// Lets a visitor visit, without waiting for it.
bool send_visit(Stage&, CapabilityRegister visitor);
// Lets it visit, and waits until it has.
bool visit(Stage&, CapabilityRegister visitor);
// Waits until its visit has ended.
bool await_visitor(Stage&, CapabilityRegister visitor);

void sleep_ns(uint64_t nanoseconds);

// --- the process that runs when no other does ----------------------------------------------------

// An actor of the lowest priority; `schedule` is a register that is the row's no more.
bool hire_idler(Stage&, BankCapability, CapabilityRegister schedule, CapabilityRegister entry);
// Lets the idler count. It comes to its end only if no process with a higher priority runs: so the processes that
// wait do not spin. Sent rather than called: a call would lend the idler the caller's priority.
bool nobody_spins(Stage&, CapabilityRegister idler);

}  // namespace perdure
