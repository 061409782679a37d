// SPDX-License-Identifier: MIT
//
// Devices: mints capabilities to the devices of the present boot. Itself persistent; what it mints
// answers `restarted` after the next boot.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/run/machine_time.hpp"

namespace perdure {

Outcome invoke_devices(Request& request, const MachineTime& time) {
  if (request.method() != method::devices_console) return Outcome::refuse(Result::unknown_method);
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0,
                            {.type = CapabilityType::console, .payload = time.boot_epoch()});
  return request.answer(committed);
}

}  // namespace perdure
