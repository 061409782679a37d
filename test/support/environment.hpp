// SPDX-License-Identifier: MIT
//
// What scripts/test tells a test that is random: PERDURE_SEED, PERDURE_RUNS, ... (a number each).
#pragma once

#include <cstdint>
#include <cstdlib>

namespace perdure {

inline uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

}  // namespace perdure
