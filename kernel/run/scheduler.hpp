// SPDX-License-Identifier: MIT
//
// Which process runs next, and what each of the others waits for. Everything here is volatile: a restart
// rebuilds it from the restart list (objects/rows.hpp), where every runnable activity is ready again and its
// process makes its call again.
//
//             make_ready               take_highest
//   (idle) ---------------> ready -------------------> current
//                             ^                           |
//                             |  wake_all, rouse          | stall
//                             +---------- waiting <-------+
//
// Lines are linked through the activities themselves (Activity::next, previous), so that any number
// of processes can be ready or stalled; a row with a queued activity is pinned. The two ends of a line
// stand in what is waited for: the process that is to receive (a line for each priority), the endpoint,
// the wrapper, the descriptor of the frame that is fetched. Here are only the ready lines, and the lines for
// reasons to wait that no object stands for. An activity that only a timer or a restart wakes stands in one of
// those, too.
//
// Invariants:
//  ONE-QUEUE          an activity stands in at most one line.
//  NO-STRANGERS       joining, leaving and looking at a line take a number of steps that does not depend on other
//                     processes. The steps to wake all of a line depend on the activities in it; the steps to take
//                     back a priority that was handed on, on the processes that it was handed on to. Both let
//                     interrupts in.
//  PRESENT-PRIORITY   a process that is ready, or waits for a receiver, stands in the line of its present
//                     priority. That is its schedule's, or, if that is higher, the priority of the most important
//                     caller in line for it, or of the client that has an unanswered call with it: as of when it
//                     joined, and with all changes since in the line of callers for that client, for that client's
//                     own client, and so on. What it is lent gets it no higher than its schedule's ceiling.
//                     The list of a schedule's *peers* names the processes that stand in such a line by it.
//                     A process stands among the *unlooked*, by its last known priority, until it is looked at, if
//                     its frame or its schedule, or a client's, is not in memory; so does a process that others
//                     have to wait for since the restart (Activity::is_awaited).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "checkpoint/frame_store.hpp"
#include "kernel/run/activity_ref.hpp"
#include "kernel/run/priorities.hpp"
#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {

class Scheduler {
 public:
  void start(FrameStore& store) {
    store_ = &store;
    priorities.start(store);
  }

  Priorities priorities;

  Activity& at(ActivityRef ref) {
    return *row_object<Activity>(store_->body(ref.slot()), ref.index());
  }

  // The client's call is about to end; so is what the client lends to its callee.
  void call_ends(Process& client) { changed_ = priorities.callee_of(client); }

  // To the end of the line of its present priority. Must not be queued.
  void make_ready(ActivityRef);
  void make_ready(ActivityRef, Standing looked_at);
  // To the end of the line for `channel`; among callers, behind those of no later ticket. In a system
  // call, rather than by a fault: `in_call`.
  void stall(ActivityRef, WaitChannel channel, bool in_call);
  // Takes it out of whatever line it stands in.
  void remove(ActivityRef);
  // What it stalled for in a system call; none in all other cases.
  WaitChannel::Reason stalled_call(ActivityRef);
  bool waits_in_call(ActivityRef);
  WaitChannel::Reason reason(ActivityRef);  // what it waits for; none: it does not

  // All activities that wait there become ready. Answers how many.
  unsigned wake_all(WaitChannel);
  // All callers in line for this process become ready. By a capability: only if it still names the process, for
  // another process in the same place has callers of its own. (A process that is waited for is in memory.)
  unsigned wake_callers(const Capability& receiver);
  unsigned wake_callers(CacheSlot process);
  // Of the processes that could not be read, this one becomes ready: it has been read now, or is gone. Answers
  // how many.
  unsigned wake_unread(FrameNumber);
  void wake_one_unread();  // the one that has waited longest
  // The most important processes that wait for a frame of the cache, or for the disk, become ready; no more than
  // there may be room for.
  void wake_some_for_store();

  bool is_queued(ActivityRef);   // ready or waiting
  bool is_waiting(ActivityRef);  // stalled
  // A waiting activity becomes ready, whatever it waits for.
  void wake(ActivityRef);

  // A schedule has another priority now, or is about to be destroyed: moves all that stand in line by it.
  void schedule_changed(CacheSlot, unsigned index, bool is_destroyed);
  // Its schedule or its client could not be read, and may be now. The row may have left memory.
  void look_again(ActivityRef);
  // The process has another schedule now.
  void process_changed(Process&);

  // Of the callers in line for a process, the one behind `passed` others: the most important
  // first, equals in order of their tickets.
  struct Caller {
    ActivityRef ref;  // none: there are no more
    uint8_t priority = 0;
  };
  Caller caller(const Process&, unsigned passed);

  bool anything_ready() const { return ready_map_ != 0; }
  // Priority of the first in line; -1 if no process is ready.
  int highest_ready() const;
  // No ready process is more important, nor, with the slice over, equal.
  bool may_run_at_once(uint8_t priority, bool slice_is_over) const {
    return ready_map_ >> (priority + !slice_is_over) == 0;
  }
  struct Taken {
    ActivityRef ref;
    bool was_known = false;
  };
  Taken take_highest();  // one is ready
  // One that has not been looked at; none if there is none.
  ActivityRef take_unlooked();

  // Woken and not yet run: their frames must not be dropped before they have tried.
  unsigned woken_count() const { return woken_count_; }
  void forget_wake(ActivityRef);

  // The restart list in ticket order becomes the ready queue. `list` heads a list linked by
  // `next` that the caller has made with link_for_restart.
  void link_for_restart(ActivityRef, ActivityRef& list);
  void make_all_ready(ActivityRef list);

 private:
  using Reason = WaitChannel::Reason;
  static constexpr unsigned reason_count = 16;
  static constexpr unsigned unlooked = priority_count;  // ready_[unlooked + p]
  // Where a line is, in 31 bits: which one of its reason.
  using Place = uint32_t;

  struct Line {
    Reason reason;  // none: ready
    Place place;
  };
  static Place place_of(CacheSlot slot, unsigned index) { return slot << ObjectId::index_bits | index; }
  // However many wait in a line, interrupts are not off for longer than these take.
  static constexpr unsigned steps_between_interrupts = 16;
  static constexpr uint32_t end_mark = 1u << 31;  // of a link: it leads to the line's ends, at this place
  static_assert((cache_slots_max - 1) >> (31 - ObjectId::index_bits) == 0);

  LineEnds& ends_of(const Line&);
  Line line_for(ActivityRef, WaitChannel);
  void insert_ready(ActivityRef, CacheSlot process, const Standing&);
  Process& process_in(CacheSlot slot) { return *reinterpret_cast<Process*>(store_->body(slot)); }
  Schedule& schedule_at(Place place) {
    return *row_object<Schedule>(store_->body(place >> ObjectId::index_bits), place & 63);
  }
  void insert_behind(const Line&, ActivityRef before, ActivityRef);
  void append(const Line&, ActivityRef);
  void append_by_ticket(const Line&, ActivityRef);
  void unlink(ActivityRef);
  void line_began(const Line&);
  void line_ended(const Line&);
  void set_callers_map(CacheSlot, uint16_t);
  void join_peers(ActivityRef, const Standing&);
  void leave_peers(ActivityRef);
  void leave_line(ActivityRef);
  void follow_changes();
  bool has_priority_line(ActivityRef);
  void move(ActivityRef, const Standing&);
  unsigned wake_line(LineEnds&);
  unsigned wake_committed(uint32_t epoch);
  unsigned wake_some(Reason);
  ActivityRef sort_by_ticket(ActivityRef list);
  ActivityRef merge_by_ticket(ActivityRef a, ActivityRef b);

  FrameStore* store_ = nullptr;
  uint32_t ready_map_ = 0;  // bit p: a process of priority p is ready, looked at or not
  unsigned woken_count_ = 0;
  CacheSlot changed_ = no_slot;  // a process that may have another priority now: see follow_changes
  LineEnds ready_[2 * priority_count];
  LineEnds waiting_[reason_count];             // for what there is only one of
  LineEnds store_waiting_[2][priority_count];  // for a frame of the cache; for the disk
};

}  // namespace perdure
