// SPDX-License-Identifier: MIT
//
// Which troubles a simulated disk has in one run, and how often; and the code that makes them. Both
// simulations draw them from their seed.
#pragma once

#include "test/support/simulated_disk.hpp"

namespace perdure {

// 0 (never) one time in so many; else between the two.
inline uint64_t sometimes(Random& random, uint64_t off_one_in, uint64_t strongest, uint64_t weakest) {
  return random.one_in(off_one_in) ? 0 : strongest + random.below(weakest - strongest);
}

struct DiskTroubles {
  SimulatedDisk::Faults faults;
  // One in so many operations; 0: never.
  uint64_t burst_one_in = 0;
  uint64_t outage_one_in = 0;
  unsigned outage_operations_max = 1;  // how long one lasts

  static DiskTroubles draw(Random& random) {
    DiskTroubles troubles;
    if (!random.one_in(2)) return troubles;
    troubles.faults = {sometimes(random, 2, 10, 200), sometimes(random, 2, 10, 200), sometimes(random, 2, 4, 20)};
    troubles.burst_one_in = sometimes(random, 4, 20, 200);
    troubles.outage_one_in = sometimes(random, 2, 60, 300);
    troubles.outage_operations_max = 1 + static_cast<unsigned>(random.below(100));
    return troubles;
  }
};

class TroubleMaker {
 public:
  explicit TroubleMaker(const DiskTroubles& troubles) : troubles_(troubles) {}

  void begin(SimulatedDisk& disk) {
    disk.set_faults(troubles_.faults);
    outage_ends_at_ = 0;
  }
  void before(uint64_t operation, SimulatedDisk& disk, Random& random) {
    if (random.one_in(troubles_.burst_one_in)) {
      const auto kind = static_cast<DiskRequest::Operation>(random.below(3));
      disk.fail_next(kind, 1 + static_cast<unsigned>(random.below(20)));
    }
    if (outage_ends_at_ == 0 && random.one_in(troubles_.outage_one_in)) {
      for (unsigned kind = 0; kind < 3; ++kind) disk.set_outage(static_cast<DiskRequest::Operation>(kind), random.one_in(2));
      outage_ends_at_ = operation + 1 + random.below(troubles_.outage_operations_max);
    }
    if (outage_ends_at_ != 0 && operation >= outage_ends_at_) {
      disk.end_outages();
      outage_ends_at_ = 0;
    }
  }
  // Nothing is wrong any more, until begin().
  void make_well(SimulatedDisk& disk) {
    disk.set_faults({});
    disk.end_bursts();
    disk.end_outages();
    outage_ends_at_ = 0;
  }

 private:
  DiskTroubles troubles_;
  uint64_t outage_ends_at_ = 0;  // operation; 0: there is none
};

// Errors of all kinds, and outages that end after so many requests: for a recovery.
inline void make_ill(SimulatedDisk& disk, Random& random) {
  const uint64_t read = random.below(2) * 20, write = random.below(2) * 20, flush = random.below(2) * 4;
  disk.set_faults({read, write, flush});
  for (unsigned kind = 0; kind < 3; ++kind) {
    if (random.one_in(2)) disk.fail_next(static_cast<DiskRequest::Operation>(kind), static_cast<unsigned>(random.below(60)));
  }
}

}  // namespace perdure
