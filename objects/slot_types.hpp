// SPDX-License-Identifier: MIT
//
// Which types of capability may stand in a slot that means something to the kernel. One table, asked
// by the kernel's operations before they store, by the check of a frame before it is committed and after
// it is fetched, and by the verifier: so what the kernel finds in a slot is of a type that it expects,
// whatever program wrote the disk. A void capability may stand in each.
//
// Slots that are not listed here (capability registers, slots of capability pages and nodes, a process's
// brand, a wrapper's target) may hold anything: the kernel looks at the type at each use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "objects/capability.hpp"

namespace perdure {

enum class TypedSlot : uint8_t {
  process_activity,
  process_space,
  process_keeper,
  process_schedule,
  process_register_0,  // always void (objects/abi.hpp)
  node_keeper,
  endpoint_receiver,
  notice_receiver,
};
inline constexpr size_t typed_slot_count = 8;

constexpr uint32_t one_type(CapabilityType type) { return uint32_t{1} << static_cast<unsigned>(type); }
static_assert(capability_type_count <= 32);

constexpr uint32_t memory_types() {
  uint32_t types = 0;
  for (unsigned type = 0; type < capability_type_count; ++type) {
    if (capability_type_table[type].is_memory) types |= uint32_t{1} << type;
  }
  return types;
}
inline constexpr uint32_t types_that_invoke_programs =
    one_type(CapabilityType::entry) | one_type(CapabilityType::wrapped);

struct TypedSlotInfo {
  TypedSlot slot;
  uint32_t types;  // bit n: the CapabilityType n; besides void
};

inline constexpr std::array<TypedSlotInfo, typed_slot_count> typed_slot_table{{
    {TypedSlot::process_activity, one_type(CapabilityType::activity)},
    {TypedSlot::process_space, memory_types()},
    {TypedSlot::process_keeper, types_that_invoke_programs},
    {TypedSlot::process_schedule, one_type(CapabilityType::schedule)},
    {TypedSlot::process_register_0, 0},
    {TypedSlot::node_keeper, types_that_invoke_programs},
    {TypedSlot::endpoint_receiver, one_type(CapabilityType::process)},
    {TypedSlot::notice_receiver, one_type(CapabilityType::process)},
}};

// The type may also be a number that is no type at all, as a disk may hold it.
constexpr bool is_allowed(TypedSlot slot, const Capability& capability) {
  const auto type = static_cast<unsigned>(capability.type);
  if (type == 0) return true;
  return type < capability_type_count && (typed_slot_table[static_cast<size_t>(slot)].types >> type & 1) != 0;
}

static_assert([] {
  for (size_t i = 0; i < typed_slot_count; ++i) {
    if (typed_slot_table[i].slot != static_cast<TypedSlot>(i)) return false;
  }
  return true;
}(), "the table is in the order of the slots");

}  // namespace perdure
