// SPDX-License-Identifier: MIT
//
// A bank capability as a value with functions (spacebank/interface.hpp says what they mean), in
// the manner of kernel_objects.hpp.
#pragma once

#include <initializer_list>

#include "spacebank/interface.hpp"
#include "userland/runtime/kernel_objects.hpp"

namespace perdure {

struct BankCapability : AnyCapability {
  struct Status {
    uint64_t used = 0;             // frames, with all banks below
    uint64_t limit = 0;            // its own
    uint64_t effective_limit = 0;  // the least on the path
    uint64_t banks_below = 0;
    uint32_t account = 0;
  };
  struct Verification {
    bool is_genuine = false;
    uint64_t restrictions = 0;
    uint32_t account = 0;
  };
  struct ListStep {
    uint32_t account = 0;
    uint64_t depth = 0;
    uint64_t used = 0;
    uint64_t limit = 0;
    bool is_dying = false;
  };

  Answer<> allocate(Kind, CapabilityRegister into) const;
  // All or nothing; at most bank_allocate_count_max.
  Answer<> allocate(Kind, std::span<const CapabilityRegister> into) const;
  Answer<> free(CapabilityRegister object) const;
  // → the new bank's account.
  Answer<uint32_t> create_sub_bank(uint64_t limit, CapabilityRegister into) const;
  Answer<> set_limit(uint64_t limit) const;
  Answer<Status> status() const;
  Answer<uint64_t> usage(Kind) const;
  Answer<> destroy() const;
  // Moves a resume capability, which is answered when all is done; this call is answered at once. Moved,
  // for the caller may live in the bank that goes; after a refusal it is back in its register.
  Answer<> destroy_and_answer(CapabilityRegister whom) const;
  Answer<> dissolve() const;
  // Again what allocate() gave for the object that `any` names.
  Answer<> recap(CapabilityRegister any, CapabilityRegister into) const;
  Answer<Verification> verify(CapabilityRegister) const;
  Answer<uint32_t> identify(CapabilityRegister object) const;
  Answer<> reduce(uint64_t restrictions, CapabilityRegister into) const;
  // `after`: 0, or the account that the step before answered. used: of this kind, or of all.
  Answer<ListStep> list(uint32_t after, Kind = Kind::empty) const;
};

// What a program may do with the bank it lives from: everything but end itself or its limits.
inline constexpr uint64_t own_bank_restrictions = bank_restriction::may_not_destroy |
                                                  bank_restriction::may_not_change_limit |
                                                  bank_restriction::may_not_dissolve;
// What the keeper of its space may do with it.
inline constexpr uint64_t pocket_bank_restrictions =
    bank_restriction::all &
    ~(bank_restriction::may_not_allocate | bank_restriction::may_not_free);

}  // namespace perdure
