// SPDX-License-Identifier: MIT
#include "kernel/register_view.hpp"

namespace perdure {

void answer_refusal(const Commit&, Process& caller, Result result) {
  Registers& registers = caller.registers;
  const Invocation kind = invocation_kind(registers);
  const bool is_call = kind == Invocation::call;
  if (is_call && result != Result::malformed) {
    for (unsigned i = 0; i < message_capability_count; ++i) {
      const unsigned number = receiving_register(registers, i);
      if (number != 0) caller.capability_registers[number] = {};
    }
  }
  registers.rax = static_cast<uint64_t>(is_call ? Delivery::reply : Delivery::none);
  set_message_words(registers, {static_cast<uint64_t>(result)});
}

}  // namespace perdure
