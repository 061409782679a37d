// SPDX-License-Identifier: MIT
//
// Numbers as people type them, in image descriptions and on command lines: `12`, `0x1f`, `64M`,
// `10ms`. Everything that is not exactly one number is refused, overflow included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perdure {

// Decimal or 0x hexadecimal, optionally followed by K, M or G (powers of 1024).
std::optional<uint64_t> parse_quantity(std::string_view);

// A decimal number followed by ns, us, ms or s. In nanoseconds.
std::optional<uint64_t> parse_duration_ns(std::string_view);

// 1536 MiB, 3 GiB, 12 KiB, 100 bytes: the largest unit that divides it.
std::string describe_bytes(uint64_t bytes);

}  // namespace perdure
