// SPDX-License-Identifier: MIT
//
// What a person typed, taken apart; and arguments for a server that the shell knows only by its
// description. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "objects/expected.hpp"
#include "userland/runtime/describe.hpp"
#include "userland/runtime/format.hpp"

namespace perdure {

// The words of a line, separated by blanks. The views lie in the line.
struct Words {
  static constexpr unsigned count_max = 16;
  std::string_view word[count_max];
  unsigned count = 0;
  bool too_many = false;
  bool has_option = false;  // the one that the command has; it is not among the words any more

  std::string_view at(unsigned index) const { return index < count ? word[index] : std::string_view(); }
  std::span<const std::string_view> all() const { return std::span(word).first(count); }
  void add(std::string_view one) { word[count++] = one; }
};
Words split_words(std::string_view line);

// One rule for the options of all commands: what begins with `-` is one, wherever it stands.
constexpr bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }
// Takes the options out of the words → the options. Behind so many words that are no options nothing is taken out.
Words take_options(Words& words, unsigned words_before_foreign);

// Decimal, or hexadecimal after 0x; nothing if it is no number or too large.
std::optional<uint64_t> parse_number(std::string_view text);

// A name that a person may give: 1 to 16 letters, digits, `-` and `_`, a letter first.
bool is_good_name(std::string_view text);

// What `banks` calls the banks of the system: no names that a person may give (scripts/new-server reads them here).
inline constexpr std::string_view bank_name_root = "root";
inline constexpr std::string_view bank_name_shell = "shell";
constexpr bool is_kept_name(std::string_view text) { return text == bank_name_root || text == bank_name_shell; }

// For text that comes from a server, which must not draw on a person's screen: what is not a
// printing character of ASCII becomes a question mark.
constexpr char printable(char character) {
  return character >= ' ' && character <= '~' ? character : '?';
}

// The message that calls `method` with these arguments. The error is a sentence for the person.
struct ArgumentError {
  enum class Why : uint8_t { count, number, word, unsupported };
  Why why = Why::count;
  unsigned argument = 0;  // which; for all but `count`
};
Expected<Message, ArgumentError> build_call(const MethodDescription& method,
                                            std::span<const std::string_view> arguments);

// "c1 add N:number"
void write_usage(TextWriter& out, std::string_view server, const MethodDescription& method);
void write_error(TextWriter& out, std::string_view server, const MethodDescription& method,
                 std::span<const std::string_view> arguments, ArgumentError error);

// The answer's words as the description's type says; nothing for `nothing`.
void write_answer(TextWriter& out, const MethodDescription& method, const Message& answer);

}  // namespace perdure
