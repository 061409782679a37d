// SPDX-License-Identifier: MIT
//
// A kernel that is only tests: it stands where the generic kernel stands, above the same arch
// code, and tries whether machine.hpp's promises hold on the machine. Each part prints lines;
// any broken promise ends the run with exit code 0 of power_off, which is never a verdict.
#pragma once

#include <cstdint>
#include <string_view>

#include "checkpoint/disk.hpp"
#include "kernel/arch/x86_64/text.hpp"
#include "kernel/machine.hpp"

namespace perdure::arch_test {

void print(const TextLine& line);
[[noreturn]] void fail(std::string_view what, uint64_t seen = 0, uint64_t wanted = 0);
void check(bool holds, std::string_view what);
void check_equal(uint64_t seen, uint64_t wanted, std::string_view what);

// A page of zeros from BootInfo::usable.
PhysAddr take_page();
void give_memory(const BootInfo&);

void test_memory_map(const BootInfo&);
// Memory above 4 GiB, if there is any, follows what is below; the disk reads and writes it.
void test_high_memory(const BootInfo&, Disk&);
void test_protections();
void test_clock();
void test_disk(Disk&);
void test_console();
// Provokes an exception of the kernel, by name; kernel_bug ends the run.
[[noreturn]] void provoke_bug(std::string_view name);

// Enters user mode; ends in finish().
[[noreturn]] void test_user_mode();
[[noreturn]] void finish();

}  // namespace perdure::arch_test
