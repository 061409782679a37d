// SPDX-License-Identifier: MIT
//
// Discriminator: tells what a capability is without invoking it. Of a wrapped capability it tells only that it is
// wrapped, not what stands behind it.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"

namespace perdure {
namespace {

// Type and restrictions; void if the object is gone. An object that cannot be read just now is not gone.
Outcome classify(Request& request) {
  Capability& asked = request.sent(0);
  CapabilityType type = asked.type;
  if (names_object(type)) {
    const auto found = request.attempt.find(asked);
    if (!found && found.error().result != Result::void_capability) return found.error();
    if (!found) type = CapabilityType::void_capability;
  }
  const Commit committed = request.attempt.commit();
  return request.answer(committed, static_cast<uint64_t>(type),
                        type == CapabilityType::void_capability ? 0 : asked.restrictions);
}

}  // namespace

Outcome invoke_discriminator(Request& request) {
  switch (request.method()) {
    case method::discriminator_classify: return classify(request);
    case method::discriminator_same:
      return request.answer(request.attempt.commit(), same_authority(request.sent(0), request.sent(1)));
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
