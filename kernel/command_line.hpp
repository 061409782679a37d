// SPDX-License-Identifier: MIT
//
// The boot command line: words `name` or `name=value`, separated by blanks. What is not known is
// named on the console and otherwise left alone (P5).
#pragma once

#include <string_view>

#include "kernel/kernel.hpp"

namespace perdure {

// `unknown` is called with each word that means nothing.
template <typename Unknown>
KernelOptions parse_command_line(std::string_view line, Unknown unknown);

struct CommandLineWord {
  std::string_view name;
  std::string_view value;  // empty if there is no '='
};
// Takes the next word off the front of `line`; an empty name at the end.
CommandLineWord next_word(std::string_view& line);
// Decimal; false if it is empty, has other characters, or is above `maximum`.
bool parse_number(std::string_view text, uint64_t maximum, uint64_t& number);
// False if the word is unknown or its value bad.
bool apply_word(const CommandLineWord&, KernelOptions&);

template <typename Unknown>
KernelOptions parse_command_line(std::string_view line, Unknown unknown) {
  KernelOptions options;
  for (CommandLineWord word = next_word(line); !word.name.empty(); word = next_word(line)) {
    if (!apply_word(word, options)) unknown(word.name);
  }
  return options;
}

}  // namespace perdure
