// SPDX-License-Identifier: MIT
//
// The kernel's objects that exist once: checkpoint control, devices, console, clock. In the
// manner of kernel_objects.hpp.
#pragma once

#include <span>
#include <string_view>

#include "userland/runtime/kernel_objects.hpp"

namespace perdure {

struct CheckpointCapability : AnyCapability {
  // Waits until it is committed → its generation.
  Answer<uint64_t> take() const;
  Answer<SystemStatus> status() const;
  // Fills `list` from its start → how many.
  Answer<size_t> generations(std::span<GenerationStatus> list) const;
  // restarted: this is another boot than `boot_epoch` (0: any).
  Answer<> power_off(uint64_t power_flags, uint64_t boot_epoch) const;
  Answer<> reboot(uint64_t power_flags, uint64_t boot_epoch) const;
};

struct ConsoleCapability : AnyCapability {
  struct Characters {
    uint64_t count = 0;  // 1 to 8; 0: the console has been written to
    char text[8] = {};
    uint64_t writes = 0;
  };
  // Result::restarted, from both: minted by an earlier boot.
  // Any length, in pieces of what a message carries → how often the console has been written to in this boot.
  Answer<uint64_t> write(std::string_view) const;
  // Waits; given how often the console has been written to, no longer than until it is again.
  Answer<Characters> read(uint64_t writes = 0) const;
  Answer<> wait_interrupt() const;         // until an unread ^C stands in the input
  Answer<bool> take_interrupt() const;     // drops the input up to it → was there one?
};

struct DevicesCapability : AnyCapability {
  Answer<> console(CapabilityRegister into) const;
};

struct ClockCapability : AnyCapability {
  struct Time {
    uint64_t machine_ns = 0;
    uint64_t wall_seconds = 0;
    uint64_t boot_epoch = 0;
  };
  Answer<Time> now() const;
  // Waits until the boot epoch is another than `epoch` → the new one.
  Answer<uint64_t> wait_restart(uint64_t epoch) const;
  // Waits until machine time has come so far, or is in another boot than `epoch` (0: any will do)
  // → machine time.
  Answer<uint64_t> wait_until(uint64_t machine_ns, uint64_t epoch = 0) const;
};

}  // namespace perdure
