// SPDX-License-Identifier: MIT
#include "tools/quantity.hpp"

#include <charconv>
#include <system_error>

namespace perdure {
namespace {

struct Unit {
  std::string_view suffix;
  uint64_t factor;
};

constexpr Unit sizes[] = {{"K", uint64_t{1} << 10}, {"M", uint64_t{1} << 20}, {"G", uint64_t{1} << 30}};
constexpr Unit durations[] = {{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}};

// The digits at the front of `text`, which is shortened by them.
std::optional<uint64_t> take_digits(std::string_view& text, int base) {
  uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (result.ec != std::errc{}) return {};
  text.remove_prefix(static_cast<size_t>(result.ptr - text.data()));
  return value;
}

std::optional<uint64_t> times(uint64_t value, uint64_t factor) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(value, factor, &product)) return {};
  return product;
}

}  // namespace

std::optional<uint64_t> parse_quantity(std::string_view text) {
  const bool is_hexadecimal = text.starts_with("0x");
  if (is_hexadecimal) text.remove_prefix(2);
  const auto value = take_digits(text, is_hexadecimal ? 16 : 10);
  if (!value || text.empty()) return value;
  for (const Unit& unit : sizes) {
    if (text == unit.suffix) return times(*value, unit.factor);
  }
  return {};
}

std::optional<uint64_t> parse_duration_ns(std::string_view text) {
  const auto value = take_digits(text, 10);
  if (!value) return {};
  for (const Unit& unit : durations) {
    if (text == unit.suffix) return times(*value, unit.factor);
  }
  return {};
}

std::string describe_bytes(uint64_t bytes) {
  constexpr Unit units[] = {{" GiB", uint64_t{1} << 30}, {" MiB", uint64_t{1} << 20}, {" KiB", uint64_t{1} << 10}};
  for (const Unit& unit : units) {
    if (bytes >= unit.factor && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.suffix);
    }
  }
  return std::to_string(bytes) + " bytes";
}

}  // namespace perdure
