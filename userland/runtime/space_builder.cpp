// SPDX-License-Identifier: MIT
#include "userland/runtime/space_builder.hpp"

#include <algorithm>

namespace perdure {

namespace {

// The SpaceTree (space_tree.hpp) behind capabilities. Nothing that is found in a slot is invoked
// before it is known to be one of the kernel's own nodes.
class CapabilityTree {
 public:
  using Handle = CapabilityRegister;

  CapabilityTree(const SpaceBuilder& builder, unsigned nodes_bought)
      : builder_(builder), nodes_bought_(nodes_bought) {}

  Answer<Occupant<Handle>> look(Handle node, unsigned slot);
  Answer<Handle> new_node(uint8_t slot_size);
  Answer<> put(Handle node, unsigned slot, Handle memory, uint64_t guard);

 private:
  const SpaceBuilder& builder_;
  unsigned nodes_bought_;
  unsigned fetched_ = 0;
  unsigned nodes_used_ = 0;
};

Answer<Occupant<CapabilityRegister>> CapabilityTree::look(Handle node, unsigned slot) {
  using What = Occupant<Handle>::What;
  const Handle found = builder_.registers.fetched(fetched_ % SpaceRegisters::fetched_count);
  if (auto done = NodeCapability{node}.fetch(slot, found); !done) {
    return std::unexpected(done.error());
  }
  const auto classified = builder_.discriminator.classify(found);
  if (!classified) return std::unexpected(classified.error());
  switch (classified->type) {
    case CapabilityType::void_capability:
      return Occupant<Handle>{};
    case CapabilityType::page:
      ++fetched_;
      return Occupant<Handle>{.what = What::page, .handle = found};
    case CapabilityType::node: {
      ++fetched_;
      const auto settings = NodeCapability{found}.get();
      if (!settings) return std::unexpected(settings.error());
      return Occupant<Handle>{
          .what = What::node, .slot_size = settings->slot_size, .handle = found};
    }
    default:
      return Occupant<Handle>{.what = What::foreign};
  }
}

// The registers after those of the nodes bought hold what earlier calls left there: other spaces' nodes.
// More nodes than were counted are asked for only if the space's owner has changed it meanwhile.
Answer<CapabilityRegister> CapabilityTree::new_node(uint8_t slot_size) {
  if (nodes_used_ == nodes_bought_) return std::unexpected(Result::in_use);
  const Handle node = builder_.registers.node(nodes_used_++);
  if (auto done = NodeCapability{node}.set({.slot_size = slot_size, .flags = 0}); !done) {
    return std::unexpected(done.error());
  }
  return node;
}

// All that is placed here is data: never executable.
Answer<> CapabilityTree::put(Handle node, unsigned slot, Handle memory, uint64_t guard) {
  const Handle guarded = builder_.registers.guarded();
  if (auto done = MemoryCapability{memory}.reduce(restriction::no_execute, guard, guarded); !done) {
    return done;
  }
  return NodeCapability{node}.store(slot, guarded);
}

std::optional<space_tree::Place<CapabilityRegister>> place_of(CapabilityRegister root,
                                                              uint64_t address) {
  const auto region = layout::region_of(address);
  if (!region) return std::nullopt;
  return space_tree::Place<CapabilityRegister>{
      .node = root,
      .slot_size = layout::root_slot_size,
      .page = layout::page_of(address),
      .growth = *region == layout::Region::stack ? Growth::down : Growth::up};
}

void give_nodes_back(const SpaceBuilder& builder, unsigned count) {
  // A refusal here means that the node is gone with the bank.
  for (unsigned i = 0; i < count; ++i) (void)builder.bank.free(builder.registers.node(i));
}

Answer<> buy_nodes(const SpaceBuilder& builder, unsigned count) {
  for (unsigned bought = 0; bought < count;) {
    CapabilityRegister into[bank_allocate_count_max];
    const unsigned now = std::min(count - bought, bank_allocate_count_max);
    for (unsigned i = 0; i < now; ++i) into[i] = builder.registers.node(bought + i);
    if (auto done = builder.bank.allocate(Kind::node, std::span(into, now)); !done) {
      give_nodes_back(builder, bought);
      return done;
    }
    bought += now;
  }
  return {};
}

// A node of pages, in a void slot, would hold them both and what is between.
bool share_a_node(const space_tree::Place<CapabilityRegister>& first,
                  const space_tree::Place<CapabilityRegister>& last) {
  const auto is_covered = [](const auto& place) {
    return space_tree::covers(place.growth, place.slot_size, node_slot_bits, place.offset());
  };
  return first.slot() == last.slot() && is_covered(first) && is_covered(last);
}

// The node stands in the first of the node registers; the pages pass through those that walks use.
Answer<> fill_node(const SpaceBuilder& builder, CapabilityTree& tree, CapabilityRegister node,
                   unsigned first_slot, unsigned count) {
  static_assert(SpaceRegisters::fetched_count == bank_allocate_count_max);
  const auto& registers = builder.registers;
  const CapabilityRegister pages[] = {registers.fetched(0), registers.fetched(1), registers.fetched(2)};
  for (unsigned done = 0; done < count; done += bank_allocate_count_max) {
    const unsigned now = std::min(count - done, bank_allocate_count_max);
    if (auto bought = builder.bank.allocate(Kind::page, std::span(pages, now)); !bought) return bought;
    for (unsigned i = 0; i < now; ++i) {
      if (auto put = tree.put(node, first_slot + done + i, pages[i], 0); !put) return put;
    }
  }
  return {};
}

}  // namespace

Answer<> SpaceBuilder::place_first_pages(uint64_t start, unsigned count) const {
  const uint64_t end = start + count * layout::page_bytes;
  const auto first = place_of(root.at, start);
  const auto last = place_of(root.at, end - layout::page_bytes);
  if (!first || !last) return std::unexpected(Result::bad_argument);
  if (count < 2 || !share_a_node(*first, *last)) return place_missing_pages(start, end);
  if (auto done = buy_nodes(*this, 1); !done) return done;
  CapabilityTree tree(*this, 1);
  const auto node = tree.new_node(0);
  if (!node) return std::unexpected(node.error());
  const auto first_slot = static_cast<unsigned>(first->page % node_slot_count);
  if (auto done = fill_node(*this, tree, *node, first_slot, count); !done) return done;
  return tree.put(root.at, first->slot(), *node,
                  space_tree::guard(first->growth, first->slot_size, node_slot_bits));
}

Answer<> SpaceBuilder::place_new_page(uint64_t address) const {
  const auto place = place_of(root.at, address);
  if (!place) return std::unexpected(Result::bad_argument);
  CapabilityTree counting(*this, 0);
  const auto count = space_tree::nodes_needed(counting, *place);
  if (!count) return std::unexpected(count.error());
  if (auto done = buy_nodes(*this, *count); !done) return done;
  if (auto done = bank.allocate(Kind::page, registers.page()); !done) {
    give_nodes_back(*this, *count);
    return done;
  }
  CapabilityTree tree(*this, *count);
  const auto inserted = space_tree::insert(tree, *place, registers.page());
  if (!inserted) {
    (void)bank.free(registers.page());
    give_nodes_back(*this, *count);
  }
  return inserted;
}

Answer<> SpaceBuilder::place_missing_pages(uint64_t start, uint64_t end) const {
  for (uint64_t page = layout::page_of(start); page * layout::page_bytes < end; ++page) {
    const auto placed = place_new_page(page * layout::page_bytes);
    if (!placed && placed.error() != Result::in_use) return placed;
  }
  return {};
}

}  // namespace perdure
