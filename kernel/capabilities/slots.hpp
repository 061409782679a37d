// SPDX-License-Identifier: MIT
//
// fetch and store, the same for every object that holds capabilities. Only restrictions differ:
// opaque hides the slots, read_only and weak forbid storing, weak weakens what is fetched.
#pragma once

#include "kernel/invoke/request.hpp"

namespace perdure {

template <CapabilityType type>
Outcome fetch_slot(Request& request, const Capability& slot) {
  if (request.forbids<type>(restriction::opaque)) return Outcome::refuse(Result::missing_right);
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0, request.forbids<type>(restriction::weak) ? weaken(slot) : slot);
  return request.answer(committed);
}

// May the slots be changed through this capability, and is the object's frame writable?
template <CapabilityType type>
Outcome prepare_slot_change(Request& request) {
  if (request.forbids<type>(restriction::opaque | restriction::read_only | restriction::weak)) {
    return Outcome::refuse(Result::missing_right);
  }
  return request.attempt.prepare_write(request.object.slot, Need::reserve);
}

}  // namespace perdure
