// SPDX-License-Identifier: MIT
//
// Spaces of their own for actors, and actors that try an address in them, again and again.
#pragma once

#include "test/guest/actor.hpp"

namespace perdure::guest {

// A root that shows what an actor needs of the tester's memory (text, data, stack), and has no keeper.
NodeCapability new_space();
// Each word of the page becomes `value`.
void fill(PageCapability, uint64_t value);

class Prober;
using Probe = void (*)(Prober&);
void reads(Prober&);
void writes(Prober&);
void jumps(Prober&);

// Runs when nothing else does, so that it is interrupted anywhere. Its faults are told to the tester.
class Prober {
 public:
  static constexpr uint64_t keeper_payload = 900;
  struct Fault {
    FaultCode code;
    uint64_t address, detail;
  };

  Prober(NodeCapability space, uint64_t address, Probe);

  void start() { actor.start(); }
  // Lets it run until it has tried its address twice more: once wholly from now on.
  void await_rounds();
  // The next message must be of its fault.
  Fault hear_fault(std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE());
  void hears(FaultCode, uint64_t address, uint64_t detail, std::string_view file = __builtin_FILE(),
             uint64_t line = __builtin_LINE());

  volatile uint64_t* const address;
  volatile uint64_t value = 0;   // that was read last
  volatile uint64_t rounds = 0;

 private:
  Probe probe_;
  static void run(uint64_t prober);

 public:
  Actor actor;
};

}  // namespace perdure::guest
