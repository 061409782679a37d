// SPDX-License-Identifier: MIT
#include "objects/assertion.hpp"

#include <cstdio>
#include <cstdlib>

namespace perdure {

void assertion_failed(std::string_view invariant, uint64_t) {
  std::fprintf(stderr, "perdure: BUG: %.*s\n", static_cast<int>(invariant.size()), invariant.data());
  std::abort();
}

}  // namespace perdure
