// SPDX-License-Identifier: MIT
//
// A server that refuses: with errors of its own, with another's, and with whatever it is told to answer.
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

// What Refuses answers besides, and does not describe.
struct Elsewhere {
  static constexpr std::string_view name = "elsewhere";
  static constexpr OwnError closed{name, "closed", "it is closed over there"};
  using Methods = MethodList<>;
  using Errors = ErrorList<closed>;
};

struct Refuses {
  static constexpr std::string_view name = "refuses";
  static constexpr Method<uint64_t(uint64_t)> take{"take", {"N"}};  // empty
  static constexpr Method<void()> lie{"lie"};                       // gone
  static constexpr Method<void()> pass_on{"pass_on"};               // Elsewhere::closed
  static constexpr Method<void(uint64_t)> answer{"answer", {"RESULT"}};
  static constexpr OwnError empty{name, "empty", "the purse is empty"};
  static constexpr OwnError gone{name, "gone", "error: it is stopped; destroy ends it"};
  using Methods = MethodList<take, lie, pass_on, answer>;
  using Errors = ErrorList<empty, gone>;
};

}  // namespace perdure
