// SPDX-License-Identifier: MIT
//
// Puts pages into a tree of nodes, with as few nodes as possible. Pure: the caller supplies the
// nodes (a keeper through capabilities, the image builder in its image, tests in an array).
//
// A program cannot read the guard of a capability that it finds in a slot. So the shape of a
// region is made such that all guards follow from the sizes (invariant CANONICAL-GUARDS): what
// stands in a slot is at the slot's first page (Growth::up) or ends at its last (Growth::down).
// Its guard is then all zeros or all ones. A region so grows at one end only:
//
//   1 page:    the page itself in the root's slot         no node
//   <= 16:     a node of slot size 0 above the page       1 node
//   <= 256:    a node of slot size 4 above that           1 more, and one for each 16 pages
//
// Slot sizes are multiples of 4 here, those of the starting node included.
#pragma once

#include <concepts>
#include <cstdint>

#include "objects/abi.hpp"
#include "objects/expected.hpp"
#include "objects/rows.hpp"

namespace perdure {

enum class Growth : uint8_t { up, down };

// What a slot holds. `handle` means something to the tree only.
template <typename Handle>
struct Occupant {
  enum class What : uint8_t { nothing, page, node, foreign };
  What what = What::nothing;
  uint8_t slot_size = 0;  // of a node
  Handle handle{};

  constexpr unsigned size() const { return what == What::node ? slot_size + node_slot_bits : 0u; }
  // A space that another program has made can hold anything.
  constexpr bool fits(unsigned containing_slot_size) const {
    return what != What::foreign && slot_size % node_slot_bits == 0 &&
           size() <= containing_slot_size;
  }
};

template <typename Tree>
concept SpaceTree = requires(Tree tree, typename Tree::Handle handle, unsigned slot) {
  // What stands in a slot of a node. May refuse (then nothing has changed).
  { tree.look(handle, slot) } -> std::same_as<Expected<Occupant<typename Tree::Handle>, Result>>;
  // A node with this slot size and void slots.
  { tree.new_node(uint8_t{}) } -> std::same_as<Expected<typename Tree::Handle, Result>>;
  // Stores a memory capability with this guard into a slot of a node.
  { tree.put(handle, slot, handle, uint64_t{}) } -> std::same_as<Expected<void, Result>>;
};

namespace space_tree {

constexpr uint64_t low_bits(unsigned count) { return (uint64_t{1} << count) - 1; }

// Guard of a capability that covers 2^size pages in a slot that covers 2^slot_size.
constexpr uint64_t guard(Growth growth, unsigned slot_size, unsigned size) {
  return growth == Growth::up ? 0 : low_bits(slot_size - size);
}

constexpr bool covers(Growth growth, unsigned slot_size, unsigned size, uint64_t offset) {
  return offset >> size == guard(growth, slot_size, size);
}

// The least size from `size` on that covers `offset` in such a slot.
constexpr unsigned covering_size(Growth growth, unsigned slot_size, unsigned size, uint64_t offset) {
  while (!covers(growth, slot_size, size, offset)) size += node_slot_bits;
  return size;
}

// Nodes needed to place a page at `offset` of a void slot.
constexpr unsigned nodes_for_void_slot(Growth growth, unsigned slot_size, uint64_t offset) {
  unsigned count = 0;
  while (const unsigned size = covering_size(growth, slot_size, 0, offset)) {
    ++count;
    slot_size = size - node_slot_bits;
    offset &= low_bits(slot_size);
  }
  return count;
}

// A place for a page, seen from a node: the page is `page` pages after the node's first.
template <typename Handle>
struct Place {
  Handle node{};
  uint8_t slot_size = 0;
  uint64_t page = 0;
  Growth growth = Growth::up;

  unsigned slot() const { return static_cast<unsigned>(page >> slot_size); }
  uint64_t offset() const { return page & low_bits(slot_size); }
  Place below(Handle lower, uint8_t lower_slot_size) const {
    return {lower, lower_slot_size, page & low_bits(lower_slot_size + node_slot_bits), growth};
  }
};

// How many nodes insert() will ask for. in_use: a page is there already. bad_argument: something
// stands there that is neither a page nor a node.
template <SpaceTree Tree>
Expected<unsigned, Result> nodes_needed(Tree& tree, Place<typename Tree::Handle> place) {
  using What = typename Occupant<typename Tree::Handle>::What;
  if (place.slot() >= node_slot_count) return std::unexpected(Result::bad_argument);
  while (true) {
    const auto found = tree.look(place.node, place.slot());
    if (!found) return std::unexpected(found.error());
    if (!found->fits(place.slot_size)) return std::unexpected(Result::bad_argument);
    const uint64_t offset = place.offset();
    if (found->what == What::nothing) {
      return nodes_for_void_slot(place.growth, place.slot_size, offset);
    }
    const unsigned size = found->size();
    if (!covers(place.growth, place.slot_size, size, offset)) {
      const unsigned top = covering_size(place.growth, place.slot_size, size, offset);
      const unsigned lowest = top - node_slot_bits;
      return (top - size) / node_slot_bits +
             nodes_for_void_slot(place.growth, lowest, offset & low_bits(lowest));
    }
    if (found->what == What::page) return std::unexpected(Result::in_use);
    place = place.below(found->handle, found->slot_size);
  }
}

template <SpaceTree Tree>
Expected<void, Result> insert(Tree& tree, Place<typename Tree::Handle> place,
                              typename Tree::Handle page);

// Puts `page` into the void slot of `place`, through a chain of new nodes if need be.
template <SpaceTree Tree>
Expected<void, Result> fill_void_slot(Tree& tree, Place<typename Tree::Handle> place,
                                      typename Tree::Handle page) {
  const unsigned size = covering_size(place.growth, place.slot_size, 0, place.offset());
  const uint64_t its_guard = guard(place.growth, place.slot_size, size);
  if (size == 0) return tree.put(place.node, place.slot(), page, its_guard);
  const auto slot_size = static_cast<uint8_t>(size - node_slot_bits);
  const auto node = tree.new_node(slot_size);
  if (!node) return std::unexpected(node.error());
  if (auto done = insert(tree, place.below(*node, slot_size), page); !done) return done;
  return tree.put(place.node, place.slot(), *node, its_guard);
}

// The region outgrows what stands in the slot: nodes above it, until one covers the place. They
// are complete before the last put() makes them visible.
template <SpaceTree Tree>
Expected<void, Result> grow(Tree& tree, Place<typename Tree::Handle> place,
                            Occupant<typename Tree::Handle> occupant,
                            typename Tree::Handle page) {
  const unsigned end_slot = place.growth == Growth::up ? 0 : node_slot_count - 1;
  auto top = occupant.handle;
  unsigned size = occupant.size();
  do {
    const auto node = tree.new_node(static_cast<uint8_t>(size));
    if (!node) return std::unexpected(node.error());
    if (auto done = tree.put(*node, end_slot, top, 0); !done) return done;
    top = *node;
    size += node_slot_bits;
  } while (!covers(place.growth, place.slot_size, size, place.offset()));
  const auto top_slot_size = static_cast<uint8_t>(size - node_slot_bits);
  if (auto done = insert(tree, place.below(top, top_slot_size), page); !done) return done;
  return tree.put(place.node, place.slot(), top, guard(place.growth, place.slot_size, size));
}

// Puts a page where there is none. Recursion is as deep as the tree: at most 9.
template <SpaceTree Tree>
Expected<void, Result> insert(Tree& tree, Place<typename Tree::Handle> place,
                              typename Tree::Handle page) {
  using What = typename Occupant<typename Tree::Handle>::What;
  if (place.slot() >= node_slot_count) return std::unexpected(Result::bad_argument);
  const auto found = tree.look(place.node, place.slot());
  if (!found) return std::unexpected(found.error());
  if (!found->fits(place.slot_size)) return std::unexpected(Result::bad_argument);
  if (found->what == What::nothing) return fill_void_slot(tree, place, page);
  if (!covers(place.growth, place.slot_size, found->size(), place.offset())) {
    return grow(tree, place, *found, page);
  }
  if (found->what == What::page) return std::unexpected(Result::in_use);
  return insert(tree, place.below(found->handle, found->slot_size), page);
}

}  // namespace space_tree

}  // namespace perdure
