// SPDX-License-Identifier: MIT
//
// Notice: tells a process something without ever making the sender wait for it.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/messages.hpp"
#include "kernel/invoke/request.hpp"
#include "objects/slot_types.hpp"

namespace perdure {
namespace {

Outcome set(Request& request) {
  const Capability& receiver = request.sent(0);
  if (!is_allowed(TypedSlot::notice_receiver, receiver)) return Outcome::refuse(Result::wrong_type);
  if (request.forbids<CapabilityType::notice>(restriction::post_only)) return Outcome::refuse(Result::missing_right);
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  Notice& notice = request.object_as<Notice>(committed);
  notice.bits = request.word(1);
  notice.receiver = receiver;
  return request.answer(committed);
}

// Invoked through a wrapper it yields a reduced capability to the wrapper; see memory.cpp.
Outcome reduce(Request& request) {
  Capability reduced = request.invoked();
  reduced.restrictions |= restriction::post_only;
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0, reduced);
  return request.answer(committed);
}

// The bits may be of a receiver that is gone: then the notice answers as void.
Outcome post(Request& request, Messages& messages) {
  Notice& notice = request.object_with_hints<Notice>();
  return messages.post_notice(request, notice.receiver, notice.bits);
}

}  // namespace

Outcome invoke_notice(Request& request, Messages& messages) {
  switch (request.method()) {
    case method::notice_set: return set(request);
    case method::notice_reduce: return reduce(request);
    case method::notice_post: return post(request, messages);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
