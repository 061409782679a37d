// SPDX-License-Identifier: MIT
//
// The machine as a whole: banks, checkpoints, status, power.
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

// The name that a bank's account has here.
void write_bank_name(Shell& shell, TextWriter& out, uint32_t account, uint32_t own_account) {
  if (account == bank_root_account) {
    out << "root";
  } else if (account == own_account) {
    out << "shell";
  } else if (const auto index = shell.names.find_account(account)) {
    out << shell.names.at(*index).name.view();
  } else {
    out << "bank " << uint64_t{account};
  }
}

void show_bank(Shell& shell, const BankCapability::ListStep& step, uint32_t own_account,
               uint64_t store_frames) {
  TextBuffer<128> name;
  for (uint64_t i = 0; i < step.depth; ++i) name << "  ";
  write_bank_name(shell, name, step.account, own_account);
  shell.say(LeftAligned{name.text(), 23}, " used ", step.used, " of ");
  const uint64_t limit = step.depth == 0 && step.limit == bank_unlimited ? store_frames : step.limit;
  if (limit == bank_unlimited) {
    shell.say("what the bank above has (", ByteCount{step.used * frame_bytes}, " used)");
  } else {
    shell.say(limit, " frames (", ByteCount{step.used * frame_bytes}, " of ",
              ByteCount{limit * frame_bytes}, ")");
  }
  shell.say(step.is_dying ? ", is being destroyed\n" : "\n");
}

// The request is answered before the power goes, so that it is not made again in the next boot.
// Nothing more is to be shown in this one.
template <typename Request>
void power(Shell& shell, const Request& request) {
  const auto now = shell_register::clock.now();
  const Answer<> done = request();
  if (!done) {
    shell.say_result(done.error());
  } else if (now) {
    (void)shell_register::clock.wait_restart(now->boot_epoch);
  }
}

std::optional<SystemStatus> system_status(Shell& shell) {
  const auto status = shell_register::checkpoint.status();
  if (status) return *status;
  shell.say_result(status.error());
  return std::nullopt;
}

}  // namespace

void run_banks(Shell& shell, const Words&) {
  const auto root = shell_register::root_bank.status();
  const auto own = shell_register::bank.status();
  if (!root || !own) {
    shell.say_result(root ? own.error() : root.error());
    return;
  }
  uint32_t account = 0;
  while (true) {
    const auto step = shell_register::root_bank.list(account);
    if (!step) {
      if (step.error() != Result::not_found) shell.say_result(step.error());
      return;
    }
    show_bank(shell, *step, own->account, root->effective_limit);
    account = step->account;
  }
}

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
            " frames, pause ", Duration{status->last_pause_ns}, "\n");
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
  const bool cut = words.count == 2 && words.at(1) == "--cut";
  if (words.count == 2 && !cut) {
    shell.say_error("unknown option ", words.at(1), "; usage: reboot [--cut]");
    return;
  }
  power(shell, [&] { return shell_register::checkpoint.reboot(cut ? power_flag::cut : 0); });
}

void run_poweroff(Shell& shell, const Words&) {
  power(shell, [] { return shell_register::checkpoint.power_off(0); });
}

}  // namespace perdure
