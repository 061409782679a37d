// SPDX-License-Identifier: MIT
#include "tools/program_pages.hpp"

#include <algorithm>
#include <cstring>

#include "tools/elf_file.hpp"
#include "tools/tool_error.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/recipe.hpp"

namespace perdure {
namespace {

uint64_t fnv1a(std::span<const std::byte> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return hash;
}

struct PageRange {
  uint64_t first = 0;
  uint64_t end = 0;
};

PageRange pages_of(uint64_t address, uint64_t length_bytes) {
  return {address / frame_bytes, (address + length_bytes + frame_bytes - 1) / frame_bytes};
}

// What the segment's bytes in the file put into this page; the rest of the page is zero.
PageBytes bytes_of_page(const ElfSegment& segment, uint64_t page) {
  PageBytes result{};
  const uint64_t page_start = page * frame_bytes;
  const uint64_t start = std::max(page_start, segment.address);
  const uint64_t end = std::min(page_start + frame_bytes, segment.address + segment.contents.size());
  if (start < end) {
    std::memcpy(result.data() + (start - page_start),
                segment.contents.data() + (start - segment.address), end - start);
  }
  return result;
}

class Sorter {
 public:
  Sorter(const std::string& name, ProgramPages& program) : name_(name), program_(program) {}

  void add(const ElfSegment& segment) {
    if (segment.is_writable) add_data(segment);
    else add_text(segment);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw ToolError(ExitStatus::usage, name_ + ": " + message);
  }

  void add_text(const ElfSegment& segment) {
    constexpr uint64_t first = layout::text_start / frame_bytes;
    const PageRange pages = pages_of(segment.address, segment.memory_bytes);
    if (pages.first < first || pages.end > first + layout::text_pages_max) {
      fail("text and constants must lie in the " + std::to_string(layout::text_pages_max) +
           " pages from 0x400000 on");
    }
    for (uint64_t page = pages.first; page < pages.end; ++page) {
      program_.text.push_back({page - first, segment.is_executable, bytes_of_page(segment, page)});
    }
  }

  void add_data(const ElfSegment& segment) {
    constexpr uint64_t first = layout::data_start / frame_bytes;
    const PageRange all = pages_of(segment.address, segment.memory_bytes);
    const PageRange stored = pages_of(segment.address, segment.contents.size());
    if (all.first < first || all.end > layout::heap_start / frame_bytes) {
      fail("data must lie from 0x1000000 on, before 0x2000000");
    }
    if (!segment.contents.empty()) {
      if (stored.end - first > recipe::template_count_max) {
        fail("more than " + std::to_string(recipe::template_count_max) + " pages of initialized data");
      }
      program_.data.resize(stored.end - first);
      for (uint64_t page = stored.first; page < stored.end; ++page) {
        program_.data[page - first] = bytes_of_page(segment, page);
      }
    }
    program_.data_pages = all.end - first;
  }

  const std::string& name_;
  ProgramPages& program_;
};

}  // namespace

ProgramPages read_program(const std::string& name, std::span<const std::byte> file) {
  const ElfFile elf = parse_elf(name, file);
  ProgramPages program{.entry = elf.entry, .checksum = fnv1a(file)};
  Sorter sorter(name, program);
  for (const ElfSegment& segment : elf.segments) sorter.add(segment);
  return program;
}

}  // namespace perdure
