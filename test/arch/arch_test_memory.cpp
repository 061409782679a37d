// SPDX-License-Identifier: MIT
//
// Tries to find a hole in the protections: reads the live page tables entry by entry and fails
// on anything that is writable and executable, on any writable alias of the kernel's text, on
// anything left in the user half; then provokes faults that must be noticed.
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/memory/page_table_entry.hpp"
#include "test/arch/arch_test.hpp"

extern "C" const char text_start[], rodata_end[], image_end[];
extern "C" const char kernel_stack_guard[];

namespace perdure::arch_test {

namespace entry = page_table_entry;

namespace {

constinit uint64_t leaves = 0;
constinit uint64_t executable_pages = 0;

uint64_t image_physical(const char* address) {
  return reinterpret_cast<uint64_t>(address) - kernel_base;
}

void check_leaf(uint64_t leaf, uint64_t address, unsigned level) {
  const uint64_t size = uint64_t{1} << entry::covered_bits(level);
  const uint64_t physical = entry::address_of(leaf) & ~(size - 1);
  check(!(entry::is_writable(leaf) && entry::is_executable(leaf)), "a page is writable and executable");
  check(!entry::is_user(leaf), "a kernel page is open to user mode");
  if (entry::is_writable(leaf)) {
    const bool aliases_constant = physical < image_physical(rodata_end) &&
                                  physical + size > image_physical(text_start);
    check(!aliases_constant, "text or constants have a writable alias");
  }
  if (entry::is_executable(leaf)) {
    check(address >= kernel_base && level == 0, "executable outside the image");
    ++executable_pages;
  }
  ++leaves;
}

void check_table(PhysAddr table, uint64_t first_address, unsigned level) {
  const auto* entries = reinterpret_cast<const uint64_t*>(machine::memory_at(table));
  const unsigned first = level == 3 ? entry::user_entries_of_root : 0;
  for (unsigned i = first; i < entry::entries_per_table; ++i) {
    if (!entry::is_present(entries[i])) continue;
    const uint64_t address = first_address | uint64_t{i} << entry::covered_bits(level);
    if (level == 0 || entry::is_large(entries[i])) {
      check_leaf(entries[i], address, level);
    } else {
      check_table(PhysAddr{entry::address_of(entries[i])}, address, level - 1);
    }
  }
}

}  // namespace

void test_memory_map(const BootInfo& info) {
  uint64_t total = 0, previous_end = 0;
  for (const MemoryRegion& region : info.usable) {
    print(TextLine{}.text("usable ").hexadecimal(region.start.value).text(" + ").hexadecimal(region.length_bytes));
    check(region.start.value % 4096 == 0 && region.length_bytes % 4096 == 0, "region is not aligned");
    check(region.start.value >= previous_end && region.length_bytes > 0, "regions overlap");
    check(region.start.value >= image_physical(image_end), "region contains the image");
    previous_end = region.start.value + region.length_bytes;
    total += region.length_bytes;
    auto* first = reinterpret_cast<volatile uint64_t*>(machine::memory_at(region.start));
    auto* last = reinterpret_cast<volatile uint64_t*>(machine::memory_at(PhysAddr{previous_end - 8}));
    *first = 0x1122334455667788;
    *last = 0x8877665544332211;
    check(*first == 0x1122334455667788 && *last == 0x8877665544332211, "memory does not hold a value");
  }
  print(TextLine{}.text("usable memory: ").decimal(total >> 10).text(" KiB"));
  for (const MemoryRegion& region : info.usable) {
    const PhysAddr last{region.start.value + region.length_bytes - 1};
    for (const PhysAddr address : {region.start, last}) {
      check(machine::physical_address_of(machine::memory_at(address)) == address, "memory_at has no inverse");
    }
    check(machine::memory_at(last) - machine::memory_at(region.start) == static_cast<ptrdiff_t>(region.length_bytes - 1),
          "a region is mapped in pieces");
  }
}

void test_protections() {
  uint64_t live_root;
  asm volatile("movq %%cr3, %0" : "=r"(live_root));
  check(PhysAddr{live_root} == machine::kernel_root(), "the live root is not kernel_root");
  const auto* root = reinterpret_cast<const uint64_t*>(machine::memory_at(machine::kernel_root()));
  for (unsigned i = 0; i < entry::user_entries_of_root; ++i) check(root[i] == 0, "the user half is not empty");
  check_table(machine::kernel_root(), 0xffff'0000'0000'0000, 3);
  check(executable_pages > 0 && executable_pages < 512, "strange number of executable pages");
  print(TextLine{}.text("page tables: ").decimal(leaves).text(" entries, ")
            .decimal(executable_pages).text(" executable pages, none writable"));
}

namespace {

// A page of user memory, writable and executable, in a root of its own that is loaded.
uint64_t map_a_user_page() {
  constexpr uint64_t address = 0x400000;
  const PhysAddr root = take_page();
  machine::install_kernel_half(reinterpret_cast<uint64_t*>(machine::memory_at(root)));
  auto* table = reinterpret_cast<uint64_t*>(machine::memory_at(root));
  for (unsigned level = 3; level > 0; --level) {
    const PhysAddr next = take_page();
    table[entry::index_of(address, level)] = entry::user_table(next.value);
    table = reinterpret_cast<uint64_t*>(machine::memory_at(next));
  }
  const PhysAddr page = take_page();
  *machine::memory_at(page) = std::byte{0xc3};  // ret
  table[entry::index_of(address, 0)] = entry::user_page(page.value, true, true, true);
  machine::load_root(root);
  return address;
}

}  // namespace

void provoke_bug(std::string_view name) {
  const auto address_of = [](const void* pointer) { return reinterpret_cast<uint64_t>(pointer); };
  const auto write = [](uint64_t address) { *reinterpret_cast<volatile uint64_t*>(address) = 1; };
  if (name == "null") write(0);
  if (name == "text") write(address_of(text_start));
  if (name == "constant") write(address_of(rodata_end) - 8);
  if (name == "identity") write(0x100000);
  if (name == "guard") write(address_of(kernel_stack_guard) + 4088);
  if (name == "execute") {
    auto* code = reinterpret_cast<volatile uint8_t*>(machine::memory_at(take_page()));
    *code = 0xc3;  // ret
    asm volatile("call *%0" ::"r"(code));
  }
  // SMEP and SMAP: the kernel neither runs nor touches what is a user's by mistake.
  if (name == "user_execute") asm volatile("call *%0" ::"r"(map_a_user_page()));
  if (name == "user_read") (void)*reinterpret_cast<volatile uint64_t*>(map_a_user_page());
  if (name == "user_write") write(map_a_user_page());
  if (name == "stack") asm volatile("1: pushq $0; jmp 1b");
  if (name == "invalid") asm volatile("ud2");
  if (name == "nmi") {
    print(TextLine{}.text("arch_test: waiting for an NMI"));
    for (;;) asm volatile("pause");
  }
  fail("the fault was not noticed");
}

}  // namespace perdure::arch_test
