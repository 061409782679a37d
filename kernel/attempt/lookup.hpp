// SPDX-License-Identifier: MIT
//
// From a capability to the object it names: the one place where a capability is believed.
// The frame that the hint names is looked at first; it is believed only if it holds the right
// frame of the store, of the right kind, with the right version (VERSIONS-NEVER-REPEAT).
#pragma once

#include "checkpoint/frame_store.hpp"
#include "objects/capability.hpp"
#include "objects/expected.hpp"
#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {

inline Process& process_in(FrameStore& store, CacheSlot slot) { return *reinterpret_cast<Process*>(store.bytes(slot)); }

// Where an object is in memory, until the next call that can evict a frame.
struct Lookup {
  CacheSlot slot = no_slot;
  unsigned index = 0;
};

// Why an object could not be had.
struct Failure {
  enum class Why : uint8_t {
    void_capability,  // destroyed, or never was
    unreadable,       // the only copy of its frame cannot be read
    stall,            // not now
  };
  Why why = Why::void_capability;
  Stall stall;

  static constexpr Failure is_void() { return {}; }
  static constexpr Failure is_unreadable() { return {.why = Why::unreadable}; }
  static constexpr Failure not_now(Stall stall) { return {.why = Why::stall, .stall = stall}; }
  static constexpr Failure from(const Absent& absent) {
    switch (absent.why) {
      case Absent::Why::stall: return not_now(absent.stall);
      case Absent::Why::unreadable: return is_unreadable();
      case Absent::Why::out_of_range: return is_void();
    }
    return is_void();
  }
};

// Whether the object, of this kind, is where the hint says. False says nothing: look_up may find it.
template <Kind kind>
bool look_up_hinted(FrameStore& store, const Capability& capability, Lookup& found) {
  static_assert(kind != Kind::empty);
  if (capability.hint >= store.slot_count()) return false;
  const FrameDescriptor& frame = store.descriptor(capability.hint);
  const uint64_t place = capability.object.index_in(frame.number);
  if (place >= info(kind).objects_per_frame || frame.identity.kind != kind || !frame.is_readable()) return false;
  const auto index = static_cast<unsigned>(place);
  Version version = frame.identity.source;
  if constexpr (is_row(kind)) {
    version = *reinterpret_cast<const Version*>(store.body(capability.hint) + row_header_bytes +
                                                index * info(kind).object_bytes);
  }
  found = {capability.hint, index};
  return names(capability, ObjectId::of(frame.number, index), version);
}

// The process that an activity is bound to, to be looked up.
inline Capability process_of(const Activity& activity) {
  return {.type = CapabilityType::process, .version = activity.process_version, .object = activity.process};
}

inline Expected<Lookup, Failure> look_up(FrameStore& store, Capability& capability) {
  const Kind kind = info(capability.type).object_kind;
  if (kind == Kind::empty) return std::unexpected(Failure::is_void());
  CacheSlot slot = store.find(capability.object.frame(), capability.hint);
  if (slot == no_slot) [[unlikely]] {
    const auto obtained = store.obtain(capability.object.frame(), capability.hint);
    if (!obtained) return std::unexpected(Failure::from(obtained.error()));
    slot = *obtained;
  }
  const FrameIdentity& identity = store.descriptor(slot).identity;
  const unsigned index = capability.object.index();
  if (identity.kind != kind || index >= info(kind).objects_per_frame) {
    return std::unexpected(Failure::is_void());
  }
  Version version = identity.source;
  if (is_row(kind)) {
    version = *reinterpret_cast<const Version*>(store.bytes(slot) + row_header_bytes +
                                                index * info(kind).object_bytes);
  }
  if (!names(capability, ObjectId::of(store.descriptor(slot).number, index), version)) {
    return std::unexpected(Failure::is_void());
  }
  capability.hint = slot;
  return Lookup{slot, index};
}

}  // namespace perdure
