// SPDX-License-Identifier: MIT
//
// The numbers that name things. Each has a type of its own, so that mixing two does not
// compile; the cost is nil.
#pragma once

#include <compare>
#include <cstdint>

namespace perdure {

// A 4 KiB frame of the store. Frame numbers are 58 bits, so that frame and index share a word.
struct FrameNumber {
  uint64_t value = 0;
  auto operator<=>(const FrameNumber&) const = default;
};

// Names one object for ever: its frame, and its index in that frame (0 for large objects).
// Says *where*; which of the objects that were ever there is said by a Version.
struct ObjectId {
  static constexpr unsigned index_bits = 6;
  uint64_t value = 0;

  static constexpr ObjectId of(FrameNumber frame, unsigned index = 0) {
    return {frame.value << index_bits | index};
  }
  constexpr FrameNumber frame() const { return {value >> index_bits}; }
  constexpr unsigned index() const { return static_cast<unsigned>(value & ((1u << index_bits) - 1)); }
  // Its index if it is in this frame; otherwise a number above all indexes.
  constexpr uint64_t index_in(FrameNumber frame) const { return value ^ frame.value << index_bits; }
  auto operator<=>(const ObjectId&) const = default;
};

// Invariant VERSIONS-NEVER-REPEAT: each frame has one 64-bit version source; every allocation,
// destruction and change of kind in the frame takes its next value. So a version is unique in
// its frame for ever, across kinds and indexes, and a capability is void if its version differs from
// its object's. 0 is the version of nothing: no object ever has it.
// Established by objects/frame_life.hpp, stored in the frame's tag, tried by
// test/unit/objects/frame_life_test.cpp and the crash tests.
// Two versions are the same or not: a later one says nothing about an earlier one, so there is no order.
struct Version {
  uint64_t value = 0;
  constexpr bool is_none() const { return value == 0; }
  bool operator==(const Version&) const = default;
};

// Which account paid for a frame: chosen by the bank, kept and never interpreted by the kernel.
struct Account {
  uint32_t value = 0;
  auto operator<=>(const Account&) const = default;
};

// Each attempt at a checkpoint has its own number, also an attempt that fails. It never repeats on any branch.
struct Generation {
  uint64_t value = 0;
  auto operator<=>(const Generation&) const = default;
};

}  // namespace perdure
