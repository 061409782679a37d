// SPDX-License-Identifier: MIT
//
// A program that stops after a while, when a person types the next line.
#include "userland/runtime/program.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

namespace {

constexpr ClockCapability clock{registers::clock};
constexpr uint64_t wait_ns = 2'000'000'000;

[[gnu::noinline]] void read_from(uint64_t address) { (void)*reinterpret_cast<volatile uint64_t*>(address); }

}  // namespace

void program(uint64_t) {
  if (const auto now = clock.now()) (void)clock.wait_until(now->machine_ns + wait_ns, now->boot_epoch);
  read_from(16);
}

}  // namespace perdure
