// SPDX-License-Identifier: MIT
//
// A server that counts. Its value is a local variable: it stands on the stack, which persists
// like everything else.
#include "userland/interfaces/counter.hpp"

#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

struct CounterState {
  uint64_t value = 0;
};

Answer<uint64_t> add(CounterState& state, const Call&, uint64_t number) {
  state.value += number;
  return state.value;
}

Answer<uint64_t> get(CounterState& state, const Call&) { return state.value; }

}  // namespace

void program(uint64_t) {
  CounterState state;
  serve<Counter, add, get>(state);
}

}  // namespace perdure
