// SPDX-License-Identifier: MIT
#include "kernel/machine.hpp"
#include "objects/assertion.hpp"

namespace perdure {

void assertion_failed(std::string_view invariant, uint64_t instruction_pointer) {
  kernel_bug(invariant, instruction_pointer);
}

}  // namespace perdure
