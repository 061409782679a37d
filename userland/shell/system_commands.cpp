// SPDX-License-Identifier: MIT
//
// The machine as a whole: checkpoints, status, power.
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

// The request is answered before the power goes, and is good only in the boot in which it was
// typed: so it is not made again in the next one, at whatever point a checkpoint has found the
// shell. Nothing more is to be shown in this boot.
template <typename Request>
void power(Shell& shell, const Request& request) {
  const uint64_t boot = shell.boot_of_line();
  shell.line_ends_boot();
  const Answer<> done = request(boot);
  if (!done && done.error() == Result::restarted) {
    shell.say("the power was cut meanwhile; nothing was done\n");
  } else if (!done) {
    shell.say_result(done.error());
  } else {
    (void)shell_register::clock.wait_restart(boot);
  }
}

std::optional<SystemStatus> system_status(Shell& shell) {
  const auto status = shell_register::checkpoint.status();
  if (status) return *status;
  shell.say_result(status.error());
  return std::nullopt;
}

}  // namespace

void run_checkpoint(Shell& shell, const Words&) {
  const auto generation = shell_register::checkpoint.take();
  if (!generation) {
    shell.say_error("no checkpoint was committed: ", name_of(generation.error()));
    return;
  }
  shell.say("checkpoint ", *generation, " committed\n");
}

void run_generations(Shell& shell, const Words&) {
  const auto list = shell.generations();
  const auto count = shell_register::checkpoint.generations(list);
  if (!count) {
    shell.say_result(count.error());
    return;
  }
  shell.say("generation  committed                    frames\n");
  for (const GenerationStatus& one : list.first(*count)) {
    shell.say(Padded{one.generation, 10}, "  ", UtcTime{one.wall_seconds}, Padded{one.frames, 12},
              one.in_log != 0 ? "  in the log\n" : "  written home\n");
  }
}

void run_status(Shell& shell, const Words&) {
  const auto status = system_status(shell);
  if (!status) return;
  const auto bytes = [](uint64_t frames) { return ByteCount{frames * frame_bytes}; };
  shell.say("store           ", status->frames_in_store, " frames (",
            bytes(status->frames_in_store), ")\n");
  shell.say("memory          ", status->frames_resident, " of ", status->frames_in_cache,
            " frames (", bytes(status->frames_resident), " of ", bytes(status->frames_in_cache),
            ")\n");
  shell.say("dirty           ", status->frames_dirty, " frames (", bytes(status->frames_dirty),
            ")\n");
  shell.say("log             ", status->log_segments_used, " of ", status->log_segments,
            " segments\n");
  shell.say("last checkpoint ", status->committed_generation, " of ",
            UtcTime{status->committed_at_wall_seconds}, ", ", status->last_generation_frames,
            " frames");
  if (status->last_pause_ns != 0) shell.say(", pause ", Duration{status->last_pause_ns});
  shell.say("\n");
  shell.say("failed commits  ", status->failed_commits, " in this boot\n");
}

void run_uptime(Shell& shell, const Words&) {
  const auto status = system_status(shell);
  if (!status) return;
  shell.say("image age ", Duration{status->image_age_ns}, " of running time, up ",
            Duration{status->uptime_ns}, " in this boot\n");
  shell.say("boots ", status->boots, ", power cuts survived ", status->power_cuts, "\n");
}

void run_reboot(Shell& shell, const Words& words) {
  power(shell, [&](uint64_t boot) {
    return shell_register::checkpoint.reboot(words.has_option ? power_flag::cut : 0, boot);
  });
}

void run_poweroff(Shell& shell, const Words&) {
  power(shell, [](uint64_t boot) { return shell_register::checkpoint.power_off(0, boot); });
}

}  // namespace perdure
