// SPDX-License-Identifier: MIT
//
// Who runs next, and who waits for what. Everything here is volatile: a restart rebuilds it from
// the restart list (objects/rows.hpp), where every runnable activity is ready again and its
// process makes its call again.
//
//             make_ready               take_highest
//   (idle) ---------------> ready -------------------> current
//                             ^                           |
//                             |  wake_one, wake_all       | stall
//                             +---------- waiting <-------+
//
// The queues are linked through the activities themselves (Activity::next, previous), so that
// any number of processes can be ready or stalled; a row with a queued activity is pinned. Only
// the heads are here: one list per priority, and a hash table of lists for what is waited for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "checkpoint/store.hpp"
#include "objects/rows.hpp"

namespace perdure {

// An activity in memory: cache slot and index. Valid while its row is pinned.
struct ActivityRef {
  uint32_t value = 0;  // 0: none; else (slot << 6 | index) + 1

  static constexpr ActivityRef of(CacheSlot slot, unsigned index) {
    return {(slot << ObjectId::index_bits | index) + 1};
  }
  constexpr bool is_none() const { return value == 0; }
  constexpr CacheSlot slot() const { return (value - 1) >> ObjectId::index_bits; }
  constexpr unsigned index() const { return (value - 1) & ((1u << ObjectId::index_bits) - 1); }
  auto operator<=>(const ActivityRef&) const = default;
};

class Scheduler {
 public:
  static constexpr uint8_t priority_unknown = 0xff;  // not looked at since the restart: goes first

  void start(Store& store) { store_ = &store; }

  Activity& at(ActivityRef ref) {
    return *row_object<Activity>(store_->bytes(ref.slot()), ref.index());
  }

  // What the process's schedule said when last looked at.
  uint8_t priority(ActivityRef);
  void set_priority(ActivityRef, uint8_t);

  // To the end of its priority's line. Must not be queued.
  void make_ready(ActivityRef);
  // To the end of the line for `channel`; to its front if it was just woken for it in vain.
  void stall(ActivityRef, WaitChannel, bool at_front = false);
  // Takes it out of whatever line it stands in.
  void remove(ActivityRef);

  // How often it has stalled since it last got on; count_stall adds one. Saturates.
  uint32_t count_stall(ActivityRef);
  void clear_stalls(ActivityRef);

  // The longest waiting one (all) becomes ready. Answers how many.
  unsigned wake_one(WaitChannel);
  unsigned wake_all(WaitChannel);
  bool has_waiter(WaitChannel) const;

  bool is_queued(ActivityRef);  // ready or waiting

  bool anything_ready() const { return ready_map_ != 0; }
  // Priority of the first in line; -1 if nobody is ready. Unknown counts as the highest.
  int highest_ready() const;
  ActivityRef take_highest();

  // What it was woken for and has not tried yet; none if it was not. Asking clears it.
  WaitChannel take_woken_for(ActivityRef);
  WaitChannel woken_for(ActivityRef);
  // Woken and not yet run: their frames must not be dropped before they have tried.
  unsigned woken_count() const { return woken_count_; }

  // The restart list in ticket order becomes the ready queue. `first` heads a list linked by
  // `next` that the caller has made with link_for_restart.
  void link_for_restart(ActivityRef, ActivityRef& list);
  void make_all_ready(ActivityRef list);

 private:
  struct Line {
    ActivityRef first;
    ActivityRef last;
  };
  static constexpr size_t line_count = priority_max + 2;  // the last one: priority unknown
  static constexpr size_t bucket_count = 256;

  static size_t bucket_of(WaitChannel);
  void append(Line&, ActivityRef);
  void prepend(Line&, ActivityRef);
  void unlink(Line&, ActivityRef);
  void wake(Line&, ActivityRef);
  Line& line_of(ActivityRef);
  ActivityRef sort_by_ticket(ActivityRef list);
  ActivityRef merge_by_ticket(ActivityRef a, ActivityRef b);

  Store* store_ = nullptr;
  uint32_t ready_map_ = 0;  // bit p: ready_[p] is not empty
  unsigned woken_count_ = 0;
  Line ready_[line_count];
  Line waiting_[bucket_count];
};

}  // namespace perdure
