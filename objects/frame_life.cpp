// SPDX-License-Identifier: MIT
#include "objects/frame_life.hpp"

#include <algorithm>
#include <cstring>

#include "objects/process.hpp"

namespace perdure {
namespace {

RowHeader& header_of(std::byte* frame) { return *reinterpret_cast<RowHeader*>(frame); }
const RowHeader& header_of(const std::byte* frame) {
  return *reinterpret_cast<const RowHeader*>(frame);
}

std::byte* object_at(Kind kind, std::byte* frame, unsigned index) {
  return frame + row_header_bytes + index * info(kind).object_bytes;
}

void clear_hints(std::byte* capabilities, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    auto* capability = reinterpret_cast<Capability*>(capabilities + i * sizeof(Capability));
    capability->hint = 0;
  }
}

void clear_hint(Capability& capability) { capability.hint = 0; }

void forget_volatile(Process& process) {
  ProcessControl& control = process.control;
  control.root_hint = 0;
  control.root_identity = 0;
  control.callers_map = 0;
  control.priority = 0;
  control.ceiling = 0;
  control.line_priority = 0;
  control.callee = 0;
  control.priority_stamp = 0;
  control.lost_schedule_stamp = 0;
  for (LineEnds& line : process.callers) line = {};
}

// Applies `clear` to each object of a row, allocated or not: a free one is all zero anyway.
template <typename SmallObject, typename Clear>
void for_each_in_row(Kind kind, std::byte* frame, Clear clear) {
  for (unsigned i = 0; i < info(kind).objects_per_frame; ++i) clear(*row_object<SmallObject>(frame, i));
}

}  // namespace

Version take_version(FrameIdentity& identity) {
  ++identity.source.value;
  return identity.source;
}

namespace {

// Only a forged image has such numbers of generations, or of versions; what they make of a source stays below version_source_max.
constexpr uint64_t generation_max = version_source_max >> (versions_of_generation_bits + 2);

// More than any frame had seen when versions were not yet counted by generations.
constexpr uint64_t first_of_all = uint64_t{1} << 32;

uint64_t first_of_generation(uint64_t generation) {
  return (std::min(generation, generation_max) << versions_of_generation_bits) + first_of_all;
}

uint64_t first_version(Generation next, Version overrun) {
  return std::max(first_of_generation(next.value), std::min(overrun.value, first_of_generation(generation_max)));
}

}  // namespace

void begin_generation(FrameIdentity& identity, Generation next, Version& overrun) {
  identity.source.value = std::max(identity.source.value, first_version(next, overrun));
  if (identity.source.value >= first_of_generation(next.value + 1)) overrun.value = identity.source.value + 1;
}

void make_whole(FrameIdentity& identity, Kind kind, Account account) {
  take_version(identity);
  identity.kind = kind;
  identity.account = account;
}

void rescind(FrameIdentity& identity) {
  take_version(identity);
  identity.kind = Kind::empty;
  identity.account = {};
}

void format_row(FrameIdentity& identity, std::byte* frame, Kind kind, Account account) {
  std::memset(frame, 0, frame_bytes);
  take_version(identity);
  identity.kind = kind;
  identity.account = account;
  RowHeader& header = header_of(frame);
  header.kind = kind;
  header.layout_revision = info(kind).layout_revision;
}

Version make_in_row(FrameIdentity& identity, std::byte* frame, unsigned index) {
  const Version version = take_version(identity);
  std::byte* object = object_at(identity.kind, frame, index);
  std::memset(object, 0, info(identity.kind).object_bytes);
  std::memcpy(object, &version, sizeof(version));
  header_of(frame).allocated |= uint64_t{1} << index;
  return version;
}

void destroy_in_row(FrameIdentity& identity, std::byte* frame, unsigned index) {
  take_version(identity);
  std::memset(object_at(identity.kind, frame, index), 0, info(identity.kind).object_bytes);
  header_of(frame).allocated &= ~(uint64_t{1} << index);
}

Version version_of(const FrameIdentity& identity, const std::byte* frame, unsigned index) {
  if (identity.kind == Kind::empty || index >= info(identity.kind).objects_per_frame) return {};
  if (!is_row(identity.kind)) return identity.source;
  if (!(header_of(frame).allocated >> index & 1)) return {};
  Version version;
  std::memcpy(&version, frame + row_header_bytes + index * info(identity.kind).object_bytes,
              sizeof(version));
  return version;
}

Capability fabricate(const FrameIdentity& identity, const std::byte* frame, FrameNumber number,
                     unsigned index) {
  constexpr CapabilityType first_of_kind[kind_count] = {
      CapabilityType::void_capability, CapabilityType::page,     CapabilityType::capability_page,
      CapabilityType::process,         CapabilityType::node,     CapabilityType::wrapper_control,
      CapabilityType::endpoint,        CapabilityType::notice,   CapabilityType::schedule,
      CapabilityType::activity};
  const Version version = version_of(identity, frame, index);
  if (version.is_none()) return {};
  return {.type = first_of_kind[static_cast<size_t>(identity.kind)],
          .version = version,
          .object = ObjectId::of(number, index)};
}

void normalize(Kind kind, const std::byte* from, std::byte* to) {
  std::memcpy(to, from, frame_bytes);
  switch (kind) {
    case Kind::capability_page:
      clear_hints(to, capabilities_per_page);
      break;
    case Kind::process:
      forget_volatile(*reinterpret_cast<Process*>(to));
      // activity, space, keeper, schedule, brand and the registers stand side by side.
      clear_hints(to + offsetof(Process, control) + offsetof(ProcessControl, activity),
                  5 + capability_register_count);
      break;
    case Kind::node:
      for_each_in_row<Node>(kind, to, [](Node& node) {
        clear_hint(node.keeper);
        for (Capability& slot : node.slots) clear_hint(slot);
      });
      break;
    case Kind::wrapper:
      for_each_in_row<Wrapper>(kind, to, [](Wrapper& wrapper) {
        clear_hint(wrapper.target);
        wrapper.waiting = {};
      });
      break;
    case Kind::endpoint:
      for_each_in_row<Endpoint>(kind, to, [](Endpoint& endpoint) {
        clear_hint(endpoint.receiver);
        endpoint.waiting = {};
      });
      break;
    case Kind::notice:
      for_each_in_row<Notice>(kind, to, [](Notice& notice) { clear_hint(notice.receiver); });
      break;
    case Kind::activity:
      for_each_in_row<Activity>(kind, to, [](Activity& activity) {
        activity.queue_flags = 0;
        activity.is_awaited = 0;
        activity.next = activity.previous = activity.peer_next = activity.peer_previous = 0;
        activity.timer_tick = activity.timer_next = activity.timer_previous = 0;
      });
      break;
    case Kind::schedule:
      for_each_in_row<Schedule>(kind, to, [](Schedule& schedule) { schedule.peers = {}; });
      break;
    case Kind::empty:
    case Kind::page:
      break;
  }
}

}  // namespace perdure
