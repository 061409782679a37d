// SPDX-License-Identifier: MIT
#include "kernel/attempt/attempt.hpp"

#include "objects/assertion.hpp"

namespace perdure {

Expected<Lookup, Outcome> Attempt::find(Capability& capability) {
  assert_that(!is_committed_, "PREPARE-BEFORE-COMMIT");
  const auto found = look_up(store, capability);
  if (found) [[likely]] return *found;
  switch (found.error().why) {
    case Failure::Why::stall: return std::unexpected(Outcome::wait(found.error().stall));
    case Failure::Why::unreadable: return std::unexpected(Outcome::refuse(Result::unreadable));
    case Failure::Why::void_capability: break;
  }
  return std::unexpected(Outcome::refuse(Result::void_capability));
}

Outcome Attempt::prepare_write(CacheSlot slot, Need need) {
  assert_that(!is_committed_, "PREPARE-BEFORE-COMMIT");
  if (store.is_current(slot)) [[likely]] return Outcome::prepared();
  if (const auto dirty = store.make_dirty(slot, need); !dirty) return Outcome::wait(dirty.error());
  return Outcome::prepared();
}

Commit Attempt::commit() {
  assert_that(!is_committed_, "PREPARE-BEFORE-COMMIT");
  return Commit(is_committed_);
}

}  // namespace perdure
