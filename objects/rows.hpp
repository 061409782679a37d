// SPDX-License-Identifier: MIT
//
// Rows: frames that hold several small objects of one kind, and the small objects themselves.
//
//   0            64                128                     4096
//   | RowHeader  | object 0        | object 1   ...        |
//
// The first eight bytes of every small object are its version; 0 while it is not allocated.
// One row belongs to one account.
#pragma once

#include <cstddef>
#include <cstdint>

#include "objects/capability.hpp"
#include "objects/ids.hpp"
#include "objects/kinds.hpp"
#include "objects/line.hpp"

namespace perdure {

struct RowHeader {
  Kind kind = Kind::empty;      // same as in the frame's tag
  uint8_t layout_revision = 0;  // kind_table
  uint8_t spare[6] = {};
  uint64_t allocated = 0;       // bit i: object i exists
  // Rows of activities form a doubly linked list, the *restart list*. Its head is in SystemState: what
  // runs again after a restart is found from there. FrameNumber 0 ends it (frame 0 is never handed out).
  FrameNumber next;
  FrameNumber previous;
  uint8_t spare_2[32] = {};
};
static_assert(sizeof(RowHeader) == row_header_bytes);

// A node of an address space: a guarded page table with 16 slots of 2^slot_size pages each.
// A void slot is a fault, answered by the keeper of the nearest enclosing node that has one.
// Slot 15 can be reserved (pocket): then its range counts as void, and the capability in it is
// the keeper's to use.
inline constexpr unsigned node_slot_count = 16;
inline constexpr unsigned node_slot_bits = 4;
inline constexpr unsigned node_pocket_slot = 15;
inline constexpr uint8_t node_slot_size_max = 32;  // 2^(32+4) pages span all of user space

struct Node {
  static constexpr uint8_t flag_pocket = 1 << 0;  // slot 15 holds the keeper's own capability
  Version version;
  uint8_t slot_size = 0;  // log2 of the pages that one slot covers
  uint8_t flags = 0;
  uint8_t spare[6] = {};
  Capability keeper;      // an entry or wrapped entry, or void
  uint8_t spare_2[16] = {};
  Capability slots[node_slot_count];
};
static_assert(sizeof(Node) == 576 && offsetof(Node, keeper) == 16 && offsetof(Node, slots) == 64);

// Stands between a client and a target, so that what the client was given can be taken back.
struct Wrapper {
  static constexpr uint64_t flag_blocked = 1 << 0;    // callers wait until it is unblocked
  static constexpr uint64_t flag_hand_over = 1 << 1;  // receiver gets the control capability
  Version version;
  uint64_t payload = 0;  // delivered if it is the innermost wrapper of an entry
  uint64_t flags = 0;
  Capability target;
  LineEnds waiting;      // volatile: the callers that wait while it is blocked
};
static_assert(sizeof(Wrapper) == 64);

// Where messages are delivered: names at most one receiver process.
struct Endpoint {
  static constexpr uint64_t flag_had_receiver = 1 << 0;  // a vanished receiver means void, not wait
  Version version;
  uint64_t id = 0;       // told to the receiver with each message; chosen by the owner
  uint64_t flags = 0;
  Capability receiver;   // a process, or void
  LineEnds waiting;      // volatile: the callers that wait for there to be a receiver
};
static_assert(sizeof(Endpoint) == 64);

// A way to tell a process something without waiting: posting sets bits in the receiver's
// pending word, which are delivered at its next open wait.
struct Notice {
  Version version;
  uint64_t bits = 0;     // what one post sets
  uint64_t flags = 0;    // none defined; zero
  Capability receiver;   // a process, or void
  uint64_t spare = 0;
};
static_assert(sizeof(Notice) == 64);

// How a process competes for the processor. Nothing lowers a ceiling, so what derives from a schedule
// never exceeds it (invariant CEILING).
struct Schedule {
  Version version;
  uint8_t priority = 0;  // 0 lowest … ceiling
  uint8_t ceiling = 0;   // … priority_max
  uint8_t spare[6] = {};
  uint64_t slice_ns = 0; // how long before an equal gets its turn; 0: the default
  LineEnds peers;           // volatile: the activities that stand in line by this schedule (kernel/run/scheduler.hpp)
  uint8_t spare_2[32] = {};
};
inline constexpr uint64_t default_slice_ns = 10'000'000;
inline constexpr uint64_t slice_ns_max = 1'000'000'000;
static_assert(sizeof(Schedule) == 64);

// What can run again after a restart. Bound to one process when that is started, for as long
// as it lives; `runnable` is true exactly while the process's state is `running`
// (invariant ONE-ACTIVITY). The table of activities is the restart list.
struct Activity {
  Version version;
  ObjectId process;         // 0: bound to none
  Version process_version;
  // Place in line: drawn from SystemState when it is bound, and when it joins a line of callers. (At a
  // million a second 48 bits last nine years.)
  uint64_t ticket : 48 = 0;
  // The activity stands, or is to stand, by its ticket among the callers of one receiver: which one, as far as 15
  // bits tell (kernel/run/lines.cpp); 0: of none. After a restart no caller passes it there.
  uint64_t stood_in : 15 = 0;
  uint64_t is_awaited : 1 = 0;  // volatile: ... and it has not yet come back
  uint8_t runnable = 0;     // 0 or 1
  // 0 or 1: not runnable, but its process waits for an answer with a deadline (its r15), at which
  // a restart has to look.
  uint8_t awaits_deadline = 0;
  uint8_t priority = 0;     // its process's when last written here, + 1; 0: unknown. Orders the first look
  // Volatile, not stored (normalize() clears them): the lines that it stands in, and its timer.
  uint8_t queue_flags = 0;  // kernel/run/scheduler.cpp
  uint32_t timer_tick = 0;
  uint32_t timer_next = 0;
  uint32_t timer_previous = 0;
  uint32_t next = 0;        // ready, or waiting
  uint32_t previous = 0;
  uint32_t peer_next = 0;   // among the activities that stand in line by the same schedule
  uint32_t peer_previous = 0;
};
static_assert(sizeof(Activity) == 64 && offsetof(Activity, runnable) == 32);
inline constexpr uint64_t ticket_mask = (uint64_t{1} << 48) - 1;

template <typename SmallObject>
SmallObject* row_object(std::byte* frame, unsigned index) {
  return reinterpret_cast<SmallObject*>(frame + row_header_bytes + index * sizeof(SmallObject));
}
template <typename SmallObject>
const SmallObject* row_object(const std::byte* frame, unsigned index) {
  return reinterpret_cast<const SmallObject*>(frame + row_header_bytes +
                                              index * sizeof(SmallObject));
}

}  // namespace perdure
