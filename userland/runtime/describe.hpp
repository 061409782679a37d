// SPDX-License-Identifier: MIT
//
// The text that a server answers to `describe`, made from its interface at compile time, and
// the reading of such text by a program that calls a server it does not know (the shell).
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "userland/runtime/interface.hpp"

namespace perdure {

namespace describe_detail {

// Appends to `text` if there is one; counts in any case.
struct Writer {
  char* text = nullptr;
  size_t length = 0;
  constexpr void add(std::string_view piece) {
    for (const char character : piece) {
      if (text != nullptr) text[length] = character;
      ++length;
    }
  }
};

template <typename AnswerType, typename... Arguments>
constexpr void add_method(Writer& writer, const Method<AnswerType(Arguments...)>& method) {
  writer.add(method.name);
  for (size_t i = 0; i < sizeof...(Arguments); ++i) {
    writer.add(" ");
    writer.add(method.argument_names[i]);
    writer.add(":");
    writer.add(method.argument_types[i]);
  }
  writer.add(" -> ");
  writer.add(type_text<AnswerType>);
  writer.add("\n");
}

template <const auto&... methods>
constexpr void add_methods(Writer& writer, MethodList<methods...>) {
  (add_method(writer, methods), ...);
}

template <Interface I, const OwnError& error>
constexpr void add_error(Writer& writer) {
  static_assert(error == own_result_of(I::name, error.name()), "an error of another interface");
  writer.add("!");
  writer.add(error.name());
  writer.add(" ");
  writer.add(error.text());
  writer.add("\n");
}

template <const OwnError&... errors>
constexpr bool are_distinct(ErrorList<errors...>) {
  const Result codes[] = {Result::ok, errors...};
  for (size_t i = 0; i < std::size(codes); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (codes[i] == codes[j]) return false;
    }
  }
  return true;
}

template <Interface I, const OwnError&... errors>
constexpr void add_errors(Writer& writer, ErrorList<errors...>) {
  static_assert(are_distinct(ErrorList<errors...>{}), "an error is listed twice");
  (add_error<I, errors>(writer), ...);
}

template <Interface I>
constexpr void add_interface(Writer& writer) {
  writer.add(I::name);
  writer.add("\n");
  add_methods(writer, typename I::Methods{});
  add_errors<I>(writer, ErrorsOf<I>{});
}

template <Interface I>
constexpr size_t length_of() {
  Writer writer;
  add_interface<I>(writer);
  return writer.length;
}

template <Interface I>
constexpr auto text_of() {
  std::array<char, length_of<I>()> text{};
  Writer writer{text.data()};
  add_interface<I>(writer);
  return text;
}

template <Interface I>
inline constexpr auto stored_text = text_of<I>();

}  // namespace describe_detail

// "counter\nadd N:number -> number\nget -> number\n"
template <Interface I>
constexpr std::string_view description_of() {
  constexpr auto& text = describe_detail::stored_text<I>;
  static_assert(text.size() <= message_bytes_max);
  return {text.data(), text.size()};
}

// One line of a description, taken apart. The views lie in the text that was given.
struct MethodDescription {
  static constexpr unsigned argument_count_max = payload_word_count;
  struct Argument {
    std::string_view name;
    std::string_view type;
  };
  std::string_view interface_name;
  std::string_view name;
  Argument arguments[argument_count_max];
  unsigned argument_count = 0;
  std::string_view answer_type;

  uint64_t code() const { return method_code_of(interface_name, name); }
};

// None: the text does not name such a method, or is no description.
std::optional<MethodDescription> find_method(std::string_view description, std::string_view name);

// The lines of the methods, for a list of what a server can do.
std::string_view method_lines(std::string_view description);

// An error of a server's own. The views lie in the text that was given.
struct ErrorDescription {
  std::string_view name;
  std::string_view text;
};

// Takes the first line off the lines of errors; nothing if none is left.
std::optional<ErrorDescription> take_error(std::string_view& lines);
std::string_view error_lines(std::string_view description);

// None: the text does not name an error with this code. The shared vocabulary cannot be given other words.
std::optional<ErrorDescription> find_error(std::string_view description, Result result);

}  // namespace perdure
