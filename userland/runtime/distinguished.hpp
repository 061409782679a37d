// SPDX-License-Identifier: MIT
//
// A capability for each of a server's objects, each revocable by itself: wrappers around the
// server's *distinguished* entry, with the object's address as payload.
//
//   client ──▶ wrapper (payload: address of the object) ──▶ entry (distinguished_payload) ──▶ server
//
//   constexpr Distinguished<Thing> things{entry_register, control_register};
//   things.begin(endpoint);                        // once
//   things.hand_out(bank, &thing, client_register) // and answer with that register
//   Thing* thing = things.object_of(call);      // null: it did not come through one of ours
//   things.take_back(bank, call);               // the capability that was just used is void
//
// Why the payload can be believed (DISTINGUISHED): the entry with this payload is never handed
// out bare, so every wrapper directly around it was made here; and of wrappers around wrappers
// the kernel delivers the innermost payload. A client may wrap what it holds as it likes, and
// still names the object that it was given.
//
// The server keeps no capability for its objects: the wrapper hands over its own control with
// each invocation (handed_over_register). Nor is there any record of a wrapper's holders. So an
// object may be handed out many times, and its address may be used for another object only when
// all these wrappers were taken back: the server counts them.
//
// Objects that need no revocation of their own cost nothing at all: see facet().
#pragma once

#include "userland/runtime/revocable.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

inline constexpr uint64_t distinguished_payload = 0x7567'6e69'7473'6964;  // "distingu"

template <typename Object>
class Distinguished {
 public:
  // Registers that are this pattern's alone: the distinguished entry, and room for a control.
  constexpr Distinguished(CapabilityRegister entry, CapabilityRegister control)
      : entry_(entry), control_(control) {}

  Answer<> begin(EndpointCapability endpoint) const {
    return endpoint.entry(distinguished_payload, entry_);
  }

  // A capability to the object, paid by the bank. After a refusal nothing was bought.
  Answer<> hand_out(BankCapability bank, Object* object, CapabilityRegister client_into) const {
    const auto made = perdure::hand_out(bank, entry_,
                                        {.control = control_,
                                         .client = client_into,
                                         .payload = reinterpret_cast<uint64_t>(object),
                                         .hand_over = true});
    return made ? Answer<>{} : std::unexpected(made.error());
  }

  static bool is_meant(const Call& call) {
    return call.entry_payload == distinguished_payload && call.has_wrapper_payload;
  }
  static Object* object_of(const Call& call) {
    return is_meant(call) ? reinterpret_cast<Object*>(call.wrapper_payload) : nullptr;
  }

  // Destroys the wrapper that this request came through, and every copy of the capability with
  // it. `bank`: the one that paid for it.
  static Answer<> take_back(BankCapability bank, const Call& call) {
    if (!is_meant(call) || !call.has_handed_over) return std::unexpected(Result::bad_argument);
    return bank.free(registers::handed_over);
  }

 private:
  CapabilityRegister entry_;
  CapabilityRegister control_;
};

// A capability for one of a server's objects that costs no storage, and cannot be revoked by
// itself: an entry with this payload, which the server is told as `entry_payload`. The reserved
// payload is refused: a holder of such a bare entry could name any object.
inline Answer<> facet(EndpointCapability endpoint, uint64_t payload, CapabilityRegister into) {
  if (payload == distinguished_payload) return std::unexpected(Result::bad_argument);
  return endpoint.entry(payload, into);
}

}  // namespace perdure
