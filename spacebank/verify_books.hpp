// SPDX-License-Identifier: MIT
//
// Recomputes every total and every list of an arena and compares. For tests (after each
// operation) and for the image verifier, which must not trust what it reads: every number is
// checked before it is followed, and every walk is bounded.
//
// What it checks: ONE-OWNER, USAGE-ADDS-UP, PLACES-FIRST (arena.hpp), the tree's shape and
// depths, free records, the line of dying banks and the sweep's place in it. Limits are not
// compared with usage: a limit may be set below it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "spacebank/arena.hpp"

namespace perdure::bank {

struct BooksProblem {
  std::string_view what;  // names what is wrong
  uint64_t number = 0;    // of the frame, bank or group concerned
};

// The first problem found; nothing if the books are sound. Time O(frames + banks).
std::optional<BooksProblem> verify_books(Arena);

// What the books say stands in a frame: to be compared with its tag (kind, account) and, for a
// row, with its header (allocated).
struct BookedFrame {
  FrameUse use = FrameUse::free;
  Kind kind = Kind::empty;
  Account account;         // 0 if the kind is empty
  uint64_t allocated = 0;  // rows
};
BookedFrame booked(Arena, Frame);

}  // namespace perdure::bank
