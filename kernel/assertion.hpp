// SPDX-License-Identifier: MIT
//
// An assertion is our own bug, never an answer to input (P5). It stops the machine with a report
// before anything is committed, and is on in release builds.
#pragma once

#include <string_view>

#include "kernel/machine.hpp"

namespace perdure {

// `invariant`: its name as the reference lists it, and what was found.
inline void assert_that(bool holds, std::string_view invariant) {
  if (!holds) [[unlikely]] {
    kernel_bug(invariant, reinterpret_cast<uint64_t>(__builtin_return_address(0)));
  }
}

}  // namespace perdure
