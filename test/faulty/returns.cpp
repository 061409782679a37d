// SPDX-License-Identifier: MIT
//
// A program that returns.
#include "userland/runtime/program.hpp"

namespace perdure {

void program(uint64_t) {}

}  // namespace perdure
