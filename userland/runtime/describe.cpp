// SPDX-License-Identifier: MIT
#include "userland/runtime/describe.hpp"

#include <algorithm>

namespace perdure {

namespace {

// Takes what stands before `separator` off the front; all of it if there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken(text.data(), end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

// Interface and method name go through a buffer of method_code_of().
constexpr size_t name_length_max = 30;

std::optional<MethodDescription> parse_line(std::string_view interface_name,
                                            std::string_view line) {
  MethodDescription method{.interface_name = interface_name, .name = take_until(line, ' ')};
  while (!line.empty()) {
    std::string_view piece = take_until(line, ' ');
    if (piece == "->") {
      method.answer_type = line;
      return method;
    }
    if (method.argument_count == MethodDescription::argument_count_max) return std::nullopt;
    auto& argument = method.arguments[method.argument_count++];
    argument.name = take_until(piece, ':');
    argument.type = piece;
  }
  return std::nullopt;
}

}  // namespace

std::string_view method_lines(std::string_view description) {
  take_until(description, '\n');
  return description;
}

std::optional<MethodDescription> find_method(std::string_view description, std::string_view name) {
  const std::string_view interface_name = take_until(description, '\n');
  if (interface_name.size() > name_length_max || name.size() > name_length_max) return std::nullopt;
  while (!description.empty()) {
    const std::string_view line = take_until(description, '\n');
    if (line.substr(0, name.size()) != name) continue;
    if (auto method = parse_line(interface_name, line); method && method->name == name) {
      return method;
    }
  }
  return std::nullopt;
}

}  // namespace perdure
