// SPDX-License-Identifier: MIT
//
// The steps of each row of the mission; one file for each, named for what it shows.
#pragma once

#include "userland/demo/stage.hpp"

namespace perdure {

Steps steps_of_objects_bought();
Steps steps_of_revoked_copies();
Steps steps_of_own_bank_each();
Steps steps_of_many_small_objects();
Steps steps_of_protected_payload();
Steps steps_of_entry_payload();
Steps steps_of_shared_time();
Steps steps_of_storage_dies_with_its_bank();
Steps steps_of_storage_outlives_its_buyer();
Steps steps_of_selective_revocation();
Steps steps_of_handed_on();
Steps steps_of_revoked_over_a_cut();
Steps steps_of_message_sizes();
Steps steps_of_bounded_messages();
Steps steps_of_spoilt_buffers();

struct RowSteps {
  std::string_view name;
  Steps (*steps)();
};

// In the order of demo_rows.
inline constexpr RowSteps row_steps[] = {
    {"A2", steps_of_objects_bought},
    {"A6", steps_of_revoked_copies},
    {"A7", steps_of_own_bank_each},
    {"B1", steps_of_many_small_objects},
    {"B2", steps_of_protected_payload},
    {"B3", steps_of_entry_payload},
    {"B4", steps_of_shared_time},
    {"B5", steps_of_storage_dies_with_its_bank},
    {"B6", steps_of_storage_outlives_its_buyer},
    {"B7", steps_of_selective_revocation},
    {"B10", steps_of_handed_on},
    {"B11", steps_of_revoked_over_a_cut},
    {"D1", steps_of_message_sizes},
    {"D2", steps_of_bounded_messages},
    {"D3", steps_of_spoilt_buffers},
};

}  // namespace perdure
