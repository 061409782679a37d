// SPDX-License-Identifier: MIT
//
// `call` and `describe`: invoke a server that the shell knows only by what it says of itself.
//
// A call waits as long as the server, or the program that has blocked the alias, likes; ^C leaves it, and so does the end
// of the server by a fault.
#include <algorithm>

#include "userland/runtime/requests.hpp"
#include "userland/shell/commands.hpp"

namespace perdure {

namespace {

using End = Interrupter::End;

// A ^C that was typed ahead is meant for this call, too. A stopped server would never answer, and is not called.
Called call_for_person(Shell& shell, NameTable::Index index, CapabilityRegister target, Message& message) {
  if (shell.console.take_typed_interrupt()) return {.end = End::left};
  const ProcessCapability process = shell_register::server_process;
  if (auto done = shell.names.fetch(index, NameTable::Which::process, process.at); !done) {
    return {.result = done.error()};
  }
  const Interrupter::Callee callee{.process = process, .start = shell.names.at(index).start};
  const auto result = shell.interrupter.call(target, message, callee);
  if (result) return {.result = *result};
  if (shell.interrupter.end() == End::left) shell.console.drop_typed();
  return {.end = shell.interrupter.end()};
}

bool is_ok(const Called& called) { return called.end == End::answered && called.result == Result::ok; }

// Whether a call of this name really reaches no program: a living server can answer the kernel's results, too.
bool is_gone(Shell& shell, NameTable::Index index) {
  using Which = NameTable::Which;
  if (shell.names.at(index).is_alias() && is_void_alias(shell, index)) return true;
  const CapabilityRegister entry = shell_register::server_entry;
  if (!shell.names.fetch(index, Which::entry, entry)) return true;
  const auto classified = shell_register::discriminator.classify(entry);
  if (!classified || classified->type == CapabilityType::void_capability) return true;
  const ProcessCapability process = shell_register::server_process;
  return !shell.names.fetch(index, Which::process, process.at) || !process.status();
}

// What the kernel answers to a call of a server that is gone.
bool sounds_gone(Result result) {
  return result == Result::void_capability || result == Result::destroyed || result == Result::unreadable;
}

// The last number that is reserved for the shared vocabulary has no word yet.
bool has_word(Result result) { return name_of(result) != name_of(static_cast<Result>(own_result_bit - 1)); }

// One rule for every answered error: it is the server's word, except when the shell has found out itself that
// there is no server any more. A server's own error comes in its own words, if it has described it.
void say_answered_error(Shell& shell, NameTable::Index index, Result result, std::string_view description) {
  const std::string_view name = shell.names.at(index).name.view();
  if (const auto own = find_error(description, result)) return shell.say_error(name, " says: ", own->text);
  if (is_own(result) || !has_word(result)) {
    return shell.say_error(name, " answers an error that it does not describe: 0x",
                           Hexadecimal{static_cast<uint64_t>(result)});
  }
  if (sounds_gone(result) && is_gone(shell, index)) return shell.say_result(result);
  shell.say_error(name, " says: ", name_of(result));
}

// The server's name, for `destroy`, which takes no alias. There is one, for the server has stopped and is not gone.
std::string_view server_behind(Shell& shell, NameTable::Index index) {
  const auto server = shell.names.find_start(shell.names.at(index).start);
  return shell.names.at(server.value_or(index)).name.view();
}

// `description`: what it said of itself; nothing if it was not yet asked.
void say_call_error(Shell& shell, NameTable::Index index, const Called& called, std::string_view description = {}) {
  const std::string_view name = shell.names.at(index).name.view();
  switch (called.end) {
    case End::answered: return say_answered_error(shell, index, called.result, description);
    case End::left: return shell.say("interrupted: ", name, " had not answered\n");
    case End::stopped_before:
      return shell.say_error(name, " is stopped; servers shows why, destroy ", server_behind(shell, index), " ends it");
    case End::stopped_meanwhile:
      return shell.say_error(name, " stopped before it answered; destroy ", server_behind(shell, index), " ends it");
  }
}

// The name that a capability which is answered is to be bound to: the word after the arguments.
std::optional<std::string_view> name_to_bind(Shell& shell, const Words& words,
                                             const MethodDescription& method) {
  const unsigned position = 3 + method.argument_count;
  if (words.count != position + 1) {
    TextBuffer<256> usage;
    write_usage(usage, words.at(1), method);
    shell.say_error(method.name, " answers a capability, which needs a name: ", usage.text());
    return std::nullopt;
  }
  const std::string_view name = words.at(position);
  if (!check_name(shell, name) || !check_unused(shell, name)) return std::nullopt;
  return name;
}

// The capability is in answered_capability.
void bind_answer(Shell& shell, NameTable::Index server, std::string_view name) {
  const Named& from = shell.names.at(server);
  const Named alias{.name = Word::of(name), .origin = from.name, .start = from.start, .wrapper_count = from.wrapper_count + 2, .is_answer = true};
  const auto kept = shell.names.fetch(server, NameTable::Which::process, shell_register::server_process.at);
  if (!kept) {
    shell.say_result(kept.error());
  } else if (bind_alias(shell, alias, shell_register::server_entry)) {
    shell.say(name, " bound; describe ", name, " tells what it does, revoke ", name, " takes it back\n");
  }
}

struct Described {
  NameTable::Index index;
  std::string_view description;
};

// The method's own arguments, in words that stay where they are.
void call_method(Shell& shell, const Described& server, const MethodDescription& method, const Words& words) {
  const std::string_view name = words.at(1);
  const NameTable::Index index = server.index;
  const bool binds = method.answer_type == type_text<PassedCapability>;
  std::optional<std::string_view> bound;
  if (binds && !(bound = name_to_bind(shell, words, method))) return;
  const auto arguments = std::span(words.word).subspan(3, words.count - 3 - (binds ? 1 : 0));
  auto message = build_call(method, arguments);
  TextBuffer<512> text;
  if (!message) {
    write_error(text, name, method, arguments, message.error());
    shell.say(text.text());
    return;
  }
  if (binds) message->received[0] = shell_register::server_entry;
  const Called called = call_for_person(shell, index, shell_register::server_entry, *message);
  if (!is_ok(called)) {
    say_call_error(shell, index, called, server.description);
  } else if (binds) {
    bind_answer(shell, index, *bound);
  } else {
    write_answer(text, method, *message);
    shell.say(text.text());
  }
}

}  // namespace

Expected<std::string_view, Called> describe_server(Shell& shell, NameTable::Index index) {
  const CapabilityRegister entry = shell_register::server_entry;
  if (auto done = shell.names.fetch(index, NameTable::Which::entry, entry); !done) {
    return std::unexpected(Called{.result = done.error()});
  }
  Message message = request(method::describe);
  message.buffer = std::as_writable_bytes(shell.server_text());
  if (const Called called = call_for_person(shell, index, entry, message); !is_ok(called)) return std::unexpected(called);
  const std::span<char> text = shell.server_text().first(message.byte_count);
  std::ranges::replace_if(text, [](char c) { return c != '\n' && c != printable(c); }, '?');
  return std::string_view(text.data(), text.size());
}

namespace {

std::string_view is_a(std::string_view noun) {
  const bool begins_with_vowel = !noun.empty() && std::string_view("aeiou").contains(noun.front());
  return begins_with_vowel ? " is an " : " is a ";
}

// An answer may be a capability for which no program answers, but the kernel. That is found out without calling it: its
// server may have stopped since.
std::optional<std::string_view> kernel_object_behind(Shell& shell, NameTable::Index index) {
  if (!shell.names.at(index).is_alias()) return std::nullopt;
  const CapabilityType type = type_behind(shell, index);
  const bool is_unknown = type == CapabilityType::void_capability || type == CapabilityType::wrapped;
  if (is_unknown || type == CapabilityType::entry) return std::nullopt;
  return info(type).name;
}

constexpr std::string_view of_the_kernel = ", an object of the kernel: it has no methods of a server";

// What it says of itself; nothing, and an error said, if it cannot be asked.
std::optional<Described> describe_at(Shell& shell, NameTable::Index index) {
  const auto description = describe_server(shell, index);
  if (description) return Described{index, *description};
  say_call_error(shell, index, description.error());
  return std::nullopt;
}

}  // namespace

void run_describe(Shell& shell, const Words& words) {
  const std::string_view name = words.at(1);
  const auto index = find_named(shell, name);
  if (!index) return;
  if (const auto object = kernel_object_behind(shell, *index)) {
    return shell.say(name, is_a(*object), *object, of_the_kernel, "\n");
  }
  const auto described = describe_at(shell, *index);
  if (!described) return;
  const std::string_view description = described->description;
  const std::string_view lines = method_lines(description);
  const std::string_view interface = description.substr(0, description.find('\n'));
  shell.say(name, is_a(interface), interface, lines.empty() ? "; it has no methods\n" : "; its methods:\n");
  shell.say(lines);
  std::string_view errors = error_lines(description);
  if (!errors.empty()) shell.say("errors of its own:\n");
  while (const auto error = take_error(errors)) shell.say(error->name, ": ", error->text, "\n");
}

void run_call(Shell& shell, const Words& words) {
  const std::string_view name = words.at(1);
  const auto index = find_named(shell, name);
  if (!index) return;
  if (const auto object = kernel_object_behind(shell, *index)) {
    return shell.say_error(name, is_a(*object), *object, of_the_kernel);
  }
  const auto described = describe_at(shell, *index);
  if (!described) return;
  const auto method = find_method(described->description, words.at(2));
  if (!method) {
    const std::string_view lines = method_lines(described->description);
    shell.say_error(name, " has no method ", words.at(2), lines.empty() ? "; it has none" : "; it has:");
    shell.say(lines);
    return;
  }
  call_method(shell, *described, *method, words);
}

}  // namespace perdure
