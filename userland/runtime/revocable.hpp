// SPDX-License-Identifier: MIT
//
// Handing out what can be taken back: the easy default, in one line.
//
//   const auto grant = hand_out(bank, target, {.control = mine, .client = theirs});
//   ...                    // `theirs` is copied freely, by any holder, to anywhere
//   grant->revoke();       // every copy is void, everywhere and at once
//
// What is handed out is a wrapper in front of the target, 64 bytes, paid by the bank given. It
// does what the target does, whether that is a server's entry, a bank, a page or another wrapper.
// For objects of a server's own, behind its own entry, see distinguished.hpp.
#pragma once

#include "userland/runtime/bank_client.hpp"

namespace perdure {

// The giver's side. A value: a program that has the two capabilities in these registers has the power.
struct Revocable {
  BankCapability bank;        // that paid for the wrapper
  WrapperCapability control;

  // For ever, once a checkpoint has committed after it; the storage is the bank's again.
  Answer<> revoke() const { return bank.free(control.at); }
  // Callers wait from now on, without running, until it is unblocked, retargeted or revoked.
  Answer<> block() const { return control.block(); }
  Answer<> unblock() const { return control.unblock(); }
  // What was handed out stands for something else from now on.
  Answer<> retarget(CapabilityRegister target) const { return control.set_target(target); }
  // Once more what was handed out.
  Answer<> client(CapabilityRegister into) const { return control.client(into); }
};

struct HandOut {
  CapabilityRegister control;  // where the giver wants the wrapper's control
  CapabilityRegister client;   // where the giver wants the capability that is to be given away
  uint64_t payload = 0;        // told to the receiver, if the target is an entry
  bool hand_over = false;      // the receiver gets the control with each invocation, too
};

// After a refusal nothing was bought.
Answer<Revocable> hand_out(BankCapability, CapabilityRegister target, const HandOut&);

}  // namespace perdure
