// SPDX-License-Identifier: MIT
//
// Wrapper (control): what stands behind the client capabilities, and whether anything does.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/run/scheduler.hpp"

namespace perdure {
namespace {

// A change: prepared, committed by `change(wrapper)`, and every caller that waits at the wrapper looks again.
template <typename Change>
Outcome change_wrapper(Request& request, Scheduler& scheduler, Change change) {
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  change(request.object_as<Wrapper>(committed));
  scheduler.wake_all(WaitChannel::of(WaitChannel::Reason::wrapper, request.capability.object.value));
  return request.answer(committed);
}

Outcome client(Request& request) {
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0,
                            {.type = CapabilityType::wrapped,
                             .hint = request.capability.hint,
                             .version = request.capability.version,
                             .object = request.capability.object});
  return request.answer(committed);
}

Outcome get(Request& request) {
  const Wrapper& wrapper = request.object_as<Wrapper>();
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0, wrapper.target);
  return request.answer(committed, wrapper.payload, wrapper.flags);
}

}  // namespace

Outcome invoke_wrapper_control(Request& request, Scheduler& scheduler) {
  switch (request.method()) {
    case method::wrapper_client: return client(request);
    case method::wrapper_get: return get(request);
    case method::wrapper_set_target: {
      const Capability target = request.sent(0);
      return change_wrapper(request, scheduler, [&](Wrapper& wrapper) { wrapper.target = target; });
    }
    case method::wrapper_set_payload: {
      const uint64_t payload = request.word(1);
      return change_wrapper(request, scheduler, [&](Wrapper& wrapper) { wrapper.payload = payload; });
    }
    case method::wrapper_set_hand_over: {
      const uint64_t wanted = request.word(1);
      if (wanted > 1) return Outcome::refuse(Result::bad_argument);
      return change_wrapper(request, scheduler, [&](Wrapper& wrapper) {
        wrapper.flags = wanted ? wrapper.flags | Wrapper::flag_hand_over : wrapper.flags & ~Wrapper::flag_hand_over;
      });
    }
    case method::wrapper_block:
      return change_wrapper(request, scheduler, [](Wrapper& wrapper) { wrapper.flags |= Wrapper::flag_blocked; });
    case method::wrapper_unblock:
      return change_wrapper(request, scheduler, [](Wrapper& wrapper) { wrapper.flags &= ~Wrapper::flag_blocked; });
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
