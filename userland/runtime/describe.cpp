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

constexpr char error_mark = '!';

// Errors come last: where the first of them begins, else the end.
size_t start_of_errors(std::string_view lines) {
  if (lines.starts_with(error_mark)) return 0;
  const char line_of_error[] = {'\n', error_mark};
  const size_t before = lines.find(std::string_view(line_of_error, sizeof(line_of_error)));
  return before == std::string_view::npos ? lines.size() : before + 1;
}

std::string_view without_first_line(std::string_view description) {
  take_until(description, '\n');
  return description;
}

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
  const std::string_view lines = without_first_line(description);
  return lines.substr(0, start_of_errors(lines));
}

std::string_view error_lines(std::string_view description) {
  const std::string_view lines = without_first_line(description);
  return lines.substr(start_of_errors(lines));
}

std::optional<ErrorDescription> take_error(std::string_view& lines) {
  while (!lines.empty()) {
    std::string_view line = take_until(lines, '\n');
    if (!line.starts_with(error_mark)) continue;
    line.remove_prefix(1);
    const std::string_view name = take_until(line, ' ');
    if (name.empty() || line.empty()) continue;
    return ErrorDescription{name, line.substr(0, OwnError::text_length_max)};
  }
  return std::nullopt;
}

std::optional<ErrorDescription> find_error(std::string_view description, Result result) {
  std::string_view lines = error_lines(description);
  const std::string_view interface_name = take_until(description, '\n');
  if (interface_name.size() > name_length_max) return std::nullopt;
  while (const auto error = take_error(lines)) {
    if (error->name.size() <= name_length_max && own_result_of(interface_name, error->name) == result) return error;
  }
  return std::nullopt;
}

std::optional<MethodDescription> find_method(std::string_view description, std::string_view name) {
  const std::string_view interface_name = take_until(description, '\n');
  if (interface_name.size() > name_length_max || name.size() > name_length_max) return std::nullopt;
  while (!description.empty()) {
    const std::string_view line = take_until(description, '\n');
    if (line.starts_with(error_mark)) return std::nullopt;
    if (line.substr(0, name.size()) != name) continue;
    if (auto method = parse_line(interface_name, line); method && method->name == name) {
      return method;
    }
  }
  return std::nullopt;
}

}  // namespace perdure
