// SPDX-License-Identifier: MIT
//
// Tries to make the ELF reader accept a file that is not ours or read outside of it: every field
// that is an offset or a length is broken in turn, and the file is cut at every length.
#include <catch2/catch.hpp>

#include "test/unit/tools/small_elf.hpp"
#include "tools/elf_file.hpp"
#include "tools/tool_error.hpp"

using namespace perdure;
using perdure::test::idle_elf;
using perdure::test::SmallElf;

namespace {

// The message with which a changed idle program is refused; empty: accepted.
template <typename Change>
std::string refusal(Change change) {
  SmallElf elf = idle_elf();
  change(elf);
  try {
    parse_elf("x.elf", elf.contents());
  } catch (const ToolError& error) {
    CHECK(error.status() == ExitStatus::usage);
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a small program is read") {
  SmallElf elf = idle_elf();
  const ElfFile file = parse_elf("x.elf", elf.contents());
  CHECK(file.entry == 0x400000);
  REQUIRE(file.segments.size() == 2);
  CHECK(file.segments[0].is_executable);
  CHECK_FALSE(file.segments[0].is_writable);
  CHECK(file.segments[0].contents.size() == 2);
  CHECK(file.segments[1].is_writable);
  CHECK(file.segments[1].memory_bytes == 5000);
  CHECK(file.segments[1].contents[2] == std::byte{3});
}

TEST_CASE("what is not a program of ours is refused by its name") {
  CHECK(refusal([](SmallElf& e) { e.header().e_ident[0] = 'x'; }) == "x.elf: not an ELF file");
  CHECK(refusal([](SmallElf& e) { e.contents().clear(); }) == "x.elf: not an ELF file");
  CHECK(refusal([](SmallElf& e) { e.header().e_machine = EM_AARCH64; }) ==
        "x.elf: not a program for x86-64");
  CHECK(refusal([](SmallElf& e) { e.header().e_ident[EI_CLASS] = ELFCLASS32; }) ==
        "x.elf: not a program for x86-64");
  CHECK(refusal([](SmallElf& e) { e.header().e_type = ET_DYN; }).find("static") != std::string::npos);
  CHECK(refusal([](SmallElf& e) { e.segment(1).p_type = PT_INTERP; }).find("dynamic linker") !=
        std::string::npos);
}

TEST_CASE("every offset and length is checked") {
  const auto broken = GENERATE(uint64_t{1} << 20, ~uint64_t{0}, ~uint64_t{0} - 4095);
  CHECK_FALSE(refusal([&](SmallElf& e) { e.header().e_phoff = broken; }).empty());
  CHECK_FALSE(refusal([&](SmallElf& e) { e.segment(0).p_offset = broken; }).empty());
  CHECK_FALSE(refusal([&](SmallElf& e) { e.segment(0).p_filesz = broken; }).empty());
  CHECK_FALSE(refusal([&](SmallElf& e) { e.segment(1).p_vaddr = broken; }).empty() !=
              (broken == uint64_t{1} << 20));  // 1 MiB is an ordinary address
  CHECK_FALSE(refusal([&](SmallElf& e) { e.header().e_entry = broken; }).empty());
}

TEST_CASE("a segment beyond user space, one on another, one that is writable code") {
  CHECK(refusal([](SmallElf& e) { e.segment(1).p_memsz = uint64_t{1} << 47; }).find("beyond user") !=
        std::string::npos);
  CHECK(refusal([](SmallElf& e) { e.segment(1).p_vaddr = 0x400800; }).find("share a page") !=
        std::string::npos);
  CHECK(refusal([](SmallElf& e) { e.segment(0).p_flags |= PF_W; }).find("both writable") !=
        std::string::npos);
  CHECK(refusal([](SmallElf& e) { e.segment(0).p_type = PT_NOTE; }).find("entry point") !=
        std::string::npos);
  CHECK(refusal([](SmallElf& e) { e.header().e_phnum = 0; }) == "x.elf: nothing to load");
}

TEST_CASE("a file that is cut short is refused at every length") {
  SmallElf elf = idle_elf();
  for (size_t length = 0; length < elf.contents().size(); ++length) {
    const std::span<const std::byte> part = std::span(elf.contents()).first(length);
    REQUIRE_THROWS_AS(parse_elf("x.elf", part), ToolError);
  }
}
