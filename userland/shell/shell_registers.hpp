// SPDX-License-Identifier: MIT
//
// What the shell has in its capability registers. 1 to 11, 17 and 31 are set by the image description; the
// shell is an ordinary program, and these are all of its powers. It receives no requests, so the
// kernel never writes into 1 and 2.
#pragma once

#include "userland/runtime/program_start.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure::shell_register {

inline constexpr CapabilityRegister log{1};                       // for programs that are started here
inline constexpr NodeCapability own_space{CapabilityRegister{2}};
inline constexpr BankCapability bank{registers::bank};            // pays for programs that are started here
inline constexpr BankCapability root_bank{CapabilityRegister{4}}; // to look at
inline constexpr CapabilityPageCapability recipes{CapabilityRegister{5}};
inline constexpr CheckpointCapability checkpoint{CapabilityRegister{6}};
inline constexpr DevicesCapability devices{CapabilityRegister{7}};
inline constexpr ClockCapability clock{CapabilityRegister{8}};
inline constexpr DiscriminatorCapability discriminator{CapabilityRegister{9}};
inline constexpr CapabilityRegister space_keeper{10};
inline constexpr CapabilityRegister program_schedule{11};

// Its own use.
inline constexpr ConsoleCapability console{CapabilityRegister{12}};
inline constexpr CapabilityPageCapability table_page{CapabilityRegister{13}};
inline constexpr CapabilityPageCapability recipe{CapabilityRegister{14}};
inline constexpr BankCapability server_bank{CapabilityRegister{15}};
inline constexpr CapabilityRegister server_entry{16};
inline constexpr ProcessCapability server_process{CapabilityRegister{17}};
inline constexpr ProcessCapability own_process{server_process};  // at the beginning
inline constexpr CapabilityRegister scratch{18};
inline constexpr CapabilityRegister interrupter_schedule{31};  // at the beginning; then it is scratch, too
static_assert(scratch.number + ProgramStart::scratch_count <= 32);

}  // namespace perdure::shell_register
