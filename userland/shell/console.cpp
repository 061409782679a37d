// SPDX-License-Identifier: MIT
#include "userland/shell/console.hpp"

#include <utility>

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
  bool is_first_try = true;
  for (;; is_first_try = false) {
    if (const auto writes = console_.write(piece)) {
      if (writes_ != 0 && *writes != writes_ + 1) is_written_over_ = true;
      writes_ = *writes;
      return is_first_try;
    }
    reopen();
  }
}

std::optional<char> ConsoleSession::read() {
  if (taken_ == typed_.count) {
    const auto characters = console_.read(writes_);
    if (!characters) {
      reopen();
      return std::nullopt;
    }
    if (characters->writes != writes_) is_written_over_ = true;
    writes_ = characters->writes;
    if (characters->count == 0) return std::nullopt;
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

bool ConsoleSession::was_restarted() { return std::exchange(restarted_, false); }

bool ConsoleSession::was_written_over() { return std::exchange(is_written_over_, false); }

// Without a console there is no person to talk to.
void ConsoleSession::reopen() {
  if (!devices_.console(console_.at)) wait_for_ever();
  restarted_ = true;
  writes_ = 0;
  if (first_) first_(context_);
}

}  // namespace perdure
