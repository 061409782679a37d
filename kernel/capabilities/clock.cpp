// SPDX-License-Identifier: MIT
//
// Clock: machine time (stands still while the machine is off), wall time, and the boot epoch.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/run/machine_time.hpp"

namespace perdure {
namespace {

// A stalled call that is made again after a restart, and then finds another epoch: that is how a
// program is told of the restart.
Outcome wait_restart(Request& request, const MachineTime& time) {
  if (request.word(1) == time.boot_epoch()) {
    return Outcome::wait(WaitChannel::of(WaitChannel::Reason::boot_epoch));
  }
  return request.answer(request.attempt.commit(), time.boot_epoch());
}

Outcome wait_until(Request& request, const MachineTime& time) {
  const uint64_t now = time.now_ns();
  const uint64_t epoch = request.word(2);
  const bool is_another_boot = epoch != 0 && epoch != time.boot_epoch();
  if (now < request.word(1) && !is_another_boot) return Outcome::wait_until(request.word(1));
  return request.answer(request.attempt.commit(), now, time.boot_epoch());
}

}  // namespace

Outcome invoke_clock(Request& request, const MachineTime& time) {
  switch (request.method()) {
    case method::clock_now:
      return request.answer(request.attempt.commit(), time.now_ns(), machine::wall_clock_seconds(),
                            time.boot_epoch());
    case method::clock_wait_restart: return wait_restart(request, time);
    case method::clock_wait_until: return wait_until(request, time);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
