// SPDX-License-Identifier: MIT
//
// One invocation as the kernel sees it: a typed view of the caller's saved registers
// (objects/abi.hpp), with the invoked capability resolved through its wrappers.
#pragma once

#include <cstdint>

#include "kernel/attempt/attempt.hpp"
#include "kernel/register_view.hpp"

namespace perdure {

class Processor;

struct Request {
  Attempt& attempt;
  Processor& processor;
  Process& caller;
  Invocation kind;

  // The capability that is invoked in the end, with the restrictions of all wrappers on the way.
  Capability capability;
  Lookup object;  // of `capability`, if its type names one
  Capability* stored = nullptr;  // where it stands: the caller's register, or a wrapper

  // The innermost wrapper, if there is one: its target is `capability`.
  bool is_wrapped = false;
  bool hand_over = false;
  bool has_taken_moved = false;
  unsigned answered = 0;  // bit i: capability i of the answer has been written
  uint64_t wrapper_payload = 0;
  ObjectId wrapper;
  Version wrapper_version;

  uint64_t word(unsigned i) const { return message_word(caller.registers, i); }
  uint64_t method() const { return caller.registers.rdi; }
  // The invoked capability as it stands in the caller's register. Until the answer.
  const Capability& invoked() const {
    return invoked_slot(caller);
  }
  Capability& sent(unsigned i) {
    return caller.capability_registers[sent_register(caller.registers, i)];
  }
  uint32_t send_length() const { return perdure::send_length(caller.registers); }
  // The small object that is invoked, in its frame: to be read, and, past the commit point, to be changed.
  template <typename Object>
  const Object& object_as() const {
    return *row_object<Object>(attempt.store.bytes(object.slot), object.index);
  }
  template <typename Object>
  Object& object_as(const Commit&) {
    return *row_object<Object>(attempt.store.bytes(object.slot), object.index);
  }
  // Not to be changed but for the hints in its capabilities, which are never stored.
  template <typename Object>
  Object& object_with_hints() {
    return *row_object<Object>(attempt.store.bytes(object.slot), object.index);
  }
  // Whether the invoked capability, which is of this type, has one of these restrictions. Only those of the type
  // can be asked for.
  template <CapabilityType type>
  bool forbids(RestrictionOf<type>::Type restrictions) const {
    return (capability.restrictions & restrictions) != 0;
  }

  // The answer of a kernel object: words 1-5. A send gets word 0 only.
  Outcome answer(const Commit&, uint64_t w1 = 0, uint64_t w2 = 0, uint64_t w3 = 0, uint64_t w4 = 0,
                 uint64_t w5 = 0, uint32_t byte_count = 0);
  // Capability i of the answer; before answer().
  void answer_capability(const Commit&, unsigned i, const Capability&);

 private:
  void take_moved_once();
};

// Makes the registers void that the sender moves. Called when the message has been delivered.
void take_moved(Process& sender);

// Follows wrappers to what they stand for. Restrictions add up; only the innermost wrapper's payload counts, because a
// client may put wrappers of its own around anything it holds.
Outcome resolve(Request&, Capability*);

}  // namespace perdure
