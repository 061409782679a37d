// SPDX-License-Identifier: MIT
//
// How important a process is at present: by its schedule, by the most important caller in line for it, or by the
// client that has an unanswered call with it (decisions 0022 to 0024).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "checkpoint/frame_store.hpp"
#include "kernel/run/activity_ref.hpp"
#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {

// How important a process is at present.
struct Standing {
  uint8_t priority = 0;
  uint8_t ceiling = 0;    // its schedule's: what is lent never gets it above that
  bool is_known = false;  // else it is as last known
  ActivityRef schedule;   // where that is, if it is known and there is one

  void is_lent(uint8_t lent) { priority = std::max(priority, std::min(lent, ceiling)); }
};

// The highest priority among the callers in line for a process; 0, if there are none.
inline uint8_t highest_of(uint16_t callers_map) {
  return callers_map == 0 ? 0 : static_cast<uint8_t>(std::bit_width(callers_map) - 1);
}

class Priorities {
 public:
  void start(FrameStore& store) { store_ = &store; }

  Standing standing(ActivityRef);
  Standing standing(Process&);
  // With what it inherits, too, from the client that has an unanswered call with it, from that client's own
  // client, and so on. Not known, if one of them is not in memory.
  static constexpr unsigned clients_max = 8;  // a client, its client, and so on; they may go round in a circle
  Standing lent(CacheSlot process, Standing);
  Standing lent(ActivityRef, CacheSlot process);  // no_slot: it is not in memory
  uint8_t running_priority(CacheSlot slot) { return lent(slot, standing(process_in(slot))).priority; }
  uint8_t running_priority(ActivityRef ref) { return lent(ref, process_of(at(ref))).priority; }

  // What a process remembers of its priority (ProcessControl::priority) is true if its stamp is this one.
  uint32_t stamp() const { return stamp_; }
  void forget() {
    if (++stamp_ == 0) ++stamp_;  // 0 is no stamp
  }

  // --- which process, activity and server belong together, as far as they are in memory ---
  CacheSlot process_of(const Activity&);   // or no_slot
  ActivityRef activity_of(Process&);       // or none
  // The server that has the client's call. Or another process, if the hint is old: that is looked at in vain.
  CacheSlot callee_of(const Process& client);

 private:
  struct Client {
    CacheSlot slot = no_slot;
    bool is_absent = false;  // there may be one, on the disk
  };
  Client client_of(CacheSlot server);
  bool is_process(CacheSlot);
  Process& process_in(CacheSlot slot) { return *reinterpret_cast<Process*>(store_->body(slot)); }
  Activity& at(ActivityRef ref) { return *row_object<Activity>(store_->body(ref.slot()), ref.index()); }

  FrameStore* store_ = nullptr;
  uint32_t stamp_ = 1;
};

}  // namespace perdure
