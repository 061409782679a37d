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
#include "kernel/activity_ref.hpp"
#include "objects/rows.hpp"

namespace perdure {

class Scheduler {
 public:
  static constexpr uint8_t priority_unknown = 0xff;  // not looked at since the restart: goes first

  void start(Store& store) { store_ = &store; }

  Activity& at(ActivityRef ref) {
    return *row_object<Activity>(store_->body(ref.slot()), ref.index());
  }

  // What the process's schedule said when last looked at.
  uint8_t priority(ActivityRef);
  void set_priority(ActivityRef, uint8_t);

  // To the end of its priority's line. Must not be queued.
  void make_ready(ActivityRef);
  // To the end of the line for `channel`; to its front if it, the first, was just woken for it in vain.
  void stall(ActivityRef, WaitChannel, bool at_front = false);
  // Of one that has just been stalled: in a system call, rather than by a fault.
  void note_in_call(ActivityRef);
  // Takes it out of whatever line it stands in.
  void remove(ActivityRef);
  // What it stalled for in a system call, by which it stands in line; none in all other cases.
  WaitChannel stalled_call(ActivityRef);

  // The longest waiting one (all) becomes ready. Answers how many.
  unsigned wake_one(WaitChannel);
  unsigned wake_all(WaitChannel channel) {
    return waiting_[bucket_of(channel)].first.is_none() ? 0 : wake_all_in_line(channel);
  }
  bool has_waiter(WaitChannel) const;
  // Nobody waits for this process to receive, nor in a line that shares its bucket by accident: cheaper
  // than has_waiter.
  bool nobody_awaits_receiver(ObjectId process) const {
    if (awaiting_receivers_ == 0) [[likely]] return true;
    return waiting_[bucket_of(WaitChannel::of(WaitChannel::Reason::receiver, process.value))].first.is_none();
  }

  bool is_queued(ActivityRef);   // ready or waiting
  bool is_waiting(ActivityRef);  // stalled
  // A waiting one becomes ready, whatever it waits for.
  void rouse(ActivityRef);

  bool anything_ready() const { return ready_map_ != 0; }
  // Priority of the first in line; -1 if nobody is ready. Unknown counts as the highest.
  int highest_ready() const;
  // Nobody ready is more important, nor, with the slice over, equal; one whose priority is not known has
  // to be looked at first. (Activity::priority is one more than it says.)
  bool may_run_at_once(const Activity& activity, bool slice_is_over) const {
    return activity.priority != 0 && ready_map_ >> (activity.priority - slice_is_over) == 0;
  }
  ActivityRef take_highest();

  // What it was woken for and has not tried yet; none if it was not. Asking clears it.
  WaitChannel take_woken_for(ActivityRef);
  // Woken by wake_one: the one that stood first, and it alone. Whoever was woken with others lines up
  // behind them again, in the order in which all try.
  bool was_woken_as_first(ActivityRef);
  // It has not tried yet, after all.
  void give_turn_back(ActivityRef, WaitChannel, bool as_first);
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

  static size_t bucket_of(WaitChannel channel) { return (channel.value * 0x9e3779b97f4a7c15) >> 56; }
  void append(Line&, ActivityRef);
  void prepend(Line&, ActivityRef);
  void unlink(Line&, ActivityRef);
  void wake(Line&, ActivityRef, bool as_first);
  unsigned wake_all_in_line(WaitChannel);
  void note_not_waiting(const Activity&);
  Line& line_of(ActivityRef);
  ActivityRef sort_by_ticket(ActivityRef list);
  ActivityRef merge_by_ticket(ActivityRef a, ActivityRef b);

  Store* store_ = nullptr;
  uint32_t ready_map_ = 0;  // bit p: ready_[p] is not empty
  unsigned woken_count_ = 0;
  uint64_t awaiting_receivers_ = 0;  // who waits for any process to receive
  Line ready_[line_count];
  Line waiting_[bucket_count];
};

}  // namespace perdure
