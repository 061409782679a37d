// SPDX-License-Identifier: MIT
//
// The attacks by name, in the order of test/system/hostile.py, and what the three programs of the
// hostile image agree upon. `hostile` does one attack, chosen by its argument; `hostile_target` is
// an honest server of the library's pattern; `hostile_judge` is its honest client, which must be
// served throughout, and gives the verdict.
#pragma once

#include <cstdint>
#include <string_view>

#include "userland/runtime/interface.hpp"

namespace perdure::hostile {

struct Attack {
  std::string_view name;
  unsigned rounds;  // 0: it ends with a verdict of its own; else it goes on, over a power cut, until it
                    // is destroyed, after the honest client was served so many times in each boot
  constexpr bool ends() const { return rounds == 0; }
};

inline constexpr Attack attacks[] = {
    {"bad_registers", 0},
    {"bad_addresses", 0},
    {"privileged_instructions", 0},
    {"not_canonical", 0},
    {"kernel_addresses", 0},
    {"endless_loop", 300},
    {"flood", 15},
    {"reply_twice", 0},
    {"never_receives", 0},
    {"silent_keeper", 0},
    {"forged_payload", 0},
    {"bank_destroyed_in_request", 0},
    {"stopped_sender", 0},
    {"deep_nesting", 0},
    {"full_bank", 0},
    {"random_calls", 2000},
    {"residue", 0},
    {"priority_inversion", 100},
    {"busy_keeper", 0},
    {"highest_priority", 100},
};
inline constexpr unsigned attack_count = sizeof(attacks) / sizeof(attacks[0]);

// How an attack ends: by an instruction that does not exist, with this in rax and in rdi 0, or the
// line of what was not as it must be.
inline constexpr uint64_t verdict_magic = 0x686f'7374'696c'6521;

// The honest server. An object is named by the payload of the wrapper around the distinguished
// entry; a caller that comes otherwise is refused.
inline constexpr uint64_t object_entry_payload = 0x6f626a;
inline constexpr uint64_t attackers_object = 1;
inline constexpr uint64_t judges_object = 2;

struct Target {
  static constexpr std::string_view name = "target";
  // Which object is this?
  static constexpr Method<uint64_t()> whose{"whose"};
  // Adds N to the object → its value.
  static constexpr Method<uint64_t(uint64_t)> add{"add", {"N"}};
  using Methods = MethodList<whose, add>;
};

}  // namespace perdure::hostile
