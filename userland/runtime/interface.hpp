// SPDX-License-Identifier: MIT
//
// Typed interfaces: what a server offers, and the errors of its own, declared once. Client stub (client.hpp), dispatcher
// (server.hpp) and the text that `describe` answers come from the same declaration, so they
// cannot disagree.
//
//   struct Counter {
//     static constexpr std::string_view name = "counter";
//     static constexpr Method<uint64_t(uint64_t)> add{"add", {"N"}};
//     static constexpr Method<uint64_t()> get{"get"};
//     static constexpr OwnError full{name, "full", "it counts no further"};
//     using Methods = MethodList<add, get>;
//     using Errors = ErrorList<full>;  // may be left out
//   };
//
// A method's code on the wire is method_code("counter.add"): the name of the interface belongs
// to it, so that two interfaces cannot be mistaken for each other. So it is with errors: a handler refuses with
// `std::unexpected(Counter::full)`, a client compares `answer.error() == Counter::full`.
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

constexpr Result own_result_of(std::string_view interface_name, std::string_view error_name) {
  return static_cast<Result>(method_code_of(interface_name, error_name) | own_result_bit);
}

// An error of an interface's own: what no Result of the shared vocabulary says. Its text is for a person; it stands
// behind "NAME says: ", and is one line of printing characters.
class OwnError {
 public:
  static constexpr size_t name_length_max = 30;
  static constexpr size_t text_length_max = 100;

  consteval OwnError(std::string_view interface_name, std::string_view name, std::string_view text)
      : name_(name), text_(text), code_(own_result_of(interface_name, name)) {
    if (name.empty() || name.size() > name_length_max) an_error_has_a_name_of_one_to_thirty_characters();
    if (text.empty() || text.size() > text_length_max) an_error_has_text_of_one_to_a_hundred_characters();
    for (const char c : name) {
      if (c <= ' ' || c > '~') an_errors_name_is_one_word();
    }
    for (const char c : text) {
      if (c < ' ' || c > '~') an_errors_text_is_one_line_of_printing_characters();
    }
  }
  constexpr std::string_view name() const { return name_; }
  constexpr std::string_view text() const { return text_; }
  constexpr operator Result() const { return code_; }

 private:
  // Defined nowhere: what the compiler says of a declaration that needs one of them.
  static void an_error_has_a_name_of_one_to_thirty_characters();
  static void an_error_has_text_of_one_to_a_hundred_characters();
  static void an_errors_name_is_one_word();
  static void an_errors_text_is_one_line_of_printing_characters();

  std::string_view name_;
  std::string_view text_;
  Result code_;
};

template <const OwnError&... errors>
struct ErrorList {};

namespace interface_detail {
template <typename I>
struct ErrorsOf {
  using List = ErrorList<>;
};
template <typename I>
  requires requires { typename I::Errors; }
struct ErrorsOf<I> {
  using List = typename I::Errors;
};

template <const OwnError&... errors>
constexpr std::string_view text_of(Result result, ErrorList<errors...>) {
  std::string_view text = name_of(result);
  ((result == errors ? void(text = errors.text()) : void()), ...);
  return text;
}
}  // namespace interface_detail

template <Interface I>
using ErrorsOf = typename interface_detail::ErrorsOf<I>::List;

// What an answer means, in the words of this interface; of another interface's error: that it is not a shared one.
template <Interface I>
constexpr std::string_view error_text(Result result) {
  return interface_detail::text_of(result, ErrorsOf<I>{});
}

namespace method {
// Every well-made server answers this with text: its first line is the interface's name, then
// one line for each method: "NAME ARGUMENT:TYPE ... -> TYPE", then one for each of its own errors: "!NAME TEXT".
inline constexpr uint64_t describe = method_code("describe");
}  // namespace method

}  // namespace perdure
