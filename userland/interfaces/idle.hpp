// SPDX-License-Identifier: MIT
//
// A server that offers nothing: it can be described, and that is all.
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

struct Idle {
  static constexpr std::string_view name = "idle";
  using Methods = MethodList<>;
};

}  // namespace perdure
