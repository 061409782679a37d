// SPDX-License-Identifier: MIT
#include "userland/shell/console.hpp"

#include "userland/runtime/format.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {

void ConsoleSession::write(std::string_view text) {
  while (!text.empty()) {
    TextBuffer<piece_length> piece;
    while (!text.empty() && piece.text().size() + 2 <= piece_length) {
      if (text[0] == '\n') piece << '\r';
      piece << text[0];
      text.remove_prefix(1);
    }
    write_raw(piece.text());
  }
}

void ConsoleSession::write_raw(std::string_view piece) {
  while (!console_.write(piece)) reopen();
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

bool ConsoleSession::was_restarted() {
  const bool answer = restarted_;
  restarted_ = false;
  return answer;
}

// The power may fail again while the banner is being written: then it is written once more.
void ConsoleSession::reopen() {
  mint();
  restarted_ = true;
  announce_again_ = true;
  if (is_announcing_) return;
  is_announcing_ = true;
  while (announce_again_) {
    announce_again_ = false;
    announce_(*this, context_);
  }
  is_announcing_ = false;
}

// Without a console there is nobody to talk to.
void ConsoleSession::mint() {
  if (!devices_.console(console_.at)) wait_for_ever();
}

}  // namespace perdure
