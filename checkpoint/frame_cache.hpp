// SPDX-License-Identifier: MIT
//
// The cache of frames: descriptors, bodies, a hash from frame number to slot, the list of vacant
// slots, and the clock that chooses what to evict. Divided once at boot (P6).
//
// Invariant STAGED-STAYS: a frame is not evicted while its newest copy in the log is not yet part of a committed
// generation, because if the attempt fails the frame in memory is the only copy.
// Such a frame is clean, and its epoch is above the committed one; a commit raises that number,
// and so lets all of them go at once, without visiting any.
//
// Invariant VERDICT-STAYS: that a frame is unreadable is known until that lapses (checkpoint/fetcher.hpp), though other
// frames come and go meanwhile: it may take half a minute to find out, and a call may need to hear it of several. Only
// of an eighth of the slots, so that a disk with many bad places does not use up the cache; above that the hand takes
// what it comes to first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "checkpoint/descriptor.hpp"

namespace perdure {

class FrameCache {
 public:
  // Sizes agree, `heads` has a power of two.
  void open(std::span<FrameDescriptor> descriptors, std::span<CacheSlot> heads, std::byte* bodies);

  FrameDescriptor& operator[](CacheSlot slot) { return descriptors_[slot]; }
  const FrameDescriptor& operator[](CacheSlot slot) const { return descriptors_[slot]; }
  std::byte* body(CacheSlot slot) { return bodies_ + size_t{slot} * frame_bytes; }
  const std::byte* body(CacheSlot slot) const { return bodies_ + size_t{slot} * frame_bytes; }
  CacheSlot size() const { return static_cast<CacheSlot>(descriptors_.size()); }
  CacheSlot resident() const { return resident_; }

  // The frame's slot, in any state; or no_slot.
  CacheSlot lookup(FrameNumber number) const {
    CacheSlot slot = heads_[bucket_of(number)];
    while (slot != no_slot && descriptors_[slot].number != number) slot = descriptors_[slot].hash_next;
    return slot;
  }

  // Resident, and its contents, with a body, are those that were committed last; or no_slot.
  CacheSlot find_unchanged(FrameNumber number) const {
    const CacheSlot slot = lookup(number);
    if (slot == no_slot) return no_slot;
    const FrameDescriptor& descriptor = descriptors_[slot];
    const bool has_body = !(descriptor.flags & (FrameDescriptor::flag_body_absent | FrameDescriptor::flag_all_zero));
    return descriptor.state == FrameState::clean && has_body ? slot : no_slot;
  }

  // A vacant slot becomes one that holds `number`, in state fetching. no_slot if there is none.
  CacheSlot take_vacant(FrameNumber number);
  bool has_vacant() const { return vacant_ != no_slot; }
  // Any slot that is on no list becomes vacant.
  void vacate(CacheSlot);

  // Two frames that are not evicted, as if they were pinned, until others are named: those of the process
  // that runs. Cheaper than pinning, because they change with every call.
  void keep(CacheSlot a, CacheSlot b) {
    kept_[0] = a;
    kept_[1] = b;
  }
  bool is_evictable(CacheSlot, uint32_t committed_epoch) const;
  // Moves the clock's hand by at most `steps`. no_slot if it passed no victim.
  CacheSlot find_victim(uint32_t committed_epoch, uint32_t moment, unsigned steps);
  // Of so many slots, those that verdicts leave for other frames.
  static constexpr CacheSlot beside_verdicts(CacheSlot slots) { return slots - slots / verdicts_share; }

 private:
  // Of all slots, so many may be held by verdicts (VERDICT-STAYS).
  static constexpr CacheSlot verdicts_share = 8;

  bool stays(const FrameDescriptor&, uint32_t moment);
  size_t bucket_of(FrameNumber number) const {
    return number.value * 0x9E3779B97F4A7C15 >> hash_shift_;
  }

  std::span<FrameDescriptor> descriptors_;
  std::span<CacheSlot> heads_;
  std::byte* bodies_ = nullptr;
  unsigned hash_shift_ = 63;
  CacheSlot vacant_ = no_slot;  // linked by list_next
  CacheSlot hand_ = 0;
  CacheSlot verdicts_passed_ = 0;  // by the hand, in this round
  CacheSlot resident_ = 0;
  CacheSlot kept_[2] = {no_slot, no_slot};
};

// A doubly linked list through list_next and list_previous, in order of arrival.
struct FrameList {
  CacheSlot first = no_slot;
  CacheSlot last = no_slot;
  uint64_t count = 0;

  void append(FrameCache&, CacheSlot);
  void remove(FrameCache&, CacheSlot);
};

}  // namespace perdure
