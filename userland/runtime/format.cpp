// SPDX-License-Identifier: MIT
#include "userland/runtime/format.hpp"

#include <algorithm>
#include <cstring>

namespace perdure {

namespace {

constexpr std::string_view digit_characters = "0123456789abcdef";
constexpr unsigned digits_max = 20;

// Digits of `value`, the last at the end of `space`; returns where the first stands.
char* write_digits(uint64_t value, unsigned base, char* end) {
  do {
    *--end = digit_characters[value % base];
    value /= base;
  } while (value != 0);
  return end;
}

struct CivilDate {
  uint64_t year;
  uint64_t month;  // 1-12
  uint64_t day;    // 1-31
};

// Days since 1970-01-01 in the Gregorian calendar. Eras of 400 years that begin on 1 March, so
// that the leap day is the last of its year (the method of H. Hinnant).
constexpr CivilDate civil_date(uint64_t days) {
  days += 719468;  // from 0000-03-01
  const uint64_t era = days / 146097;
  const uint64_t day_of_era = days % 146097;
  const uint64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t month_from_march = (5 * day_of_year + 2) / 153;
  const uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

constexpr Padded two_digits(uint64_t value) { return {value, 2, '0'}; }

}  // namespace

TextWriter& TextWriter::operator<<(std::string_view text) {
  const size_t fits = std::min(text.size(), buffer_.size() - length_);
  std::copy_n(text.data(), fits, buffer_.data() + length_);
  length_ += fits;
  if (fits < text.size()) is_truncated_ = true;
  return *this;
}

TextWriter& TextWriter::operator<<(Hexadecimal number) {
  char digits[digits_max];
  char* const end = digits + digits_max;
  char* first = write_digits(number.value, 16, end);
  while (static_cast<unsigned>(end - first) < std::min(number.digits, digits_max)) *--first = '0';
  return *this << std::string_view(first, static_cast<size_t>(end - first));
}

TextWriter& TextWriter::operator<<(Padded number) {
  char digits[digits_max];
  char* const end = digits + digits_max;
  const char* first = write_digits(number.value, 10, end);
  const auto length = static_cast<size_t>(end - first);
  for (size_t i = length; i < number.width; ++i) *this << number.fill;
  return *this << std::string_view(first, length);
}

TextWriter& TextWriter::operator<<(LeftAligned aligned) {
  *this << aligned.text;
  for (size_t i = aligned.text.size(); i < aligned.width; ++i) *this << ' ';
  return *this;
}

TextWriter& TextWriter::operator<<(ByteCount bytes) {
  constexpr std::string_view units[] = {" bytes", " KiB", " MiB", " GiB", " TiB"};
  uint64_t value = bytes.value;
  unsigned unit = 0;
  while (unit + 1 < std::size(units) && value >= 10240) {
    value /= 1024;
    ++unit;
  }
  return *this << value << units[unit];
}

TextWriter& TextWriter::operator<<(Duration duration) {
  const uint64_t ns = duration.nanoseconds;
  const uint64_t seconds = ns / 1'000'000'000;
  if (ns < 10'000) return *this << ns << " ns";
  if (ns < 10'000'000) return *this << ns / 1'000 << " us";
  if (seconds < 10) return *this << ns / 1'000'000 << " ms";
  if (seconds < 120) return *this << seconds << " s";
  if (seconds < 7200) return *this << seconds / 60 << " min " << two_digits(seconds % 60) << " s";
  if (seconds < 172'800) {
    return *this << seconds / 3600 << " h " << two_digits(seconds / 60 % 60) << " min";
  }
  return *this << seconds / 86'400 << " days " << seconds / 3600 % 24 << " h";
}

TextWriter& TextWriter::operator<<(UtcTime time) {
  const CivilDate date = civil_date(time.seconds / 86'400);
  const uint64_t second = time.seconds % 86'400;
  return *this << Padded{date.year, 4, '0'} << '-' << two_digits(date.month) << '-'
               << two_digits(date.day) << ' ' << two_digits(second / 3600) << ':'
               << two_digits(second / 60 % 60) << ':' << two_digits(second % 60) << " UTC";
}

}  // namespace perdure
