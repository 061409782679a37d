// SPDX-License-Identifier: MIT
//
// Adds pages to a program's space (runtime/layout.hpp) from a bank: what the demand-zero keeper
// does at a fault, and program_start before the program runs. The tree is that of space_tree.hpp,
// reached through capabilities.
#pragma once

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/kernel_objects.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/space_tree.hpp"

namespace perdure {

// The registers that one placing needs. Ten in a row from `first`.
struct SpaceRegisters {
  static constexpr unsigned fetched_count = 3;  // as deep as a space of this layout is
  static constexpr unsigned node_count = 5;     // most that one page can need
  static constexpr unsigned count = fetched_count + node_count + 2;
  uint8_t first = 0;

  constexpr CapabilityRegister fetched(unsigned i) const { return at(i); }
  constexpr CapabilityRegister node(unsigned i) const { return at(fetched_count + i); }
  constexpr CapabilityRegister guarded() const { return at(fetched_count + node_count); }
  constexpr CapabilityRegister page() const { return at(fetched_count + node_count + 1); }

 private:
  constexpr CapabilityRegister at(unsigned i) const {
    return {static_cast<uint8_t>(first + i)};
  }
};

struct SpaceBuilder {
  BankCapability bank;  // pays, and is known to be a genuine bank
  DiscriminatorCapability discriminator;
  NodeCapability root;
  SpaceRegisters registers;

  // Buys a zero page, and nodes if need be, and puts it at `address`, which must lie in a region
  // that is filled on demand (else bad_argument). The page is then in registers.page(). in_use:
  // there is a page already, or the space was changed meanwhile: look again. After any refusal the
  // space is as before and nothing was bought.
  Answer<> place_new_page(uint64_t address) const;
  // So many pages in a row from `start`, the first ones of their region. Where one node holds them
  // all, the slots need not be looked at: less than half the calls. After a refusal some pages may
  // have been bought: for a caller that then destroys the bank.
  Answer<> place_first_pages(uint64_t start, unsigned count) const;
  // Like place_new_page, for every page from `start` on to `end` that is not there yet. After a refusal those
  // before it are.
  Answer<> place_missing_pages(uint64_t start, uint64_t end) const;
};

}  // namespace perdure
