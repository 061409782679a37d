// SPDX-License-Identifier: MIT
//
// The frame descriptor: what memory knows of one frame of the cache. One per slot of the cache,
// 64 bytes, made at boot and never again (P6).
//
//   vacant --obtain--> fetching --completion--> clean <------------ written home / logged, untouched
//                         |                       | make_dirty            ^
//                         v                       v                       |
//                      unreadable               dirty --declare--> frozen-+
//                                                 ^                  |  make_dirty: copied out first
//                                                 +------------------+
//
// "Frozen" is no state of its own: a dirty frame belongs to the generation that is being written if its
// epoch is older than the store's. So a declaration changes no descriptor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "objects/frame_life.hpp"
#include "objects/ids.hpp"
#include "objects/line.hpp"

namespace perdure {

// Index of a frame in the cache, and of its descriptor. 0 is a real slot.
using CacheSlot = uint32_t;
inline constexpr CacheSlot no_slot = 0xffff'ffff;
// 128 GiB. The kernel names an object in memory by its slot and its index there, in 31 bits: the highest one says that a link
// leads to the ends of a line (kernel/run/scheduler.hpp) or to a timer's slot.
inline constexpr CacheSlot cache_slots_max = 1u << 25;

// The time by which verdicts go, in steps of some 17 ms. Two moments are compared by the sign of the difference, which is
// right for a year.
constexpr uint32_t moment_of(uint64_t ns) { return static_cast<uint32_t>(ns >> 24); }
inline constexpr uint32_t moments_per_second = 60;
inline constexpr uint32_t untold_moments_max = 100 * moments_per_second;  // a verdict that is not told lapses then

enum class FrameState : uint8_t {
  vacant = 0,      // holds no frame of the store
  fetching = 1,    // the tag or the body is on its way from the disk
  clean = 2,       // same as on the disk (log or home)
  dirty = 3,       // changed since; frozen if its epoch is not the store's
  unreadable = 4,  // its only copy could not be read: a verdict, which lapses (checkpoint/fetcher.hpp)
};

struct FrameDescriptor {
  static constexpr uint8_t flag_all_zero = 1 << 0;   // body not yet cleared: reads as zero
  static constexpr uint8_t flag_body_absent = 1 << 1;  // only the identity was fetched
  static constexpr uint8_t flag_referenced = 1 << 2; // for the clock that chooses victims
  static constexpr uint8_t flag_body_lost = 1 << 4;  // the same, for the disk does not give it
  static constexpr uint8_t flag_leaving = 1 << 5;    // is to be made anew, whether it can be read or not
  static constexpr uint8_t flag_awaited = 1 << 3;    // was fetched for a process that has not yet tried again
  static constexpr uint8_t flag_told = 1 << 6;       // that it cannot be read has been told

  FrameNumber number;
  FrameIdentity identity;
  FrameState state = FrameState::vacant;
  uint8_t flags = 0;
  uint16_t pins = 0;            // not a victim while > 0
  uint32_t epoch = 0;           // of the checkpoint in which it was last made dirty
  CacheSlot hash_next = no_slot;
  CacheSlot list_next = no_slot;      // dirty or frozen list
  CacheSlot list_previous = no_slot;
  LineEnds waiting;                   // the kernel's own: the activities that wait for the frame while it is fetched
  // The kernel's own: hardware entries that map this frame. Valid only for mapping_epoch.
  uint32_t mapping_count = 0;
  // A frame that is being fetched, or that has contents that cannot be read, is mapped nowhere: the times that
  // its verdict goes by stand here instead, in moments.
  union {
    uint32_t mapping_epoch = 0;
    uint32_t read_began;
  };
  union {
    uint32_t mapping_table = 0;  // the last one: table number << 9 | entry
    uint32_t verdict_moment;     // when it was found; with flag_told when it lapses
  };

  // The body is there and can be read as it stands. The two bytes are looked at as one: this is asked
  // more often than anything else.
  bool is_readable() const { return (state_and_flags() & 0x3fe) == 0x002; }       // clean or dirty
  bool is_dirty_in(uint32_t that) const { return state == FrameState::dirty && epoch == that; }
  bool is_readable_and_dirty() const { return (state_and_flags() & 0x3ff) == 0x003; }

  // The disk has been found not to give the contents of this frame.
  bool has_verdict() const {
    return state == FrameState::unreadable || (state == FrameState::clean && flags & flag_body_lost);
  }
  // With a verdict: it is not to be believed any more.
  bool has_lapsed(uint32_t moment) const {
    return static_cast<int32_t>(moment - verdict_moment - (flags & flag_told ? 0 : untold_moments_max)) >= 0;
  }

 private:
  uint16_t state_and_flags() const {
    uint16_t both;
    __builtin_memcpy(&both, &state, sizeof(both));
    return both;
  }
};
static_assert(sizeof(FrameDescriptor) == 64 && offsetof(FrameDescriptor, flags) == offsetof(FrameDescriptor, state) + 1);
static_assert(static_cast<unsigned>(FrameState::clean) == 2 && static_cast<unsigned>(FrameState::dirty) == 3 &&
              (FrameDescriptor::flag_all_zero | FrameDescriptor::flag_body_absent) == 3);

}  // namespace perdure
