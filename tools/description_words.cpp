// SPDX-License-Identifier: MIT
#include "tools/description_words.hpp"

#include <algorithm>
#include <span>

#include "objects/capability.hpp"
#include "spacebank/interface.hpp"
#include "tools/quantity.hpp"

namespace perdure {
namespace {

using What = CapabilityDescription::What;

struct CapabilityWord {
  std::string_view word;
  What what;
  bool has_name;
  bool is_memory;
};

constexpr CapabilityWord capability_words[] = {
    {"void", What::void_capability, false, false},
    {"number", What::number, false, false},
    {"range", What::range_all, false, false},
    {"process", What::process, true, false},
    {"space", What::space, true, true},
    {"endpoint", What::endpoint, true, false},
    {"entry", What::entry, true, false},
    {"notice", What::notice, true, false},
    {"schedule", What::schedule, true, false},
    {"wrapper", What::wrapper, true, false},
    {"wrapped", What::wrapped, true, true},
    {"bank", What::bank, true, false},
    {"recipes", What::recipes, false, true},
    {"checkpoint", What::checkpoint, false, false},
    {"devices", What::devices, false, false},
    {"clock", What::clock, false, false},
    {"discriminator", What::discriminator, false, false},
};

struct RestrictionWord {
  std::string_view word;
  uint64_t bit;
};

constexpr RestrictionWord memory_restrictions[] = {
    {"read_only", restriction::read_only}, {"no_execute", restriction::no_execute},
    {"weak", restriction::weak},           {"opaque", restriction::opaque},
    {"no_call", restriction::no_call},
};

constexpr RestrictionWord bank_restrictions[] = {
    {"may_not_allocate", bank_restriction::may_not_allocate},
    {"may_not_free", bank_restriction::may_not_free},
    {"may_not_destroy", bank_restriction::may_not_destroy},
    {"may_not_change_limit", bank_restriction::may_not_change_limit},
    {"may_not_see_limit", bank_restriction::may_not_see_limit},
    {"may_not_dissolve", bank_restriction::may_not_dissolve},
};

// The restriction that a word stands for; 0: none.
uint64_t restriction_of(std::span<const RestrictionWord> table, std::string_view word) {
  const auto found = std::ranges::find(table, word, &RestrictionWord::word);
  return found == table.end() ? 0 : found->bit;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
  });
}

}  // namespace

DescriptionWords::DescriptionWords(const std::string& file_name, int line, std::string_view text)
    : file_name_(file_name), line_(line) {
  text = text.substr(0, text.find('#'));
  constexpr std::string_view blanks = " \t\r";
  for (size_t start = text.find_first_not_of(blanks); start != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(blanks, start), text.size());
    words_.emplace_back(text.substr(start, end - start));
    start = text.find_first_not_of(blanks, end);
  }
}

std::string DescriptionWords::next(std::string_view what) {
  if (is_empty()) fail(std::string(what) + " is missing");
  return words_[used_++];
}

bool DescriptionWords::accept(std::string_view word) {
  if (is_empty() || words_[used_] != word) return false;
  ++used_;
  return true;
}

std::string DescriptionWords::name(std::string_view what) {
  const std::string word = next(what);
  if (!is_name(word)) fail("'" + printable(word) + "' is not a name (letters, digits, _ - .)");
  return word;
}

Reference DescriptionWords::reference(std::string_view what) { return {name(what), line_}; }

uint64_t DescriptionWords::number(std::string_view what, uint64_t max) {
  const std::string word = next(what);
  const auto value = parse_quantity(word);
  if (!value) fail("'" + printable(word) + "' is not a number (" + std::string(what) + ")");
  if (*value > max) fail(std::string(what) + " is " + word + ", but at most " + std::to_string(max));
  return *value;
}

uint64_t DescriptionWords::duration_ns(std::string_view what) {
  const std::string word = next(what);
  const auto value = parse_duration_ns(word);
  if (!value) fail("'" + printable(word) + "' is not a duration, like 10ms or 5s");
  return *value;
}

std::string DescriptionWords::printable(std::string_view word) {
  std::string result(word.substr(0, 60));
  for (char& c : result) {
    if (c < ' ' || c > '~') c = '?';
  }
  return result;
}

CapabilityDescription DescriptionWords::capability() {
  const std::string word = next("capability");
  const auto* found = std::ranges::find(capability_words, word, &CapabilityWord::word);
  if (found == std::end(capability_words)) fail("unknown capability '" + printable(word) + "'");
  CapabilityDescription capability{.what = found->what, .line = line_};
  if (found->has_name) capability.name = name("name of the " + word);
  if (found->what == What::number) capability.number = number("number");
  if (found->what == What::range_all && !accept("all")) fail("only 'range all' exists");
  if (found->what == What::entry && accept("payload")) capability.number = number("payload");
  if (found->is_memory) {
    while (const uint64_t bit = restriction_of(memory_restrictions, peek())) {
      capability.restrictions |= static_cast<uint8_t>(bit);
      ++used_;
    }
  }
  if (found->what == What::bank) {
    while (const uint64_t bit = restriction_of(bank_restrictions, peek())) {
      capability.number |= bit;
      ++used_;
    }
  }
  return capability;
}

void DescriptionWords::expect_end() const {
  if (!is_empty()) fail("unexpected '" + printable(words_[used_]) + "' at the end of the line");
}

void DescriptionWords::fail(const std::string& message) const {
  description_error(file_name_, line_, message);
}

}  // namespace perdure
