// SPDX-License-Identifier: MIT
//
// All state of the machine that is in no object: it stands in each generation header, and a
// restart gets it back from there. Before volatile kernel state is added, ask whether it
// belongs here.
#pragma once

#include <cstdint>

#include "objects/ids.hpp"

namespace perdure {

struct SystemState {
  FrameNumber first_activity_row;  // of the restart list (objects/rows.hpp): the one made last; 0: none
  uint64_t next_ticket = 1;      // of activities: place in line
  uint64_t machine_time_ns = 0;  // stands still while off
  uint64_t wall_seconds = 0;     // when the generation was declared
  FrameNumber last_activity_row;
  Version version_overrun;       // the highest that was taken beyond those of its generation (objects/frame_life.hpp); 0: none
  uint64_t spare[2] = {};
};
static_assert(sizeof(SystemState) == 64);

}  // namespace perdure
