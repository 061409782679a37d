// SPDX-License-Identifier: MIT
//
// The shell: what a person at the console talks to. One object, in ordinary memory: the names it
// was given, the history of lines, the line that is being typed. It persists because everything
// does; nothing here saves anything.
#pragma once

#include <atomic>
#include <optional>

#include "userland/shell/console.hpp"
#include "userland/shell/fault_watcher.hpp"
#include "userland/shell/interrupter.hpp"
#include "userland/shell/line_editor.hpp"
#include "userland/shell/name_table.hpp"
#include "userland/shell/shell_registers.hpp"
#include "userland/shell/words.hpp"

namespace perdure {

inline constexpr std::string_view prompt = "perdure> ";

class Shell {
 public:
  Shell();
  [[noreturn]] void run();

  // Writes one piece of text to the console: anything that TextWriter takes.
  template <typename... Pieces>
  void say(const Pieces&... pieces) {
    console.say(pieces...);
  }
  // "error: ...\n". What a person reads says what to do.
  template <typename... Pieces>
  void say_error(const Pieces&... pieces) {
    say("error: ", pieces..., "\n");
  }
  void say_result(Result result) { say_error(name_of(result)); }

  // Reads one line with its own prompt, outside the history. The view is valid until the next.
  std::string_view ask(std::string_view question);

  // For what a server says of itself, and for the list of generations.
  std::span<char> server_text() { return server_text_; }
  std::span<GenerationStatus> generations() { return generations_; }

  // The boot in which the line that runs now was entered.
  uint64_t boot_of_line() const { return boot_of_line_; }
  // The line that runs asks for the end of this boot: in the next boot it does not go on.
  void line_ends_boot() { is_running_line_ = false; }
  // The line that runs now.
  std::optional<std::string_view> running_line() const {
    if (!is_running_line_) return std::nullopt;
    return std::string_view(running_line_, running_length_);
  }

  // In the watcher's process.
  void tell_fault(const ProgramFault&);

  ConsoleSession console;
  NameTable names;
  Interrupter interrupter;

 private:
  static constexpr size_t answer_bytes_max = 4096;  // a longer one is cut
  char server_text_[answer_bytes_max];
  GenerationStatus generations_[answer_bytes_max / sizeof(GenerationStatus)];
  LineEditor editor_;
  LineEditor answers_;
  char running_line_[LineEditor::length_max] = {};
  size_t running_length_ = 0;
  std::atomic<bool> is_running_line_ = false;  // read by the interrupter
  ConsoleSession banners_;                     // of the process that writes the banner
  FaultWatcher fault_watcher_;
  ConsoleSession faults_;                      // of its process
  std::atomic<uint64_t> boot_ = 0;             // that the banner was shown for
  uint64_t boot_of_line_ = 0;

  void start_interrupter();
  void start_fault_watcher();
  void announce_restart();
  void await_banner();
  void touch_memory();
  void read_line(LineEditor&, std::string_view line_prompt, bool has_completion);
  void show_prompt(LineEditor&, std::string_view line_prompt);
};

struct Command {
  std::string_view name;
  std::string_view arguments;    // as `help` shows them
  std::string_view explanation;  // one line
  unsigned least_words = 1;      // the command's own name included, an option not
  unsigned most_words = 1;
  void (*run)(Shell&, const Words&) = nullptr;

  // The option that it has, besides --help: what its arguments show as "[-y]". Empty: none.
  constexpr std::string_view option() const {
    const size_t start = arguments.find("[-");
    if (start == std::string_view::npos) return {};
    return arguments.substr(start + 1, arguments.find(']', start) - start - 1);
  }
  // A command that takes any number of words hands those behind the least number on to a server, as they were typed.
  constexpr unsigned words_before_foreign() const { return most_words == Words::count_max ? least_words : Words::count_max; }
};

// In the order in which `help` lists them.
std::span<const Command> commands();
const Command* find_command(std::string_view name);
void run_line(Shell&, std::string_view line);

// The restart banner.
void show_banner(const Shell&, ConsoleSession&);

// Tab: inserts what is certain, or lists what is possible. True: a list was printed, so that the
// prompt has to be shown again.
bool complete_word(Shell&, LineEditor&, TextWriter& echo);

}  // namespace perdure
