// SPDX-License-Identifier: MIT
#include "tools/genesis_spaces.hpp"

#include "tools/tool_error.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure {
namespace {

void expect_done(const Expected<void, Result>& done) {
  if (!done) {
    throw ToolError(ExitStatus::usage,
                    "a page finds no place in its space: " + std::string(name_of(done.error())));
  }
}

}  // namespace

Capability GenesisSpaces::new_root() {
  const Capability root = *new_node(layout::root_slot_size);
  image_.object<Node>(root).flags = layout::root_flags;
  return root;
}

Capability GenesisSpaces::new_text_node(const ProgramPages& program) {
  const uint8_t slot_size = layout::text_node_slot_size(program.text_page_span());
  Capability top = *new_node(slot_size);
  for (const ProgramPages::TextPage& text : program.text) {
    Capability page = new_page(text.bytes);
    page.restrictions = restriction::read_only;
    if (!text.is_executable) page.restrictions |= restriction::no_execute;
    expect_done(space_tree::insert(
        *this, {.node = top, .slot_size = slot_size, .page = text.page, .growth = Growth::up}, page));
  }
  top.restrictions = restriction::read_only;
  top.payload = layout::text_guard(slot_size);
  return top;
}

void GenesisSpaces::add_data(const Capability& root, const ProgramPages& program, bool with_bss) {
  constexpr uint64_t first = layout::page_of(layout::data_start);
  const uint64_t count = with_bss ? program.data_pages : program.data.size();
  for (uint64_t i = 0; i < count; ++i) {
    const Capability page = i < program.data.size() ? new_page(program.data[i]) : buy_(Kind::page);
    add_page(root, first + i, page, Growth::up);
  }
}

void GenesisSpaces::add_stack(const Capability& root, uint64_t frames) {
  if (frames > layout::stack_bytes_max / layout::page_bytes) {
    throw ToolError(ExitStatus::usage, "a stack of more than " +
                                           std::to_string(layout::stack_bytes_max) + " bytes");
  }
  constexpr uint64_t end = layout::page_of(layout::stack_end);
  for (uint64_t i = 1; i <= frames; ++i) add_page(root, end - i, buy_(Kind::page), Growth::down);
}

Capability GenesisSpaces::new_page(const PageBytes& bytes) {
  const Capability page = buy_(Kind::page);
  image_.frame(page.object.frame()).bytes = bytes;
  return page;
}

void GenesisSpaces::add_page(const Capability& root, uint64_t page, Capability memory, Growth growth) {
  memory.restrictions |= restriction::no_execute;
  const uint8_t slot_size = image_.object<Node>(root).slot_size;
  expect_done(space_tree::insert(
      *this, {.node = root, .slot_size = slot_size, .page = page, .growth = growth}, memory));
}

Capability GenesisSpaces::new_arena_root(const Capability& root) {
  const Capability node = *new_node(layout::arena_root_slot_size);
  (void)put(node, layout::arena_root_program_slot, root, 0);
  return node;
}

void GenesisSpaces::add_arena_page(const Capability& arena_root, uint64_t index, const Capability& memory) {
  add_page(arena_root, layout::page_of(layout::arena_start) + index, memory, Growth::up);
}

Expected<Occupant<Capability>, Result> GenesisSpaces::look(const Handle& node, unsigned slot) {
  using What = Occupant<Handle>::What;
  const Capability& found = image_.object<Node>(node).slots[slot];
  switch (found.type) {
    case CapabilityType::void_capability: return Occupant<Handle>{};
    case CapabilityType::page: return Occupant<Handle>{.what = What::page, .handle = found};
    case CapabilityType::node:
      return Occupant<Handle>{
          .what = What::node, .slot_size = image_.object<Node>(found).slot_size, .handle = found};
    default: return Occupant<Handle>{.what = What::foreign};
  }
}

Expected<Capability, Result> GenesisSpaces::new_node(uint8_t slot_size) {
  const Capability node = buy_(Kind::node);
  image_.object<Node>(node).slot_size = slot_size;
  return node;
}

Expected<void, Result> GenesisSpaces::put(const Handle& node, unsigned slot, const Handle& memory,
                                              uint64_t guard) {
  Capability guarded = memory;
  guarded.payload = guard;
  image_.object<Node>(node).slots[slot] = guarded;
  return {};
}

}  // namespace perdure
