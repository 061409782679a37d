// SPDX-License-Identifier: MIT
//
// Starts an instance of a program in a bank of its own: the honest predecessor of the
// constructor. Everything the instance is made of is bought from a new bank below the starter's,
// so that destroying that bank removes all of it. The starter keeps full control of the instance
// and has to be trusted by it; sealed recipes and confinement are the constructor's.
//
// The instance begins with: 3 its bank, reduced (own_bank_restrictions); 4 control of the
// endpoint that names it; 5 the starter's `log`, if any; 6 a clock, if any; 7 the root node of its
// space; 8 a discriminator. Its space is filled on demand by `space_keeper`, with
// frames of its own bank.
#pragma once

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/recipe_reader.hpp"
#include "userland/runtime/space_builder.hpp"

namespace perdure {

struct ProgramStart {
  // Registers that starting one program needs, in a row from `first_scratch`.
  static constexpr unsigned scratch_count = SpaceRegisters::count + 4;

  BankCapability parent;
  uint64_t limit = 0;  // frames, of the new bank
  CapabilityPageCapability recipe;
  DiscriminatorCapability discriminator;
  CapabilityRegister space_keeper;  // entry of the demand-zero keeper
  CapabilityRegister schedule;
  CapabilityRegister log = registers::nothing;
  CapabilityRegister clock = registers::nothing;
  uint64_t argument = 0;
  uint8_t first_scratch = 0;
  // Where the starter wants the instance's bank (in full), its entry and its process.
  CapabilityRegister bank_into;
  CapabilityRegister entry_into;
  CapabilityRegister process_into;
};

struct StartedProgram {
  uint32_t account = 0;  // of its bank
  Word program_name;
};

struct StartError {
  Result result = Result::ok;
  // With limit_reached: what `limit` must be at least.
  uint64_t frames_needed = 0;
};

// After an error nothing of the instance is left, and the bank has what it had.
Expected<StartedProgram, StartError> start_program(const ProgramStart&);

}  // namespace perdure
