// SPDX-License-Identifier: MIT
//
// From the first instruction to program(). A program that returns has ended: it waits for ever
// (whoever wants its storage back destroys its bank).
#include "userland/runtime/program.hpp"

#include "userland/runtime/invoke.hpp"

extern "C" {
using Initializer = void (*)();
extern const Initializer __init_array_start[];
extern const Initializer __init_array_end[];

[[noreturn]] void program_begins(uint64_t argument) {
  for (const Initializer* one = __init_array_start; one != __init_array_end; ++one) (*one)();
  perdure::program(argument);
  perdure::wait_for_ever();
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
