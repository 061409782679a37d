// SPDX-License-Identifier: MIT
//
// The frame books: which frames are free, and in which bank's rings the others stand. They know nothing
// of limits and of the kernel. Keeps ONE-OWNER and PLACES-FIRST (arena.hpp).
//
// Where a bank's next frame comes from, so that its frames lie together on the disk, in O(1):
//   1. the group of the frame that it bought last, right after that frame if possible;
//   2. a group that is wholly free: first one that was used before, then one never touched;
//   3. any group with a free frame.
#pragma once

#include "spacebank/arena.hpp"
#include "spacebank/ring.hpp"

namespace perdure::bank {

class FrameBooks {
 public:
  explicit FrameBooks(Arena arena) : arena_(arena) {}

  // A free frame, near the given one; it is no longer free and stands in no ring. none: there is
  // no free frame at all.
  Frame take(Frame near) const;
  // The frame must stand in no ring. Its entry is all zero afterwards.
  void give_back(Frame) const;

  // The next free frames come from other groups than that of this one, if there are any.
  void put_group_last(Frame) const;

  // From taken to bought by `owner`, with nothing sold in it if it is a row; and back to taken.
  void enter(Frame, Bank owner, Kind) const;
  void leave(Frame) const;

  // A bought frame, with what is sold in it, is another bank's from now on.
  void pass(Frame, Bank to) const;

  // A row of the bank with a place to sell; none if there is none.
  Frame row_with_place(Bank, Kind) const;
  unsigned free_place(Frame row) const;
  void sell_place(Frame row, unsigned index) const;
  void return_place(Frame row, unsigned index) const;
  // Nothing more is sold in it: it cannot be read.
  void close(Frame row) const;
  bool is_sold(Frame row, unsigned index) const { return arena_.at(row).allocated >> index & 1; }

 private:
  Frame take_from(Group, unsigned wanted_bit) const;
  Group group_with_free_frame() const;
  Ring<Arena, Group> ring_of(Group) const;
  Ring<Arena, Frame> ring_of(Frame) const;
  bool is_full(Frame row) const;

  Arena arena_;
};

// All places of a row of this kind.
constexpr uint64_t all_places(Kind kind) {
  return (uint64_t{1} << info(kind).objects_per_frame) - 1;
}

}  // namespace perdure::bank
