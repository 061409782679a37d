// SPDX-License-Identifier: MIT
//
// What must hold in one frame, written by this kernel or by another program: checked before a frame is committed, after it is
// fetched, and by the verifier. What the kernel uses as an index, a shift or a length without looking at
// it again is looked at here. Relations between frames are not.
#pragma once

#include <cstddef>
#include <string_view>

#include "objects/frame_life.hpp"

namespace perdure {

// The first thing found wrong, static text; empty if nothing is. `body` null: it reads as zero.
std::string_view check_frame(const FrameIdentity&, const std::byte* body);

// The same for a frame as it stands on a disk, in the form that normalize() gives: check_frame, and all that is
// volatile (hints, links, places in lines) is zero, for the kernel would believe it when it is read back.
std::string_view check_stored_frame(const FrameIdentity&, const std::byte* body);

// Of one capability: known type, no undefined bits, a version if and only if it names an object.
std::string_view check_capability(const Capability&);

}  // namespace perdure
