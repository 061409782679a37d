// SPDX-License-Identifier: MIT
//
// ONE-ACTIVITY and the restart list (objects/rows.hpp): what a restart runs again is exactly what
// should run. A lost activity is a process that never runs again, a doubled one runs twice.
#pragma once

#include "tools/findings.hpp"
#include "tools/frame_reader.hpp"

namespace perdure {

void check_activities(const FrameReader&, Findings&);

}  // namespace perdure
