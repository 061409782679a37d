// SPDX-License-Identifier: MIT
//
// What a frame can hold: one large object, or a row of small ones of one kind.
//
//   kind             object bytes   objects per frame
//   page                     4096                   1
//   capability_page          4096                   1   128 capabilities
//   process                  4096                   1
//   node                      576                   7   after a row header of 64 bytes
//   wrapper, endpoint,
//   notice, schedule,
//   activity                   64                  63   after a row header of 64 bytes
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace perdure {

inline constexpr size_t frame_bytes = 4096;
inline constexpr size_t row_header_bytes = 64;

// The numbers are part of the disk format and of the ABI.
enum class Kind : uint8_t {
  empty = 0,  // holds nothing; only the version source of its tag means anything
  page = 1,
  capability_page = 2,
  process = 3,
  node = 4,
  wrapper = 5,
  endpoint = 6,
  notice = 7,
  schedule = 8,
  activity = 9,
};
inline constexpr unsigned kind_count = 10;

struct KindInfo {
  std::string_view name;
  uint16_t object_bytes;     // 0 for empty
  uint8_t objects_per_frame; // 0 for empty
  bool is_row;               // several objects behind a RowHeader
  bool holds_capabilities;   // its bytes must pass through normalize() before they are stored
  uint8_t layout_revision;   // changes with any change of the object's layout
};

inline constexpr std::array<KindInfo, kind_count> kind_table{{
    {"empty", 0, 0, false, false, 0},
    {"page", 4096, 1, false, false, 1},
    {"capability_page", 4096, 1, false, true, 1},
    {"process", 4096, 1, false, true, 1},
    {"node", 576, 7, true, true, 1},
    {"wrapper", 64, 63, true, true, 1},
    {"endpoint", 64, 63, true, true, 1},
    {"notice", 64, 63, true, true, 1},
    {"schedule", 64, 63, true, true, 2},  // holds links that must not be stored
    {"activity", 64, 63, true, true, 2},  // holds links that must not be stored
}};

constexpr bool is_valid_kind(uint8_t number) { return number < kind_count; }
constexpr const KindInfo& info(Kind kind) { return kind_table[static_cast<size_t>(kind)]; }
constexpr bool is_row(Kind kind) { return info(kind).is_row; }

}  // namespace perdure
