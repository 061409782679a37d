// SPDX-License-Identifier: MIT
//
// The line of callers before a receiver that is busy: in order of priority, among equals in order of
// their tickets, which is that of arrival. No caller in it is ever woken to try: *the receiver takes*.
//
//   caller                       receiver
//   call, receiver busy          serves another
//   joins the line, draws        reply_and_wait: its activity is ready, to look at its line
//   a ticket                     its turn comes: the first caller's attempt is made for it, here
//   waiting <--- accepted ------ running
//
// A caller that waits has its program counter at the call (or stands at a trap, which is kept with it),
// so its attempt can be made at any time, whatever its own priority is. What can come of it:
//  - it is accepted, answered, or turns out to wait for something else: it leaves the line;
//  - it needs a frame or room that is not at hand: it keeps its place, what it needs is asked for, and
//    the next caller is tried. The receiver looks again when what the first such caller needs is there.
// So a caller in line reserves nothing that another could take, and no later caller passes it but while its
// frames are on the way.
//
// A line is persistent as far as that: an activity's ticket and a mark of its line (Activity::stood_in)
// are written when it joins, when its row is current. After a restart the activities with a mark are counted,
// by line and priority. Until they have come back no caller of the same or a lower priority is taken from the
// line or passes it. They make their attempts when they are looked at, in the order of their last known
// priorities, so no schedule that was changed since can hold up a line. Two lines with the same mark wait for
// each other's callers; a mark that has lost its sense does no more than that.
#pragma once

#include <cstdint>

#include "kernel/attempt/attempt.hpp"
#include "kernel/run/processor.hpp"
#include "kernel/run/progress.hpp"
#include "kernel/run/scheduler.hpp"
#include "kernel/run/timers.hpp"
#include "kernel/trace.hpp"

namespace perdure {

// A trap that the kernel keeps in the process while that waits for its keeper.
Trap kept_trap(const ProcessControl&);

class Lines {
 public:
  constexpr Lines(Attempt& attempt, Processor& processor, Scheduler& scheduler, Timers& timers, Trace& trace)
      : attempt_(attempt), store_(attempt.store), processor_(processor), scheduler_(scheduler), timers_(timers), trace_(trace) {}

  // --- the current process waits, and is current no more ---
  void stall_current(WaitChannel);
  // In the middle of a long message: other processes come first.
  void give_way();
  // The current process has its answer, and waits until all that is changed until now is durable. Only the commit
  // lets it go on: not the deadline of the call, for which its timer may still be armed.
  void hold_current_until_commit();
  // A tick has come in the middle of something long, and would take the processor away: for a process that is
  // ready, or that will be ready when the timers strike, which they do not before this is put aside.
  bool must_give_way();

  // --- any other ---
  void stall(ActivityRef, WaitChannel);
  // Other callers are before the current process, and no less important.
  bool has_to_wait(ObjectId receiver, const Process&);
  bool is_closed(ObjectId receiver, uint8_t priority) const;

  // --- the first of a line is taken: its attempt is made for `receiver` ---
  struct Taken {
    WaitChannel stalled;           // for this the caller waits, and keeps its place; time: it had to give way
    bool gives_way_again = false;  // as the time before
  };
  void begin_taking(ActivityRef caller, CacheSlot receiver);
  Taken end_taking();
  bool is_taken_by(CacheSlot receiver) const { return receiver == taker_; }

  // --- places, which a restart does not end ---
  void await_after_restart(Activity&);
  void no_longer_awaited(Activity&);
  // The call of the activity has ended, or is no longer the same one. Its row is current.
  void forget_place(Activity&);
  // Notes what the first look after a restart goes by, if the row of the current activity is written anyway.
  void note_priority();

  Progress progress;

 private:
  void join(ObjectId receiver);
  void look_again(CacheSlot receiver);

  Attempt& attempt_;
  FrameStore& store_;
  Processor& processor_;
  Scheduler& scheduler_;
  Timers& timers_;
  Trace& trace_;
  // While a receiver takes a caller out of its line: the caller, the receiver, and what the caller stalled
  // for if it keeps its place.
  ActivityRef taken_;
  CacheSlot taker_ = no_slot;
  WaitChannel taken_stalled_;
  ActivityRef gave_way_;  // the last caller that had to give way in the middle of a message when it was taken
  bool gave_way_before_ = false;
  // After a restart: how many stood in a line and have not come back, by line and priority.
  static constexpr size_t awaited_lines = 256;
  uint32_t awaited_[awaited_lines][priority_count] = {};
  uint32_t awaited_count_ = 0;
};

}  // namespace perdure
