// SPDX-License-Identifier: MIT
//
// Priorities, and the two ends of a line of activities (kernel/run/scheduler.hpp). The ends stand in the
// object that is waited for. They are volatile: normalize() clears them, so they are written whether
// or not the object's frame may be; a frame with a line that is not empty is pinned.
#pragma once

#include <cstdint>

namespace perdure {

inline constexpr uint8_t priority_max = 15;  // 0 is the lowest
inline constexpr unsigned priority_count = priority_max + 1;

struct LineEnds {
  uint32_t first = 0;  // kernel/run/activity_ref.hpp; 0: the line is empty
  uint32_t last = 0;
  constexpr bool is_empty() const { return first == 0; }
};

}  // namespace perdure
