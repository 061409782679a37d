// SPDX-License-Identifier: MIT
#include "userland/demo/power_cut.hpp"

namespace perdure {

uint64_t boot_epoch(Stage& stage) {
  const auto now = demo_register::clock.now();
  return stage.done(now, "asking for the boot epoch") ? now->boot_epoch : 0;
}

bool cut_power(Stage& stage, uint64_t epoch) {
  const auto done = demo_register::checkpoint.reboot(power_flag::cut, epoch);
  if (!done && done.error() == Result::restarted) return true;
  return stage.done(done, "cutting the power") &&
         stage.done(demo_register::clock.wait_restart(epoch), "waiting for the next boot");
}

bool commit_and_cut(Stage& stage) {
  return commit_and_lose(stage, [] { return true; }, [] { return true; });
}

}  // namespace perdure
