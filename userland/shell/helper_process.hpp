// SPDX-License-Identifier: MIT
//
// The shell's small processes: they run in its address space, because they share its objects, and have of its
// capabilities what they are given, in registers of the same numbers.
#pragma once

#include <initializer_list>
#include <span>

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/kernel_objects.hpp"

namespace perdure {

struct HelperProcess {
  BankCapability bank;          // pays
  NodeCapability space;
  CapabilityRegister schedule;  // it must be there: by none the helper would run behind all programs
  ProcessCapability process_into;
  CapabilityRegister activity_into;
};

// Buys it and lets it run: `entry(argument)`, which does not return, on this stack.
Answer<> start_helper(const HelperProcess&, void (*entry)(void* argument), void* argument, std::span<uint64_t> stack,
                      std::initializer_list<CapabilityRegister> given);

}  // namespace perdure
