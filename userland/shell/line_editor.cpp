// SPDX-License-Identifier: MIT
#include "userland/shell/line_editor.hpp"

#include <algorithm>

namespace perdure {

namespace {

constexpr char control(char letter) { return static_cast<char>(letter & 0x1f); }
constexpr char escape_character = 0x1b;
constexpr char delete_character = 0x7f;
constexpr char bell = 0x07;
constexpr uint8_t escape_number_max = 20;  // longer ones are of keys that mean nothing here

// The key that some terminals send as ESC [ number ~, as the letter that others send; 0: none of ours.
constexpr char delete_forward = '3';
constexpr char key_of_number(unsigned number) {
  switch (number) {
    case 1: case 7: return 'H';
    case 3: return delete_forward;
    case 4: case 8: return 'F';
    default: return 0;
  }
}

void repeat(TextWriter& echo, char character, size_t count) {
  for (size_t i = 0; i < count; ++i) echo << character;
}

}  // namespace

// --- history --------------------------------------------------------------------------------

void LineHistory::add(std::string_view new_line) {
  if (new_line.empty() || (count_ != 0 && line(0) == new_line)) return;
  Entry& entry = entries_[next_];
  entry.length = static_cast<uint8_t>(std::min(new_line.size(), line_length_max));
  std::copy_n(new_line.data(), entry.length, entry.characters);
  next_ = (next_ + 1) % capacity;
  count_ = std::min(count_ + 1, capacity);
}

std::string_view LineHistory::line(unsigned age) const {
  const Entry& entry = entries_[(next_ + capacity - 1 - age) % capacity];
  return {entry.characters, entry.length};
}

// --- what keys do -----------------------------------------------------------------------------

LineEditor::Event LineEditor::take(char character, TextWriter& echo) {
  const bool is_second_of_pair = after_carriage_return_ && character == '\n';
  after_carriage_return_ = character == '\r';
  if (is_second_of_pair) return Event::none;
  const auto code = static_cast<unsigned char>(character);
  if (code < ' ') escape_ = Escape::none;  // no part of a sequence
  if (escape_ != Escape::none) {
    take_escape(character, echo);
    return Event::none;
  }
  if (code < ' ' || character == delete_character) return take_control(character, echo);
  if (code < delete_character) insert({&character, 1}, echo);  // not ASCII: left away
  return Event::none;
}

LineEditor::Event LineEditor::take_control(char character, TextWriter& echo) {
  switch (character) {
    case '\r':
    case '\n':
      move_to(length_, echo);
      echo << '\n';
      return Event::entered;
    case '\t':
      return Event::complete;
    case control('C'):
      move_to(length_, echo);
      echo << "^C\n";
      length_ = cursor_ = 0;
      shown_age_ = 0;
      return Event::abandoned;
    case control('H'):
    case delete_character:
      if (cursor_ > 0) erase(cursor_ - 1, 1, echo);
      break;
    case control('D'): erase(cursor_, 1, echo); break;
    case control('A'): move_to(0, echo); break;
    case control('E'): move_to(length_, echo); break;
    case control('B'): move_to(cursor_ - (cursor_ > 0 ? 1 : 0), echo); break;
    case control('F'): move_to(cursor_ + 1, echo); break;
    case control('U'): replace({}, echo); break;
    case control('K'): erase(cursor_, length_ - cursor_, echo); break;
    case control('W'): erase(word_start(), cursor_ - word_start(), echo); break;
    case control('P'): show_history(shown_age_ + 1, echo); break;
    case control('N'):
      if (shown_age_ > 0) show_history(shown_age_ - 1, echo);
      break;
    case escape_character: escape_ = Escape::begun; break;
    default: break;
  }
  return Event::none;
}

// ESC [ A and the like, ESC O A (application mode), ESC [ 3 ~; with a modifier ESC [ 1 ; 5 C.
void LineEditor::take_escape(char character, TextWriter& echo) {
  if (escape_ == Escape::begun) {
    escape_ = character == '[' || character == 'O' ? Escape::number : Escape::none;
    escape_number_ = 0;
  } else if (character >= '0' && character <= '9') {
    if (escape_ == Escape::modifier || escape_number_ > escape_number_max) return;
    escape_number_ = static_cast<uint8_t>(10 * escape_number_ + (character - '0'));
  } else if (character >= ':' && character <= '?') {
    escape_ = Escape::modifier;
  } else {
    escape_ = Escape::none;
    take_key(character, echo);
  }
}

// What stands at the end of an escape sequence.
void LineEditor::take_key(char character, TextWriter& echo) {
  switch (character == '~' ? key_of_number(escape_number_) : character) {
    case 'A': take_control(control('P'), echo); break;
    case 'B': take_control(control('N'), echo); break;
    case 'C': take_control(control('F'), echo); break;
    case 'D': take_control(control('B'), echo); break;
    case 'H': move_to(0, echo); break;
    case 'F': move_to(length_, echo); break;
    case delete_forward: erase(cursor_, 1, echo); break;
    default: break;
  }
}

// --- the line and its picture -----------------------------------------------------------------

void LineEditor::insert(std::string_view text, TextWriter& echo) {
  const size_t count = std::min(text.size(), length_max - length_);
  if (count < text.size()) echo << bell;
  std::move_backward(characters_ + cursor_, characters_ + length_, characters_ + length_ + count);
  std::copy_n(text.data(), count, characters_ + cursor_);
  length_ += count;
  echo << line().substr(cursor_);
  cursor_ += count;
  repeat(echo, '\b', length_ - cursor_);
}

// Leaves the cursor where the erased text began.
void LineEditor::erase(size_t first, size_t count, TextWriter& echo) {
  count = std::min(count, length_ - first);
  if (count == 0) return;
  move_to(first, echo);
  std::move(characters_ + first + count, characters_ + length_, characters_ + first);
  length_ -= count;
  echo << line().substr(first);
  repeat(echo, ' ', count);
  repeat(echo, '\b', count + length_ - first);
}

void LineEditor::move_to(size_t position, TextWriter& echo) {
  position = std::min(position, length_);
  if (position < cursor_) repeat(echo, '\b', cursor_ - position);
  if (position > cursor_) echo << line().substr(cursor_, position - cursor_);
  cursor_ = position;
}

void LineEditor::replace(std::string_view new_line, TextWriter& echo) {
  erase(0, length_, echo);
  insert(new_line, echo);
}

void LineEditor::show_history(unsigned age, TextWriter& echo) {
  if (age > history_.size()) return;
  if (shown_age_ == 0) {
    std::copy_n(characters_, length_, typed_);
    typed_length_ = length_;
  }
  shown_age_ = age;
  replace(age == 0 ? std::string_view(typed_, typed_length_) : history_.line(age - 1), echo);
}

size_t LineEditor::word_start() const {
  size_t start = cursor_;
  while (start > 0 && characters_[start - 1] == ' ') --start;
  while (start > 0 && characters_[start - 1] != ' ') --start;
  return start;
}

void LineEditor::show(TextWriter& echo) const {
  echo << line();
  repeat(echo, '\b', length_ - cursor_);
}

void LineEditor::clear() {
  history_.add(line());
  length_ = cursor_ = 0;
  shown_age_ = 0;
}

}  // namespace perdure
