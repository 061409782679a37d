// SPDX-License-Identifier: MIT
//
// The battery-backed clock (MC146818 and its descendants): the date, to the second.
#pragma once

namespace perdure {

void set_up_real_time_clock();  // reads it once, waiting out an update; then see machine.hpp

}  // namespace perdure
