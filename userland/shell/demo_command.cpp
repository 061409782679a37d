// SPDX-License-Identifier: MIT
//
// `demo`: leads a demonstration (userland/demo). The program gets a bank of its own and is
// destroyed afterwards, whatever came of it; that nothing of it is left is a part of every
// verdict, and is not asked of the program but of the root bank.
//
// The loop below is an ordinary program's loop: after a power cut in the middle of a row it goes
// on, and says so above the next line by the banner.
#include "userland/interfaces/demo.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/recipe.hpp"
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

// What the root bank says of everything.
struct Footprint {
  uint64_t frames = 0;
  uint64_t banks = 0;
  bool operator==(const Footprint&) const = default;
};

Answer<Footprint> footprint() {
  const auto status = shell_register::root_bank.status();
  if (!status) return std::unexpected(status.error());
  return Footprint{status->used, status->banks_below};
}

using Reason = TextBuffer<1024>;

Client<Demo> demo() { return {shell_register::server_entry}; }

const DemoRow* find_row(std::string_view name) {
  for (const DemoRow& row : demo_rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

void list_rows(Shell& shell) {
  for (const DemoRow& row : demo_rows) {
    shell.say(LeftAligned{row.name, 6}, row.title, "\n");
  }
  shell.say("demo ROW plays one of them; it checks itself, and leaves nothing behind.\n");
}

// Everything that demo_register names, from the shell's own; the schedule, from the recipe.
Answer<> give_powers() {
  const ProcessCapability process = shell_register::server_process;
  const CapabilityRegister schedule = shell_register::scratch;
  if (auto done = shell_register::recipe.fetch(recipe::schedule_slot, schedule); !done) return done;
  const struct {
    CapabilityRegister as, from;
  } given[] = {
      {demo_register::discriminator.at, shell_register::discriminator.at},
      {demo_register::recipes.at, shell_register::recipes.at},
      {demo_register::space_keeper, shell_register::space_keeper},
      {demo_register::schedule.at, schedule},
      {demo_register::clock.at, shell_register::clock.at},
      {demo_register::checkpoint.at, shell_register::checkpoint.at},
      {demo_register::own_process.at, process.at},
      {demo_register::root_bank.at, shell_register::root_bank.at},
  };
  for (const auto& one : given) {
    if (auto done = process.store(one.as.number, one.from); !done) return done;
  }
  return {};
}

// What a person leads. Ctrl-C leaves each call of it, and with it the row; and so does the program's end by a fault.
struct Led {
  Shell& shell;
  Interrupter::Callee program;

  template <const auto& method, typename... Arguments>
  auto ask(const Arguments&... arguments) const {
    const auto caller = [this](CapabilityRegister target, Message& message) {
      return shell.interrupter.call(target, message, program).value_or(Result::interrupted);
    };
    return demo().call_by<method>(caller, arguments...);
  }
  // Why the last call was not answered as it should: what the program says, or what the shell has found out.
  void write_why(TextWriter& out, Result result) const {
    switch (shell.interrupter.end()) {
      case Interrupter::End::answered: out << "the program says: " << name_of(result); break;
      case Interrupter::End::left: out << "interrupted"; break;
      case Interrupter::End::stopped_before:
      case Interrupter::End::stopped_meanwhile: out << "the program has stopped"; break;
    }
  }
};

// The text of the last step, line by line.
Answer<> read_text(const Led& led, uint64_t length, TextWriter& out) {
  for (uint64_t offset = 0; offset < length; offset += DemoText::length_max) {
    const auto piece = led.ask<Demo::text>(offset);
    if (!piece) return std::unexpected(piece.error());
    const auto count = std::min<uint64_t>(length - offset, DemoText::length_max);
    out << std::string_view(piece->characters, count);
  }
  return {};
}

void say_lines(Shell& shell, std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    shell.say("  ", text.substr(0, end), "\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// True: all steps succeeded. Else `reason` says why not.
bool play(const Led& led, const DemoRow& row, Reason& reason) {
  if (auto done = give_powers(); !done) {
    reason << "it cannot be given what it needs: " << name_of(done.error());
    return false;
  }
  watch_program(led.shell, led.program.start);
  const auto begun = led.ask<Demo::begin>(Word::of(row.name));
  if (!begun) {
    reason << "it does not begin: ";
    led.write_why(reason, begun.error());
    return false;
  }
  while (true) {
    const auto step = led.ask<Demo::step>();
    if (!step) {
      reason << "a step was not done: ";
      led.write_why(reason, step.error());
      return false;
    }
    Reason text;
    if (const auto read = read_text(led, step->text_length, text); !read) {
      reason << "it does not say what it did: ";
      led.write_why(reason, read.error());
      return false;
    }
    if (step->outcome == DemoStep::Outcome::failed) {
      reason << text.text();
      return false;
    }
    say_lines(led.shell, text.text());
    if (step->outcome == DemoStep::Outcome::ok) return true;
  }
}

// False: nothing of it is there.
bool start(Shell& shell, const DemoRow& row, Reason& reason) {
  if (!fetch_recipe(shell, "demo")) {
    reason << "there is no program for it";
    return false;
  }
  const auto started = start_program(start_of(row.frames));
  if (!started) {
    reason << "it cannot be started with " << row.frames << " frames: "
           << name_of(started.error().result);
    return false;
  }
  return true;
}

// After the bank is destroyed everything is as it was, or there is a reason.
void compare(const Answer<Footprint>& before, Reason& reason) {
  const auto after = footprint();
  if (!before || !after) {
    reason << "the root bank does not tell its usage";
  } else if (*before != *after) {
    reason << "it leaves something behind: the root bank had " << before->frames << " frames in "
           << before->banks << " banks, and has " << after->frames << " in " << after->banks;
  }
}

// Only what was started is destroyed: else in server_bank there is still the bank of another program.
bool start_and_play(Shell& shell, const DemoRow& row, Reason& reason) {
  const auto before = footprint();
  if (!start(shell, row, reason)) return false;
  const Led led{shell, {.process = shell_register::server_process, .start = shell.names.new_start()}};
  const bool succeeded = play(led, row, reason);
  const auto destroyed = destroy_for_person(shell, shell_register::server_bank);
  if (!destroyed) {
    reason << "its bank had not answered, and may be destroyed all the same; banks tells";
  } else if (succeeded && *destroyed != Result::ok) {
    reason << "its bank is not destroyed: " << name_of(*destroyed);
  } else if (succeeded) {
    compare(before, reason);
  }
  return succeeded && reason.text().empty();
}

void run_row(Shell& shell, const DemoRow& row) {
  shell.say(row.name, ": ", row.title, "\n");
  Reason reason;
  const bool succeeded = start_and_play(shell, row, reason);
  shell.say("demo ", row.name, succeeded ? ": ok" : ": failed: ", reason.text(), "\n");
}

}  // namespace

void run_demo(Shell& shell, const Words& words) {
  if (words.count == 1) {
    list_rows(shell);
  } else if (const DemoRow* row = find_row(words.at(1))) {
    run_row(shell, *row);
  } else {
    shell.say_error("there is no demonstration ", words.at(1), "; demo lists them");
  }
}

}  // namespace perdure
