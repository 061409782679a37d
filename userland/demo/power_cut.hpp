// SPDX-License-Identifier: MIT
//
// A power cut that a row asks for, in the middle of a step: what runs is reset without a
// checkpoint, and goes on from the last commit as if nothing had happened. So the code after the
// commit runs twice, and tells the two times apart by the boot epoch.
#pragma once

#include "userland/demo/stage.hpp"

namespace perdure {

// Commits all that there is, and cuts the power. Returns in the next boot.
bool commit_and_cut(Stage&);

// Commits; does `lost`; cuts the power. Returns in the next boot, where `lost` never happened. If a
// checkpoint by the clock came between the two it did happen: then `again` makes that undone (or
// something new to be lost), and all is tried anew.
template <typename Lost, typename Again>
bool commit_and_lose(Stage& stage, const Lost& lost, const Again& again);

// --- the parts ------------------------------------------------------------------------------------

// The boot that runs now; 0: could not be told, and the reason is said.
uint64_t boot_epoch(Stage&);
// Comes back only in another boot than `epoch`; does nothing if this is one.
bool cut_power(Stage&, uint64_t epoch);

template <typename Lost, typename Again>
bool commit_and_lose(Stage& stage, const Lost& lost, const Again& again) {
  constexpr unsigned attempts = 100;
  for (unsigned i = 0; i < attempts; ++i) {
    const uint64_t epoch = boot_epoch(stage);
    if (epoch == 0 || !stage.done(demo_register::checkpoint.take(), "a checkpoint")) return false;
    const uint64_t now = boot_epoch(stage);
    if (now == 0) return false;
    if (now != epoch) return true;
    if (!lost() || !cut_power(stage, epoch) || !again()) return false;
  }
  return stage.fail("a checkpoint by the clock came between, ", uint64_t{attempts}, " times");
}

}  // namespace perdure
