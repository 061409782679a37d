// SPDX-License-Identifier: MIT
//
// Activities of which it could not be read how important they are: the schedule of the process, or the client that it
// works for, was not given by the disk. They run as far as is known, and are looked at again one after the other, for the
// trouble may pass. So many are remembered; with more, the one that was noted first is looked at again when it is next
// chosen, or becomes ready.
#pragma once

#include <array>

#include "kernel/run/activity_ref.hpp"

namespace perdure {

class HalfKnown {
 public:
  void note(ActivityRef ref) {
    for (const ActivityRef noted : noted_) {
      if (noted == ref) return;
    }
    noted_[next_] = ref;
    next_ = (next_ + 1) % noted_max;
  }
  // The one that was noted first. None if there is none; what it names may have left memory.
  ActivityRef take() {
    for (unsigned i = 0; i < noted_max; ++i) {
      ActivityRef& noted = noted_[(next_ + i) % noted_max];
      if (noted.is_none()) continue;
      const ActivityRef ref = noted;
      noted = {};
      return ref;
    }
    return {};
  }

 private:
  static constexpr unsigned noted_max = 32;
  std::array<ActivityRef, noted_max> noted_{};
  unsigned next_ = 0;
};

}  // namespace perdure
