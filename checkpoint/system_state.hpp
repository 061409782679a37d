// SPDX-License-Identifier: MIT
//
// All state of the machine that is in no object: it stands in each generation header, and a
// restart gets it back from there. Whoever adds volatile kernel state asks first whether it
// belongs here.
#pragma once

#include <cstdint>

#include "objects/ids.hpp"

namespace perdure {

struct SystemState {
  FrameNumber activity_rows;     // head of the restart list (objects/rows.hpp); 0: empty
  uint64_t next_ticket = 1;      // of activities: place in line
  uint64_t machine_time_ns = 0;  // stands still while off
  uint64_t wall_seconds = 0;     // when the generation was declared
  uint64_t spare[4] = {};
};
static_assert(sizeof(SystemState) == 64);

}  // namespace perdure
