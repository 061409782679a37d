// SPDX-License-Identifier: MIT
#include "kernel/run/deadlines.hpp"

#include <algorithm>

namespace perdure {
namespace {

// Timers that strike, and steps of their hand, between two programs.
constexpr unsigned strikes_per_housekeeping = 16;
constexpr unsigned timer_steps_per_housekeeping = 256;

}  // namespace

void Deadlines::arm_for_stall(ActivityRef stalled, uint64_t deadline_ns, uint64_t wake_at_ns) {
  uint64_t at_ns = ~uint64_t{0};
  if (deadline_ns != 0) at_ns = deadline_ns;
  if (wake_at_ns != 0) at_ns = std::min(at_ns, wake_at_ns);
  if (at_ns == ~uint64_t{0}) timers_.disarm(stalled);
  else timers_.arm(stalled, time_.clock_at(at_ns));
}

void Deadlines::await_deadline(const Commit&, ActivityRef activity, uint64_t deadline_ns) {
  scheduler_.at(activity).awaits_deadline = 1;
  timers_.arm(activity, time_.clock_at(deadline_ns));
}

void Deadlines::forget_deadline(ActivityRef activity) {
  timers_.disarm(activity);
  scheduler_.at(activity).awaits_deadline = 0;
}

void Deadlines::strike() {
  unsigned steps = timer_steps_per_housekeeping;
  for (unsigned i = 0; i < strikes_per_housekeeping; ++i) {
    const ActivityRef due = timers_.take_due(machine::now_ns(), steps);
    if (due.is_none()) return;
    if (scheduler_.is_waiting(due)) scheduler_.wake(due);
    else if (scheduler_.at(due).awaits_deadline && !scheduler_.is_queued(due)) scheduler_.make_ready(due);
  }
}

}  // namespace perdure
