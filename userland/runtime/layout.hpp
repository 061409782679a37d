// SPDX-License-Identifier: MIT
//
// Where things lie in the address space of a program. Used by program_start (which builds such a
// space in the running system), by the image builder (which builds those of generation 0), by the
// demand-zero keeper, and, as plain numbers, by program.ld.
//
// The root is one node of 16 slots, which cover 16 MiB each:
//
//   slot  addresses              what                       filled by
//   0     0x00400000 ...         text and constants         the recipe's text node, shared
//   1     0x01000000 ...         data, then bss             data copied; bss on demand
//   2     0x02000000 ...         heap, grows up             on demand
//   3-12                         unused
//   13    0x0d000000 ...         windows                    the program itself
//   14    ... up to 0x0f000000   stack, grows down          on demand
//   15    (pocket)               the keeper's capability    counts as void memory
//
// The first 4 MiB stay unmapped: a null pointer faults.
//
// A program with an arena (the space bank: its books) has a taller space: a node of slot size 24
// (64 GiB a slot); its slot 0 holds the root above (guard 0), its slot 1 the arena.
//
// Guards: a memory capability that covers 2^s pages (page: s = 0; node: s = slot_size + 4),
// in a slot that covers 2^z, is entered only for page offsets o with o >> s == guard. So a page
// or a small node can stand in a large slot alone, without the nodes between.
#pragma once

#include <cstdint>
#include <optional>

#include "objects/rows.hpp"

namespace perdure::layout {

inline constexpr uint64_t page_bytes = 4096;
inline constexpr uint8_t root_slot_size = 12;  // 2^12 pages, 16 MiB
inline constexpr uint64_t slot_bytes = page_bytes << root_slot_size;
inline constexpr uint8_t root_flags = Node::flag_pocket;

inline constexpr unsigned text_slot = 0;
inline constexpr unsigned data_slot = 1;
inline constexpr unsigned heap_slot = 2;
inline constexpr unsigned window_slot = 13;
inline constexpr unsigned stack_slot = 14;
inline constexpr unsigned pocket_slot = node_pocket_slot;

constexpr uint64_t slot_start(unsigned slot) { return slot * slot_bytes; }

inline constexpr uint64_t text_start = 0x400000;
inline constexpr uint64_t data_start = slot_start(data_slot);
inline constexpr uint64_t heap_start = slot_start(heap_slot);
inline constexpr uint64_t heap_end = slot_start(heap_slot + 1);
inline constexpr uint64_t window_start = slot_start(window_slot);
inline constexpr uint64_t stack_end = slot_start(stack_slot + 1);  // first address above it
inline constexpr uint64_t stack_bytes_max = 1 << 20;               // below that: a fault

// Initial stack pointer: 16-byte aligned, a word of zero above it ends the chain of frames.
inline constexpr uint64_t initial_stack_pointer = stack_end - 16;

// The taller space of a program with an arena.
inline constexpr uint8_t arena_root_slot_size = 24;
inline constexpr unsigned arena_root_program_slot = 0;
inline constexpr unsigned arena_root_arena_slot = 1;
inline constexpr uint64_t arena_start = page_bytes << arena_root_slot_size;
inline constexpr uint64_t arena_bytes_max = page_bytes << arena_root_slot_size;

// Most pages of text and constants, and of data templates: one recipe holds them.
inline constexpr unsigned text_pages_max = 256;

// The text node: one node of slot size 0 (16 pages), or one of slot size 4 (256 pages) with nodes
// of slot size 0 in its slots.
constexpr uint8_t text_node_slot_size(unsigned text_pages) {
  return text_pages <= node_slot_count ? 0 : node_slot_bits;
}

// Guard of the capability to the text node in slot 0 of the root.
constexpr uint64_t text_guard(uint8_t slot_size) {
  return text_start / page_bytes >> (slot_size + node_slot_bits);
}

// node_slot_count and more: above all slots.
constexpr uint64_t slot_of(uint64_t address) { return address / slot_bytes; }
constexpr uint64_t page_of(uint64_t address) { return address / page_bytes; }

enum class Region : uint8_t { data, heap, stack };

// Which region that is filled on demand an address lies in; nothing for all others. Stack: at
// most stack_bytes_max below its end, so that a runaway recursion is a fault and not a full bank.
constexpr std::optional<Region> region_of(uint64_t address) {
  switch (slot_of(address)) {
    case data_slot: return Region::data;
    case heap_slot: return Region::heap;
    case stack_slot:
      if (address >= stack_end - stack_bytes_max) return Region::stack;
      return std::nullopt;
    default: return std::nullopt;
  }
}

static_assert(text_start % (page_bytes * text_pages_max) == 0);
static_assert(slot_start(node_slot_count) == page_bytes << (root_slot_size + node_slot_bits));

}  // namespace perdure::layout
