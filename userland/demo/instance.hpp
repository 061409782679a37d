// SPDX-License-Identifier: MIT
//
// Instances of the image's programs, started from their recipes as the shell does it. Recipe,
// bank, entry and process stand in the first four work registers; starting one needs all others.
#pragma once

#include "userland/demo/stage.hpp"
#include "userland/runtime/program_start.hpp"

namespace perdure {

inline constexpr CapabilityPageCapability instance_recipe{work_register(0)};
inline constexpr BankCapability instance_bank{work_register(1)};
inline constexpr CapabilityRegister instance_entry{work_register(2)};
inline constexpr ProcessCapability instance_process{work_register(3)};
inline constexpr unsigned first_register_after_instance = 4;
static_assert(first_register_after_instance + ProgramStart::scratch_count <= work_register_count);

// Into instance_recipe.
bool find_recipe(Stage&, std::string_view program);
// An instance of it, in a bank of its own with this limit.
bool start_instance(Stage&, uint64_t limit);

}  // namespace perdure
