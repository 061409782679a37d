// SPDX-License-Identifier: MIT
//
// Builds address spaces of generation 0 after userland/runtime/layout.hpp, by the same tree logic
// that the demand-zero keeper uses (userland/runtime/space_tree.hpp): what a keeper finds there it
// can go on with.
#pragma once

#include <functional>

#include "tools/new_image.hpp"
#include "tools/program_pages.hpp"
#include "userland/runtime/space_tree.hpp"

namespace perdure {

// Buys an object, and answers the strongest capability to it.
using Buy = std::function<Capability(Kind)>;

class GenesisSpaces {
 public:
  GenesisSpaces(NewImage& image, Buy buy) : image_(image), buy_(std::move(buy)) {}

  // A root node as every program has it: void but for its flags.
  Capability new_root();
  // The node of a program's text and constants, ready for slot 0 of any root.
  Capability new_text_node(const ProgramPages&);
  // The pages of data that the file has bytes for; all others too if `with_bss`.
  void add_data(const Capability& root, const ProgramPages&, bool with_bss);
  void add_stack(const Capability& root, uint64_t frames);
  Capability new_page(const PageBytes&);
  // The taller space of a program with an arena, around its root.
  Capability new_arena_root(const Capability& root);
  void add_arena_page(const Capability& arena_root, uint64_t index, const Capability& memory);

  // The tree as space_tree.hpp wants it; a handle is the memory capability itself.
  using Handle = Capability;
  Expected<Occupant<Handle>, Result> look(const Handle& node, unsigned slot);
  Expected<Handle, Result> new_node(uint8_t slot_size);
  Expected<void, Result> put(const Handle& node, unsigned slot, const Handle& memory, uint64_t guard);

 private:
  // Data: not executable. `page`: from address 0 of the space.
  void add_page(const Capability& root, uint64_t page, Capability memory, Growth);

  NewImage& image_;
  Buy buy_;
};

}  // namespace perdure
