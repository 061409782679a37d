// SPDX-License-Identifier: MIT
#include "userland/shell/shell.hpp"

#include <algorithm>
#include <new>

#include "userland/runtime/program.hpp"

namespace perdure {

namespace {

// A hundred servers, and as many destroyed names as are kept.
constexpr size_t names_at_hand = 186;

// With the bank at its limit the keeper would stop the shell at its next page, and the shell is the only
// program that can give frames back. So the shell buys its heap itself, and looks at the answer.
bool furnish_heap(std::span<std::byte> memory) {
  const SpaceBuilder space{.bank = shell_register::bank,
                           .discriminator = shell_register::discriminator,
                           .root = shell_register::own_space,
                           .registers = {shell_register::scratch.number}};
  const auto start = reinterpret_cast<uint64_t>(memory.data());
  return space.place_missing_pages(start, start + memory.size()).has_value();
}

}  // namespace

Shell::Shell()
    : console(shell_register::devices, shell_register::console,
              [](void* shell) { static_cast<Shell*>(shell)->await_banner(); }, this),
      names(program_heap(), shell_register::bank, shell_register::table_page,
            CapabilityPageCapability{shell_register::scratch}),
      banners_(shell_register::devices, shell_register::console),
      faults_(shell_register::devices, shell_register::console,
              [](void* shell) { static_cast<Shell*>(shell)->await_banner(); }, this) {
  start_interrupter();
  if (interrupter.is_there()) start_fault_watcher();
}

// The power may fail again while the banner is being written: then it is written once more.
void Shell::announce_restart() {
  uint64_t boot = 0;
  banners_.begin();
  while (banners_.was_restarted()) {
    const auto now = shell_register::clock.now();
    boot = now ? now->boot_epoch : 0;
    show_banner(*this, banners_);
  }
  boot_ = boot;
}

// The interrupter writes it, for the shell may be waiting for a server when the power comes back. If
// there is none (see start_interrupter) the shell does, when it gets there.
void Shell::await_banner() {
  if (!interrupter.is_there()) return announce_restart();
  constexpr uint64_t look_again_ns = 1'000'000;
  while (true) {
    const auto now = shell_register::clock.now();
    if (!now || now->boot_epoch == boot_) return;
    (void)shell_register::clock.wait_until(now->machine_ns + look_again_ns, now->boot_epoch);
  }
}

void Shell::show_prompt(LineEditor& editor, std::string_view line_prompt) {
  TextBuffer<LineEditor::echo_length_max> echo;
  if (console.was_written_over()) echo << '\r';  // what was typed since stands there already
  echo << line_prompt;
  editor.show(line_prompt.size(), echo);
  // If the banner, or a line of another, came just before it, it is where it belongs.
  if (console.write(echo.text())) (void)console.was_restarted();
  (void)console.was_written_over();
}

// Before anything else: the shell's own process and the interrupter's schedule stand in registers that
// are needed later. In an image that has no frames or no schedule for it calls cannot be left, and all else works.
void Shell::start_interrupter() {
  const auto scratch = [](unsigned i) {
    return CapabilityRegister{static_cast<uint8_t>(shell_register::scratch.number + i)};
  };
  (void)interrupter.begin({.bank = shell_register::bank,
                           .space = shell_register::own_space,
                           .caller = shell_register::own_process,
                           .schedule = shell_register::interrupter_schedule,
                           .devices = shell_register::devices,
                           .clock = shell_register::clock,
                           .console = shell_register::console,
                           .checkpoint = shell_register::checkpoint,
                           .announce = [](void* shell) { static_cast<Shell*>(shell)->announce_restart(); },
                           .context = this,
                           .scratch = {scratch(0), scratch(1)}});
}

// By the interrupter's schedule: so what it does is done before the shell goes on. Its endpoint is in the table of names,
// for the shell has no register left.
void Shell::start_fault_watcher() {
  const auto scratch = [](unsigned i) {
    return CapabilityRegister{static_cast<uint8_t>(shell_register::scratch.number + i)};
  };
  constexpr unsigned after_names = 1;  // the table of names works in the first one
  if (!names.reserve(names_at_hand)) return;
  const EndpointCapability endpoint{scratch(after_names)};
  const auto done = fault_watcher_.begin({.bank = shell_register::bank,
                                          .space = shell_register::own_space,
                                          .caller = shell_register::own_process,
                                          .schedule = shell_register::interrupter_schedule,
                                          .devices = shell_register::devices,
                                          .clock = shell_register::clock,
                                          .checkpoint = shell_register::checkpoint,
                                          .tell = [](void* shell, const ProgramFault& fault) {
                                            static_cast<Shell*>(shell)->tell_fault(fault);
                                          },
                                          .has_stopped = [](void* shell, uint64_t start) {
                                            (void)static_cast<Shell*>(shell)->interrupter.end_call_of(start);
                                          },
                                          .context = this,
                                          .scratch = {scratch(after_names + 1), scratch(after_names + 2)},
                                          .endpoint_into = endpoint});
  if (done) (void)names.keep_watcher(endpoint.at);
}

void Shell::tell_fault(const ProgramFault& fault) {
  const auto index = names.find_start(fault.start);
  TextBuffer<320> what;
  TextBuffer<96> where;
  if (index) {
    const Named& server = names.at(*index);
    what << server.name.view() << " (" << server.origin.view() << ") stopped: ";
    where << "  scripts/perdure where " << server.origin.view() << " 0x" << Hexadecimal{fault.instruction}
          << " tells the line of its source\n";
  } else {
    what << "a program without a name stopped: ";
  }
  write_fault(what, fault);
  // Over the prompt and the line behind it, which are shown again below.
  faults_.say('\r', LeftAligned{what.text(), LineEditor::row_length}, "\n", where.text());
}

// What a command needs is there before the first one: so that the frames that a person sees in
// `banks` are what the commands cost, and a full bank does not stop the shell at its next page.
void Shell::touch_memory() {
  std::ranges::fill(server_text_, '\0');
  std::ranges::fill(generations_, GenerationStatus{});
  (void)names.reserve(names_at_hand);  // if there are no frames for it now, `start` says so
}

// Until a line is entered (it stays in the editor) or abandoned (it is empty).
void Shell::read_line(LineEditor& editor, std::string_view line_prompt, bool has_completion) {
  show_prompt(editor, line_prompt);
  while (true) {
    if (console.was_restarted() || console.is_written_over()) show_prompt(editor, line_prompt);
    const auto character = console.read();
    if (!character) continue;
    boot_of_line_ = boot_;
    TextBuffer<LineEditor::echo_length_max> echo;
    const auto event = editor.take(*character, echo);
    const bool needs_prompt = event == LineEditor::Event::complete && has_completion &&
                              complete_word(*this, editor, echo);
    console.write(echo.text());
    if (needs_prompt) show_prompt(editor, line_prompt);
    if (event == LineEditor::Event::entered || event == LineEditor::Event::abandoned) return;
  }
}

std::string_view Shell::ask(std::string_view question) {
  answers_.clear();
  read_line(answers_, question, false);
  return answers_.line();
}

void Shell::run() {
  touch_memory();
  console.begin();
  while (true) {
    read_line(editor_, prompt, true);
    const LineEditor::Fault fault = editor_.fault();
    running_length_ = editor_.line().copy(running_line_, sizeof(running_line_));
    editor_.clear();
    if (fault == LineEditor::Fault::none) {
      is_running_line_ = running_length_ != 0;
      run_line(*this, {running_line_, running_length_});
      is_running_line_ = false;
    } else if (fault == LineEditor::Fault::too_long) {
      say_error("a line has at most ", LineEditor::length_max, " characters; nothing was done");
    } else {
      say_error("a line has only characters of ASCII; nothing was done");
    }
  }
}

// Too large for a stack's first pages, and there for good: so it is not a local variable; and
// never destroyed, so that it is not an ordinary static one.
void program(uint64_t) {
  program_heap().furnish_with(furnish_heap);
  alignas(Shell) static std::byte place[sizeof(Shell)];
  (new (place) Shell)->run();
}

}  // namespace perdure
