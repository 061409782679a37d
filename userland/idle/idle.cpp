// SPDX-License-Identifier: MIT
//
// The smallest server: it waits, and offers nothing. An image of this one program boots.
#include "userland/interfaces/idle.hpp"

#include "userland/runtime/server.hpp"

namespace perdure {

void program(uint64_t) {
  struct NoState {} state;
  serve<Idle>(state);
}

}  // namespace perdure
