// SPDX-License-Identifier: MIT
//
// Devices: mints capabilities to the devices of the present boot. Itself persistent; what it mints
// answers `restarted` after the next boot.
#include "kernel/kernel.hpp"

namespace perdure {

Outcome invoke_devices(Request& request) {
  if (request.method() != method::devices_console) return Outcome::refuse(Result::unknown_method);
  const Commit committed = request.kernel.attempt.commit();
  request.answer_capability(committed, 0,
                            {.type = CapabilityType::console, .payload = request.kernel.boot_epoch});
  return request.answer(committed);
}

}  // namespace perdure
