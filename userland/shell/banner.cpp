// SPDX-License-Identifier: MIT
//
// The restart banner: which store, from which generation and when, what runs, how often the
// power was cut, how often a checkpoint is taken; and the line that the shell is busy with, if it is.
#include <algorithm>

#include "userland/shell/columns.hpp"
#include "userland/shell/shell.hpp"

namespace perdure {

namespace {

void for_each_server(const Shell& shell, const auto& take) {
  for (size_t i = 0; i < shell.names.size(); ++i) {
    const Named& server = shell.names.at(i);
    if (!shell.names.lives(i) || server.is_alias()) continue;
    TextBuffer<2 * Word::length_max + 3> text;
    text << server.name.view() << " (" << server.origin.view() << ')';
    take(text.text());
  }
}

// In one row, if there is room for all; else in a list, and how many they are.
void show_servers(const Shell& shell, ConsoleSession& console) {
  constexpr std::string_view running = "running: shell";
  size_t count = 0, longest = 0, row_length = running.size();
  for_each_server(shell, [&](std::string_view server) {
    ++count;
    longest = std::max(longest, server.size());
    row_length += std::string_view(", ").size() + server.size();
  });
  console.say(running);
  if (row_length <= Columns::row_length) {
    for_each_server(shell, [&](std::string_view server) { console.say(", ", server); });
    console.say("\n");
    return;
  }
  console.say(", ", count, " servers:\n");
  Columns columns(console, longest);
  for_each_server(shell, [&](std::string_view server) { columns.add(server); });
  columns.end();
}

void show_interval(ConsoleSession& console, const SystemStatus& status) {
  if (status.interval_ms == 0) {
    console.say("checkpoints: only when asked for (checkpoint)\n");
  } else {
    console.say("checkpoints: every ", status.interval_ms, " ms\n");
  }
}

// Else a person would see nothing below the banner for as long as it takes.
void show_running_line(const Shell& shell, ConsoleSession& console) {
  const auto line = shell.running_line();
  if (!line) return;
  console.say(*line, shell.interrupter.is_in_call() ? " is still waiting; Ctrl-C leaves it\n" : " goes on\n");
}

}  // namespace

void show_banner(const Shell& shell, ConsoleSession& console) {
  const auto status = shell_register::checkpoint.status();
  console.say("\n");
  if (!status) {
    console.say("Perdure: the state of the store is not known: ", name_of(status.error()), "\n");
    return;
  }
  console.say("Perdure: store ", Hexadecimal{status->store_id, 16}, ", generation ",
              status->resumed_generation, " of ", UtcTime{status->resumed_at_wall_seconds}, "\n");
  show_servers(shell, console);
  console.say("power cuts survived: ", status->power_cuts, " (boot ", status->boots, ")\n");
  show_interval(console, *status);
  show_running_line(shell, console);
}

}  // namespace perdure
