// SPDX-License-Identifier: MIT
//
// Machine time: what programs see as time. It runs while the machine runs, and after a restart it goes on from the
// cut that the machine has come back to; while the power was off it stood still. Nanoseconds.
#pragma once

#include <cstdint>

#include "kernel/machine.hpp"

namespace perdure {

class MachineTime {
 public:
  // `at_cut_ns`: machine time of the cut. From now on it runs.
  void start(uint64_t at_cut_ns, uint64_t boot_epoch) {
    at_cut_ns_ = at_cut_ns;
    boot_epoch_ = boot_epoch;
    start_ns_ = machine::now_ns();
  }

  uint64_t boot_epoch() const { return boot_epoch_; }  // of this start, by which programs tell restarts
  uint64_t now_ns() const { return at_cut_ns_ + uptime_ns(); }
  uint64_t uptime_ns() const { return machine::now_ns() - start_ns_; }
  bool has_passed(uint64_t deadline_ns) const { return now_ns() >= deadline_ns; }

  // What machine::now_ns() will be then, by which timers go; its highest value for what lies beyond. It has not passed yet.
  uint64_t clock_at(uint64_t time_ns) const {
    const uint64_t ahead_ns = time_ns - at_cut_ns_;
    return ahead_ns > ~uint64_t{0} - start_ns_ ? ~uint64_t{0} : start_ns_ + ahead_ns;
  }

 private:
  uint64_t at_cut_ns_ = 0;
  uint64_t boot_epoch_ = 0;
  uint64_t start_ns_ = 0;  // by machine::now_ns()
};

}  // namespace perdure
