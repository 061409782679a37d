// SPDX-License-Identifier: MIT
//
// Tries to break the start of the machine: runs every part in turn, with what the command line
// asks for. `verdict=N` is the number to end with when all has held; `console` waits for a typed
// line; `fault=NAME` provokes an exception in the kernel and expects to be told of it; `reset`
// starts the machine again instead of ending.
#include "test/arch/arch_test.hpp"

#include <cstring>

namespace perdure {

namespace {

constinit int verdict = 0;
constinit bool expects_bug = false;
constinit bool ends_in_reset = false;
constinit uint64_t next_page = 0;
constinit uint64_t pages_end = 0;

// The text behind `name=` on the command line, up to the next space.
std::string_view option(std::string_view command_line, std::string_view name) {
  const size_t at = command_line.find(name);
  if (at == std::string_view::npos) return {};
  const size_t start = at + name.size();
  size_t end = start;
  while (end < command_line.size() && command_line[end] != ' ') ++end;
  return {command_line.data() + start, end - start};
}

int number(std::string_view digits) {
  int value = 0;
  for (const char digit : digits) value = value * 10 + (digit - '0');
  return value;
}

}  // namespace

namespace arch_test {

void print(const TextLine& line) {
  machine::console_write(line.view());
  machine::console_write("\r\n");
}

void fail(std::string_view what, uint64_t seen, uint64_t wanted) {
  print(TextLine{}.text("arch_test: FAILED: ").text(what).text(", seen ").hexadecimal(seen)
            .text(", wanted ").hexadecimal(wanted));
  machine::power_off(0);
}

void check(bool holds, std::string_view what) {
  if (!holds) fail(what);
}

void check_equal(uint64_t seen, uint64_t wanted, std::string_view what) {
  if (seen != wanted) fail(what, seen, wanted);
}

PhysAddr take_page() {
  check(next_page < pages_end, "out of pages");
  const PhysAddr page{next_page};
  next_page += 4096;
  std::memset(machine::memory_at(page), 0, 4096);
  return page;
}

void give_memory(const BootInfo& info) {
  MemoryRegion largest;
  for (const MemoryRegion& region : info.usable) {
    if (region.length_bytes > largest.length_bytes) largest = region;
  }
  next_page = largest.start.value;
  pages_end = next_page + largest.length_bytes;
}

void finish() {
  print(TextLine{}.text("arch_test: ok, verdict ").decimal(static_cast<uint64_t>(verdict)));
  if (ends_in_reset) machine::reset();
  machine::power_off(verdict);
}

}  // namespace arch_test

bool may_hold_store(Disk&, std::byte*) { return true; }

void kernel_main(const BootInfo& info, Disk& disk) {
  using namespace arch_test;
  print(TextLine{}.text("arch_test: command line: ").text(info.command_line));
  verdict = number(option(info.command_line, "verdict="));
  check(!ends_in_reset, "a restarted machine remembers nothing");
  ends_in_reset = info.command_line.find("reset") != std::string_view::npos;
  give_memory(info);
  test_memory_map(info);
  test_protections();
  if (const auto name = option(info.command_line, "fault="); !name.empty()) {
    expects_bug = true;
    provoke_bug(name);
  }
  test_clock();
  test_disk(disk);
  test_high_memory(info, disk);
  if (info.command_line.find("console") != std::string_view::npos) test_console();
  test_user_mode();
}

void kernel_bug(std::string_view message, uint64_t instruction_pointer) {
  using namespace arch_test;
  print(TextLine{}.text("kernel_bug: ").text(message));
  print(TextLine{}.text("kernel_bug: at ").hexadecimal(instruction_pointer));
  if (expects_bug) finish();
  machine::power_off(0);
}

}  // namespace perdure
