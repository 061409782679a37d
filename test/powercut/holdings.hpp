// SPDX-License-Identifier: MIT
//
// What the world has, besides its callers: memory, capabilities and grants. Each part is told the step that it is to
// go to, and says whether all of it is of a given step.
#pragma once

#include "test/powercut/world.hpp"
#include "userland/runtime/bank_client.hpp"

namespace perdure {

class WorldMemory {
 public:
  static constexpr unsigned page_count = 640;
  void go_to(uint64_t step);
  bool is_of(uint64_t step) const;
  void spoil() { pages_[page_count / 2].step ^= 1; }

 private:
  static constexpr unsigned places = 511;
  struct alignas(4096) Page {
    uint64_t step = 0;
    uint64_t words[places] = {};
  };
  static unsigned place_in(unsigned page, uint64_t step) { return static_cast<unsigned>((page + step) % places); }
  Page pages_[page_count];
};

// Registers of the world's own, which the parts use for what they are about to store or have fetched.
namespace world_register {
inline constexpr BankCapability bank{registers::bank};
inline constexpr EndpointCapability endpoint{registers::endpoint};
inline constexpr DiscriminatorCapability discriminator{registers::discriminator};
inline constexpr CapabilityPageCapability index{CapabilityRegister{9}};   // the capability pages of WorldCapabilities
inline constexpr CapabilityPageCapability clients{CapabilityRegister{10}};  // of grants
inline constexpr CapabilityPageCapability controls{CapabilityRegister{11}};
inline constexpr CapabilityPageCapability held{CapabilityRegister{12}};   // what answers the callers
inline constexpr CapabilityRegister own_entry{13};
inline constexpr CapabilityPageCapability page{CapabilityRegister{14}};   // scratch, like what follows
inline constexpr CapabilityRegister scratch{15};
inline constexpr CapabilityRegister other{16};
inline constexpr ProcessCapability process{CapabilityRegister{17}};
inline constexpr CapabilityRegister activity{18};
inline constexpr ScheduleCapability schedule{CapabilityRegister{19}};     // of the callers
}  // namespace world_register

class WorldCapabilities {
 public:
  static constexpr unsigned page_count = 8;
  Answer<> begin();
  Answer<> go_to(uint64_t step);
  bool is_of(uint64_t step) const;
  Answer<> spoil(uint64_t step);
};

class WorldGrants {
 public:
  static constexpr unsigned made_each_step = 4;
  static constexpr unsigned good = 64;   // the newest ones
  static constexpr unsigned known = 128;
  Answer<> begin();  // step 0
  Answer<> go_to(uint64_t step);
  // The error of World, if anything is not as it should be.
  Answer<> check(uint64_t step) const;
  Answer<> lose_one(uint64_t step);
  Answer<> revive_one(uint64_t step);

 private:
  static uint64_t made_until(uint64_t step) { return known + step * made_each_step; }
  static Answer<> make(uint64_t number);
  static Answer<> revoke(uint64_t number);
};

}  // namespace perdure
