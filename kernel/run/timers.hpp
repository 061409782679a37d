// SPDX-License-Identifier: MIT
//
// Timers: which activities are to be looked at when. Volatile: a restart arms them anew, because
// every call is then made again, and a process that waits for an answer with a deadline is looked at.
//
// A hierarchical timing wheel (Varghese and Lauck, 1987): level l has 256 slots of 256^l ticks. An
// activity stands on the level of the highest byte in which its tick differs from the hand's; when
// the hand comes to the slot, what stands there moves down, or, on level 0, is due. Arming and
// disarming take a few instructions however many timers there are, and the hand moves in bounded
// steps. The slots are linked through the activities themselves (Activity::timer_next), so any
// number of timers can be armed; a row with an armed activity is pinned.
//
// A timer never strikes early, and at most one tick late as far as the hand has kept up. It is only
// a hint to look: a process that is found decides by the clock whether its time has come.
#pragma once

#include <cstdint>

#include "checkpoint/frame_store.hpp"
#include "kernel/run/activity_ref.hpp"
#include "objects/rows.hpp"

namespace perdure {

class Timers {
 public:
  static constexpr unsigned tick_bits = 20;  // a tick is 2^20 ns, about a millisecond

  void start(FrameStore& store) { store_ = &store; }

  // To strike at this time since boot, instead of any earlier one.
  void arm(ActivityRef, uint64_t at_ns);
  void disarm(ActivityRef);
  bool is_armed(ActivityRef);

  // Takes a timer that is due, and disarms it; none if there is none, or for now. `steps` bounds how far
  // the hand moves and how many are moved down; it is what is left of them afterwards.
  ActivityRef take_due(uint64_t now_ns, unsigned& steps);

  // Is a timer due for which `matters(ref)` holds? Nothing is changed. Only a few timers are looked at, of those
  // that became due last; none that the hand has yet to move down.
  template <typename Matters>
  bool is_any_due(uint64_t now_ns, Matters matters);

 private:
  static constexpr unsigned level_bits = 8;
  static constexpr unsigned slots_per_level = 1 << level_bits;
  static constexpr unsigned level_count = 4;

  Activity& at(ActivityRef ref) { return *row_object<Activity>(store_->bytes(ref.slot()), ref.index()); }
  unsigned slot_for(uint32_t tick) const;
  unsigned full_slot_above() const;
  void link(ActivityRef, uint32_t tick);
  void unlink(ActivityRef);

  static constexpr unsigned looked_at_max = 16;

  FrameStore* store_ = nullptr;
  uint64_t armed_count_ = 0;
  uint64_t hand_ = 0;  // all that was due before this tick has been taken
  ActivityRef slots_[level_count * slots_per_level];
};

template <typename Matters>
bool Timers::is_any_due(uint64_t now_ns, Matters matters) {
  const uint64_t now = now_ns >> tick_bits;
  unsigned left = armed_count_ == 0 ? 0 : looked_at_max;
  for (uint64_t tick = now; left > 0 && tick + 1 > hand_; --tick, --left) {
    if (slot_for(static_cast<uint32_t>(tick)) >= slots_per_level) continue;
    for (ActivityRef ref = slots_[tick & (slots_per_level - 1)]; left > 0 && !ref.is_none(); ref = {at(ref).timer_next}) {
      if (matters(ref)) return true;
      --left;
    }
  }
  return false;
}

}  // namespace perdure
