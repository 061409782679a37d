// SPDX-License-Identifier: MIT
//
// What @name@ offers: it keeps one word.
#pragma once

#include "userland/runtime/interface.hpp"

// The server's own names: they hide those of the system, and meet none of them.
namespace @name@_server {

using namespace perdure;

struct @Name@ {
  static constexpr std::string_view name = "@name@";
  // Keeps WORD in place of what was there → how many there have been.
  static constexpr Method<uint64_t(Word)> put{"put", {"WORD"}};
  // The word that it keeps; `empty` before the first.
  static constexpr Method<Word()> get{"get"};
  static constexpr OwnError empty{name, "empty", "it keeps no word yet"};
  using Methods = MethodList<put, get>;
  using Errors = ErrorList<empty>;
};

}  // namespace @name@_server
