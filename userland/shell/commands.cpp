// SPDX-License-Identifier: MIT
//
// The table of commands, and what is done with a line before one of them runs.
#include <algorithm>

#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

constexpr Command table[] = {
    {"help", "[COMMAND]", "the commands, or one of them", 1, 2, run_help},
    {"programs", "", "what can be started", 1, 1, run_programs},
    {"start", "PROGRAM NAME [FRAMES]", "an instance, in a bank of its own with that limit", 3, 4,
     run_start},
    {"servers", "", "what was started, and what it does", 1, 1, run_servers},
    {"banks", "[NAME]", "the tree of banks: used and limit; of one: by kind", 1, 2, run_banks},
    {"describe", "NAME", "the methods of a server or an alias, and their arguments", 2, 2,
     run_describe},
    {"call", "NAME METHOD [ARGUMENTS]", "invokes a server or an alias", 3, Words::count_max,
     run_call},
    {"wrap", "NAME ALIAS", "a capability that can be taken back, in front of NAME", 3, 3, run_wrap},
    {"block", "ALIAS", "who calls it waits, until unblock", 2, 2, run_block},
    {"unblock", "ALIAS", "lets them pass again", 2, 2, run_unblock},
    {"revoke", "ALIAS [--wait]", "void, every copy, for ever; --wait: until a checkpoint holds it",
     2, 2, run_revoke},
    {"forget", "ALIAS", "revokes it, if it is not yet, and drops its name", 2, 2, run_forget},
    {"destroy", "NAME [-y]", "its bank, and so the server and all that is its; asks unless -y", 2,
     2, run_destroy},
    {"checkpoint", "", "takes one now and waits for it", 1, 1, run_checkpoint},
    {"generations", "", "the checkpoints that are in the log", 1, 1, run_generations},
    {"status", "", "memory, dirty frames, log, last pause", 1, 1, run_status},
    {"uptime", "", "age of the image, boots, power cuts survived", 1, 1, run_uptime},
    {"demo", "[ROW]", "a demonstration that checks itself; alone: which there are", 1, 2, run_demo},
    {"reboot", "[--cut]", "with a checkpoint first; --cut: without", 1, 1, run_reboot},
    {"poweroff", "", "with a checkpoint first", 1, 1, run_poweroff},
};

// What people type from habit.
struct Habit {
  std::string_view typed;
  std::string_view meant;
};
constexpr Habit habits[] = {
    {"ps", "servers"},        {"ls", "programs, servers or banks"},
    {"kill", "destroy"},      {"rm", "destroy"},
    {"sync", "checkpoint"},   {"exit", "poweroff"},
    {"quit", "poweroff"},     {"logout", "poweroff"},
    {"halt", "poweroff"},     {"shutdown", "poweroff"},
    {"df", "banks"},          {"free", "status"},
    {"?", "help"},            {"info", "describe"},
    {"ln", "wrap"},           {"alias", "wrap"},
    {"unalias", "forget"},
};

void say_unknown(Shell& shell, std::string_view name) {
  for (const Habit& habit : habits) {
    if (habit.typed == name) {
      shell.say_error("there is no ", name, " here; what you want is called ", habit.meant);
      return;
    }
  }
  shell.say_error("unknown command ", name, "; help lists the commands");
}

void say_usage(Shell& shell, const Command& command) {
  shell.say("usage: ", command.name, command.arguments.empty() ? "" : " ", command.arguments,
            "\n  ", command.explanation, "\n");
}

template <typename... Pieces>
void say_misused(Shell& shell, const Command& command, const Pieces&... what) {
  shell.say_error(what..., "; usage: ", command.name, command.arguments.empty() ? "" : " ", command.arguments);
}

void run_command(Shell& shell, const Command& command, Words words) {
  const Words options = take_options(words, command.words_before_foreign());
  const auto given = options.all();
  const auto unknown = std::ranges::find_if(given, [&](std::string_view option) { return option != command.option(); });
  if (std::ranges::find(given, "--help") != given.end()) {
    say_usage(shell, command);
  } else if (unknown != given.end()) {
    say_misused(shell, command, "unknown option ", *unknown);
  } else if (words.count < command.least_words) {
    say_misused(shell, command, "too few words");
  } else if (words.count > command.most_words) {
    say_misused(shell, command, "too many words");
  } else {
    words.has_option = options.count != 0;
    command.run(shell, words);
  }
}

}  // namespace

std::span<const Command> commands() { return table; }

const Command* find_command(std::string_view name) {
  for (const Command& command : table) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

void run_line(Shell& shell, std::string_view line) {
  Words words = split_words(line);
  if (words.count == 0) return;
  const Command* command = find_command(words.at(0));
  if (command == nullptr) {
    say_unknown(shell, words.at(0));
  } else if (words.too_many) {
    shell.say_error("a line has at most ", uint64_t{Words::count_max}, " words");
  } else {
    run_command(shell, *command, words);
  }
}

void run_help(Shell& shell, const Words& words) {
  if (words.count == 2) {
    const Command* command = find_command(words.at(1));
    if (command != nullptr) {
      say_usage(shell, *command);
    } else {
      say_unknown(shell, words.at(1));
    }
    return;
  }
  for (const Command& command : table) {
    TextBuffer<64> call;
    call << command.name << ' ' << command.arguments;
    shell.say(LeftAligned{call.text(), 32}, command.explanation, "\n");
  }
  shell.say("Everything persists: pull the plug, and it goes on from the last checkpoint.\n");
}

}  // namespace perdure
