// SPDX-License-Identifier: MIT
//
// Capability page: 128 capabilities. Its bytes are never readable or writable as data.
#include "kernel/capabilities/operations.hpp"
#include "kernel/capabilities/slots.hpp"

namespace perdure {

Outcome invoke_capability_page(Request& request) {
  if (request.method() == method::memory_reduce) return invoke_memory_reduce(request);
  const bool is_store = request.method() == method::store;
  if (!is_store && request.method() != method::fetch) return Outcome::refuse(Result::unknown_method);
  const uint64_t index = request.word(1);
  if (index >= capabilities_per_page) return Outcome::refuse(Result::bad_argument);
  auto* slots = reinterpret_cast<Capability*>(request.attempt.store.bytes(request.object.slot));
  if (!is_store) return fetch_slot<CapabilityType::capability_page>(request, slots[index]);
  if (const Outcome o = prepare_slot_change<CapabilityType::capability_page>(request); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  slots[index] = request.sent(0);
  return request.answer(committed);
}

}  // namespace perdure
