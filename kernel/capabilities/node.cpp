// SPDX-License-Identifier: MIT
//
// Node: sixteen slots of an address space, a slot size, a keeper (objects/rows.hpp).
//
// A change of what a walk may have used voids the hardware translations of the space that used it, or
// all, if several did (node_marks.hpp), whatever the new capability is. Filling a void slot voids nothing:
// absent entries are never cached.
#include "kernel/capabilities/operations.hpp"
#include "kernel/capabilities/slots.hpp"
#include "kernel/memory/page_tables.hpp"
#include "objects/slot_types.hpp"

namespace perdure {
namespace {

constexpr CapabilityType type = CapabilityType::node;

Outcome store_slot(Request& request, PageTables& tables, uint64_t index) {
  const Capability& stored = request.sent(0);
  if (const Outcome o = prepare_slot_change<type>(request); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  Capability& slot = request.object_as<Node>(committed).slots[index];
  if (!slot.is_void()) tables.forget_node(request.capability.object);  // absent entries are never cached
  slot = stored;
  return request.answer(committed);
}

Outcome set(Request& request, PageTables& tables) {
  const uint64_t slot_size = request.word(1);
  const uint64_t flags = request.word(2);
  if (slot_size > node_slot_size_max || (flags & ~uint64_t{Node::flag_pocket})) {
    return Outcome::refuse(Result::bad_argument);
  }
  if (const Outcome o = prepare_slot_change<type>(request); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  tables.forget_node(request.capability.object);
  Node& node = request.object_as<Node>(committed);
  node.slot_size = static_cast<uint8_t>(slot_size);
  node.flags = static_cast<uint8_t>(flags);
  return request.answer(committed);
}

Outcome get(Request& request) {
  if (request.forbids<type>(restriction::opaque)) return Outcome::refuse(Result::missing_right);
  const bool weak = request.forbids<type>(restriction::weak);
  const Node& node = request.object_as<Node>();
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0, weak ? weaken(node.keeper) : node.keeper);
  return request.answer(committed, node.slot_size, node.flags);
}

Outcome set_keeper(Request& request) {
  if (!is_allowed(TypedSlot::node_keeper, request.sent(0))) return Outcome::refuse(Result::wrong_type);
  if (const Outcome o = prepare_slot_change<type>(request); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  request.object_as<Node>(committed).keeper = request.sent(0);
  return request.answer(committed);
}

}  // namespace

Outcome invoke_node(Request& request, PageTables& tables) {
  switch (request.method()) {
    case method::memory_reduce: return invoke_memory_reduce(request);
    case method::node_set: return set(request, tables);
    case method::node_get: return get(request);
    case method::node_set_keeper: return set_keeper(request);
    case method::fetch:
    case method::store: break;
    default: return Outcome::refuse(Result::unknown_method);
  }
  const uint64_t index = request.word(1);
  if (index >= node_slot_count) return Outcome::refuse(Result::bad_argument);
  if (request.method() == method::store) return store_slot(request, tables, index);
  return fetch_slot<type>(request, request.object_as<Node>().slots[index]);
}

}  // namespace perdure
