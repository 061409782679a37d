// SPDX-License-Identifier: MIT
//
// Ends that are not the kernel's own: a machine on which it cannot start.
#pragma once

#include <string_view>

namespace perdure {

// Prints `perdure: WHAT DETAIL` and ends; QEMU's exit status is then 3.
[[noreturn]] void refuse_to_start(std::string_view what, std::string_view detail = {});

}  // namespace perdure
