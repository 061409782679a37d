// SPDX-License-Identifier: MIT
//
// The chip updates its registers once a second and says so for a moment before; a reading counts
// only if it was the same twice and no update was announced. During an update the answer is the
// last reading and the time since, so no caller ever waits for the chip.
#include "kernel/arch/x86_64/real_time_clock.hpp"

#include <optional>

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/machine.hpp"

namespace perdure {

namespace {

constexpr uint16_t index_port = 0x70, data_port = 0x71;
constexpr uint8_t status_a = 0x0a, status_b = 0x0b, century = 0x32;  // the last by custom, not by standard
constexpr uint8_t update_in_progress = 0x80;
constexpr uint8_t binary_format = 0x04, format_24_hours = 0x02;
constexpr uint8_t afternoon = 0x80;
constexpr uint64_t nanoseconds = 1'000'000'000;

constinit uint64_t last_seconds = 0;  // as read
constinit uint64_t last_read_ns = 0;  // machine time of that reading

struct DateTime {
  uint8_t second, minute, hour, day, month, year;  // as the chip has them
  auto operator<=>(const DateTime&) const = default;
};

uint8_t read_register(uint8_t number) {
  constexpr uint8_t keep_nmi_enabled = 0;
  instruction::out8(index_port, number | keep_nmi_enabled);
  return instruction::in8(data_port);
}

DateTime read_registers() {
  return {read_register(0), read_register(2), read_register(4),
          read_register(7), read_register(8), read_register(9)};
}

std::optional<DateTime> read_date() {
  if ((read_register(status_a) & update_in_progress) != 0) return std::nullopt;
  const DateTime first = read_registers();
  if ((read_register(status_a) & update_in_progress) != 0) return std::nullopt;
  if (read_registers() != first) return std::nullopt;
  return first;
}

unsigned decode(uint8_t value, bool is_binary) {
  return is_binary ? value : (value >> 4) * 10u + (value & 0xfu);
}

unsigned decode_hour(uint8_t value, uint8_t format) {
  const bool is_binary = (format & binary_format) != 0;
  if ((format & format_24_hours) != 0) return decode(value, is_binary);
  const unsigned hour = decode(value & ~afternoon, is_binary) % 12;
  return (value & afternoon) != 0 ? hour + 12 : hour;
}

// Days since 1970-01-01 of a date in the Gregorian calendar; years begin in March here, so that
// the leap day is the last of its year.
uint64_t days_since_1970(unsigned year, unsigned month, unsigned day) {
  const unsigned shifted_year = month <= 2 ? year - 1 : year;
  const unsigned shifted_month = month <= 2 ? month + 9 : month - 3;
  const uint64_t leap_days = shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
  return shifted_year * uint64_t{365} + leap_days + (153 * shifted_month + 2) / 5 + day - 1 - 719'468;
}

uint64_t seconds_of(const DateTime& date) {
  const uint8_t format = read_register(status_b);
  const bool is_binary = (format & binary_format) != 0;
  const unsigned year = 2000 + decode(date.year, is_binary);
  const uint64_t days =
      days_since_1970(year, decode(date.month, is_binary), decode(date.day, is_binary));
  return days * 86'400 + decode_hour(date.hour, format) * 3600 + decode(date.minute, is_binary) * 60 +
         decode(date.second, is_binary);
}

void accept(const DateTime& date) {
  last_seconds = seconds_of(date);
  last_read_ns = machine::now_ns();
}

}  // namespace

void set_up_real_time_clock() {
  constexpr unsigned attempts_max = 100'000;  // an update takes 2 ms; a missing chip for ever
  for (unsigned attempt = 0; attempt < attempts_max; ++attempt) {
    if (const auto date = read_date()) {
      accept(*date);
      const unsigned hundreds = decode(read_register(century), (read_register(status_b) & binary_format) != 0);
      if (hundreds == 19 || hundreds == 21) machine::console_write("perdure: the clock is not between 2000 and 2099, and taken as if it were\r\n");
      return;
    }
  }
}

uint64_t machine::wall_clock_seconds() {
  if (const auto date = read_date()) accept(*date);
  return last_seconds + (machine::now_ns() - last_read_ns) / nanoseconds;
}

}  // namespace perdure
