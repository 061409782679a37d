// SPDX-License-Identifier: MIT
//
// Every frame by itself, and every capability against what it names:
//  - a row's header agrees with the frame's kind; what it calls allocated has a version that its
//    frame's source has given out, and no two have the same; what is free is zero;
//  - nothing volatile is stored (hints, links);
//  - a capability is well-formed, no newer than its frame's source, and if it is not void names
//    an object of the kind that its type says (VERSIONS-NEVER-REPEAT makes that one object).
#pragma once

#include <cstdint>

#include "tools/findings.hpp"
#include "tools/frame_reader.hpp"

namespace perdure {

// → the number of objects that exist.
uint64_t check_objects(const FrameReader&, Findings&);

}  // namespace perdure
