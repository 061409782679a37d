// SPDX-License-Identifier: MIT
//
// Time: the time stamp counter for nanoseconds, the local APIC's timer for ticks, the
// battery-backed clock for the date. The rates of the first two are measured at the start.
#pragma once

namespace perdure {

// Takes about 10 ms of machine time. Needs interrupt table, 8259s and local APIC.
void set_up_clock();

}  // namespace perdure
