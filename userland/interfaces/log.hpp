// SPDX-License-Identifier: MIT
//
// The log: where a program tells a person something, one line at a time. What is written appears
// on the console behind a mark that nothing else begins a line with, so that no program can pass
// for the shell.
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

struct Log {
  static constexpr std::string_view name = "log";
  using Methods = MethodList<>;  // `write` takes bytes, which no Method declares

  // Bytes: one line of printing characters, without its end; what is longer is cut → nothing.
  static constexpr uint64_t write = method_code_of(name, "write");
  static constexpr size_t line_length_max = 120;
};

}  // namespace perdure
