// SPDX-License-Identifier: MIT
//
// Programs and the servers made of them: programs, start, servers, destroy.
#include "userland/runtime/requests.hpp"
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

constexpr uint64_t default_limit = 256;  // frames: 1 MiB

std::string_view state_text(const ProcessCapability::Status& status) {
  switch (status.state) {
    case ProcessState::stopped: return "stopped";
    case ProcessState::running: return "running";
    case ProcessState::receiving: return "waits for messages";
    case ProcessState::waiting: return "waits for an answer";
  }
  return "unknown";
}

void say_frames(Shell& shell, uint64_t frames) {
  shell.say(frames, frames == 1 ? " frame (" : " frames (", ByteCount{frames * frame_bytes}, ")");
}

void say_start_error(Shell& shell, const StartError& error, std::string_view program,
                     uint64_t limit) {
  if (error.result == Result::limit_reached && limit < error.frames_needed) {
    shell.say_error(program, " needs at least ", error.frames_needed, " frames; ", limit,
                    " are too few");
  } else if (error.result == Result::limit_reached || error.result == Result::exhausted) {
    shell.say_error("the shell's bank has too few frames left: ", program, " needs at least ",
                    error.frames_needed, ", and 2 for its bank; destroy what is no longer needed");
  } else {
    shell.say_error(program, " cannot be started: ", name_of(error.result));
  }
}

void start(Shell& shell, std::string_view program, std::string_view name, uint64_t limit) {
  if (auto done = shell.names.make_room_for(name); !done) {
    shell.say_error("no place for another name: ", name_of(done.error()),
                    "; destroy what is no longer needed");
    return;
  }
  const auto started = start_program(start_of(limit));
  if (!started) {
    say_start_error(shell, started.error(), program, limit);
    return;
  }
  // An account is used again when its bank is gone: it can be that of a server that ended without being waited for.
  if (const auto gone = shell.names.find_account(started->account)) shell.names.note_over(*gone);
  const Named server{.name = Word::of(name),
                     .origin = started->program_name,
                     .account = started->account,
                     .start = shell.names.new_start()};
  const auto index = shell.names.add(server, {.bank = shell_register::server_bank.at,
                                              .entry = shell_register::server_entry,
                                              .process = shell_register::server_process.at,
                                              .control = registers::nothing});
  if (!index) {
    (void)shell_register::server_bank.destroy();
    shell.say_error("the name cannot be kept: ", name_of(index.error()));
    return;
  }
  watch_program(shell, server.start);
  shell.say(name, " started, with a bank of ");
  say_frames(shell, limit);
  shell.say("\n");
}

void show_server(Shell& shell, NameTable::Index index) {
  const Named& server = shell.names.at(index);
  shell.say(LeftAligned{server.name.view(), 17}, LeftAligned{server.origin.view(), 17});
  if (shell.names.fetch(index, NameTable::Which::bank, shell_register::server_bank.at)) {
    if (const auto status = shell_register::server_bank.status()) {
      shell.say("used ", status->used, " of ", status->limit, " frames  ");
    }
  }
  if (shell.names.fetch(index, NameTable::Which::process, shell_register::server_process.at)) {
    if (const auto status = shell_register::server_process.status()) {
      shell.say(state_text(*status));
      if (status->state == ProcessState::stopped && status->fault != FaultCode::none) {
        TextBuffer<256> what;
        write_fault(what, fault_of(*status));
        shell.say(" by a fault: ", what.text());
      }
    }
  }
  shell.say("\n");
}

void show_alias(Shell& shell, NameTable::Index index) {
  const Named& alias = shell.names.at(index);
  shell.say(LeftAligned{alias.name.view(), 17}, alias.is_answer ? "answered by " : "stands for ", alias.origin.view(),
            alias.is_blocked ? ", blocked" : "", is_void_alias(shell, index) ? ", void\n" : "\n");
}

bool confirm_destroy(Shell& shell, const Named& server, uint64_t frames) {
  shell.say("this destroys ", server.name.view(), " (", server.origin.view(),
            "): its bank with ");
  say_frames(shell, frames);
  shell.say(", all that is in it, and every capability to it\n");
  const std::string_view answer = shell.ask("type yes to go on: ");
  return answer == "yes" || answer == "y";
}

}  // namespace

ProgramStart start_of(uint64_t limit) {
  return {.parent = shell_register::bank,
          .limit = limit,
          .recipe = shell_register::recipe,
          .discriminator = shell_register::discriminator,
          .space_keeper = shell_register::space_keeper,
          .schedule = shell_register::program_schedule,
          .log = shell_register::log,
          .clock = shell_register::clock.at,
          .first_scratch = shell_register::scratch.number,
          .bank_into = shell_register::server_bank.at,
          .entry_into = shell_register::server_entry,
          .process_into = shell_register::server_process.at};
}

std::optional<RecipeSummary> read_recipe_at(unsigned index) {
  if (index >= capabilities_per_page) return std::nullopt;
  if (!shell_register::recipes.fetch(index, shell_register::recipe.at)) return std::nullopt;
  const auto summary = read_recipe(shell_register::recipe, shell_register::scratch);
  if (!summary) return std::nullopt;
  return *summary;
}

// A program that faulted before this shows in `servers`, as without a watcher.
void watch_program(Shell& shell, uint64_t start) {
  const EndpointCapability endpoint{shell_register::scratch};
  constexpr CapabilityRegister entry{shell_register::scratch.number + 1};
  if (!shell.names.fetch_watcher(endpoint.at)) return;
  (void)FaultWatcher::watch(endpoint, shell_register::server_process, start, entry);
}

bool fetch_recipe(Shell& shell, std::string_view program) {
  for (unsigned i = 0;; ++i) {
    const auto recipe = read_recipe_at(i);
    if (!recipe) break;
    if (recipe->name.view() == program) return true;
  }
  shell.say_error("there is no program ", program, "; programs lists them");
  return false;
}

bool check_name(Shell& shell, std::string_view name) {
  if (!is_good_name(name)) {
    shell.say_error("a name has 1 to 16 letters, digits, - or _, and begins with a letter");
    return false;
  }
  if (is_kept_name(name)) {
    shell.say_error(name, " is what banks calls a bank of the system; choose another name");
    return false;
  }
  return true;
}

bool check_unused(Shell& shell, std::string_view name) {
  const auto index = shell.names.find(name);
  if (!index || shell.names.at(*index).is_over()) return true;
  shell.say_error(name, " is in use; choose another name, or ",
                  shell.names.at(*index).is_alias() ? "forget" : "destroy", " it first");
  return false;
}

std::optional<NameTable::Index> find_named(Shell& shell, std::string_view name) {
  const auto index = shell.names.find(name);
  if (!index) shell.say_error("there is no server ", name, "; servers lists them");
  return index;
}

void run_programs(Shell& shell, const Words&) {
  for (unsigned i = 0;; ++i) {
    const auto recipe = read_recipe_at(i);
    if (!recipe) break;
    shell.say(LeftAligned{recipe->name.view(), 17}, "needs at least ");
    say_frames(shell, recipe->least_limit);
    shell.say("\n");
  }
}

void run_start(Shell& shell, const Words& words) {
  const std::string_view program = words.at(1);
  const std::string_view name = words.at(2);
  const auto limit = words.count == 4 ? parse_number(words.at(3)) : default_limit;
  if (!check_name(shell, name)) return;
  if (!limit || *limit >= bank_unlimited) {
    shell.say_error(words.at(3), " is not a number of frames");
    return;
  }
  const auto store = shell_register::root_bank.status();
  if (store && *limit > store->effective_limit) {
    shell.say_error("the store has ", store->effective_limit, " frames; ", *limit, " are too many");
    return;
  }
  if (!check_unused(shell, name)) return;
  if (fetch_recipe(shell, program)) start(shell, program, name, *limit);
}

void run_servers(Shell& shell, const Words&) {
  if (shell.names.living_count() == 0) {
    shell.say("none; start PROGRAM NAME makes one\n");
    return;
  }
  for (NameTable::Index i = 0; i < shell.names.size(); ++i) {
    if (!shell.names.lives(i)) continue;
    if (shell.names.at(i).is_alias()) {
      show_alias(shell, i);
    } else {
      show_server(shell, i);
    }
  }
}

// A bank does not end while the disk cannot say what one of its frames is: then this call is not answered.
std::optional<Result> destroy_for_person(Shell& shell, BankCapability bank) {
  Message message = request(method::bank_destroy);
  const auto result = shell.interrupter.call(bank.at, message);
  if (!result) shell.console.drop_typed();
  return result;
}

void run_destroy(Shell& shell, const Words& words) {
  const auto index = find_named(shell, words.at(1));
  if (!index) return;
  const Named server = shell.names.at(*index);
  if (server.is_alias()) {
    shell.say_error(server.name.view(), " is an alias; revoke takes it back, forget drops its name");
    return;
  }
  if (server.is_over()) {
    shell.say_error(server.name.view(), " is destroyed already");
    return;
  }
  const BankCapability bank = shell_register::server_bank;
  if (auto done = shell.names.fetch(*index, NameTable::Which::bank, bank.at); !done) {
    shell.say_result(done.error());
    return;
  }
  const auto status = bank.status();
  const uint64_t frames = status ? status->used : 0;
  if (!words.has_option && !confirm_destroy(shell, server, frames)) {
    shell.say("nothing was destroyed\n");
    return;
  }
  const auto done = destroy_for_person(shell, bank);
  if (!done) {
    shell.say("interrupted: the bank had not answered; ", server.name.view(), " may be destroyed all the same, destroy tells\n");
    return;
  }
  if (*done != Result::ok && is_ending(server.account)) {
    shell.say_error(server.name.view(), " is being destroyed; destroy tells when it is gone");
    return;
  }
  if (*done != Result::ok && *done != Result::void_capability) {
    shell.say_result(*done);
    return;
  }
  shell.names.note_over(*index);
  shell.say(server.name.view(), " destroyed, ");
  say_frames(shell, frames);
  shell.say(" returned\n");
}

}  // namespace perdure
