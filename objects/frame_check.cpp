// SPDX-License-Identifier: MIT
#include "objects/frame_check.hpp"

#include <span>

#include "objects/process.hpp"

namespace perdure {
namespace {

std::string_view check_capabilities(const Capability* capabilities, size_t count) {
  for (const Capability& capability : std::span(capabilities, count)) {
    if (const auto wrong = check_capability(capability); !wrong.empty()) return wrong;
  }
  return {};
}

std::string_view check_process(const Process& process) {
  if (process.control.state > ProcessState::waiting) return "a process is in no known state";
  if (process.control.fault > FaultCode::other_exception) return "a process has an unknown fault";
  if (process.control.flags & ~ProcessControl::all_flags) return "a process has unknown flags";
  const std::string_view wrong = check_capabilities(&process.control.activity, 1);
  if (!wrong.empty()) return wrong;
  // space, keeper, schedule, brand and the registers stand side by side
  return check_capabilities(&process.space, 4 + capability_register_count);
}

std::string_view check_node(const Node& node) {
  if (node.slot_size > node_slot_size_max) return "a node's slots are too large";
  if (node.flags & ~Node::flag_pocket) return "a node has unknown flags";
  const std::string_view wrong = check_capabilities(&node.keeper, 1);
  return wrong.empty() ? check_capabilities(node.slots, node_slot_count) : wrong;
}

std::string_view check_activity(const Activity& activity) {
  if (activity.runnable > 1) return "an activity is half runnable";
  if (activity.awaits_deadline > 1) return "an activity half awaits a deadline";
  if (activity.priority > priority_max + 1) return "an activity's priority is too high";
  return activity.runnable && activity.awaits_deadline ? "an activity is runnable and awaits a deadline"
                                                       : std::string_view{};
}

std::string_view check_small_object(Kind kind, const std::byte* frame, unsigned index) {
  switch (kind) {
    case Kind::node:
      return check_node(*row_object<Node>(frame, index));
    case Kind::wrapper:
      if (row_object<Wrapper>(frame, index)->flags & ~(Wrapper::flag_blocked | Wrapper::flag_hand_over)) {
        return "a wrapper has unknown flags";
      }
      return check_capabilities(&row_object<Wrapper>(frame, index)->target, 1);
    case Kind::endpoint:
      return check_capabilities(&row_object<Endpoint>(frame, index)->receiver, 1);
    case Kind::notice:
      return check_capabilities(&row_object<Notice>(frame, index)->receiver, 1);
    case Kind::schedule:
      return row_object<Schedule>(frame, index)->priority > priority_max
                 ? "a schedule's priority is too high"
                 : std::string_view{};
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

}  // namespace perdure
