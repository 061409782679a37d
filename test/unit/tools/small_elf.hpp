// SPDX-License-Identifier: MIT
//
// Makes small ELF files for tests: a header and program headers, then the bytes of each segment,
// page after page. Tests change fields of the result to break it.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstring>
#include <vector>

namespace perdure::test {

struct SmallSegment {
  uint64_t address = 0x400000;
  uint32_t flags = PF_R | PF_X;
  std::vector<unsigned char> bytes;
  uint64_t memory_bytes = 0;  // 0: as many as bytes
};

class SmallElf {
 public:
  explicit SmallElf(const std::vector<SmallSegment>& segments, uint64_t entry = 0x400000) {
    contents_.resize(sizeof(Elf64_Ehdr) + segments.size() * sizeof(Elf64_Phdr));
    Elf64_Ehdr& h = header();
    std::memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    h.e_type = ET_EXEC;
    h.e_machine = EM_X86_64;
    h.e_version = EV_CURRENT;
    h.e_entry = entry;
    h.e_phoff = sizeof(Elf64_Ehdr);
    h.e_ehsize = sizeof(Elf64_Ehdr);
    h.e_phentsize = sizeof(Elf64_Phdr);
    h.e_phnum = static_cast<uint16_t>(segments.size());
    for (unsigned i = 0; i < segments.size(); ++i) append(i, segments[i]);
  }

  Elf64_Ehdr& header() { return *reinterpret_cast<Elf64_Ehdr*>(contents_.data()); }
  Elf64_Phdr& segment(unsigned i) {
    return *reinterpret_cast<Elf64_Phdr*>(contents_.data() + sizeof(Elf64_Ehdr) +
                                          i * sizeof(Elf64_Phdr));
  }
  std::vector<std::byte>& contents() { return contents_; }

 private:
  void append(unsigned index, const SmallSegment& from) {
    contents_.resize((contents_.size() + 4095) / 4096 * 4096);
    Elf64_Phdr& to = segment(index);
    to.p_type = PT_LOAD;
    to.p_flags = from.flags;
    to.p_offset = contents_.size();
    to.p_vaddr = from.address;
    to.p_filesz = from.bytes.size();
    to.p_memsz = from.memory_bytes ? from.memory_bytes : from.bytes.size();
    const auto* bytes = reinterpret_cast<const std::byte*>(from.bytes.data());
    contents_.insert(contents_.end(), bytes, bytes + from.bytes.size());
  }

  std::vector<std::byte> contents_;
};

// `jmp .`, and a page of data behind it.
inline SmallElf idle_elf() {
  return SmallElf({{.address = 0x400000, .flags = PF_R | PF_X, .bytes = {0xeb, 0xfe}},
                   {.address = 0x401000, .flags = PF_R | PF_W, .bytes = {1, 2, 3}, .memory_bytes = 5000}});
}

}  // namespace perdure::test
