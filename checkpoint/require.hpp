// SPDX-License-Identifier: MIT
//
// Assertions of the pure code, on in release: a false one is our own bug, never a caller's input.
// It traps, which the kernel reports with the instruction's address (machine.hpp, kernel_bug) and
// a host test as a crash.
#pragma once

namespace perdure {

// `what` names the invariant for the reader and the debugger.
constexpr void require(bool holds, [[maybe_unused]] const char* what) {
  if (!holds) [[unlikely]] __builtin_trap();
}

}  // namespace perdure
