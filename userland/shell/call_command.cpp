// SPDX-License-Identifier: MIT
//
// `call`: invokes a method of a server that the shell knows only by what it says of itself.
#include <algorithm>

#include "userland/runtime/requests.hpp"
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

constexpr uint64_t patience_ns = 2'000'000'000;

// A server that is busy for long would keep the shell waiting with it, for as long as it likes.
// Nothing can be promised (it may become busy in between), but what computes for ever is told.
Answer<bool> is_ready(const ProcessCapability& process) {
  const auto begin = shell_register::clock.now();
  if (!begin) return std::unexpected(begin.error());
  while (true) {
    const auto status = process.status();
    if (!status) return std::unexpected(status.error());
    if (status->state == ProcessState::receiving) return true;
    if (status->state == ProcessState::stopped) return false;
    const auto now = shell_register::clock.now();
    if (!now) return std::unexpected(now.error());
    if (now->machine_ns - begin->machine_ns > patience_ns) return false;
  }
}

Answer<> check_ready(Shell& shell, NameTable::Index index) {
  const ProcessCapability process = shell_register::server_process;
  if (auto done = shell.names.fetch(index, NameTable::Which::process, process.at); !done) {
    return done;
  }
  const auto ready = is_ready(process);
  if (!ready) return std::unexpected(ready.error());
  return *ready ? Answer<>{} : std::unexpected(Result::in_use);
}

void say_call_error(Shell& shell, std::string_view name, Result result) {
  if (result == Result::in_use) {
    shell.say_error(name, " takes no messages at present; servers shows what it does, destroy ",
                    name, " ends it");
  } else {
    shell.say_result(result);
  }
}

}  // namespace

Answer<std::string_view> describe_server(Shell& shell, NameTable::Index index) {
  if (auto done = check_ready(shell, index); !done) return std::unexpected(done.error());
  const CapabilityRegister entry = shell_register::server_entry;
  if (auto done = shell.names.fetch(index, NameTable::Which::entry, entry); !done) {
    return std::unexpected(done.error());
  }
  Message message = request(method::describe);
  message.buffer = std::as_writable_bytes(shell.server_text());
  if (auto done = checked(call(entry, message)); !done) return std::unexpected(done.error());
  const std::span<char> text = shell.server_text().first(message.byte_count);
  std::ranges::replace_if(text, [](char c) { return c != '\n' && c != printable(c); }, '?');
  return std::string_view(text.data(), text.size());
}

void run_call(Shell& shell, const Words& words) {
  const std::string_view name = words.at(1);
  const auto index = find_server(shell, name);
  if (!index) return;
  const auto description = describe_server(shell, *index);
  if (!description) {
    say_call_error(shell, name, description.error());
    return;
  }
  const auto method = find_method(*description, words.at(2));
  if (!method) {
    const std::string_view lines = method_lines(*description);
    shell.say_error(name, " has no method ", words.at(2), lines.empty() ? "; it has none" : "; it has:");
    shell.say(lines);
    return;
  }
  const auto arguments = std::span(words.word).subspan(3, words.count - 3);
  auto message = build_call(*method, arguments);
  TextBuffer<512> text;
  if (!message) {
    write_error(text, name, *method, arguments, message.error());
    shell.say(text.text());
    return;
  }
  if (auto done = checked(call(shell_register::server_entry, *message)); !done) {
    say_call_error(shell, name, done.error());
    return;
  }
  write_answer(text, *method, *message);
  shell.say(text.text());
}

}  // namespace perdure
