// SPDX-License-Identifier: MIT
//
// The verbs of `perdure image`, and `perdure where`. Each adds its options to the command line and, when it was the
// one that was typed, leaves what to do in `action`.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

#include "tools/tool_error.hpp"

namespace perdure {

using Action = std::function<ExitStatus()>;

void add_build(CLI::App& image, Action&);
void add_info(CLI::App& image, Action&);
void add_verify(CLI::App& image, Action&);
void add_report(CLI::App& image, Action&);
void add_generations(CLI::App& image, Action&);
void add_list(CLI::App& image, Action&);
void add_where(CLI::App& app, Action&);

// What all verbs that only read have in common.
struct ReadOptions {
  std::string path;
  bool json = false;
  void add_to(CLI::App&);
};

// "2026-11-21 09:55:15 UTC"; "time zero" for a generation that was built, not run.
std::string describe_wall_time(uint64_t seconds);

}  // namespace perdure
