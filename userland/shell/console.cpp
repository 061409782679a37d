// SPDX-License-Identifier: MIT
#include "userland/shell/console.hpp"

#include "userland/runtime/program.hpp"

namespace perdure {

bool ConsoleSession::write(std::string_view text) {
  bool is_first = true;
  bool is_whole = true;
  while (!text.empty()) {
    TextBuffer<piece_length> piece;
    while (!text.empty() && piece.text().size() + 2 <= piece_length) {
      if (text[0] == '\n') piece << '\r';
      piece << text[0];
      text.remove_prefix(1);
    }
    const bool was_interrupted = !write_raw(piece.text());
    if (was_interrupted && !is_first) is_whole = false;
    is_first = false;
  }
  return is_whole;
}

// False: there was a restart before it.
bool ConsoleSession::write_raw(std::string_view piece) {
  if (console_.write(piece)) return true;
  do {
    reopen();
  } while (!console_.write(piece));
  return false;
}

std::optional<char> ConsoleSession::read() {
  if (taken_ == typed_.count) {
    const auto characters = console_.read();
    if (!characters) {
      reopen();
      return std::nullopt;
    }
    typed_ = *characters;
    taken_ = 0;
  }
  return typed_.text[taken_++];
}

bool ConsoleSession::take_typed_interrupt() {
  for (uint64_t i = taken_; i < typed_.count; ++i) {
    if (typed_.text[i] != '\x03') continue;
    taken_ = i + 1;
    return true;
  }
  return false;
}

bool ConsoleSession::was_restarted() {
  const bool answer = restarted_;
  restarted_ = false;
  return answer;
}

// Without a console there is nobody to talk to.
void ConsoleSession::reopen() {
  if (!devices_.console(console_.at)) wait_for_ever();
  restarted_ = true;
  if (first_) first_(context_);
}

}  // namespace perdure
