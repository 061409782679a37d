// SPDX-License-Identifier: MIT
//
// From the first instruction to program(). A program that returns has nothing to go back to: it stops by a fault,
// which its keeper is told, in a function that is named for what happened.
#include "userland/runtime/program.hpp"

#include "userland/runtime/invoke.hpp"

extern "C" {
using Initializer = void (*)();
extern const Initializer __init_array_start[];
extern const Initializer __init_array_end[];

[[noreturn, gnu::noinline]] void program_has_returned() { __builtin_trap(); }

[[noreturn]] void program_begins(uint64_t argument) {
  for (const Initializer* one = __init_array_start; one != __init_array_end; ++one) (*one)();
  perdure::program(argument);
  program_has_returned();
}
}

namespace perdure {

void wait_for_ever() {
  while (true) {
    Message message;
    reply_and_wait(registers::nothing, message);
  }
}

}  // namespace perdure
