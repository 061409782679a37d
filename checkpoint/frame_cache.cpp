// SPDX-License-Identifier: MIT
#include "checkpoint/frame_cache.hpp"

#include <bit>

#include "objects/assertion.hpp"

namespace perdure {

void FrameCache::open(std::span<FrameDescriptor> descriptors, std::span<CacheSlot> heads,
                      std::byte* bodies) {
  assert_that(heads.size() > 1 && (heads.size() & (heads.size() - 1)) == 0, "hash heads are a power of two");
  descriptors_ = descriptors;
  heads_ = heads;
  bodies_ = bodies;
  hash_shift_ = 64 - static_cast<unsigned>(std::countr_zero(heads.size()));
  for (CacheSlot& head : heads_) head = no_slot;
  vacant_ = no_slot;
  hand_ = verdicts_passed_ = resident_ = 0;
  // The last one is taken first: where memory is more than one piece it lies in the upper one, and so every run uses that,
  // and not only one that fills the memory.
  for (CacheSlot slot = 0; slot < size(); ++slot) {
    descriptors_[slot] = {};
    descriptors_[slot].list_next = vacant_;
    vacant_ = slot;
  }
}

CacheSlot FrameCache::take_vacant(FrameNumber number) {
  const CacheSlot slot = vacant_;
  if (slot == no_slot) return no_slot;
  FrameDescriptor& descriptor = descriptors_[slot];
  vacant_ = descriptor.list_next;
  CacheSlot& head = heads_[bucket_of(number)];
  descriptor = {.number = number, .state = FrameState::fetching, .hash_next = head};
  head = slot;
  ++resident_;
  return slot;
}

void FrameCache::vacate(CacheSlot slot) {
  FrameDescriptor& descriptor = descriptors_[slot];
  CacheSlot* link = &heads_[bucket_of(descriptor.number)];
  while (*link != slot) link = &descriptors_[*link].hash_next;
  *link = descriptor.hash_next;
  descriptor.state = FrameState::vacant;
  descriptor.flags = 0;
  descriptor.hash_next = no_slot;
  descriptor.list_next = vacant_;
  vacant_ = slot;
  --resident_;
}

bool FrameCache::is_evictable(CacheSlot slot, uint32_t committed_epoch) const {
  const FrameDescriptor& descriptor = descriptors_[slot];
  if (slot == kept_[0] || slot == kept_[1]) return false;
  if (descriptor.pins > 0 || descriptor.flags & FrameDescriptor::flag_awaited) return false;
  if (descriptor.state == FrameState::unreadable) return true;
  return descriptor.state == FrameState::clean && descriptor.epoch <= committed_epoch;
}

bool FrameCache::stays(const FrameDescriptor& descriptor, uint32_t moment) {
  if (!descriptor.has_verdict() || descriptor.has_lapsed(moment)) return false;
  return verdicts_passed_++ < size() / verdicts_share;
}

CacheSlot FrameCache::find_victim(uint32_t committed_epoch, uint32_t moment, unsigned steps) {
  constexpr uint8_t second_chance = FrameDescriptor::flag_referenced | FrameDescriptor::flag_awaited;
  for (unsigned i = 0; i < steps; ++i) {
    const CacheSlot slot = hand_;
    if (slot == 0) verdicts_passed_ = 0;
    hand_ = hand_ + 1 == size() ? 0 : hand_ + 1;
    FrameDescriptor& descriptor = descriptors_[slot];
    // A process that awaits a frame is granted two rounds of the hand, so that a process that never comes
    // (its caller was destroyed) does not hold the frame for ever.
    if (descriptor.flags & FrameDescriptor::flag_referenced) {
      descriptor.flags &= static_cast<uint8_t>(~FrameDescriptor::flag_referenced);
      continue;
    }
    if (is_evictable(slot, committed_epoch) && !stays(descriptor, moment)) return slot;
    if (descriptor.state != FrameState::fetching) {
      descriptor.flags &= static_cast<uint8_t>(~second_chance);
    }
  }
  return no_slot;
}

void FrameList::append(FrameCache& cache, CacheSlot slot) {
  FrameDescriptor& descriptor = cache[slot];
  descriptor.list_next = no_slot;
  descriptor.list_previous = last;
  if (last == no_slot) first = slot; else cache[last].list_next = slot;
  last = slot;
  ++count;
}

void FrameList::remove(FrameCache& cache, CacheSlot slot) {
  FrameDescriptor& descriptor = cache[slot];
  const CacheSlot next = descriptor.list_next, previous = descriptor.list_previous;
  if (previous == no_slot) first = next; else cache[previous].list_next = next;
  if (next == no_slot) last = previous; else cache[next].list_previous = previous;
  descriptor.list_next = descriptor.list_previous = no_slot;
  --count;
}

}  // namespace perdure
