// SPDX-License-Identifier: MIT
//
// XXH64, the 64-bit hash by Yann Collet (specification: github.com/Cyan4973/xxHash, doc/
// xxhash_spec.md), written from its description. Every checksum in the store is one of these.
// 64 bits and not CRC-32C: a store is read for years, and a 32-bit sum lets one damaged block in
// four thousand million through; this one also needs no instruction that a processor may lack.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace perdure {

namespace xxh64_detail {
inline constexpr uint64_t prime_1 = 0x9E3779B185EBCA87;
inline constexpr uint64_t prime_2 = 0xC2B2AE3D27D4EB4F;
inline constexpr uint64_t prime_3 = 0x165667B19E3779F9;
inline constexpr uint64_t prime_4 = 0x85EBCA77C2B2AE63;
inline constexpr uint64_t prime_5 = 0x27D4EB2F165667C5;

// One instruction. A freestanding kernel would *call* std::memcpy, for each word anew: that made the
// whole hash two and a half times as long.
template <typename Word>
Word load(const std::byte* at) {
  Word word;
  __builtin_memcpy(&word, at, sizeof(word));
  return word;
}
constexpr uint64_t round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * prime_2, 31) * prime_1;
}
constexpr uint64_t merge(uint64_t hash, uint64_t lane) {
  return (hash ^ round(0, lane)) * prime_1 + prime_4;
}

// The stripes of 32 bytes, of which there is one at least. `at` is moved behind them.
inline uint64_t consume_stripes(const std::byte*& at, const std::byte* end, uint64_t seed) {
  uint64_t a = seed + prime_1 + prime_2, b = seed + prime_2, c = seed, d = seed - prime_1;
  const std::byte* const last = end - 32;  // where a stripe can begin
  do {
    a = round(a, load<uint64_t>(at));
    b = round(b, load<uint64_t>(at + 8));
    c = round(c, load<uint64_t>(at + 16));
    d = round(d, load<uint64_t>(at + 24));
    at += 32;
  } while (at <= last);
  const uint64_t hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
  return merge(merge(merge(merge(hash, a), b), c), d);
}

// Fewer than 32 bytes.
inline uint64_t consume_tail(const std::byte* at, const std::byte* end, uint64_t hash) {
  for (; end - at >= 8; at += 8) {
    hash = std::rotl(hash ^ round(0, load<uint64_t>(at)), 27) * prime_1 + prime_4;
  }
  if (end - at >= 4) {
    hash = std::rotl(hash ^ load<uint32_t>(at) * prime_1, 23) * prime_2 + prime_3;
    at += 4;
  }
  for (; at != end; ++at) {
    hash = std::rotl(hash ^ static_cast<uint8_t>(*at) * prime_5, 11) * prime_1;
  }
  return hash;
}

constexpr uint64_t avalanche(uint64_t hash) {
  hash = (hash ^ hash >> 33) * prime_2;
  hash = (hash ^ hash >> 29) * prime_3;
  return hash ^ hash >> 32;
}
}  // namespace xxh64_detail

inline uint64_t xxh64(std::span<const std::byte> bytes, uint64_t seed) {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  uint64_t hash = bytes.size() >= 32 ? xxh64_detail::consume_stripes(at, end, seed)
                                     : seed + xxh64_detail::prime_5;
  hash = xxh64_detail::consume_tail(at, end, hash + bytes.size());
  return xxh64_detail::avalanche(hash);
}

}  // namespace perdure
