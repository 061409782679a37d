// SPDX-License-Identifier: MIT
//
// The host tool: `perdure image VERB IMG ...`, `perdure where PROGRAM ADDRESS`. Exit statuses are those of
// ExitStatus; every error is one line.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>

#include "tools/commands.hpp"

namespace perdure {

void ReadOptions::add_to(CLI::App& verb) {
  verb.add_option("IMG", path, "the disk image")->required();
  verb.add_flag("--json", json, "print one JSON value instead of text");
}

std::string describe_wall_time(uint64_t seconds) {
  if (seconds == 0) return "time zero";
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char text[40];
  if (!::gmtime_r(&time, &parts) || std::strftime(text, sizeof(text), "%F %T UTC", &parts) == 0) {
    return "second " + std::to_string(seconds);
  }
  return text;
}

}  // namespace perdure

namespace {

using perdure::ExitStatus;

ExitStatus run(int argc, char** argv) {
  CLI::App app("Builds disk images for Perdure and looks into them, and into programs.", "perdure");
  app.require_subcommand(1);
  CLI::App* image = app.add_subcommand("image", "disk images");
  image->require_subcommand(1);
  perdure::Action action;
  perdure::add_build(*image, action);
  perdure::add_info(*image, action);
  perdure::add_verify(*image, action);
  perdure::add_report(*image, action);
  perdure::add_generations(*image, action);
  perdure::add_list(*image, action);
  perdure::add_where(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    app.exit(help);
    return ExitStatus::ok;
  } catch (const CLI::ParseError& error) {
    throw perdure::ToolError(ExitStatus::usage, std::string(error.what()) + "; see --help");
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `image list | head` ends it and says nothing, whatever started it ignores
  ExitStatus status = ExitStatus::damaged;
  try {
    status = run(argc, argv);
  } catch (const perdure::ToolError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    status = error.status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "perdure: %s\n", error.what());
  }
  return static_cast<int>(status);
}
