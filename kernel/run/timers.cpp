// SPDX-License-Identifier: MIT
#include "kernel/run/timers.hpp"

#include <algorithm>
#include <bit>

namespace perdure {
namespace {

// A timer farther away than that is looked at again then: 2^30 ticks are twelve days.
constexpr uint64_t ticks_ahead_max = 1u << 30;

constexpr uint8_t flag_armed = 1 << 7;  // in Activity::queue_flags; the others are the scheduler's

// In timer_previous of the first in a slot, with the number of the slot. Above any ActivityRef.
constexpr uint32_t first_in_slot = 1u << 31;

}  // namespace

bool Timers::is_armed(ActivityRef ref) { return at(ref).queue_flags & flag_armed; }

// No timer is more than 2^31 ticks ahead of the hand, so the low half of a tick tells timers apart, and
// may wrap around.
unsigned Timers::slot_for(uint32_t tick) const {
  const uint32_t differing = tick ^ static_cast<uint32_t>(hand_);
  const unsigned level = differing == 0 ? 0 : (31 - std::countl_zero(differing)) / level_bits;
  return level * slots_per_level + (tick >> (level * level_bits) & (slots_per_level - 1));
}

void Timers::link(ActivityRef ref, uint32_t tick) {
  Activity& activity = at(ref);
  const unsigned slot = slot_for(tick);
  activity.timer_tick = tick;
  activity.timer_next = slots_[slot].value;
  activity.timer_previous = first_in_slot | slot;
  if (activity.timer_next != 0) at(slots_[slot]).timer_previous = ref.value;
  slots_[slot] = ref;
}

// Only the first timer of a slot knows which slot it stands in: the hand has moved since it was linked.
void Timers::unlink(ActivityRef ref) {
  Activity& activity = at(ref);
  const uint32_t previous = activity.timer_previous;
  if (activity.timer_next != 0) at({activity.timer_next}).timer_previous = previous;
  if (previous & first_in_slot) slots_[previous & ~first_in_slot] = {activity.timer_next};
  else at({previous}).timer_next = activity.timer_next;
  activity.timer_next = activity.timer_previous = 0;
}

void Timers::arm(ActivityRef ref, uint64_t at_ns) {
  disarm(ref);
  const uint64_t tick = (at_ns >> tick_bits) + ((at_ns & ((1u << tick_bits) - 1)) != 0);
  link(ref, static_cast<uint32_t>(std::clamp(tick, hand_, hand_ + ticks_ahead_max)));
  at(ref).queue_flags |= flag_armed;
  ++armed_count_;
  store_->pin(ref.slot());
}

void Timers::disarm(ActivityRef ref) {
  if (!is_armed(ref)) return;
  unlink(ref);
  at(ref).queue_flags &= static_cast<uint8_t>(~flag_armed);
  --armed_count_;
  store_->unpin(ref.slot());
}

// A slot of a higher level at which the hand has arrived, with something to move down; 0: none.
unsigned Timers::full_slot_above() const {
  for (unsigned level = 1; level < level_count; ++level) {
    if (hand_ & ((uint64_t{1} << (level * level_bits)) - 1)) break;
    const unsigned slot = level * slots_per_level + (hand_ >> (level * level_bits) & (slots_per_level - 1));
    if (!slots_[slot].is_none()) return slot;
  }
  return 0;
}

ActivityRef Timers::take_due(uint64_t now_ns, unsigned& steps) {
  const uint64_t now = now_ns >> tick_bits;
  if (armed_count_ == 0) hand_ = now;
  for (; steps > 0; --steps) {
    if (const unsigned above = full_slot_above()) {
      const ActivityRef ref = slots_[above];
      unlink(ref);
      link(ref, at(ref).timer_tick);
      continue;
    }
    const ActivityRef due = slots_[hand_ & (slots_per_level - 1)];
    if (!due.is_none()) {
      disarm(due);
      return due;
    }
    if (hand_ >= now) break;
    ++hand_;
  }
  return {};
}

}  // namespace perdure
