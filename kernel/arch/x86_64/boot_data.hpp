// SPDX-License-Identifier: MIT
//
// What the boot loader handed over, read and copied once, before anything else uses the memory
// it lies in: a multiboot2 information structure or PVH's hvm_start_info.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/arch/x86_64/memory_map.hpp"

namespace perdure {

struct BootData {
  MemoryMap ram;  // without the first MiB and without the kernel image
  std::string_view command_line;
};

// `magic` and `physical` are eax and ebx of boot_start. Refuses to start on what it cannot read.
const BootData& read_boot_data(uint32_t magic, uint32_t physical);

}  // namespace perdure
