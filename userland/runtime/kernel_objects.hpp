// SPDX-License-Identifier: MIT
//
// The kernel's objects as values with functions: each type is one register number and the claim
// that a capability of that type is in it (a claim the kernel checks at each use). One function
// for each method of objects/abi.hpp; what can be refused answers an Answer.
//
// Receiving registers are called `into`; a refusal leaves them void.
#pragma once

#include <span>

#include "objects/capability.hpp"
#include "objects/process.hpp"
#include "objects/rows.hpp"
#include "userland/runtime/invoke.hpp"

namespace perdure {

// Any capability.
struct AnyCapability {
  CapabilityRegister at;

  struct Description {
    uint64_t type = 0;  // a CapabilityType, or a program's own code
    uint64_t restrictions = 0;
  };
  Answer<Description> type() const;
};

struct NumberCapability : AnyCapability {
  Answer<uint64_t> get() const;
};

// Page, capability page or node.
struct MemoryCapability : AnyCapability {
  // The same memory with these restrictions added, and another guard (runtime/layout.hpp).
  Answer<> reduce(uint8_t restrictions, uint64_t guard, CapabilityRegister into) const;
};

struct PageCapability : MemoryCapability {
  Answer<> copy_from(PageCapability source) const;
};

struct CapabilityPageCapability : MemoryCapability {
  Answer<> fetch(unsigned slot, CapabilityRegister into) const;
  Answer<> store(unsigned slot, CapabilityRegister from) const;
};

struct NodeCapability : MemoryCapability {
  struct Settings {
    uint8_t slot_size = 0;
    uint8_t flags = 0;
  };
  Answer<> set(Settings) const;
  Answer<Settings> get(CapabilityRegister keeper_into = registers::nothing) const;
  Answer<> fetch(unsigned slot, CapabilityRegister into) const;
  Answer<> store(unsigned slot, CapabilityRegister from) const;
  Answer<> set_keeper(CapabilityRegister entry) const;
};

struct ProcessCapability : AnyCapability {
  struct Status {
    ProcessState state = ProcessState::stopped;
    FaultCode fault = FaultCode::none;
    uint64_t fault_address = 0;
    uint64_t fault_detail = 0;
    uint64_t instruction_pointer = 0;
  };
  // `activity` may be void if the process was started before.
  Answer<> start(CapabilityRegister activity) const;
  Answer<> stop() const;
  // Ends the call in which it waits for a program → was there one?
  Answer<bool> interrupt() const;
  Answer<Status> status() const;
  Answer<Registers> get_registers() const;
  Answer<> set_registers(const Registers&) const;
  // Slots: 0-31 the capability registers, then process_slot.
  Answer<> fetch(unsigned slot, CapabilityRegister into) const;
  Answer<> store(unsigned slot, CapabilityRegister from) const;
};

struct EndpointCapability : AnyCapability {
  struct Identification {
    Identified how = Identified::not_mine;
    uint64_t entry_payload = 0;
    uint64_t wrapper_object = 0;  // these three: only through one wrapper
    uint64_t wrapper_payload = 0;
    uint64_t wrapper_version = 0;
  };
  Answer<> set_receiver(ProcessCapability) const;
  Answer<> set_id(uint64_t id) const;
  Answer<> entry(uint64_t payload, CapabilityRegister into) const;
  Answer<Identification> identify(CapabilityRegister) const;
};

struct WrapperCapability : AnyCapability {
  struct Settings {
    uint64_t payload = 0;
    uint64_t flags = 0;
  };
  Answer<> client(CapabilityRegister into) const;
  Answer<Settings> get(CapabilityRegister target_into = registers::nothing) const;
  Answer<> set_target(CapabilityRegister) const;
  Answer<> set_payload(uint64_t) const;
  Answer<> set_hand_over(bool) const;
  Answer<> block() const;
  Answer<> unblock() const;
};

struct NoticeCapability : AnyCapability {
  Answer<> set(uint64_t bits, ProcessCapability receiver) const;
  Answer<> reduce(CapabilityRegister into) const;
  Answer<> post() const;
};

struct ScheduleCapability : AnyCapability {
  struct Settings {
    uint64_t priority = 0;
    uint64_t slice_ns = 0;
    uint64_t ceiling = 0;  // `set` leaves it alone
  };
  Answer<Settings> get() const;
  Answer<> set(Settings) const;
  // Raises the ceiling of another to `ceiling`, at most to this one's. → the other's ceiling.
  Answer<uint64_t> derive(ScheduleCapability other, uint64_t ceiling = priority_max) const;
};

struct RangeCapability : AnyCapability {
  struct Identification {
    uint64_t frame = 0;
    unsigned index = 0;
    Kind kind = Kind::empty;
    uint64_t version = 0;
    CapabilityType type = CapabilityType::void_capability;
  };
  Answer<uint64_t> size() const;
  Answer<> sub(uint64_t first, uint64_t count, CapabilityRegister into) const;
  Answer<> make(uint64_t frame, Kind, uint32_t account, unsigned index,
                CapabilityRegister into) const;
  Answer<> recap(uint64_t frame, unsigned index, CapabilityRegister into) const;
  // → how many frames it did; less than asked: call again for the rest.
  Answer<uint64_t> rescind(uint64_t frame, uint64_t count) const;
  Answer<> rescind_object(uint64_t frame, unsigned index) const;
  // Likewise bounded.
  Answer<uint64_t> set_account(uint64_t frame, uint64_t count, uint32_t account) const;
  Answer<Identification> identify(CapabilityRegister) const;
};

struct DiscriminatorCapability : AnyCapability {
  struct Classification {
    CapabilityType type = CapabilityType::void_capability;
    uint8_t restrictions = 0;
  };
  // Neither invokes what it is given.
  Answer<Classification> classify(CapabilityRegister) const;
  Answer<bool> same(CapabilityRegister, CapabilityRegister) const;
};

}  // namespace perdure
