// SPDX-License-Identifier: MIT
#include "kernel/space_walk.hpp"

#include "kernel/lookup.hpp"
#include "objects/abi.hpp"
#include "objects/rows.hpp"

namespace perdure {
namespace {

constexpr unsigned page_bits = 12;

constexpr uint64_t low_bits(uint64_t value, unsigned count) {
  return value & ((uint64_t{1} << count) - 1);
}

// One walk under way: where it is and what the path so far has said.
class Walk {
 public:
  Walk(Store& store, uint64_t address, Access access)
      : store_(store), address_(address), access_(access), offset_(address >> page_bits) {}

  WalkOutcome run(Capability& space);

 private:
  // Where the next capability of the path stands, or what the walk ends with.
  struct Step {
    Capability* next = nullptr;
    WalkOutcome end;
  };

  Step follow(Capability& stored);
  Step enter_node(Capability& stored);
  WalkOutcome reach_page(Capability& stored);
  std::expected<Lookup, Failure> find(Capability& stored);
  bool is_guarded_out(const Capability& capability, unsigned span) const {
    return offset_ >> span != capability.payload;
  }
  void note_keeper(const Capability& capability, const Node& node);
  WalkOutcome fault(FaultCode) const;
  WalkOutcome ended_by(const Failure&) const;

  Store& store_;
  const uint64_t address_;
  const Access access_;
  uint64_t offset_;            // pages, in the object that the next capability names
  uint8_t restrictions_ = 0;   // of all capabilities of the path so far
  unsigned depth_ = 0;         // nodes entered
  CacheSlot holder_ = no_slot; // where the next capability stands; none: with the caller
  FrameNumber holder_frame_;
  MemoryFault keeper_;         // only keeper, node and has_keeper
  uint64_t keeper_offset_ = 0; // pages, in keeper_.node
};

WalkOutcome Walk::run(Capability& space) {
  if (address_ >= user_address_end) return fault(FaultCode::no_memory);
  Capability* next = &space;
  for (;;) {
    const Step step = follow(*next);
    if (step.next == nullptr) return step.end;
    next = step.next;
  }
}

// The numbers in a capability come from the disk: what is none of the known memory types is not
// memory.
Walk::Step Walk::follow(Capability& stored) {
  restrictions_ |= stored.restrictions;
  switch (stored.type) {
    case CapabilityType::void_capability: return {.end = fault(FaultCode::no_memory)};
    case CapabilityType::node: return enter_node(stored);
    case CapabilityType::page:
    case CapabilityType::capability_page: return {.end = reach_page(stored)};
    default: return {.end = fault(FaultCode::malformed_space)};
  }
}

// Looking one object up may evict the frame in which the capability to it stands. So a copy is
// believed, and its hint is taken over only if the frame is still there.
std::expected<Lookup, Failure> Walk::find(Capability& stored) {
  Capability copy = stored;
  const auto found = look_up(store_, copy);
  const bool is_there = holder_ == no_slot || store_.descriptor(holder_).number == holder_frame_;
  if (found && is_there) stored.hint = copy.hint;
  return found;
}

Walk::Step Walk::enter_node(Capability& stored) {
  if (depth_++ == walk_depth_max) return {.end = fault(FaultCode::malformed_space)};
  const Capability capability = stored;
  const auto found = find(stored);
  if (!found) return {.end = ended_by(found.error())};
  holder_ = found->slot;
  holder_frame_ = capability.object.frame();
  Node& node = *row_object<Node>(store_.bytes(found->slot), found->index);
  if (node.slot_size > node_slot_size_max) return {.end = fault(FaultCode::malformed_space)};
  const unsigned span = node.slot_size + node_slot_bits;
  if (is_guarded_out(capability, span)) return {.end = fault(FaultCode::no_memory)};

  offset_ = low_bits(offset_, span);
  note_keeper(capability, node);
  const auto slot = static_cast<unsigned>(offset_ >> node.slot_size);
  if (slot == node_pocket_slot && (node.flags & Node::flag_pocket)) {
    return {.end = fault(FaultCode::no_memory)};
  }
  offset_ = low_bits(offset_, node.slot_size);
  return {.next = &node.slots[slot], .end = {}};
}

WalkOutcome Walk::reach_page(Capability& stored) {
  if (is_guarded_out(stored, 0)) return fault(FaultCode::no_memory);
  const bool is_data = stored.type == CapabilityType::page;
  const auto found = find(stored);
  if (!found) return ended_by(found.error());
  const PageReached page{
      .slot = found->slot,
      .writable = !(restrictions_ & (restriction::read_only | restriction::weak)),
      .executable = !(restrictions_ & restriction::no_execute)};
  // Capabilities are never seen as data.
  if (!is_data || (access_.write && !page.writable) || (access_.execute && !page.executable)) {
    return fault(FaultCode::access);
  }
  return {.what = WalkOutcome::What::reached, .page = page};
}

void Walk::note_keeper(const Capability& capability, const Node& node) {
  if (node.keeper.is_void()) return;
  keeper_.has_keeper = true;
  keeper_.keeper = node.keeper;
  keeper_.node = capability;
  keeper_.node.restrictions = 0;
  keeper_.node.payload = 0;
  keeper_offset_ = offset_;
}

WalkOutcome Walk::fault(FaultCode code) const {
  WalkOutcome outcome{.what = WalkOutcome::What::fault, .fault = {.code = code}};
  if (keeper_.has_keeper && !(restrictions_ & restriction::no_call)) {
    outcome.fault = keeper_;
    outcome.fault.code = code;
    outcome.fault.offset = keeper_offset_ << page_bits | low_bits(address_, page_bits);
  }
  return outcome;
}

WalkOutcome Walk::ended_by(const Failure& failure) const {
  switch (failure.why) {
    case Failure::Why::stall: return {.what = WalkOutcome::What::stall, .stall = failure.stall};
    case Failure::Why::unreadable: return fault(FaultCode::unreadable);
    case Failure::Why::void_capability: return fault(FaultCode::no_memory);
  }
  return fault(FaultCode::no_memory);
}

}  // namespace

WalkOutcome walk(Store& store, Capability& space, uint64_t address, Access access) {
  return Walk(store, address, access).run(space);
}

}  // namespace perdure
