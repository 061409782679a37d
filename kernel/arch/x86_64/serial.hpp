// SPDX-License-Identifier: MIT
//
// The console: the first serial port, a 16550. Writing is polled; reading is by interrupt into
// a ring of fixed size. When the ring is full, reception is switched off until a program reads:
// the port's own buffer fills, and the other side waits.
#pragma once

namespace perdure {

void set_up_serial();            // writing works from here on
void enable_serial_interrupt();  // after the interrupt controller is set up
void serial_interrupt();         // moves what has been received into the ring

}  // namespace perdure
