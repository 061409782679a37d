// SPDX-License-Identifier: MIT
//
// The attacker: does the attack that its argument names, and says how it went (puppet.hpp).
#include <iterator>

#include "test/hostile/attack_functions.hpp"
#include "test/hostile/puppet.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {
namespace {

using namespace hostile;

// In the order of `attacks`.
constexpr void (*functions[])() = {
    bad_registers, bad_addresses,  privileged_instructions, every_register_not_canonical,
    kernel_addresses, endless_loop, flood,          reply_twice,
    never_receives, silent_keeper, forged_payload,  bank_destroyed_in_request,
    stopped_sender, deep_nesting,  full_bank,       random_calls,
    residue,       priority_inversion, busy_keeper, highest_priority};
static_assert(std::size(functions) == attack_count);

}  // namespace

void program(uint64_t argument) {
  require(argument < attack_count);
  functions[argument]();
  finish(0);
}

}  // namespace perdure
