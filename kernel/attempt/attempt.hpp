// SPDX-License-Identifier: MIT
//
// One try at one operation: what it may touch is found and made writable here, and here is its commit point.
//
// Invariant PREPARE-BEFORE-COMMIT: while a Commit lives nothing is prepared. So what has begun to change objects cannot
// stall, and a power cut finds all of a step or nothing (attempt/outcome.hpp).
#pragma once

#include "checkpoint/frame_store.hpp"
#include "kernel/attempt/lookup.hpp"
#include "kernel/attempt/outcome.hpp"
#include "kernel/machine.hpp"
#include "objects/capability.hpp"
#include "objects/expected.hpp"

namespace perdure {

class Attempt {
 public:
  explicit constexpr Attempt(FrameStore& objects) : store(objects) {}

  // Where the object is that a capability names. Refuses what is void, and what cannot be read.
  Expected<Lookup, Outcome> find(Capability&);
  // The frame may be changed in this epoch. It is in memory.
  Outcome prepare_write(CacheSlot, Need = Need::ordinary);
  Commit commit();

  // The trap that the attempt began with; between two attempts there is none.
  void begin(const Trap& trap) { trap_ = &trap; }
  void end() { trap_ = nullptr; }
  const Trap& trap() const { return *trap_; }
  bool is_call() const { return trap_ != nullptr && trap_->reason == Trap::Reason::system_call; }

  FrameStore& store;

 private:
  const Trap* trap_ = nullptr;
  bool is_committed_ = false;  // a Commit lives
};

}  // namespace perdure
