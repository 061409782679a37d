// SPDX-License-Identifier: MIT
//
// Many words, as a list that a person can look through: in columns, as many as a row of the terminal holds. Nothing is
// gathered; so there is no largest number of words.
#pragma once

#include <algorithm>

#include "userland/shell/console.hpp"
#include "userland/shell/line_editor.hpp"

namespace perdure {

class Columns {
 public:
  static constexpr size_t row_length = LineEditor::row_length;

  // `longest`: of the words that will come, or more.
  Columns(ConsoleSession& console, size_t longest)
      : console_(console),
        width_(static_cast<unsigned>(std::min(longest, row_length) + gap)),
        columns_(static_cast<unsigned>((row_length + gap) / width_)) {}

  bool fit_in_a_row(size_t word_count) const { return word_count <= columns_; }
  // Of what is longer than a row, so much as there is room for.
  void add(std::string_view word) {
    if (in_row_ == columns_) end();
    while (row_.text().size() < in_row_ * width_) row_ << ' ';
    row_ << word.substr(0, row_length);
    ++in_row_;
  }
  // The last row.
  void end() {
    if (in_row_ != 0) console_.say(row_.text(), "\n");
    row_.clear();
    in_row_ = 0;
  }

 private:
  static constexpr size_t gap = 2;

  ConsoleSession& console_;
  unsigned width_;
  unsigned columns_;
  unsigned in_row_ = 0;
  TextBuffer<row_length> row_;
};

}  // namespace perdure
