// SPDX-License-Identifier: MIT
#include "test/simulation/frame_truth.hpp"

#include <cstring>

#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {
namespace {

using Body = std::vector<std::byte>;

void zero(Body& body, size_t at, size_t length) { std::memset(body.data() + at, 0, length); }

void zero_hints(Body& body, size_t first, size_t count) {
  for (size_t i = 0; i < count; ++i) zero(body, first + i * sizeof(Capability) + offsetof(Capability, hint), sizeof(uint32_t));
}

void forget_volatile_of_process(Body& body) {
  constexpr size_t control = offsetof(Process, control);
  zero(body, control + offsetof(ProcessControl, root_identity), sizeof(uint64_t));
  zero(body, control + offsetof(ProcessControl, root_hint), sizeof(uint32_t));
  zero(body, control + offsetof(ProcessControl, callers_map), sizeof(uint16_t));
  zero(body, control + offsetof(ProcessControl, priority), sizeof(uint8_t));
  zero(body, control + offsetof(ProcessControl, priority_stamp), sizeof(uint32_t));
  zero(body, control + offsetof(ProcessControl, ceiling), sizeof(uint8_t));
  zero(body, control + offsetof(ProcessControl, line_priority), sizeof(uint8_t));
  zero(body, control + offsetof(ProcessControl, callee), sizeof(uint32_t));
  zero(body, control + offsetof(ProcessControl, lost_schedule_stamp), sizeof(uint32_t));
  zero(body, offsetof(Process, callers), sizeof(Process::callers));
  zero_hints(body, control + offsetof(ProcessControl, activity), 1);
  zero_hints(body, offsetof(Process, space), 4);
  zero_hints(body, offsetof(Process, capability_registers), capability_register_count);
}

void forget_volatile_of_activity(Body& body, size_t at) {
  reinterpret_cast<Activity*>(body.data() + at)->is_awaited = 0;  // a bit has no offset
  zero(body, at + offsetof(Activity, queue_flags), 1);
  zero(body, at + offsetof(Activity, timer_tick), sizeof(Activity) - offsetof(Activity, timer_tick));
}

void forget_volatile(Kind kind, Body& body) {
  if (kind == Kind::process) return forget_volatile_of_process(body);
  if (kind == Kind::capability_page) return zero_hints(body, 0, capabilities_per_page);
  if (!is_row(kind)) return;
  for (unsigned i = 0; i < info(kind).objects_per_frame; ++i) {
    const size_t at = row_header_bytes + i * info(kind).object_bytes;
    switch (kind) {
      case Kind::node:
        zero_hints(body, at + offsetof(Node, keeper), 1);
        zero_hints(body, at + offsetof(Node, slots), node_slot_count);
        break;
      case Kind::wrapper:
        zero_hints(body, at + offsetof(Wrapper, target), 1);
        zero(body, at + offsetof(Wrapper, waiting), sizeof(LineEnds));
        break;
      case Kind::endpoint:
        zero_hints(body, at + offsetof(Endpoint, receiver), 1);
        zero(body, at + offsetof(Endpoint, waiting), sizeof(LineEnds));
        break;
      case Kind::notice: zero_hints(body, at + offsetof(Notice, receiver), 1); break;
      case Kind::schedule: zero(body, at + offsetof(Schedule, peers), sizeof(LineEnds)); break;
      case Kind::activity: forget_volatile_of_activity(body, at); break;
      default: break;
    }
  }
}

bool has_body(const FrameDescriptor& descriptor) {
  return descriptor.identity.kind != Kind::empty && !(descriptor.flags & FrameDescriptor::flag_all_zero);
}

}  // namespace

FrameTruth stored_truth_of(const FrameDescriptor& descriptor, const std::byte* body) {
  FrameTruth truth{descriptor.identity, nullptr};
  if (has_body(descriptor)) truth.body = std::make_shared<const Body>(body, body + frame_bytes);
  return truth;
}

FrameTruth truth_of(const FrameDescriptor& descriptor, const std::byte* body) {
  FrameTruth truth{descriptor.identity, nullptr};
  if (!has_body(descriptor)) return truth;
  Body copy(body, body + frame_bytes);
  forget_volatile(descriptor.identity.kind, copy);
  truth.body = std::make_shared<const Body>(std::move(copy));
  return truth;
}

std::string_view difference(const FrameTruth& expected, const FrameTruth& found) {
  static const Body zeroes(frame_bytes);
  if (found.identity.source != expected.identity.source) return "another version source";
  if (found.identity.kind != expected.identity.kind) return "another kind";
  if (found.identity.account != expected.identity.account) return "another account";
  if (found.identity.kind == Kind::empty) return "";
  return (found.body ? *found.body : zeroes) == (expected.body ? *expected.body : zeroes) ? "" : "other contents";
}

bool is_same_state(const SystemState& a, const SystemState& b) {
  return a.first_activity_row == b.first_activity_row && a.last_activity_row == b.last_activity_row && a.next_ticket == b.next_ticket && a.machine_time_ns == b.machine_time_ns;
}

bool is_alive(const FrameTruth& frame, const Capability& capability) {
  const Kind kind = info(capability.type).object_kind;
  if (frame.identity.kind != kind) return false;
  if (!is_row(kind)) return frame.identity.source == capability.version;
  if (!frame.body) return false;
  Version version;
  const size_t at = row_header_bytes + capability.object.index() * info(kind).object_bytes;
  std::memcpy(&version, frame.body->data() + at, sizeof(version));
  return version == capability.version;
}

}  // namespace perdure
