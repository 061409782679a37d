// SPDX-License-Identifier: MIT
//
// The boot command line: words `name` or `name=value`, separated by blanks. What is not known is
// named on the console and otherwise left alone (P5).
#pragma once

#include <string_view>

#include "kernel/options.hpp"

namespace perdure {

// `unknown` is called with each word that means nothing.
template <typename Unknown>
KernelOptions parse_command_line(std::string_view line, Unknown unknown);

struct CommandLineWord {
  std::string_view text;   // all of it
  std::string_view name;   // to the first '='
  std::string_view value;  // behind it; empty if there is none
};
// Takes the next word off the front of `line`; an empty text at the end.
CommandLineWord next_word(std::string_view& line);
// Decimal; false if it is empty, has other characters, or is above `maximum`.
bool parse_number(std::string_view text, uint64_t maximum, uint64_t& number);
// False if the word is unknown or its value bad.
bool apply_word(const CommandLineWord&, KernelOptions&);

template <typename Unknown>
KernelOptions parse_command_line(std::string_view line, Unknown unknown) {
  KernelOptions options;
  for (CommandLineWord word = next_word(line); !word.text.empty(); word = next_word(line)) {
    if (!apply_word(word, options)) unknown(word.text);
  }
  return options;
}

}  // namespace perdure
