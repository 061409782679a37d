// SPDX-License-Identifier: MIT
//
// One entry of a hardware page table, x86-64 format, as a plain word. Four levels of tables with
// 512 entries each; the level of a table is 3 for the root and 0 for a table with 4 KiB pages as
// entries. Host and kernel use the same constants, so table code is tested on the host.
//
//   63        62 … 52    51 … 12            11 … 9     8      7      6      5        4 … 3   2     1         0
//   no_exec   ignored    physical address   may_write  global large  dirty  accessed cache   user  writable  present
//
// An entry that points to a table carries present, writable and user generously; the rights are
// decided in the last entry of a walk. User memory is never global.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perdure::page_table_entry {

inline constexpr uint64_t present = uint64_t{1} << 0;
inline constexpr uint64_t writable = uint64_t{1} << 1;
inline constexpr uint64_t user = uint64_t{1} << 2;
inline constexpr uint64_t write_through = uint64_t{1} << 3;
inline constexpr uint64_t cache_disable = uint64_t{1} << 4;
inline constexpr uint64_t accessed = uint64_t{1} << 5;
inline constexpr uint64_t dirty = uint64_t{1} << 6;
inline constexpr uint64_t large = uint64_t{1} << 7;  // in a table of level 1 or 2: 2 MiB or 1 GiB
inline constexpr uint64_t global = uint64_t{1} << 8;
inline constexpr uint64_t may_write = uint64_t{1} << 9;  // ours: the walk allows it; the frame may not be current
inline constexpr uint64_t no_execute = uint64_t{1} << 63;
inline constexpr uint64_t address_mask = 0x000f'ffff'ffff'f000;

inline constexpr unsigned entries_per_table = 512;
inline constexpr unsigned levels = 4;
inline constexpr unsigned user_entries_of_root = 256;  // the entries from here on are the kernel's

// What is not present is 0: all else that is asked of it is false, too.
constexpr bool is_present(uint64_t entry) { return (entry & present) != 0; }
constexpr bool is_writable(uint64_t entry) { return (entry & writable) != 0; }
constexpr bool is_user(uint64_t entry) { return (entry & user) != 0; }
constexpr bool is_executable(uint64_t entry) { return (entry & no_execute) == 0; }
constexpr bool is_large(uint64_t entry) { return (entry & large) != 0; }
constexpr bool is_accessed(uint64_t entry) { return (entry & accessed) != 0; }
constexpr bool is_dirty(uint64_t entry) { return (entry & dirty) != 0; }

// The physical address, bytes, of the page or table the entry points to (pages of 4 KiB).
constexpr uint64_t address_of(uint64_t entry) { return entry & address_mask; }

// An entry that maps the 4 KiB page at `physical` for user mode. `is_current`: written to at once.
constexpr uint64_t user_page(uint64_t physical, bool can_write, bool can_execute, bool is_current) {
  return (physical & address_mask) | present | user | (can_write ? may_write : 0) |
         (can_write && is_current ? writable : 0) | (can_execute ? 0 : no_execute);
}

// An entry that points to the next table of a user address space.
constexpr uint64_t user_table(uint64_t physical) {
  return (physical & address_mask) | present | writable | user;
}

// Bytes that one entry of a table of this level covers, as a power of two: 12, 21, 30, 39.
constexpr unsigned covered_bits(unsigned level) { return 12 + 9 * level; }

// Which entry of a table of this level a walk to `virtual_address` takes.
constexpr unsigned index_of(uint64_t virtual_address, unsigned level) {
  return static_cast<unsigned>(virtual_address >> covered_bits(level)) & (entries_per_table - 1);
}

static_assert(index_of(0xffff'8000'0000'0000, 3) == user_entries_of_root);
static_assert(index_of(0x0000'7fff'ffff'f000, 3) == user_entries_of_root - 1);

}  // namespace perdure::page_table_entry
