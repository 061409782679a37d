// SPDX-License-Identifier: MIT
//
// The frames of the store, for code that knows nothing of logs and checkpoints: find a frame, ask for it, make it
// writable. This is the front of a Store, and there is no other one. Nothing here waits: what cannot be done now answers
// with a Stall.
#pragma once

#include <cstddef>
#include <cstdint>

#include "checkpoint/descriptor.hpp"
#include "checkpoint/frame_cache.hpp"
#include "checkpoint/system_state.hpp"
#include "checkpoint/wait.hpp"
#include "objects/assertion.hpp"
#include "objects/expected.hpp"

namespace perdure {

class FrameStore {
 public:
  FrameStore(const FrameStore&) = delete;
  FrameStore& operator=(const FrameStore&) = delete;

  uint32_t epoch() const { return epoch_; }  // of the next checkpoint; never 0
  CacheSlot slot_count() const { return cache_.size(); }
  uint64_t frames_in_store() const { return frames_; }  // frame numbers are below this
  FrameDescriptor& descriptor(CacheSlot slot) { return cache_[slot]; }
  std::byte* bytes(CacheSlot slot) {  // 4096; clears the body first if it only reads as zero
    if (cache_[slot].flags & FrameDescriptor::flag_all_zero) [[unlikely]] clear(slot);
    return cache_.body(slot);
  }
  // The same for a frame with a descriptor that is_readable(), or that is known to have been looked at.
  std::byte* body(CacheSlot slot) { return cache_.body(slot); }

  // Resident and usable (clean or dirty, body present), or no_slot. Never starts anything.
  CacheSlot find(FrameNumber number, CacheSlot hint = no_slot) {
    if (hint < slot_count() && is_usable(hint, number)) return hint;
    const CacheSlot slot = cache_.lookup(number);
    return slot != no_slot && is_usable(slot, number) ? slot : no_slot;
  }
  // In whatever state, or no_slot.
  CacheSlot slot_of(FrameNumber number) const { return cache_.lookup(number); }
  // The same as find, or starts the fetch and stalls. A stalled caller is woken on the frame's channel.
  Expected<CacheSlot, Absent> obtain(FrameNumber, CacheSlot hint = no_slot);
  // Only the identity is needed, because the frame is about to be made anew: the body may be
  // absent (flag_body_absent). An operation that then changes the identity calls become_all_zero,
  // too; after make_dirty alone (the operation stalled) the frame is what it was.
  Expected<CacheSlot, Absent> obtain_identity(FrameNumber);
  // The frame's contents, or, if the disk does not give them, the identity alone (flag_body_lost). What was written
  // there is gone, but no version of it can come again.
  Expected<CacheSlot, Absent> obtain_what_is_left(FrameNumber);
  // No generation has ever held the frame: there is nothing to read.
  bool is_never_used(FrameNumber number) const;
  // After obtain_identity or obtain_what_is_left: the frame is not made anew after all.
  void let_stay(CacheSlot);

  // Dirty in this epoch: identity and bytes may be written.
  bool is_current(CacheSlot slot) const { return is_current(cache_[slot]); }
  bool is_current(const FrameDescriptor& descriptor) const { return descriptor.is_dirty_in(epoch_); }
  // Makes the frame current: reserves log space, copies a frozen frame out. Idempotent within an epoch.
  Expected<void, Stall> make_dirty(CacheSlot, Need = Need::ordinary);
  // After make_whole, rescind, or before format_row, on a current frame: the body reads as zero.
  void become_all_zero(CacheSlot);

  void pin(CacheSlot slot) {  // not evicted while pinned
    assert_that(cache_[slot].pins < 0xffff, "pins are counted");
    ++cache_[slot].pins;
  }
  void unpin(CacheSlot slot) {
    assert_that(cache_[slot].pins > 0, "only what is pinned is unpinned");
    if (--cache_[slot].pins == 0) may_have_room();
  }
  // The two frames of the process that runs are not evicted either; no_slot: none runs.
  void keep(CacheSlot a, CacheSlot b) { cache_.keep(a, b); }
  // After keep() has let go of frames: a process that waits for room may find some.
  void may_have_room();
  // Readable as it stands, and current.
  bool is_at_hand(const FrameDescriptor& descriptor) const {
    return descriptor.is_readable_and_dirty() && descriptor.epoch == epoch_;
  }
  bool drop(CacheSlot);   // evicts; false if it is not clean, pinned, or awaited
  CacheSlot random_droppable(uint64_t random);  // for chaos; or no_slot

  SystemState& system();  // part of the next generation
  Generation next_generation() const;  // the first that can hold what changes now

 protected:
  constexpr FrameStore() = default;

  FrameCache cache_;
  uint32_t epoch_ = 1;   // of the next checkpoint
  uint64_t frames_ = 0;  // in the store

 private:
  bool is_usable(CacheSlot slot, FrameNumber number) const {
    const FrameDescriptor& descriptor = cache_[slot];
    return descriptor.number == number &&
           (descriptor.state == FrameState::clean || descriptor.state == FrameState::dirty) &&
           !(descriptor.flags & FrameDescriptor::flag_body_absent);
  }
  void clear(CacheSlot);
};

}  // namespace perdure
