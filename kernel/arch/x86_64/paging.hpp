// SPDX-License-Identifier: MIT
//
// The kernel half of the address space. Built once at the start, the same in every root table,
// and never changed after kernel_main has been called:
//
//   0xffff800000000000  direct map: all usable RAM, rw- and never executable; not the image. What lies above 4 GiB
//                       follows what lies below (MemoryGap)
//   0xffffffff80000000  the image at + its physical address: text r-x, rodata r--, data rw-
//   0xffffffffc0000000  device registers, uncached, rw-, mapped as the drivers ask for them
//
// Invariant WRITABLE-OR-EXECUTABLE: no page of memory is mapped writable here and executable
// anywhere in the kernel half. Tried by test/arch, which walks the live tables.
#pragma once

#include <cstdint>

#include "kernel/arch/x86_64/memory_map.hpp"

namespace perdure {

inline constexpr uint64_t direct_map_start = 0xffff'8000'0000'0000;
inline constexpr uint64_t direct_map_end = 0xffff'f000'0000'0000;
inline constexpr uint64_t kernel_base = 0xffff'ffff'8000'0000;
inline constexpr uint64_t device_window_start = 0xffff'ffff'c000'0000;
inline constexpr uint64_t device_window_end = 0xffff'ffff'ffe0'0000;

// How far the tables of boot.S reach: what the start reads by physical address lies below.
inline constexpr uint64_t boot_map_bytes = uint64_t{4} << 30;

// Builds the tables for `ram` (which excludes the image) and loads them. Table pages come from `ram` itself, and are
// below 4 GiB. What is not mapped, because it lies in the gap, is not in the answer.
const MemoryMap& build_kernel_half(const MemoryMap& ram);

// Maps device registers, uncached, for ever. Only before kernel_main; refuses RAM.
volatile std::byte* map_device(uint64_t physical, uint64_t length_bytes);

// The part of RAM that the tables have taken. Final once kernel_main is about to be called.
MemoryRegion memory_of_tables();

}  // namespace perdure
