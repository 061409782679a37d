// SPDX-License-Identifier: MIT
//
// Runs on the boot tables, which map the first 4 GiB; addresses beyond are refused. The boot
// loader is trusted to mean well, not to be free of mistakes: every length is bounded.
#include "kernel/arch/x86_64/boot_data.hpp"

#include <cstring>
#include <span>

#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/power.hpp"
#include "kernel/machine.hpp"

extern "C" const char image_start_physical[], image_end_physical[];

namespace perdure {

namespace {

constexpr uint32_t multiboot2_magic = 0x36d76289;
constexpr uint32_t pvh_magic = 0x336ec578;
constexpr uint32_t type_usable = 1;
constexpr uint64_t first_mebibyte = 0x100000;
constexpr size_t command_line_bytes_max = 2048;
constexpr size_t entries_max = 1024;

// An entry of either memory map; multiboot2 and PVH agree on its layout.
struct MapEntry {
  uint64_t start;
  uint64_t length_bytes;
  uint32_t type;
  uint32_t reserved;
};
static_assert(sizeof(MapEntry) == 24);

struct MultibootTag {
  static constexpr uint32_t end = 0, command_line = 1, memory_map = 6;
  uint32_t type;
  uint32_t size_bytes;  // with this header; the next tag is 8-byte aligned
};

struct PvhStartInfo {
  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t module_count;
  uint64_t modules;
  uint64_t command_line;
  uint64_t root_pointer;
  uint64_t memory_map;  // from version 1 on
  uint32_t memory_map_entries;
  uint32_t reserved;
};
static_assert(sizeof(PvhStartInfo) == 56);

constinit BootData boot_data;
constinit char command_line[command_line_bytes_max] = {};

const std::byte* boot_memory(uint64_t physical, uint64_t length_bytes) {
  if (physical == 0 || physical >= boot_map_bytes || length_bytes > boot_map_bytes - physical) {
    refuse_to_start("the boot loader's information lies where it cannot be read");
  }
  return machine::memory_at(PhysAddr{physical});
}

void copy_command_line(const std::byte* text, size_t limit_bytes) {
  size_t length = 0;
  for (; length < limit_bytes && text[length] != std::byte{0}; ++length) {
    if (length == command_line_bytes_max) refuse_to_start("the command line is too long");
    command_line[length] = static_cast<char>(text[length]);
  }
  boot_data.command_line = {command_line, length};
}

MapEntry entry_at(const std::byte* entries, size_t entry_bytes, size_t index) {
  MapEntry entry;
  std::memcpy(&entry, entries + index * entry_bytes, sizeof(entry));
  if (entry.length_bytes > ~entry.start) entry.length_bytes = ~entry.start;
  return entry;
}

// Usable entries first, then everything else is taken away, so that an overlap is not memory.
void read_memory_map(const std::byte* entries, size_t entry_bytes, size_t count) {
  if (entry_bytes < sizeof(MapEntry) || count > entries_max) refuse_to_start("malformed memory map");
  bool fits = true;
  for (size_t i = 0; i < count; ++i) {
    const MapEntry entry = entry_at(entries, entry_bytes, i);
    if (entry.type == type_usable) fits &= boot_data.ram.add(entry.start, entry.start + entry.length_bytes);
  }
  for (size_t i = 0; i < count; ++i) {
    const MapEntry entry = entry_at(entries, entry_bytes, i);
    if (entry.type != type_usable) fits &= boot_data.ram.remove(entry.start, entry.start + entry.length_bytes);
  }
  if (!fits) refuse_to_start("the memory map has too many pieces");
}

void read_multiboot_tag(const MultibootTag& tag, const std::byte* contents, size_t length_bytes) {
  if (tag.type == MultibootTag::command_line) copy_command_line(contents, length_bytes);
  if (tag.type == MultibootTag::memory_map && length_bytes >= 8) {
    uint32_t entry_bytes;  // then a version, then the entries
    std::memcpy(&entry_bytes, contents, sizeof(entry_bytes));
    if (entry_bytes == 0) refuse_to_start("malformed memory map");
    read_memory_map(contents + 8, entry_bytes, (length_bytes - 8) / entry_bytes);
  }
}

void read_multiboot(uint64_t physical) {
  uint32_t total_bytes;
  std::memcpy(&total_bytes, boot_memory(physical, 8), sizeof(total_bytes));
  const std::byte* information = boot_memory(physical, total_bytes);
  for (size_t offset = 8; offset + sizeof(MultibootTag) <= total_bytes;) {
    MultibootTag tag;
    std::memcpy(&tag, information + offset, sizeof(tag));
    if (tag.type == MultibootTag::end) return;
    if (tag.size_bytes < sizeof(tag) || tag.size_bytes > total_bytes - offset) break;
    read_multiboot_tag(tag, information + offset + sizeof(tag), tag.size_bytes - sizeof(tag));
    offset += (tag.size_bytes + 7) & ~size_t{7};
  }
}

void read_pvh(const PvhStartInfo& info) {
  if (info.version < 1) refuse_to_start("the boot loader gives no memory map");
  if (info.command_line != 0) {
    copy_command_line(boot_memory(info.command_line, 1), boot_map_bytes - info.command_line);
  }
  const uint64_t length = uint64_t{info.memory_map_entries} * sizeof(MapEntry);
  read_memory_map(boot_memory(info.memory_map, length), sizeof(MapEntry), info.memory_map_entries);
}

bool is_pvh(uint64_t physical) {
  uint32_t magic;
  std::memcpy(&magic, boot_memory(physical, sizeof(PvhStartInfo)), sizeof(magic));
  return magic == pvh_magic;
}

}  // namespace

const BootData& read_boot_data(uint32_t magic, uint32_t physical) {
  if (magic == multiboot2_magic) {
    read_multiboot(physical);
  } else if (is_pvh(physical)) {
    read_pvh(*reinterpret_cast<const PvhStartInfo*>(boot_memory(physical, sizeof(PvhStartInfo))));
  } else {
    refuse_to_start("started by a boot loader that is neither multiboot2 nor PVH, or by QEMU with a command line of more than "
                    "4096 characters, which it writes over what it hands over");
  }
  if (!boot_data.ram.remove(0, first_mebibyte) ||
      !boot_data.ram.remove(reinterpret_cast<uint64_t>(image_start_physical),
                            reinterpret_cast<uint64_t>(image_end_physical))) {
    refuse_to_start("the memory map has too many pieces");
  }
  if (boot_data.ram.regions().empty()) refuse_to_start("the boot loader reports no memory");
  return boot_data;
}

}  // namespace perdure
