// SPDX-License-Identifier: MIT
//
// A process that the attacker makes of its own bank, in its own space or another, and sends to do
// what it would not survive itself; and how an attack says what it found.
#pragma once

#include "test/hostile/attacks.hpp"
#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/client.hpp"

namespace perdure::hostile {

// Capability registers of the attacker (hostile.description), and its own.
inline constexpr BankCapability bank{{3}};
inline constexpr EndpointCapability endpoint{{4}};
inline constexpr NodeCapability space{{{7}}};
inline constexpr CapabilityRegister naked_entry{9};
inline constexpr CapabilityRegister object{10};
inline constexpr CapabilityRegister equal_schedule{11};   // the judge's and the target's priority
inline constexpr CapabilityRegister higher_schedule{12};  // one that is over before we look
inline constexpr CapabilityRegister callers_schedule{28};  // more important than the bank
inline constexpr CapabilityRegister lowerers_schedule{29}; // more important than those
inline constexpr unsigned first_puppet_register = 13;     // two for each puppet
inline constexpr unsigned puppets_max = 4;
inline constexpr uint8_t first_free_register = 21;        // to 27

// The attack is over, as promised, or (a line) not.
[[noreturn]] void finish(uint64_t line);
inline void require(bool holds, uint64_t line = __builtin_LINE()) {
  if (!holds) finish(line);
}
// Time passes.
void burn(uint64_t rounds);
// The end of a puppet: an instruction that does not exist.
[[noreturn]] void end_puppet();

using PuppetProgram = void (*)(uint64_t);
void call_target_for_ever(uint64_t);
// Calls the attacker once, with this word, through what it has been given by `lead_to_us`.
void call_us(uint64_t word);

class Puppet {
 public:
  explicit Puppet(unsigned number)
      : number_(number),
        process_{{static_cast<uint8_t>(first_puppet_register + 2 * number)}},
        activity_{static_cast<uint8_t>(first_puppet_register + 2 * number + 1)} {}

  ProcessCapability process() const { return process_; }

  // From this bank; in our own space until told otherwise.
  void buy(CapabilityRegister schedule, BankCapability payer = bank);
  // What it holds in the register of that number.
  void give(CapabilityRegister);
  // Its naked entry is to the attacker from now on; `passing`: a register for it.
  void lead_to_us(CapabilityRegister passing);
  // From its first instruction, with a stack of its own.
  void start(PuppetProgram, uint64_t argument);
  // From any registers.
  void start(const Registers&);
  Registers initial(PuppetProgram, uint64_t argument) const;
  // Waits until it is stopped by a fault; `line` is what failed if it never is.
  ProcessCapability::Status await_fault(uint64_t line = __builtin_LINE()) const;
  ProcessCapability::Status run(PuppetProgram, uint64_t argument = 0, uint64_t line = __builtin_LINE());
  ProcessCapability::Status run(const Registers&, uint64_t line = __builtin_LINE());

 private:
  unsigned number_;
  ProcessCapability process_;
  CapabilityRegister activity_;
};

// Did it come to end_puppet()?
inline bool ended(const ProcessCapability::Status& status) {
  return status.fault == FaultCode::invalid_instruction;
}
// A fault that a program can have, and that only it has.
bool has_own_fault(const ProcessCapability::Status&);

// A puppet's program: makes the invocation at the address in its argument.
void invoke_puppet(uint64_t raw_address);
RawInvocation raw_call(CapabilityRegister target, uint64_t word0);

}  // namespace perdure::hostile
