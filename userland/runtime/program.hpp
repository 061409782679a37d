// SPDX-License-Identifier: MIT
//
// What each program defines, and what it may do instead of ending.
#pragma once

#include <cstdint>

namespace perdure {

// Called once, in the life of a program, not of the machine. `argument`: what its starter chose.
void program(uint64_t argument);

// Takes messages and answers none: a caller waits until this program is destroyed.
[[noreturn]] void wait_for_ever();

}  // namespace perdure
