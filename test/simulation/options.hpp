// SPDX-License-Identifier: MIT
//
// What both simulations are told, on the command line or by scripts/test (PERDURE_SEED, PERDURE_LONG).
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace perdure {

struct SimulationOptions {
  uint64_t seed = 1, runs = 0;
  bool is_long = false;
  bool seed_given = false;  // on the command line: this one is to be replayed
};

// Nothing: the command line is wrong, and that was said.
inline std::optional<SimulationOptions> parse_options(int count, char** arguments, uint64_t runs_otherwise, uint64_t runs_if_long) {
  SimulationOptions options;
  options.is_long = std::getenv("PERDURE_LONG") != nullptr;
  if (const char* seed = std::getenv("PERDURE_SEED")) options.seed = std::strtoull(seed, nullptr, 0);
  for (int i = 1; i < count; ++i) {
    const bool has_value = i + 1 < count;
    if (std::strcmp(arguments[i], "--long") == 0) {
      options.is_long = true;
    } else if (std::strcmp(arguments[i], "--seed") == 0 && has_value) {
      options.seed = std::strtoull(arguments[++i], nullptr, 0);
      options.seed_given = true;
    } else if (std::strcmp(arguments[i], "--runs") == 0 && has_value) {
      options.runs = std::strtoull(arguments[++i], nullptr, 0);
    } else {
      std::fprintf(stderr, "usage: %s [--seed S] [--runs N] [--long]\n", arguments[0]);
      return {};
    }
  }
  if (options.runs == 0) options.runs = options.seed_given ? 1 : options.is_long ? runs_if_long : runs_otherwise;
  return options;
}

}  // namespace perdure
