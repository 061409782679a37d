// SPDX-License-Identifier: MIT
#include "objects/frame_check.hpp"

#include <span>

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
  if (schedule.ceiling > priority_max) return "a schedule's ceiling is too high";
  if (schedule.priority > schedule.ceiling) return "a schedule's priority is above its ceiling";
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

// --- what is volatile: the other side of normalize(), field by field, because each fetch is checked ----

bool holds_hint(const Capability* capabilities, size_t count) {
  uint32_t hints = 0;
  for (const Capability& capability : std::span(capabilities, count)) hints |= capability.hint;
  return hints != 0;
}

uint32_t ends_of(const LineEnds& line) { return line.first | line.last; }

bool holds_volatile(const Activity& a) {
  return (a.is_awaited | a.queue_flags | a.timer_tick | a.timer_next | a.timer_previous | a.next | a.previous |
          a.peer_next | a.peer_previous) != 0;
}

bool holds_volatile(const Process& process) {
  const ProcessControl& c = process.control;
  uint64_t found = c.root_hint | c.root_identity | c.callers_map | c.priority | c.ceiling | c.priority_stamp |
                   c.lost_schedule_stamp | c.line_priority | c.callee;
  for (const LineEnds& line : process.callers) found |= ends_of(line);
  return found != 0 || holds_hint(&c.activity, 1) || holds_hint(&process.space, 4 + capability_register_count);
}

bool holds_volatile(Kind kind, const std::byte* frame, unsigned index) {
  switch (kind) {
    case Kind::node:
      return holds_hint(&row_object<Node>(frame, index)->keeper, 1) ||
             holds_hint(row_object<Node>(frame, index)->slots, node_slot_count);
    case Kind::wrapper: {
      const Wrapper& wrapper = *row_object<Wrapper>(frame, index);
      return (wrapper.target.hint | ends_of(wrapper.waiting)) != 0;
    }
    case Kind::endpoint: {
      const Endpoint& endpoint = *row_object<Endpoint>(frame, index);
      return (endpoint.receiver.hint | ends_of(endpoint.waiting)) != 0;
    }
    case Kind::notice: return row_object<Notice>(frame, index)->receiver.hint != 0;
    case Kind::schedule: return ends_of(row_object<Schedule>(frame, index)->peers) != 0;
    case Kind::activity: return holds_volatile(*row_object<Activity>(frame, index));
    default: return false;
  }
}

bool holds_volatile(Kind kind, const std::byte* frame) {
  if (kind == Kind::process) return holds_volatile(*reinterpret_cast<const Process*>(frame));
  if (kind == Kind::capability_page) {
    return holds_hint(reinterpret_cast<const Capability*>(frame), capabilities_per_page);
  }
  if (!is_row(kind)) return false;
  for (unsigned i = 0; i < info(kind).objects_per_frame; ++i) {
    if (holds_volatile(kind, frame, i)) return true;
  }
  return false;
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
  return holds_volatile(identity.kind, body) ? "volatile bytes are stored" : std::string_view{};
}

}  // namespace perdure
