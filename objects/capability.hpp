// SPDX-License-Identifier: MIT
//
// The capability: 32 bytes that name an object and say what may be done to it. The same bytes
// in a process, a capability page, a node slot, a wrapper, in memory and on disk.
//
//   byte 0      1        2       4       8          16        24        32
//        | type | rights | flags | hint  | version  | object  | payload |
//
// Life of a capability:
//  1. A range makes an object and fabricates the first capability to it.
//  2. It is copied freely. Nothing records the copies.
//  3. Use: the frame that `hint` names is looked at; if it does not hold `object`, the hash
//     table of frames is asked, then the disk. The hint is verified at every use, so it needs
//     no maintenance and is never stored (normalize() clears it).
//  4. The object's version is compared with `version`. If they differ the capability is void,
//     for ever (VERSIONS-NEVER-REPEAT). No verdict is ever cached in the capability.
//
// Capability bytes are never readable or writable as data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "objects/ids.hpp"
#include "objects/kinds.hpp"

namespace perdure {

// The numbers are part of the disk format and of the ABI.
enum class CapabilityType : uint8_t {
  void_capability = 0,
  number = 1,          // payload: the number. Names no object
  page = 2,            // memory; payload: guard
  capability_page = 3, // memory; payload: guard
  node = 4,            // memory; payload: guard
  process = 5,
  endpoint = 6,        // control of an endpoint
  entry = 7,           // invokes the endpoint's receiver; payload: the entry payload
  resume = 8,          // replies to a caller, once; object: the caller; payload: its call count
  wrapper_control = 9,
  wrapped = 10,        // client facet of a wrapper: acts as the target does; payload: guard
  notice = 11,
  schedule = 12,
  activity = 13,       // needed to start a process; can do nothing by itself
  range = 14,          // object: first frame; payload: number of frames
  checkpoint = 15,     // checkpoint control, power
  devices = 16,        // mints capabilities of the present boot epoch
  console = 17,        // payload: the boot epoch that minted it
  clock = 18,
  discriminator = 19,
};
inline constexpr unsigned capability_type_count = 20;

struct CapabilityTypeInfo {
  std::string_view name;
  Kind object_kind;  // the kind of object that it names; empty: names none, carries no version
  bool is_memory;    // can stand in an address space
};

inline constexpr std::array<CapabilityTypeInfo, capability_type_count> capability_type_table{{
    {"void", Kind::empty, false},
    {"number", Kind::empty, false},
    {"page", Kind::page, true},
    {"capability_page", Kind::capability_page, true},
    {"node", Kind::node, true},
    {"process", Kind::process, false},
    {"endpoint", Kind::endpoint, false},
    {"entry", Kind::endpoint, false},
    {"resume", Kind::process, false},
    {"wrapper_control", Kind::wrapper, false},
    {"wrapped", Kind::wrapper, false},
    {"notice", Kind::notice, false},
    {"schedule", Kind::schedule, false},
    {"activity", Kind::activity, false},
    {"range", Kind::empty, false},
    {"checkpoint", Kind::empty, false},
    {"devices", Kind::empty, false},
    {"console", Kind::empty, false},
    {"clock", Kind::empty, false},
    {"discriminator", Kind::empty, false},
}};

constexpr const CapabilityTypeInfo& info(CapabilityType type) {
  return capability_type_table[static_cast<size_t>(type)];
}

// Restrictions. A set bit takes something away, so that 0 is the full capability and combining two is a bitwise or:
// rights only shrink. What a bit means depends on the type of the capability, and so each family of types has an enum
// of its own: to ask a notice for a restriction of memory does not compile (Request::forbids).
namespace restriction {
enum Memory : uint8_t {
  none = 0,
  read_only = 1 << 0,
  no_execute = 1 << 1,
  // What is fetched through it is itself read-only and weak; see weaken().
  weak = 1 << 2,
  // Usable as memory; its slots can be neither seen nor changed.
  opaque = 1 << 3,
  // Below it no keeper is invoked and no blocked wrapper is waited for: the access faults to the
  // accessing process's own keeper. A server maps what its clients supply through no_call, so
  // that their keeper cannot stall it.
  no_call = 1 << 4,
  all = read_only | no_execute | weak | opaque | no_call,
};
constexpr Memory operator|(Memory a, Memory b) { return static_cast<Memory>(uint8_t{a} | uint8_t{b}); }

enum Notice : uint8_t {
  post_only = 1 << 0,
};
}  // namespace restriction

// The family that the restrictions on a capability of this type come from; none: the type has no restrictions.
template <CapabilityType type>
struct RestrictionOf;
template <>
struct RestrictionOf<CapabilityType::page> { using Type = restriction::Memory; };
template <>
struct RestrictionOf<CapabilityType::capability_page> { using Type = restriction::Memory; };
template <>
struct RestrictionOf<CapabilityType::node> { using Type = restriction::Memory; };
template <>
struct RestrictionOf<CapabilityType::notice> { using Type = restriction::Notice; };

struct Capability {
  CapabilityType type = CapabilityType::void_capability;
  uint8_t restrictions = 0;
  uint16_t flags = 0;     // none defined; zero
  uint32_t hint = 0;      // volatile: where the object's frame was last seen. Not stored
  Version version;        // of the object; none if the type names no object
  ObjectId object;
  uint64_t payload = 0;

  constexpr bool is_void() const { return type == CapabilityType::void_capability; }
  constexpr bool is_memory() const { return info(type).is_memory; }
};

static_assert(sizeof(Capability) == 32 && alignof(Capability) == 8);
static_assert(offsetof(Capability, hint) == 4 && offsetof(Capability, version) == 8 &&
              offsetof(Capability, object) == 16 && offsetof(Capability, payload) == 24);

inline constexpr size_t capabilities_per_page = frame_bytes / sizeof(Capability);

constexpr bool names_object(CapabilityType type) { return info(type).object_kind != Kind::empty; }

// The one comparison by which a capability is believed: what stands at `object` now is what the capability was made
// for. Only for a capability that names an object (check_capability: then its version is never none).
constexpr bool names(const Capability& capability, ObjectId object, Version version) {
  return capability.object == object && capability.version == version;
}

// Two capabilities are the same authority if all but the hint agrees.
constexpr bool same_authority(const Capability& a, const Capability& b) {
  return a.type == b.type && a.restrictions == b.restrictions && a.flags == b.flags &&
         a.version == b.version && a.object == b.object && a.payload == b.payload;
}

constexpr Capability number_capability(uint64_t value) {
  return {.type = CapabilityType::number, .payload = value};
}

// What a fetch through a weak capability yields. Memory and wrapped memory become read-only and
// weak; numbers and the discriminator carry no authority and pass; everything else is void,
// because invoking it could change something. (A weak wrapped capability stands for memory only:
// the kernel refuses to invoke it.)
constexpr Capability weaken(Capability capability) {
  switch (capability.type) {
    case CapabilityType::page:
    case CapabilityType::capability_page:
    case CapabilityType::node:
    case CapabilityType::wrapped:
      capability.restrictions |= restriction::weak | restriction::read_only;
      return capability;
    case CapabilityType::number:
    case CapabilityType::discriminator:
      return capability;
    default:
      return {};
  }
}

}  // namespace perdure
