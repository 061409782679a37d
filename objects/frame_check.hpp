// SPDX-License-Identifier: MIT
//
// What must hold in one frame, whoever wrote it last: checked before a frame is committed, and by
// the verifier. Relations between frames are not looked at.
#pragma once

#include <cstddef>
#include <string_view>

#include "objects/frame_life.hpp"

namespace perdure {

// The first thing found wrong, static text; empty if nothing is. `body` null: it reads as zero.
std::string_view check_frame(const FrameIdentity&, const std::byte* body);

// Of one capability: known type, no undefined bits, a version if and only if it names an object.
std::string_view check_capability(const Capability&);

}  // namespace perdure
