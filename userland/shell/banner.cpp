// SPDX-License-Identifier: MIT
//
// The restart banner: which store, from which generation and when, what runs, how often the
// power was cut, how often a checkpoint is taken.
#include "userland/shell/shell.hpp"

namespace perdure {

namespace {

void show_servers(Shell& shell) {
  shell.say("running: shell");
  for (size_t i = 0; i < shell.names.size(); ++i) {
    const Named& server = shell.names.at(i);
    if (!shell.names.lives(i) || server.is_alias()) continue;
    shell.say(", ", server.name.view(), " (", server.origin.view(), ")");
  }
  shell.say("\n");
}

void show_interval(Shell& shell, const SystemStatus& status) {
  if (status.interval_ms == 0) {
    shell.say("checkpoints: only when asked for (checkpoint)\n");
  } else {
    shell.say("checkpoints: every ", status.interval_ms, " ms\n");
  }
}

}  // namespace

void show_banner(Shell& shell) {
  const auto status = shell_register::checkpoint.status();
  shell.say("\n");
  if (!status) {
    shell.say("Perdure: the state of the store is not known: ", name_of(status.error()), "\n");
    return;
  }
  shell.note_boot(status->boot_epoch);
  shell.say("Perdure: store ", Hexadecimal{status->store_id, 16}, ", generation ",
            status->resumed_generation, " of ", UtcTime{status->resumed_at_wall_seconds}, "\n");
  show_servers(shell);
  shell.say("power cuts survived: ", status->power_cuts, " (boot ", status->boots, ")\n");
  show_interval(shell, *status);
}

}  // namespace perdure
