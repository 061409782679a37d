// SPDX-License-Identifier: MIT
//
// PROGRESS, counted and limited in --check boots: a process that stalls for memory, log or disk gets on after finitely many
// tries. Two activities that share a place in the table reset each other's count, which only makes the check milder.
#pragma once

#include <cstdint>

#include "checkpoint/wait.hpp"
#include "kernel/run/activity_ref.hpp"

namespace perdure {

class Progress {
 public:
  void start(bool is_checked) { is_checked_ = is_checked; }
  // True: it has stalled too often since it last got on.
  bool stalls_too_often(ActivityRef ref, WaitChannel channel) { return is_checked_ && count(ref, channel); }
  void gets_on(ActivityRef ref) {
    if (!is_checked_) return;
    StallCount& stalls = stalls_[ref.value % stall_counts];
    if (stalls.who == ref) stalls.count = 0;
  }

 private:
  static constexpr uint32_t stalls_max = 1'000;
  static constexpr size_t stall_counts = 64;
  struct StallCount {
    ActivityRef who;
    uint32_t count = 0;  // how often it has stalled
  };

  // A process may wait for other programs and devices for any time.
  bool count(ActivityRef ref, WaitChannel channel) {
    if (channel.reason() > WaitChannel::Reason::disk_queue) {
      gets_on(ref);
      return false;
    }
    StallCount& stalls = stalls_[ref.value % stall_counts];
    if (stalls.who != ref) stalls = {ref, 0};
    return ++stalls.count > stalls_max;
  }

  bool is_checked_ = false;
  StallCount stalls_[stall_counts];
};

}  // namespace perdure
