// SPDX-License-Identifier: MIT
//
// What scripts/test tells a test that is random: PERDURE_SEED, PERDURE_RUNS, ... (a number each).
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdlib>

namespace perdure {

inline uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

// So many seeds in a row; a failure tells which of them it was.
template <typename Run>
void for_each_seed(uint64_t runs_otherwise, Run run) {
  const uint64_t first = number_from_environment("PERDURE_SEED", 1);
  const uint64_t runs = number_from_environment("PERDURE_RUNS", runs_otherwise);
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    INFO("PERDURE_SEED=" << seed << " PERDURE_RUNS=1");
    run(seed);
  }
}

}  // namespace perdure
