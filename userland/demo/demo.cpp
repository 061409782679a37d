// SPDX-License-Identifier: MIT
//
// The program that plays the demonstrations, one row in one instance (interfaces/demo.hpp). It
// does a step when it is told to, and says what it did. It need not be believed about what it
// leaves behind: the program that destroys its bank (the shell) looks at that.
#include "userland/demo/rows.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

constexpr bool rows_agree() {
  if (std::size(demo_rows) != std::size(row_steps)) return false;
  for (size_t i = 0; i < std::size(demo_rows); ++i) {
    if (demo_rows[i].name != row_steps[i].name) return false;
  }
  return true;
}
static_assert(rows_agree());

struct Play {
  Stage stage;
  Steps steps;
  size_t next = 0;
};

Answer<uint64_t> begin(Play& play, const Call&, Word row) {
  if (!play.steps.empty()) return std::unexpected(Result::in_use);
  for (const RowSteps& one : row_steps) {
    if (one.name == row.view()) play.steps = one.steps();
  }
  if (play.steps.empty()) return std::unexpected(Result::not_found);
  if (auto done = demo_register::own_process.fetch(process_slot::space, own_space.at); !done) {
    return std::unexpected(done.error());
  }
  return play.steps.size();
}

Answer<DemoStep> step(Play& play, const Call&) {
  if (play.next == play.steps.size()) return std::unexpected(Result::bad_argument);
  play.stage.begin_step();
  const bool succeeded = play.steps[play.next](play.stage);
  play.next = succeeded ? play.next + 1 : play.steps.size();
  DemoStep answer{.text_length = play.stage.text().size()};
  if (!succeeded) {
    answer.outcome = DemoStep::Outcome::failed;
  } else if (play.next == play.steps.size()) {
    answer.outcome = DemoStep::Outcome::ok;
  }
  return answer;
}

Answer<DemoText> text(Play& play, const Call&, uint64_t offset) {
  const std::string_view all = play.stage.text();
  if (offset > all.size()) return std::unexpected(Result::bad_argument);
  DemoText piece;
  all.substr(offset).copy(piece.characters, DemoText::length_max);
  return piece;
}

}  // namespace

void program(uint64_t) {
  Play play;
  serve<Demo, begin, step, text>(play);
}

}  // namespace perdure
