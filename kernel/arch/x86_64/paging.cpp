// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/paging.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/power.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/machine.hpp"
#include "kernel/memory/page_table_entry.hpp"

extern "C" const char text_start[], text_end[], rodata_start[], rodata_end[];
extern "C" const char data_start[], image_end[];
extern "C" const char kernel_stack_guard[], emergency_stack_guard[];

namespace perdure {

namespace entry = page_table_entry;

namespace {

constexpr uint64_t page_bytes = 4096;

// Rights of a mapping, without address.
constexpr uint64_t rights_text = entry::present | entry::global;
constexpr uint64_t rights_read = rights_text | entry::no_execute;
constexpr uint64_t rights_data = rights_read | entry::writable;
constexpr uint64_t rights_device = rights_data | entry::cache_disable | entry::write_through;

constinit MemoryMap ram_map;
constinit MemoryMap mapped_ram;
constinit MemoryGap gap;
constinit MemoryRegion tables;        // pages taken so far
constinit uint64_t tables_limit = 0;  // end of the region they are taken from
constinit PhysAddr root;
constinit uint64_t device_window_next = device_window_start;

uint64_t* table_at(uint64_t physical) {
  return reinterpret_cast<uint64_t*>(machine::memory_at(PhysAddr{physical}));
}

// Tables are taken in ascending order from the largest region that the boot tables reach.
void choose_memory_for_tables() {
  MemoryRegion largest;
  for (const MemoryRegion& region : mapped_ram.regions()) {
    if (region.start.value >= boot_map_bytes) continue;
    const uint64_t length = std::min(region.length_bytes, boot_map_bytes - region.start.value);
    if (length > largest.length_bytes) largest = {region.start, length};
  }
  tables = {largest.start, 0};
  tables_limit = largest.start.value + largest.length_bytes;
}

uint64_t take_table() {
  const uint64_t taken = tables.start.value + tables.length_bytes;
  if (taken + page_bytes > tables_limit) refuse_to_start("not enough memory for page tables");
  tables.length_bytes += page_bytes;
  std::memset(table_at(taken), 0, page_bytes);
  return taken;
}

// The entry of `level` that a walk to `address` takes; missing tables are made.
uint64_t& entry_for(uint64_t address, unsigned level) {
  uint64_t* table = table_at(root.value);
  for (unsigned at = entry::levels - 1; at > level; --at) {
    uint64_t& next = table[entry::index_of(address, at)];
    if (!entry::is_present(next)) next = take_table() | entry::present | entry::writable;
    table = table_at(entry::address_of(next));
  }
  return table[entry::index_of(address, level)];
}

// The highest level at which one entry can map the next piece.
unsigned level_for(uint64_t address, uint64_t physical, uint64_t length_bytes) {
  unsigned level = processor_features.gigabyte_pages ? 2 : 1;
  for (; level > 0; --level) {
    const uint64_t size = uint64_t{1} << entry::covered_bits(level);
    if ((address | physical) % size == 0 && length_bytes >= size) break;
  }
  return level;
}

void map(uint64_t address, uint64_t physical, uint64_t length_bytes, uint64_t rights) {
  while (length_bytes > 0) {
    const unsigned level = level_for(address, physical, length_bytes);
    entry_for(address, level) = physical | rights | (level > 0 ? entry::large : 0);
    const uint64_t size = uint64_t{1} << entry::covered_bits(level);
    address += size, physical += size, length_bytes -= size;
  }
}

void map_image(const char* start, const char* end, uint64_t rights) {
  const auto first = reinterpret_cast<uint64_t>(start);
  const auto last = reinterpret_cast<uint64_t>(end);
  for (uint64_t page = first; page < last; page += page_bytes) {
    entry_for(page, 0) = (page - kernel_base) | rights;
  }
}

void unmap_guard(const char* page) { entry_for(reinterpret_cast<uint64_t>(page), 0) = 0; }

}  // namespace

const MemoryMap& build_kernel_half(const MemoryMap& ram) {
  ram_map = mapped_ram = ram;
  gap = mapped_ram.close_gap(boot_map_bytes);
  choose_memory_for_tables();
  root = PhysAddr{take_table()};
  for (const MemoryRegion& region : mapped_ram.regions()) {
    const uint64_t address = direct_map_start + gap.mapped_at(region.start.value);
    if (address + region.length_bytes > direct_map_end) refuse_to_start("more memory than can be mapped");
    map(address, region.start.value, region.length_bytes, rights_data);
  }
  map_image(text_start, text_end, rights_text);
  map_image(rodata_start, rodata_end, rights_read);
  map_image(data_start, image_end, rights_data);
  unmap_guard(kernel_stack_guard);
  unmap_guard(emergency_stack_guard);
  // Roots copy the upper half once, so every entry of it that will ever be used exists now.
  entry_for(device_window_start, 0);
  instruction::write_cr3(root.value);
  return mapped_ram;
}

volatile std::byte* map_device(uint64_t physical, uint64_t length_bytes) {
  const uint64_t start = physical & ~(page_bytes - 1);
  const uint64_t length = (physical - start + length_bytes + page_bytes - 1) & ~(page_bytes - 1);
  const uint64_t image_end_physical = reinterpret_cast<uint64_t>(image_end) - kernel_base;
  if (start < image_end_physical || ram_map.overlaps(start, start + length)) {
    refuse_to_start("a device claims to lie in memory");
  }
  if (length > device_window_end - device_window_next) refuse_to_start("too many devices to map");
  const uint64_t address = device_window_next;
  for (uint64_t offset = 0; offset < length; offset += page_bytes) {
    entry_for(address + offset, 0) = (start + offset) | rights_device;
    instruction::invalidate_page(address + offset);
  }
  device_window_next += length + page_bytes;  // an unmapped page between two devices
  return reinterpret_cast<volatile std::byte*>(address + (physical - start));
}

MemoryRegion memory_of_tables() { return tables; }

std::byte* machine::memory_at(PhysAddr physical) {
  return reinterpret_cast<std::byte*>(direct_map_start + gap.mapped_at(physical.value));
}

PhysAddr machine::physical_address_of(const void* pointer) {
  const auto address = reinterpret_cast<uint64_t>(pointer);
  return PhysAddr{address >= kernel_base ? address - kernel_base : gap.physical_of(address - direct_map_start)};
}

void machine::install_kernel_half(uint64_t* root_table) {
  const size_t first = entry::user_entries_of_root;
  std::memcpy(root_table + first, table_at(root.value) + first,
              (entry::entries_per_table - first) * sizeof(uint64_t));
}

void machine::load_root(PhysAddr root_table) { instruction::write_cr3(root_table.value); }

PhysAddr machine::kernel_root() { return root; }

// Kernel pages are global and stay cached.
void machine::flush_translations() { instruction::write_cr3(instruction::read_cr3()); }

void machine::flush_translation(UserAddr address) {
  instruction::invalidate_page(address.value);
}

}  // namespace perdure
