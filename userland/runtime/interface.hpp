// SPDX-License-Identifier: MIT
//
// Typed interfaces: what a server offers, declared once. Client stub (client.hpp), dispatcher
// (server.hpp) and the text that `describe` answers come from the same declaration, so they
// cannot disagree.
//
//   struct Counter {
//     static constexpr std::string_view name = "counter";
//     static constexpr Method<uint64_t(uint64_t)> add{"add", {"N"}};
//     static constexpr Method<uint64_t()> get{"get"};
//     using Methods = MethodList<add, get>;
//   };
//
// A method's code on the wire is method_code("counter.add"): the name of the interface belongs
// to it, so that two interfaces cannot be mistaken for each other.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "userland/runtime/invoke.hpp"

namespace perdure {

// Text of at most 16 characters, as a value in two words: names and keys. Zero-padded.
struct Word {
  static constexpr size_t length_max = 16;
  char characters[length_max] = {};

  static constexpr Word of(std::string_view text) {
    Word word;
    for (size_t i = 0; i < length_max && i < text.size(); ++i) word.characters[i] = text[i];
    return word;
  }
  constexpr std::string_view view() const {
    size_t length = 0;
    while (length < length_max && characters[length] != 0) ++length;
    return {characters, length};
  }
  bool operator==(const Word&) const = default;
};

// A capability as argument or answer. In a handler: the register it arrived in. As an answer:
// the register to send.
struct PassedCapability {
  CapabilityRegister at;
};

// What can travel: plain values of at most five words together, and capabilities.
template <typename T>
concept Passable = std::is_void_v<T> || std::is_trivially_copyable_v<T>;

template <typename T>
constexpr unsigned words_of() {
  if constexpr (std::is_void_v<T> || std::same_as<T, PassedCapability>) {
    return 0;
  } else {
    return (sizeof(T) + 7) / 8;
  }
}
template <typename T>
constexpr unsigned capabilities_of() {
  return std::same_as<T, PassedCapability> ? 1 : 0;
}

// How `describe` calls a type. An interface's own structures specialize this.
template <typename T>
inline constexpr std::string_view type_text = "words";
template <>
inline constexpr std::string_view type_text<void> = "nothing";
template <>
inline constexpr std::string_view type_text<uint64_t> = "number";
template <>
inline constexpr std::string_view type_text<uint32_t> = "number";
template <>
inline constexpr std::string_view type_text<bool> = "number";
template <>
inline constexpr std::string_view type_text<Word> = "word";
template <>
inline constexpr std::string_view type_text<PassedCapability> = "capability";

template <typename Signature>
struct Method;

// Word 0 is the code or the result; arguments and answers have words 1 to 5.
inline constexpr unsigned payload_word_count = message_word_count - 1;

template <Passable AnswerType, Passable... Arguments>
struct Method<AnswerType(Arguments...)> {
  using Answered = AnswerType;
  static constexpr unsigned argument_count = sizeof...(Arguments);
  static_assert((words_of<Arguments>() + ... + 0u) <= payload_word_count);
  static_assert((capabilities_of<Arguments>() + ... + 0u) <= message_capability_count);
  static_assert(words_of<AnswerType>() <= payload_word_count);

  std::string_view name;
  std::array<std::string_view, sizeof...(Arguments)> argument_names{};
  static constexpr std::array<std::string_view, sizeof...(Arguments)> argument_types{
      type_text<Arguments>...};
};

template <const auto&... methods>
struct MethodList {};

template <typename T>
concept Interface = requires {
  { T::name } -> std::convertible_to<std::string_view>;
  typename T::Methods;
};

// FNV-1a over "INTERFACE.METHOD" (objects/abi.hpp).
constexpr uint64_t method_code_of(std::string_view interface_name, std::string_view method_name) {
  char text[64] = {};
  size_t length = 0;
  for (const char character : interface_name) text[length++] = character;
  text[length++] = '.';
  for (const char character : method_name) text[length++] = character;
  return method_code(std::string_view(text, length));
}

template <Interface I, const auto& method>
inline constexpr uint64_t code_of = method_code_of(I::name, method.name);

namespace method {
// Every well-made server answers this with text: its first line is the interface's name, then
// one line for each method: "NAME ARGUMENT:TYPE ... -> TYPE".
inline constexpr uint64_t describe = method_code("describe");
}  // namespace method

}  // namespace perdure
