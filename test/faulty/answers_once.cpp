// SPDX-License-Identifier: MIT
//
// A server that says what it is, by sending and not by waiting for what comes next, and stops at once: its client is
// answered, and has not run since.
#include "userland/runtime/server.hpp"

namespace perdure {

struct AnswersOnce {
  static constexpr std::string_view name = "answers_once";
  static constexpr Method<uint64_t()> get{"get"};
  using Methods = MethodList<get>;
};

namespace {

struct NoState {};

Answer<uint64_t> get(NoState&, const Call&) { return 0; }

[[gnu::noinline]] void stop_behind_answer() { __builtin_trap(); }

}  // namespace

void program(uint64_t) {
  NoState state;
  Message message;
  reply_and_wait(registers::nothing, message);
  answer_request<AnswersOnce, get>(state, message);
  (void)send(registers::resume, message);
  stop_behind_answer();
}

}  // namespace perdure
