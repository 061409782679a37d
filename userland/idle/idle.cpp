// SPDX-License-Identifier: MIT
//
// The smallest program: it waits for messages and answers none.
#include "userland/runtime/program.hpp"

namespace perdure {

void program(uint64_t) { wait_for_ever(); }

}  // namespace perdure
