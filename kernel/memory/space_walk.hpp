// SPDX-License-Identifier: MIT
//
// The walk: from an address in a space to the page that answers for it, or to a fault with the
// keeper that is to be told. A space is a memory capability; nodes make it a tree:
//
//   space --> node (16 slots of 2^slot_size pages) --> node --> ... --> page
//
// A memory capability covers 2^s pages: a page or capability page one (s = 0), a node
// 2^(slot_size + 4). It is entered only if the page offset, shifted right by s, equals its
// guard (payload): so a small object can stand anywhere in a large slot. What is left, the low
// s bits, is the offset in the object.
//
// Invariants:
//  WALK-IS-PURE     no object is changed (hints may be refreshed; they are volatile).
//  RIGHTS-SHRINK    a restriction on any capability of the path holds for all below it.
//  NO-CALL          below a no_call capability no keeper is named: the fault is the accessing
//                   process's own. A server maps what its clients supply that way, and is never
//                   left waiting for their keeper.
//  Depth is limited, so that a node which contains itself ends in a fault.
#pragma once

#include <cstdint>

#include "checkpoint/frame_store.hpp"
#include "objects/abi.hpp"
#include "objects/capability.hpp"
#include "objects/process.hpp"

namespace perdure {

// Nodes on one path. A node resolves 4 of 35 bits: nine reach every page of a full space.
inline constexpr unsigned walk_depth_max = 16;

// What the processor wants to do there. Neither bit: a load.
struct Access {
  bool write = false;
  bool execute = false;
};

// The page, the rights that the whole path allows, whatever the access asked for, and the nodes on it.
struct PageReached {
  CacheSlot slot = no_slot;
  bool writable = false;
  bool executable = false;
  uint8_t depth = 0;
  uint64_t nodes[walk_depth_max];  // object numbers; the first `depth` are set
};

// Why the access cannot be made, and which keeper is to be told.
struct MemoryFault {
  FaultCode code = FaultCode::none;
  bool has_keeper = false;  // else the fault is for the process's own keeper
  Capability keeper;        // of the nearest enclosing node that has one
  Capability node;          // that node: its full, unrestricted capability
  uint64_t offset = 0;      // of the access, in bytes from the start of that node
};

struct WalkOutcome {
  enum class What : uint8_t { reached, fault, stall };
  What what = What::fault;
  PageReached page;   // reached
  MemoryFault fault;  // fault
  Stall stall;        // stall

  constexpr bool is_reached() const { return what == What::reached; }
  constexpr bool is_fault() const { return what == What::fault; }
  constexpr bool is_stall() const { return what == What::stall; }
};

// Addresses from user_address_end on are in no space: no_memory, without a keeper.
WalkOutcome walk(FrameStore&, Capability& space, UserAddr address, Access);

}  // namespace perdure
