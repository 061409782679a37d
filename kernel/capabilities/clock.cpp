// SPDX-License-Identifier: MIT
//
// Clock: machine time (stands still while the machine is off), wall time, and the boot epoch.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

// A stalled call that is made again after a restart, and then finds another epoch: that is how a
// program is told of the restart.
Outcome wait_restart(Request& request) {
  Kernel& kernel = request.kernel;
  if (request.word(1) == kernel.boot_epoch) {
    return Outcome::wait(WaitChannel::of(WaitChannel::Reason::boot_epoch));
  }
  return request.answer(kernel.attempt.commit(), kernel.boot_epoch);
}

Outcome wait_until(Request& request) {
  Kernel& kernel = request.kernel;
  const uint64_t now = kernel.time.now_ns();
  const uint64_t epoch = request.word(2);
  const bool is_another_boot = epoch != 0 && epoch != kernel.boot_epoch;
  if (now < request.word(1) && !is_another_boot) return Outcome::wait_until(request.word(1));
  return request.answer(kernel.attempt.commit(), now, kernel.boot_epoch);
}

}  // namespace

Outcome invoke_clock(Request& request) {
  Kernel& kernel = request.kernel;
  switch (request.method()) {
    case method::clock_now:
      return request.answer(kernel.attempt.commit(), kernel.time.now_ns(), machine::wall_clock_seconds(),
                            kernel.boot_epoch);
    case method::clock_wait_restart: return wait_restart(request);
    case method::clock_wait_until: return wait_until(request);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
