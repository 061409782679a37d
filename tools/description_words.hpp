// SPDX-License-Identifier: MIT
//
// One line of an image description, as the words of it that have not been used yet. Every
// complaint carries file and line.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tools/description.hpp"

namespace perdure {

class DescriptionWords {
 public:
  // Splits at blanks, drops the comment.
  DescriptionWords(const std::string& file_name, int line, std::string_view text);

  int line() const { return line_; }
  bool is_empty() const { return used_ == words_.size(); }
  // The next word, used. `what` names what is missing if there is none.
  std::string next(std::string_view what);
  // Uses the next word if it is this one.
  bool accept(std::string_view word);

  std::string name(std::string_view what);
  Reference reference(std::string_view what);
  uint64_t number(std::string_view what, uint64_t max = std::numeric_limits<uint64_t>::max());
  uint64_t duration_ns(std::string_view what);
  CapabilityDescription capability();

  // The word as a message may show it: bounded, and nothing that a terminal would act on.
  static std::string printable(std::string_view word);
  void expect_end() const;
  [[noreturn]] void fail(const std::string& message) const;

 private:
  // The next word, not used; empty at the end.
  std::string_view peek() const { return is_empty() ? std::string_view() : words_[used_]; }

  const std::string& file_name_;
  int line_;
  std::vector<std::string> words_;
  size_t used_ = 0;
};

}  // namespace perdure
