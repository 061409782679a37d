// SPDX-License-Identifier: MIT
//
// @name@: keeps one word. Its state is a local variable: it stands on the stack, and persists like
// everything else. Nothing here saves anything.
#include "userland/interfaces/@name@.hpp"

#include "userland/runtime/server.hpp"

namespace @name@_server {
namespace {

struct @Name@State {
  Word word;
  uint64_t count = 0;
};

Answer<uint64_t> put(@Name@State& state, const Call&, Word word) {
  state.word = word;
  return ++state.count;
}

Answer<Word> get(@Name@State& state, const Call&) {
  if (state.count == 0) return std::unexpected(@Name@::empty);
  return state.word;
}

void run() {
  @Name@State state;
  serve<@Name@, put, get>(state);
}

}  // namespace
}  // namespace @name@_server

void perdure::program(uint64_t) { @name@_server::run(); }
