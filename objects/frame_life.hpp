// SPDX-License-Identifier: MIT
//
// The life of a frame and of the objects in it: the only code that takes a version from a
// frame's source (invariant VERSIONS-NEVER-REPEAT), and so the only code that makes or
// destroys an object. Pure: acts on the bytes of a frame and on what its descriptor says.
//
//   empty --make_whole--> page, capability page, process   --rescind--> empty
//   empty --format_row--> row --make_in_row, destroy_in_row--> row --rescind--> empty
#pragma once

#include <cstddef>
#include <cstdint>

#include "objects/capability.hpp"
#include "objects/ids.hpp"
#include "objects/kinds.hpp"
#include "objects/rows.hpp"

namespace perdure {

// What a frame's tag and descriptor say of it.
struct FrameIdentity {
  Version source;   // the last version taken; 0: never used
  Account account;
  Kind kind = Kind::empty;
};

// Takes the next version. 2^64 of them outlast the machine; a hostile image that begins near the
// end is refused by the verifier (version_source_max).
inline constexpr uint64_t version_source_max = uint64_t{1} << 63;
Version take_version(FrameIdentity&);

// Called before anything is made in a frame. The frame's source may be too old: the disk may have acknowledged
// the write of a later one and never made it. The body at home need not show that, for no code reads it, or it
// belongs to the old source as well. So no new object has a version that could have been taken before its
// generation: `next`, the generation that will hold the change. A generation has room for 2^24 versions of a
// frame; a generation that sees more of any (hours may lie between two checkpoints) leaves the highest to the
// generations behind it: `overrun`, in SystemState.
inline constexpr unsigned versions_of_generation_bits = 24;
void begin_generation(FrameIdentity&, Generation next, Version& overrun);

// Whole objects begin as zero. Neither function touches the bytes: the caller notes that the
// body is all zero, and clears it when it is first looked at (512 stores would be more than the
// rest of an allocation). An all-zero process is one that was never started.
void make_whole(FrameIdentity&, Kind, Account);
void rescind(FrameIdentity&);

// `frame` is the frame's 4096 bytes, which are overwritten: a header, and no object.
void format_row(FrameIdentity&, std::byte* frame, Kind, Account);

// Index below objects_per_frame of the row's kind. The object reads as zero but for its version.
Version make_in_row(FrameIdentity&, std::byte* frame, unsigned index);
void destroy_in_row(FrameIdentity&, std::byte* frame, unsigned index);

// The version of the object at `index` of a frame that holds it; none if there is no such object.
Version version_of(const FrameIdentity&, const std::byte* frame, unsigned index);

// The first capability to an object: what its buyer gets. Control, where a kind has one.
Capability fabricate(const FrameIdentity&, const std::byte* frame, FrameNumber, unsigned index);

// Copies a frame to `to` as it is to be stored: hints and volatile links cleared. What goes
// to the disk, and every checksum, is computed from this form.
void normalize(Kind, const std::byte* from, std::byte* to);

}  // namespace perdure
