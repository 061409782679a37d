// SPDX-License-Identifier: MIT
//
// Every frame by itself, as it is checked before it is committed (objects/frame_check.hpp), and
// every capability against what it names:
//  - no two objects of a row have the same version, and a free place is zero;
//  - nothing volatile is stored (hints, links);
//  - a capability is no newer than its frame's source, and if it is not void names an object of
//    the kind that its type says (VERSIONS-NEVER-REPEAT makes that one object).
#pragma once

#include <cstdint>

#include "tools/findings.hpp"
#include "tools/frame_reader.hpp"

namespace perdure {

// → the number of objects that exist.
uint64_t check_objects(const FrameReader&, Findings&);

}  // namespace perdure
