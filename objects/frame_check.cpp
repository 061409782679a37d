// SPDX-License-Identifier: MIT
#include "objects/frame_check.hpp"

#include <cstring>
#include <span>

#include "objects/frame_life.hpp"
#include "objects/process.hpp"
#include "objects/slot_types.hpp"

namespace perdure {
namespace {

std::string_view check_capabilities(const Capability* capabilities, size_t count) {
  for (const Capability& capability : std::span(capabilities, count)) {
    if (const auto wrong = check_capability(capability); !wrong.empty()) return wrong;
  }
  return {};
}

// A capability of the right type for its slot.
std::string_view check_slot(TypedSlot slot, const Capability& capability, std::string_view otherwise) {
  const std::string_view wrong = check_capability(capability);
  if (!wrong.empty()) return wrong;
  return is_allowed(slot, capability) ? std::string_view{} : otherwise;
}

std::string_view check_process_slots(const Process& process) {
  const struct {
    TypedSlot slot;
    const Capability& capability;
    std::string_view otherwise;
  } slots[] = {
      {TypedSlot::process_activity, process.control.activity, "a process is bound to what is no activity"},
      {TypedSlot::process_space, process.space, "a process's space is no memory"},
      {TypedSlot::process_keeper, process.keeper, "a process's keeper is no program"},
      {TypedSlot::process_schedule, process.schedule, "a process's schedule is none"},
      {TypedSlot::process_register_0, process.capability_registers[0], "a process's register 0 is not void"},
  };
  for (const auto& slot : slots) {
    if (const auto wrong = check_slot(slot.slot, slot.capability, slot.otherwise); !wrong.empty()) return wrong;
  }
  return {};
}

std::string_view check_process(const Process& process) {
  if (process.control.state > ProcessState::waiting) return "a process is in no known state";
  if (process.control.fault > FaultCode::other_exception) return "a process has an unknown fault";
  if (process.control.flags & ~ProcessControl::all_flags) return "a process has unknown flags";
  const uint32_t trap = process.control.untold_trap;
  if (trap != 0 && !is_trap(trap)) return "a process has an unknown trap";
  if (const auto wrong = check_process_slots(process); !wrong.empty()) return wrong;
  // the brand and the registers stand side by side
  return check_capabilities(&process.brand, 1 + capability_register_count);
}

std::string_view check_node(const Node& node) {
  if (node.slot_size > node_slot_size_max) return "a node's slots are too large";
  if (node.flags & ~Node::flag_pocket) return "a node has unknown flags";
  const std::string_view wrong = check_slot(TypedSlot::node_keeper, node.keeper, "a node's keeper is no program");
  return wrong.empty() ? check_capabilities(node.slots, node_slot_count) : wrong;
}

std::string_view check_activity(const Activity& activity) {
  if (activity.runnable > 1) return "an activity is half runnable";
  if (activity.awaits_deadline > 1) return "an activity half awaits a deadline";
  if (activity.priority > priority_max + 1) return "an activity's priority is too high";
  return activity.runnable && activity.awaits_deadline ? "an activity is runnable and awaits a deadline"
                                                       : std::string_view{};
}

std::string_view check_wrapper(const Wrapper& wrapper) {
  if (wrapper.flags & ~(Wrapper::flag_blocked | Wrapper::flag_hand_over)) return "a wrapper has unknown flags";
  return check_capabilities(&wrapper.target, 1);
}

std::string_view check_endpoint(const Endpoint& endpoint) {
  if (endpoint.flags & ~Endpoint::flag_had_receiver) return "an endpoint has unknown flags";
  return check_slot(TypedSlot::endpoint_receiver, endpoint.receiver, "an endpoint's receiver is no process");
}

std::string_view check_notice(const Notice& notice) {
  if (notice.flags != 0) return "a notice has unknown flags";
  return check_slot(TypedSlot::notice_receiver, notice.receiver, "a notice's receiver is no process");
}

std::string_view check_schedule(const Schedule& schedule) {
  if (schedule.priority > priority_max) return "a schedule's priority is too high";
  return schedule.slice_ns > slice_ns_max ? "a schedule's slice is too long" : std::string_view{};
}

std::string_view check_small_object(Kind kind, const std::byte* frame, unsigned index) {
  switch (kind) {
    case Kind::node:
      return check_node(*row_object<Node>(frame, index));
    case Kind::wrapper:
      return check_wrapper(*row_object<Wrapper>(frame, index));
    case Kind::endpoint:
      return check_endpoint(*row_object<Endpoint>(frame, index));
    case Kind::notice:
      return check_notice(*row_object<Notice>(frame, index));
    case Kind::schedule:
      return check_schedule(*row_object<Schedule>(frame, index));
    case Kind::activity:
      return check_activity(*row_object<Activity>(frame, index));
    default:
      return {};
  }
}

// Invariant VERSIONS-NEVER-REPEAT as far as one frame shows it: an object exists exactly if the
// row's map says so, and no version is above the frame's source.
std::string_view check_row(const FrameIdentity& identity, const std::byte* frame) {
  const auto& header = *reinterpret_cast<const RowHeader*>(frame);
  if (header.kind != identity.kind) return "a row's header names another kind than its tag";
  if (header.layout_revision != info(identity.kind).layout_revision) return "a row has another layout";
  const unsigned objects = info(identity.kind).objects_per_frame;
  if (header.allocated >> objects != 0) return "a row's map counts objects that it cannot hold";
  for (unsigned i = 0; i < objects; ++i) {
    const auto version = *reinterpret_cast<const Version*>(
        frame + row_header_bytes + i * info(identity.kind).object_bytes);
    if (version.is_none() == (header.allocated >> i & 1)) return "a row's map and a version disagree";
    if (version.value > identity.source.value) return "an object's version is above its frame's source";
    if (version.is_none()) continue;
    if (const auto wrong = check_small_object(identity.kind, frame, i); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace

std::string_view check_capability(const Capability& capability) {
  if (static_cast<uint8_t>(capability.type) >= capability_type_count) return "a capability is of no known type";
  if (capability.restrictions & ~restriction::all) return "a capability has unknown restrictions";
  if (capability.flags != 0) return "a capability has unknown flags";
  if (names_object(capability.type) == capability.version.is_none()) {
    return "a capability has a version and no object, or the reverse";
  }
  return capability.version.value < version_source_max ? std::string_view{}
                                                       : "a capability's version is too high";
}

std::string_view check_frame(const FrameIdentity& identity, const std::byte* body) {
  if (!is_valid_kind(static_cast<uint8_t>(identity.kind))) return "a frame is of no known kind";
  if (identity.source.value >= version_source_max) return "a frame's version source is too high";
  if (identity.kind != Kind::empty && identity.source.is_none()) return "a frame is in use and has no version";
  if (!body) return is_row(identity.kind) ? "a row without a header" : std::string_view{};
  switch (identity.kind) {
    case Kind::capability_page:
      return check_capabilities(reinterpret_cast<const Capability*>(body), capabilities_per_page);
    case Kind::process:
      return check_process(*reinterpret_cast<const Process*>(body));
    case Kind::empty:
    case Kind::page:
      return {};
    default:
      return check_row(identity, body);
  }
}

std::string_view check_stored_frame(const FrameIdentity& identity, const std::byte* body) {
  const std::string_view wrong = check_frame(identity, body);
  if (!wrong.empty() || !body) return wrong;
  if (identity.kind == Kind::page || identity.kind == Kind::empty) return {};
  alignas(64) std::byte stored[frame_bytes];
  normalize(identity.kind, body, stored);
  return std::memcmp(stored, body, frame_bytes) != 0 ? "volatile bytes are stored" : std::string_view{};
}

}  // namespace perdure
