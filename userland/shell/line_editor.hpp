// SPDX-License-Identifier: MIT
//
// Line editing: characters that a person typed, in; the line, and what to show, out. Pure: it
// is given one character at a time and appends its echo to a writer. All of its state is in the
// object, so a line that was half typed at a power cut is half typed after it.
//
// The echo uses nothing but printing, backspaces and blanks: it works on any terminal, and a
// program that watches the line never sees a prompt that is none. A backspace does not go up a row, so
// of a line that is too long for one row a part is shown, `<` and `>` standing for the rest; when it
// is entered all of it is.
//
// Nothing is left away in silence: a line that was too long, or in which something was typed that is not
// ASCII, says so (fault()), and is not to be run.
//
//   backspace ^H DEL, ^D delete   ^A ^E home end   ^U whole line   ^K to the end   ^W word
//   arrows: left, right, history   tab: see Event::complete   ^C abandons the line
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "userland/runtime/format.hpp"

namespace perdure {

// The lines that were entered last, each at most once in a row.
class LineHistory {
 public:
  static constexpr size_t line_length_max = 255;
  static constexpr unsigned capacity = 32;

  void add(std::string_view line);
  unsigned size() const { return count_; }
  // 0: the last one entered.
  std::string_view line(unsigned age) const;

 private:
  struct Entry {
    uint8_t length = 0;
    char characters[line_length_max] = {};
  };
  Entry entries_[capacity];
  unsigned next_ = 0;
  unsigned count_ = 0;
};

class LineEditor {
 public:
  static constexpr size_t length_max = LineHistory::line_length_max;

  enum class Event : uint8_t {
    none,
    entered,    // line() is complete; begin a new one with clear()
    abandoned,  // ^C: line() is empty again
    complete,   // tab: the caller may insert() the rest of the word before the cursor
  };
  enum class Fault : uint8_t { none, too_long, not_ascii };

  // Appends to `echo` what the terminal is to be sent (at most echo_length_max characters).
  Event take(char character, TextWriter& echo);
  static constexpr size_t echo_length_max = 4 * (length_max + 1);
  // What is written in a row of a terminal of 80 columns, with the cursor behind it.
  static constexpr unsigned row_length = 79;
  static constexpr size_t view_length_min = 20;  // a prompt is not that long
  // Characters of the line in a row of the terminal: what the prompt leaves.
  size_t view_length() const { return view_length_; }

  std::string_view line() const { return {characters_, length_}; }
  size_t cursor() const { return cursor_; }
  std::string_view before_cursor() const { return {characters_, cursor_}; }
  Fault fault() const;

  // At the cursor; what does not fit is left away.
  void insert(std::string_view text, TextWriter& echo);
  // Writes the line and puts the cursor in its place: behind a new prompt of this length.
  void show(size_t prompt_length, TextWriter& echo);
  // Begins an empty line, after line() was noted in the history.
  void clear();

 private:
  enum class Escape : uint8_t { none, begun, number, modifier };  // what is read
  // What the terminal shows of the line.
  struct Picture {
    char characters[row_length] = {};
    size_t length = 0;
    size_t cursor = 0;
  };

  char characters_[length_max] = {};  // foreign_character: something that is not ASCII
  size_t length_ = 0;
  size_t cursor_ = 0;
  Escape escape_ = Escape::none;
  uint8_t escape_number_ = 0;
  bool after_carriage_return_ = false;
  bool in_foreign_character_ = false;
  bool is_cut_ = false;  // something did not fit
  size_t view_length_ = row_length;
  size_t view_start_ = 0;
  Picture shown_;
  // History: 0 is the line being typed, kept in `typed_` while another is shown.
  unsigned shown_age_ = 0;
  char typed_[length_max] = {};
  size_t typed_length_ = 0;
  LineHistory history_;

  Event take_control(char character, TextWriter& echo);
  void take_escape(char character, TextWriter& echo);
  void take_key(char character, TextWriter& echo);
  void take_foreign(unsigned char code, TextWriter& echo);
  void put(std::string_view text, TextWriter& echo);
  void erase(size_t first, size_t count);
  void move_to(size_t position);
  void replace(std::string_view line, TextWriter& echo);
  void show_history(unsigned age, TextWriter& echo);
  size_t word_start() const;
  void end(std::string_view mark, TextWriter& echo);
  void scroll();
  Picture picture() const;
  void draw(TextWriter& echo);
};

}  // namespace perdure
