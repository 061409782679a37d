// SPDX-License-Identifier: MIT
//
// An assertion is our own bug, never an answer to input (P5). It is on in release builds, and stops before anything is
// committed. What becomes of a false one says the program that links this code: the kernel stops with a report
// (kernel/assertion.cpp), a test fails with its name, a host tool says it and ends.
#pragma once

#include <cstdint>
#include <string_view>

namespace perdure {

[[noreturn]] void assertion_failed(std::string_view invariant, uint64_t instruction_pointer);

// `invariant`: its name as the reference lists it, or what was found.
constexpr void assert_that(bool holds, std::string_view invariant) {
  if (!holds) [[unlikely]] {
    assertion_failed(invariant, reinterpret_cast<uint64_t>(__builtin_return_address(0)));
  }
}

}  // namespace perdure
