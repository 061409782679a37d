// SPDX-License-Identifier: MIT
#include "userland/shell/words.hpp"

#include <cstring>
#include <utility>

#include "userland/runtime/marshal.hpp"

namespace perdure {

namespace {

constexpr std::optional<unsigned> digit_of(char character) {
  if (character >= '0' && character <= '9') return static_cast<unsigned>(character - '0');
  if (character >= 'a' && character <= 'f') return static_cast<unsigned>(character - 'a') + 10;
  if (character >= 'A' && character <= 'F') return static_cast<unsigned>(character - 'A') + 10;
  return std::nullopt;
}

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

Words split_words(std::string_view line) {
  Words words;
  while (true) {
    const size_t start = line.find_first_not_of(' ');
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const size_t length = std::min(line.find(' '), line.size());
    if (words.count == Words::count_max) {
      words.too_many = true;
      return words;
    }
    words.add({line.data(), length});
    line.remove_prefix(length);
  }
}

Words take_options(Words& words, unsigned words_before_foreign) {
  Words options;
  const Words all = std::exchange(words, {.too_many = words.too_many});
  for (const std::string_view word : all.all()) {
    const bool is_ours = words.count < words_before_foreign;
    (is_ours && is_option(word) ? options : words).add(word);
  }
  return options;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  unsigned base = 10;
  if (text.size() > 2 && text[0] == '0' && text[1] == 'x') {
    base = 16;
    text.remove_prefix(2);
  }
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char character : text) {
    const auto digit = digit_of(character);
    if (!digit || *digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(value, uint64_t{base}, &value) ||
        __builtin_add_overflow(value, uint64_t{*digit}, &value)) {
      return std::nullopt;
    }
  }
  return value;
}

bool is_good_name(std::string_view text) {
  if (text.empty() || text.size() > Word::length_max || !is_letter(text[0])) return false;
  for (const char c : text) {
    if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
  }
  return true;
}

Expected<Message, ArgumentError> build_call(const MethodDescription& method,
                                            std::span<const std::string_view> arguments) {
  using Why = ArgumentError::Why;
  if (arguments.size() != method.argument_count) return std::unexpected(ArgumentError{Why::count});
  Message message;
  message.words[0] = method.code();
  Packer packer(message);
  unsigned words_used = 0;
  for (unsigned i = 0; i < method.argument_count; ++i) {
    const bool is_number = method.arguments[i].type == type_text<uint64_t>;
    const bool is_word = method.arguments[i].type == type_text<Word>;
    words_used += is_number ? words_of<uint64_t>() : words_of<Word>();
    if ((!is_number && !is_word) || words_used > payload_word_count) {
      return std::unexpected(ArgumentError{Why::unsupported, i});
    }
    if (is_number) {
      const auto number = parse_number(arguments[i]);
      if (!number) return std::unexpected(ArgumentError{Why::number, i});
      packer.put(*number);
    } else {
      if (arguments[i].size() > Word::length_max) {
        return std::unexpected(ArgumentError{Why::word, i});
      }
      packer.put(Word::of(arguments[i]));
    }
  }
  return message;
}

void write_usage(TextWriter& out, std::string_view server, const MethodDescription& method) {
  out << "call " << server << ' ' << method.name;
  for (unsigned i = 0; i < method.argument_count; ++i) out << ' ' << method.arguments[i].name;
  if (method.answer_type == type_text<PassedCapability>) out << " NAME";
}

void write_error(TextWriter& out, std::string_view server, const MethodDescription& method,
                 std::span<const std::string_view> arguments, ArgumentError error) {
  using Why = ArgumentError::Why;
  out << "error: ";
  switch (error.why) {
    case Why::count:
      out << method.name << " takes " << uint64_t{method.argument_count}
          << (method.argument_count == 1 ? " argument" : " arguments");
      break;
    case Why::number:
      out << arguments[error.argument] << " is not a number from 0 to 2^64 - 1";
      break;
    case Why::word:
      out << arguments[error.argument] << " is longer than " << uint64_t{Word::length_max}
          << " characters";
      break;
    case Why::unsupported:
      out << method.name << " takes what cannot be typed ("
          << method.arguments[error.argument].type << "); only programs can call it\n";
      return;
  }
  out << ": ";
  write_usage(out, server, method);
  out << '\n';
}

void write_answer(TextWriter& out, const MethodDescription& method, const Message& answer) {
  if (method.answer_type == type_text<void>) return;
  Unpacker unpacker(answer);
  if (method.answer_type == type_text<uint64_t>) {
    out << unpacker.take<uint64_t>() << '\n';
  } else if (method.answer_type == type_text<Word>) {
    const Word word = unpacker.take<Word>();
    for (const char character : word.view()) out << printable(character);
    out << '\n';
  } else {
    for (unsigned i = 1; i < message_word_count; ++i) {
      out << (i == 1 ? "0x" : " 0x") << Hexadecimal{answer.words[i]};
    }
    out << '\n';
  }
}

}  // namespace perdure
