// SPDX-License-Identifier: MIT
#include "kernel/upkeep/announcements.hpp"

#include "kernel/machine.hpp"

namespace perdure {
namespace {

void write_number(uint64_t number) {
  char digits[20];
  size_t first = sizeof(digits);
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  machine::console_write({digits + first, sizeof(digits) - first});
}

void write_line(std::string_view begin, std::string_view what) {
  machine::console_write(begin);
  machine::console_write(what);
  machine::console_write("\n");
}

void write_line(std::string_view begin, std::string_view what, uint64_t number, std::string_view unit = {}) {
  machine::console_write(begin);
  machine::console_write(what);
  machine::console_write(" ");
  write_number(number);
  if (!unit.empty()) machine::console_write(" ");
  machine::console_write(unit);
  machine::console_write("\n");
}

}  // namespace

void Announcements::tell_at_start(std::string_view what) { write_line("perdure: ", what); }

void Announcements::tell_at_start(std::string_view what, uint64_t number) { write_line("perdure: ", what, number); }

void Announcements::tell(std::string_view what, uint64_t number, std::string_view unit) {
  write_line("\nperdure: ", what, number, unit);
  console_.was_written();
}

void Announcements::warn(std::string_view what) {
  write_line("\nperdure: WARNING: ", what);
  console_.was_written();
}

void Announcements::warn(std::string_view what, uint64_t number) {
  const auto left_out = complaints_.may_say(what, machine::now_ns());
  if (!left_out) return;
  write_line("\nperdure: WARNING: ", what, number);
  if (*left_out > 0) write_line("perdure: ", "the same was not told", *left_out, "more times since it last was");
  console_.was_written();
}

}  // namespace perdure
