// SPDX-License-Identifier: MIT
//
// The steps of each row; one file for each, row_NAME.cpp.
#pragma once

#include "userland/demo/stage.hpp"

namespace perdure {

Steps steps_of_a2();
Steps steps_of_a6();
Steps steps_of_a7();
Steps steps_of_b1();
Steps steps_of_b2();
Steps steps_of_b3();
Steps steps_of_b4();
Steps steps_of_b5();
Steps steps_of_b6();
Steps steps_of_b7();
Steps steps_of_b10();
Steps steps_of_b11();
Steps steps_of_d1();
Steps steps_of_d2();
Steps steps_of_d3();

struct RowSteps {
  std::string_view name;
  Steps (*steps)();
};

// In the order of demo_rows.
inline constexpr RowSteps row_steps[] = {
    {"A2", steps_of_a2},
    {"A6", steps_of_a6},
    {"A7", steps_of_a7},
    {"B1", steps_of_b1},
    {"B2", steps_of_b2},
    {"B3", steps_of_b3},
    {"B4", steps_of_b4},
    {"B5", steps_of_b5},
    {"B6", steps_of_b6},
    {"B7", steps_of_b7},
    {"B10", steps_of_b10},
    {"B11", steps_of_b11},
    {"D1", steps_of_d1},
    {"D2", steps_of_d2},
    {"D3", steps_of_d3},
};

}  // namespace perdure
