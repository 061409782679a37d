// SPDX-License-Identifier: MIT
#include "userland/demo/stage.hpp"

#include "userland/runtime/requests.hpp"
#include "userland/runtime/revocable.hpp"

namespace perdure {

Result ask_type(CapabilityRegister asked) {
  Message message = request(method::type);
  return call(asked, message);
}

bool Stage::used_by(BankCapability bank, uint64_t& frames) {
  const auto status = bank.status();
  if (!done(status, "the usage of a bank")) return false;
  frames = status->used;
  return true;
}

bool Stage::require_used(BankCapability bank, uint64_t frames, std::string_view when) {
  uint64_t now = 0;
  return used_by(bank, now) &&
         require(now == frames, "the bank uses ", now, " frames ", when, ", and not ", frames);
}

bool Stage::require_void(CapabilityRegister asked, std::string_view which) {
  if (!refused(ask_type(asked), Result::void_capability, which)) return false;
  const auto classified = demo_register::discriminator.classify(asked);
  return done(classified, "classifying ", which) &&
         require(classified->type == CapabilityType::void_capability, which, " is still a capability");
}

bool Stage::require_void_at(CapabilityPageCapability page, unsigned slot,
                            CapabilityRegister scratch, std::string_view which) {
  return done(page.fetch(slot, scratch), "fetching ", which) && require_void(scratch, which);
}

bool Stage::hand_out(BankCapability bank, CapabilityRegister target, WrapperCapability control,
                     CapabilityRegister client) {
  return done(perdure::hand_out(bank, target, {.control = control.at, .client = client}),
              "handing out a capability");
}

bool Stage::map(CapabilityRegister memory, unsigned place) {
  return done(own_space.store(window_slot(place), memory), "changing the own space");
}

}  // namespace perdure
