// SPDX-License-Identifier: MIT
//
// A static ELF64 executable of ours, read for its loadable segments. Every offset and length of
// the file is checked before it is used: a bad file is a message, never a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace perdure {

struct ElfSegment {
  uint64_t address = 0;               // user address of the first byte
  uint64_t memory_bytes = 0;          // what is beyond `contents` is zero
  std::span<const std::byte> contents;  // into the file
  bool is_writable = false;
  bool is_executable = false;
};

struct ElfFile {
  uint64_t entry = 0;
  std::vector<ElfSegment> segments;  // by address; no two share a page
};

// `contents` must outlive the result. `name` is for messages. Throws ToolError(usage).
ElfFile parse_elf(const std::string& name, std::span<const std::byte> contents);

}  // namespace perdure
