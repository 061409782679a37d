// SPDX-License-Identifier: MIT
//
// Which of the machine's disks is the store's.
#pragma once

#include <string_view>

#include "kernel/arch/x86_64/virtio_block.hpp"

namespace perdure {

// Sets `disk` up as the first one that may hold a store (machine.hpp); if none does, as the first of all, for the
// store to refuse. Of several disks each is told, in one line; those behind the chosen
// one are not touched. → its place and size, for people. Before kernel_main.
std::string_view find_disk(VirtioBlock& disk);

}  // namespace perdure
