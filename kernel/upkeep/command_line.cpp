// SPDX-License-Identifier: MIT
#include "kernel/upkeep/command_line.hpp"

namespace perdure {

CommandLineWord next_word(std::string_view& line) {
  size_t begin = 0;
  while (begin < line.size() && line[begin] == ' ') ++begin;
  size_t end = begin;
  while (end < line.size() && line[end] != ' ') ++end;
  std::string_view word(line.data() + begin, end - begin);
  line.remove_prefix(end);
  for (size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '=') return {word, {word.data(), i}, {word.data() + i + 1, word.size() - i - 1}};
  }
  return {word, word, {}};
}

bool parse_number(std::string_view text, uint64_t maximum, uint64_t& number) {
  if (text.empty()) return false;
  uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    const auto units = static_cast<uint64_t>(digit - '0');
    if (value > (maximum - units) / 10) return false;
    value = value * 10 + units;
  }
  number = value;
  return true;
}

bool apply_word(const CommandLineWord& word, KernelOptions& options) {
  uint64_t number = 0;
  if (word.name == "check" && word.value.empty()) {
    options.check = true;
  } else if (word.name == "slow" && word.value.empty()) {
    options.slow = true;
  } else if (word.name == "unsafe-processor" && word.value.empty()) {
    options.unsafe_processor = true;
  } else if (word.name == "interval" && parse_number(word.value, 86'400'000, number)) {
    options.interval_ms = number;
  } else if (word.name == "chaos" && parse_number(word.value, ~uint64_t{0}, number)) {
    options.chaos_seed = number;
  } else if (word.name == "verdict" && parse_number(word.value, 127, number)) {
    options.verdict = static_cast<uint8_t>(number);
  } else if (word.name == "leave-stopped" && options.leave_stopped_count < leave_stopped_max &&
             parse_number(word.value, ~uint64_t{0} >> ObjectId::index_bits, number)) {
    options.leave_stopped[options.leave_stopped_count++] = {number};
  } else {
    return false;
  }
  return true;
}

}  // namespace perdure
