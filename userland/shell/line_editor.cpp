// SPDX-License-Identifier: MIT
#include "userland/shell/line_editor.hpp"

#include <algorithm>

namespace perdure {

namespace {

constexpr char control(char letter) { return static_cast<char>(letter & 0x1f); }
constexpr char escape_character = 0x1b;
constexpr char delete_character = 0x7f;
constexpr char bell = 0x07;
constexpr char foreign_character = delete_character;  // in a line; it is no text
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
  Event event = Event::none;
  if (escape_ != Escape::none) {
    take_escape(character, echo);
  } else if (code < ' ' || character == delete_character) {
    event = take_control(character, echo);
  } else if (code < delete_character) {
    put({&character, 1}, echo);
  } else {
    take_foreign(code, echo);
  }
  in_foreign_character_ = code > delete_character;
  if (event != Event::entered) draw(echo);
  return event;
}

// One mark for a character, however many bytes it has in UTF-8: all but the first are from 0x80 to 0xbf.
void LineEditor::take_foreign(unsigned char code, TextWriter& echo) {
  if (code >= 0xc0 || !in_foreign_character_) put({&foreign_character, 1}, echo);
}

LineEditor::Event LineEditor::take_control(char character, TextWriter& echo) {
  switch (character) {
    case '\r':
    case '\n':
      end("\n", echo);
      return Event::entered;
    case '\t':
      return Event::complete;
    case control('C'):
      end("^C\n", echo);
      length_ = cursor_ = 0;
      shown_age_ = 0;
      is_cut_ = false;
      return Event::abandoned;
    case control('H'):
    case delete_character:
      if (cursor_ > 0) erase(cursor_ - 1, 1);
      break;
    case control('D'): erase(cursor_, 1); break;
    case control('A'): move_to(0); break;
    case control('E'): move_to(length_); break;
    case control('B'): move_to(cursor_ - (cursor_ > 0 ? 1 : 0)); break;
    case control('F'): move_to(cursor_ + 1); break;
    case control('U'): replace({}, echo); break;
    case control('K'): erase(cursor_, length_ - cursor_); break;
    case control('W'): erase(word_start(), cursor_ - word_start()); break;
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
    case 'H': move_to(0); break;
    case 'F': move_to(length_); break;
    case delete_forward: erase(cursor_, 1); break;
    default: break;
  }
}

// --- the line and its picture -----------------------------------------------------------------

void LineEditor::insert(std::string_view text, TextWriter& echo) {
  put(text, echo);
  draw(echo);
}

void LineEditor::put(std::string_view text, TextWriter& echo) {
  const size_t count = std::min(text.size(), length_max - length_);
  if (count < text.size()) {
    echo << bell;
    is_cut_ = true;
  }
  std::move_backward(characters_ + cursor_, characters_ + length_, characters_ + length_ + count);
  std::copy_n(text.data(), count, characters_ + cursor_);
  length_ += count;
  cursor_ += count;
}

// Leaves the cursor where the erased text began. The line counts as cut no more: a person who edits it has seen it.
void LineEditor::erase(size_t first, size_t count) {
  count = std::min(count, length_ - first);
  if (count == 0) return;
  std::move(characters_ + first + count, characters_ + length_, characters_ + first);
  length_ -= count;
  cursor_ = first;
  is_cut_ = false;
}

void LineEditor::move_to(size_t position) { cursor_ = std::min(position, length_); }

void LineEditor::replace(std::string_view new_line, TextWriter& echo) {
  erase(0, length_);
  put(new_line, echo);
}

LineEditor::Fault LineEditor::fault() const {
  if (is_cut_) return Fault::too_long;
  return line().contains(foreign_character) ? Fault::not_ascii : Fault::none;
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

// --- the picture ----------------------------------------------------------------------------

void LineEditor::show(size_t prompt_length, TextWriter& echo) {
  view_length_ = row_length - std::min(prompt_length, row_length - view_length_min);
  shown_ = {};
  draw(echo);
}

// The line is over: all of it stands there, and what comes next stands below.
void LineEditor::end(std::string_view mark, TextWriter& echo) {
  if (length_ <= view_length_) {
    cursor_ = length_;
    draw(echo);
  } else {
    repeat(echo, '\b', shown_.cursor);
    echo << line();
  }
  echo << mark;
  shown_ = {};
  view_start_ = 0;
}

// The cursor is never on a `<` or `>`.
void LineEditor::scroll() {
  const bool is_seen = cursor_ >= view_start_ + (view_start_ > 0) &&
                       (length_ - view_start_ <= view_length_ || cursor_ < view_start_ + view_length_ - 1);
  if (length_ <= view_length_) view_start_ = 0;
  else if (!is_seen) view_start_ = cursor_ - std::min(cursor_, view_length_ / 2);
}

LineEditor::Picture LineEditor::picture() const {
  Picture picture;
  picture.length = std::min(length_ - view_start_, view_length_);
  picture.cursor = cursor_ - view_start_;
  std::ranges::replace_copy(line().substr(view_start_, picture.length), picture.characters, foreign_character, '?');
  if (view_start_ > 0) picture.characters[0] = '<';
  if (length_ - view_start_ > view_length_) picture.characters[view_length_ - 1] = '>';
  return picture;
}

// From the first difference on.
void LineEditor::draw(TextWriter& echo) {
  scroll();
  const Picture next = picture();
  const std::string_view before(shown_.characters, shown_.length), after(next.characters, next.length);
  const auto same = static_cast<size_t>(std::ranges::mismatch(before, after).in2 - after.begin());
  size_t at = shown_.cursor;
  if (same < std::max(before.size(), after.size())) {
    if (at > same) repeat(echo, '\b', at - same);
    echo << after.substr(std::min(at, same));
    if (before.size() > after.size()) repeat(echo, ' ', before.size() - after.size());
    at = std::max(before.size(), after.size());
  }
  if (at > next.cursor) repeat(echo, '\b', at - next.cursor);
  else echo << after.substr(at, next.cursor - at);
  shown_ = next;
}

void LineEditor::clear() {
  if (!is_cut_) history_.add(line());
  length_ = cursor_ = 0;
  shown_age_ = 0;
  is_cut_ = false;
}

}  // namespace perdure
