// SPDX-License-Identifier: MIT
//
// Endpoint (control): says which process receives, makes entries, and recognizes its own entries.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/run/scheduler.hpp"
#include "objects/slot_types.hpp"

namespace perdure {
namespace {

Outcome set_receiver(Request& request, Scheduler& scheduler) {
  const Capability& receiver = request.sent(0);
  if (!is_allowed(TypedSlot::endpoint_receiver, receiver)) return Outcome::refuse(Result::wrong_type);
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  Endpoint& endpoint = request.object_as<Endpoint>(committed);
  const Capability before = endpoint.receiver;
  endpoint.receiver = receiver;
  if (!receiver.is_void()) endpoint.flags |= Endpoint::flag_had_receiver;
  // A caller that waits for the old receiver, or for there to be one, looks again.
  scheduler.wake_callers(before);
  scheduler.wake_all(WaitChannel::of(WaitChannel::Reason::endpoint, request.capability.object.value));
  return request.answer(committed);
}

Outcome set_id(Request& request) {
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  request.object_as<Endpoint>(committed).id = request.word(1);
  return request.answer(committed);
}

Outcome make_entry(Request& request) {
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0,
                            {.type = CapabilityType::entry,
                             .hint = request.capability.hint,
                             .version = request.capability.version,
                             .object = request.capability.object,
                             .payload = request.word(1)});
  return request.answer(committed);
}

bool is_own_entry(const Request& request, const Capability& capability) {
  return capability.type == CapabilityType::entry &&
         names(capability, request.capability.object, request.capability.version);
}

Outcome not_mine(Request& request) {
  return request.answer(request.attempt.commit(), static_cast<uint64_t>(Identified::not_mine));
}

// Only the entry itself and one wrapper around it are believed. The capability is never invoked.
Outcome identify(Request& request) {
  Capability& asked = request.sent(0);
  if (is_own_entry(request, asked)) {
    return request.answer(request.attempt.commit(), static_cast<uint64_t>(Identified::direct), asked.payload);
  }
  if (asked.type != CapabilityType::wrapped || (asked.restrictions & restriction::weak)) return not_mine(request);
  const auto found = request.attempt.find(asked);
  // What cannot be read just now may be our own.
  if (!found) return found.error().result == Result::void_capability ? not_mine(request) : found.error();
  const Wrapper& wrapper = *row_object<Wrapper>(request.attempt.store.bytes(found->slot), found->index);
  if (!is_own_entry(request, wrapper.target)) return not_mine(request);
  return request.answer(request.attempt.commit(), static_cast<uint64_t>(Identified::through_one_wrapper),
                        wrapper.target.payload, asked.object.value, wrapper.payload, asked.version.value);
}

}  // namespace

Outcome invoke_endpoint(Request& request, Scheduler& scheduler) {
  switch (request.method()) {
    case method::endpoint_set_receiver: return set_receiver(request, scheduler);
    case method::endpoint_set_id: return set_id(request);
    case method::endpoint_entry: return make_entry(request);
    case method::endpoint_identify: return identify(request);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
