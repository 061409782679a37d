// SPDX-License-Identifier: MIT
#include "tools/elf_file.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "objects/abi.hpp"
#include "objects/kinds.hpp"
#include "tools/tool_error.hpp"

namespace perdure {
namespace {

constexpr uint64_t page_of(uint64_t address) { return address / frame_bytes; }

class Reader {
 public:
  Reader(const std::string& name, std::span<const std::byte> contents)
      : name_(name), contents_(contents) {}

  ElfFile read() const {
    const auto header = read_header();
    ElfFile file{.entry = header.e_entry, .segments = {}};
    for (unsigned i = 0; i < header.e_phnum; ++i) {
      const auto segment = read_segment(header.e_phoff + uint64_t{i} * sizeof(Elf64_Phdr), i);
      if (segment) file.segments.push_back(*segment);
    }
    std::ranges::sort(file.segments, {}, &ElfSegment::address);
    check_layout(file);
    return file;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw ToolError(ExitStatus::usage, name_ + ": " + message);
  }

  template <typename Structure>
  Structure at(uint64_t offset, const std::string& what) const {
    if (offset > contents_.size() || contents_.size() - offset < sizeof(Structure)) {
      fail("cut short: its " + what + " is not in the file");
    }
    Structure result;
    std::memcpy(&result, contents_.data() + offset, sizeof(result));
    return result;
  }

  Elf64_Ehdr read_header() const {
    if (contents_.size() < SELFMAG || std::memcmp(contents_.data(), ELFMAG, SELFMAG) != 0) {
      fail("not an ELF file");
    }
    const auto header = at<Elf64_Ehdr>(0, "ELF header");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64) {
      fail("not a program for x86-64");
    }
    if (header.e_type != ET_EXEC) fail("not a static executable (linked with -static -no-pie)");
    if (header.e_phentsize != sizeof(Elf64_Phdr)) fail("program headers of an unknown size");
    if (header.e_phoff > contents_.size()) fail("cut short: its program headers are not in the file");
    return header;
  }

  std::optional<ElfSegment> read_segment(uint64_t offset, unsigned index) const {
    const std::string what = "program header " + std::to_string(index);
    const auto header = at<Elf64_Phdr>(offset, what);
    if (header.p_type == PT_INTERP || header.p_type == PT_DYNAMIC) {
      fail("needs a dynamic linker, and there is none");
    }
    if (header.p_type == PT_TLS) fail("has thread-local storage, which is not supported");
    if (header.p_type != PT_LOAD || header.p_memsz == 0) return {};
    if (header.p_filesz > header.p_memsz) fail(what + ": more bytes in the file than in memory");
    if (header.p_offset > contents_.size() || contents_.size() - header.p_offset < header.p_filesz) {
      fail("cut short: the bytes of " + what + " are not in the file");
    }
    if (header.p_vaddr >= user_address_end || user_address_end - header.p_vaddr < header.p_memsz) {
      fail(what + ": address beyond user space");
    }
    if ((header.p_flags & PF_W) && (header.p_flags & PF_X)) {
      fail(what + ": both writable and executable");
    }
    return ElfSegment{.address = header.p_vaddr,
                      .memory_bytes = header.p_memsz,
                      .contents = contents_.subspan(header.p_offset, header.p_filesz),
                      .is_writable = (header.p_flags & PF_W) != 0,
                      .is_executable = (header.p_flags & PF_X) != 0};
  }

  void check_layout(const ElfFile& file) const {
    if (file.segments.empty()) fail("nothing to load");
    for (size_t i = 1; i < file.segments.size(); ++i) {
      const ElfSegment& before = file.segments[i - 1];
      if (page_of(before.address + before.memory_bytes - 1) >= page_of(file.segments[i].address)) {
        fail("two segments share a page (link with -z separate-code)");
      }
    }
    const bool entry_is_code = std::ranges::any_of(file.segments, [&](const ElfSegment& s) {
      return s.is_executable && file.entry >= s.address && file.entry - s.address < s.memory_bytes;
    });
    if (!entry_is_code) fail("its entry point is in no executable segment");
  }

  const std::string& name_;
  std::span<const std::byte> contents_;
};

}  // namespace

ElfFile parse_elf(const std::string& name, std::span<const std::byte> contents) {
  return Reader(name, contents).read();
}

}  // namespace perdure
