// SPDX-License-Identifier: MIT
#include "kernel/memory/space_walk.hpp"

#include "kernel/attempt/lookup.hpp"
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
  // Fills in the outcome, which is large, where it is wanted.
  Walk(FrameStore& store, UserAddr address, Access access, WalkOutcome& outcome)
      : store_(store), address_(address), access_(access), outcome_(outcome), offset_(address.value >> page_bits) {}

  void run(Capability& space);

 private:
  Capability* enter_node(Capability& stored);
  void reach_page(Capability& stored);
  template <Kind kind>
  bool find(Capability& stored);
  bool find_anywhere(Capability& stored);
  void note_keeper(ObjectId, const Node&);
  Capability* end_with(FaultCode);
  bool end_with(const Failure&);

  FrameStore& store_;
  const UserAddr address_;
  const Access access_;
  WalkOutcome& outcome_;       // its fault's keeper: the nearest so far
  uint64_t offset_;            // pages, in the object that the next capability names
  uint8_t restrictions_ = 0;   // of all capabilities of the path so far
  uint64_t keeper_offset_ = 0; // pages, in outcome_.fault.node
  Lookup found_;
};

// The numbers in a capability come from the disk: what is none of the known memory types is not
// memory.
void Walk::run(Capability& space) {
  Capability* next = &space;
  if (!address_.is_in_user_memory()) next = end_with(FaultCode::no_memory);
  while (next != nullptr) {
    restrictions_ |= next->restrictions;
    switch (next->type) {
      case CapabilityType::void_capability: next = end_with(FaultCode::no_memory); break;
      case CapabilityType::node: next = enter_node(*next); break;
      case CapabilityType::page:
      case CapabilityType::capability_page: reach_page(*next); return;
      default: next = end_with(FaultCode::malformed_space); break;
    }
  }
}

template <Kind kind>
inline bool Walk::find(Capability& stored) {
  return look_up_hinted<kind>(store_, stored, found_) || find_anywhere(stored);
}

bool Walk::find_anywhere(Capability& stored) {
  const auto found = look_up(store_, stored);
  if (!found) return end_with(found.error());
  found_ = *found;
  return true;
}

// The next capability of the path.
Capability* Walk::enter_node(Capability& stored) {
  if (outcome_.page.depth == walk_depth_max) return end_with(FaultCode::malformed_space);
  const ObjectId object = stored.object;
  const uint64_t guard = stored.payload;
  if (!find<Kind::node>(stored)) return nullptr;
  outcome_.page.nodes[outcome_.page.depth++] = object.value;
  Node& node = *row_object<Node>(store_.bytes(found_.slot), found_.index);
  if (node.slot_size > node_slot_size_max) return end_with(FaultCode::malformed_space);
  const unsigned span = node.slot_size + node_slot_bits;
  if (offset_ >> span != guard) return end_with(FaultCode::no_memory);

  offset_ = low_bits(offset_, span);
  if (!node.keeper.is_void()) note_keeper(object, node);
  const auto slot = static_cast<unsigned>(offset_ >> node.slot_size);
  if (slot == node_pocket_slot && (node.flags & Node::flag_pocket)) return end_with(FaultCode::no_memory);
  offset_ = low_bits(offset_, node.slot_size);
  return &node.slots[slot];
}

void Walk::reach_page(Capability& stored) {
  if (offset_ != stored.payload) return void(end_with(FaultCode::no_memory));
  const bool is_data = stored.type == CapabilityType::page;
  if (!(is_data ? find<Kind::page>(stored) : find<Kind::capability_page>(stored))) return;
  PageReached& page = outcome_.page;
  page.slot = found_.slot;
  page.writable = !(restrictions_ & (restriction::read_only | restriction::weak));
  page.executable = !(restrictions_ & restriction::no_execute);
  // Capabilities are never seen as data.
  if (!is_data || (access_.write && !page.writable) || (access_.execute && !page.executable)) {
    return void(end_with(FaultCode::access));
  }
  outcome_.what = WalkOutcome::What::reached;
}

void Walk::note_keeper(ObjectId object, const Node& node) {
  MemoryFault& fault = outcome_.fault;
  fault.has_keeper = true;
  fault.keeper = node.keeper;
  fault.node = {.type = CapabilityType::node, .hint = found_.slot, .version = node.version, .object = object};
  keeper_offset_ = offset_;
}

Capability* Walk::end_with(FaultCode code) {
  outcome_.what = WalkOutcome::What::fault;
  outcome_.fault.code = code;
  outcome_.fault.offset = keeper_offset_ << page_bits | low_bits(address_.value, page_bits);
  if (restrictions_ & restriction::no_call) outcome_.fault = {.code = code};
  return nullptr;
}

bool Walk::end_with(const Failure& failure) {
  switch (failure.why) {
    case Failure::Why::stall:
      outcome_.what = WalkOutcome::What::stall;
      outcome_.stall = failure.stall;
      break;
    case Failure::Why::unreadable: end_with(FaultCode::unreadable); break;
    case Failure::Why::void_capability: end_with(FaultCode::no_memory); break;
  }
  return false;
}

}  // namespace

WalkOutcome walk(FrameStore& store, Capability& space, UserAddr address, Access access) {
  WalkOutcome outcome;
  Walk(store, address, access, outcome).run(space);
  return outcome;
}

}  // namespace perdure
