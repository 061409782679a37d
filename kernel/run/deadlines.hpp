// SPDX-License-Identifier: MIT
//
// Calls that end before they are answered, by their deadline (r15, machine time).
//
// A caller that stalls is simply woken when its time has come; it makes its call again, and the first
// thing that a call looks at is its deadline. A caller that has been accepted is not runnable: its activity
// notes that it awaits a deadline (Activity::awaits_deadline, stored), and is put in line by its timer
// alone. When its turn comes, it is looked at *instead of* being run (Kernel::look_at_deadline): if its time has come the call
// ends, and its resume capability is void; else its timer is armed again. So a timer writes no object
// (VOLATILE-WAKES), and a restart, which loses all timers, puts all of those in line once.
#pragma once

#include <cstdint>

#include "kernel/attempt/outcome.hpp"
#include "kernel/run/machine_time.hpp"
#include "kernel/run/scheduler.hpp"
#include "kernel/run/timers.hpp"

namespace perdure {

class Deadlines {
 public:
  constexpr Deadlines(Scheduler& scheduler, Timers& timers, MachineTime& time)
      : scheduler_(scheduler), timers_(timers), time_(time) {}

  // Arms the timer of a stalled system call: for its own deadline (0: none), and for the time that it waits for,
  // if any.
  void arm_for_stall(ActivityRef stalled, uint64_t deadline_ns, uint64_t wake_at_ns);
  void arm(ActivityRef ref, uint64_t deadline_ns) { timers_.arm(ref, time_.clock_at(deadline_ns)); }
  void disarm(ActivityRef ref) { timers_.disarm(ref); }
  // A call with a deadline has been accepted.
  void await_deadline(const Commit&, ActivityRef, uint64_t deadline_ns);
  // The call is answered, or its process is stopped or gone: the activity awaits no deadline any more.
  void forget_deadline(ActivityRef);
  // Puts some of the activities in line that are due.
  void strike();

 private:
  Scheduler& scheduler_;
  Timers& timers_;
  MachineTime& time_;
};

}  // namespace perdure
