// SPDX-License-Identifier: MIT
//
// What the parts of the harness know of each other.
#pragma once

namespace perdure::guest {

inline constexpr unsigned actors_max = 10;
// A number for the next actor of this test.
unsigned next_actor();

}  // namespace perdure::guest
