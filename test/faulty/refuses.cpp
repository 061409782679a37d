// SPDX-License-Identifier: MIT
//
// A server that refuses (refuses.hpp). It has seven coins.
#include "test/faulty/refuses.hpp"

#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

struct Purse {
  uint64_t coins = 7;
};

Answer<uint64_t> take(Purse& purse, const Call&, uint64_t number) {
  if (number > purse.coins) return std::unexpected(Refuses::empty);
  return purse.coins -= number;
}
Answer<> lie(Purse&, const Call&) { return std::unexpected(Refuses::gone); }
Answer<> pass_on(Purse&, const Call&) { return std::unexpected(Elsewhere::closed); }
Answer<> answer(Purse&, const Call&, uint64_t result) { return std::unexpected(static_cast<Result>(result)); }

}  // namespace

void program(uint64_t) {
  Purse purse;
  serve<Refuses, take, lie, pass_on, answer>(purse);
}

}  // namespace perdure
