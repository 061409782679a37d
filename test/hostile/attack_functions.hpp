// SPDX-License-Identifier: MIT
//
// One function for each attack. It returns when all was as promised, or never.
#pragma once

namespace perdure::hostile {

// processor_attacks.cpp
void bad_registers();
void bad_addresses();
void privileged_instructions();
void every_register_not_canonical();
void kernel_addresses();
void endless_loop();
void busy_keeper();
// message_attacks.cpp
void flood();
void reply_twice();
void never_receives();
void silent_keeper();
void stopped_sender();
void priority_inversion();
void highest_priority();
// storage_attacks.cpp
void forged_payload();
void bank_destroyed_in_request();
void deep_nesting();
void full_bank();
void residue();
// random_calls.cpp
void random_calls();

}  // namespace perdure::hostile
