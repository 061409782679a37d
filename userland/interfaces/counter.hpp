// SPDX-License-Identifier: MIT
//
// The counter: the smallest server that keeps something.
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

struct Counter {
  static constexpr std::string_view name = "counter";
  // Adds N, modulo 2^64 → the new value.
  static constexpr Method<uint64_t(uint64_t)> add{"add", {"N"}};
  static constexpr Method<uint64_t()> get{"get"};
  using Methods = MethodList<add, get>;
};

}  // namespace perdure
