// SPDX-License-Identifier: MIT
//
// The text that a server answers to `describe`, made from its interface at compile time, and
// the reading of such text by those who call a server that they do not know (the shell).
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

template <Interface I>
constexpr void add_interface(Writer& writer) {
  writer.add(I::name);
  writer.add("\n");
  add_methods(writer, typename I::Methods{});
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

// The lines after the first, for a list of what a server can do.
std::string_view method_lines(std::string_view description);

}  // namespace perdure
