// SPDX-License-Identifier: MIT
//
// The states of a process, and of the activity that it is bound to.
//
// Invariant ONE-ACTIVITY: a process in state `running` has exactly its bound activity runnable, and that activity is
// current, ready or stalled. In any other state its activity is none of these, but for a moment: when the
// deadline that the process awaits is to be looked at (deadlines.hpp), or the line of its callers (lines.hpp).
// Established by set_running and set_not_running.
#pragma once

#include <optional>

#include "kernel/attempt/attempt.hpp"
#include "kernel/run/deadlines.hpp"
#include "kernel/run/lines.hpp"
#include "kernel/run/processor.hpp"
#include "kernel/run/scheduler.hpp"
#include "kernel/upkeep/announcements.hpp"

namespace perdure {

// The next fault is a new one: its process's keepers have not been told of it.
inline void forget_refusals(ProcessControl& control) {
  control.flags &= ~(ProcessControl::flag_space_keeper_refused | ProcessControl::flag_with_own_keeper);
}

// The only way out of the wait for an answer: whatever resume capability there is, it is void from here.
inline void end_wait(ProcessControl& control, ProcessState state) {
  ++control.call_count;
  control.state = state;
}
inline void set_state(ProcessControl& control, ProcessState state) {
  if (control.state == ProcessState::waiting) return end_wait(control, state);
  control.state = state;
}

class ProcessStates {
 public:
  constexpr ProcessStates(Attempt& attempt, Processor& processor, Scheduler& scheduler, Lines& lines, Deadlines& deadlines,
                          Announcements& announcements)
      : attempt_(attempt), store_(attempt.store), processor_(processor), scheduler_(scheduler), lines_(lines), deadlines_(deadlines),
        announcements_(announcements) {}

  // --- prepare ---
  // The activity of a process that is about to change its state, its row writable.
  Expected<ActivityRef, Outcome> prepare_activity(Process&);
  // The activity names this process, which is in memory.
  bool is_activity_of(const Activity&, const Process&);
  // The activity can be bound to a process.
  Expected<bool, Outcome> is_unbound(ActivityRef);

  // --- commit ---
  void set_running(const Commit&, Process&, ActivityRef);
  void set_not_running(const Commit&, Process&, ActivityRef, ProcessState);
  // To the end of its line.
  void make_ready(const Commit&, ActivityRef activity) { scheduler_.make_ready(activity); }
  // The process runs at once, if no ready process is more important; else it goes to the end of its line.
  void hand_over_to(const Commit&, CacheSlot process, ActivityRef);
  // A process that waits for an answer gets this one from the kernel, and runs; its resume capability is void.
  void end_call(const Commit&, Process&, ActivityRef, Result);

  // --- both, in bounded steps ---
  // A running process stops where it is. A process that waits open will wait again when it is continued. A
  // process that waits for an answer is told `interrupted`, and its resume capabilities are void from here. A
  // process that stops itself is told `interrupted`, too.
  Outcome stop(CacheSlot, Process&);
  // Ends the call in which the process waits for a program, or at a clock or a console; false: it is in no such
  // call.
  Expected<bool, Outcome> interrupt(CacheSlot, Process&);

  // --- what a disk may say that cannot be (disbelief.cpp) ---
  // Process and activity name each other. The caller has found the process by the activity.
  bool is_bound(const Process&, ActivityRef);
  // A process that is ready is running, or waits for an answer with a deadline, or waits open and has to look at
  // its line.
  bool is_to_run(const Process&, ActivityRef);
  void put_to_rest(ActivityRef);

  // --- when the turn of a process has come ---
  // What a server is lent is known only with its clients in memory: they are fetched.
  // False: one of them, or its schedule, cannot be read.
  Expected<bool, Stall> fetch_clients(CacheSlot server);

 private:
  Attempt& attempt_;
  FrameStore& store_;
  Processor& processor_;
  Scheduler& scheduler_;
  Lines& lines_;
  Deadlines& deadlines_;
  Announcements& announcements_;
};

}  // namespace perdure
