// SPDX-License-Identifier: MIT
//
// Page: 4096 bytes of data. Programs read and write it by mapping it; what can be invoked is only
// what mapping cannot do well.
#include <cstring>

#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"

namespace perdure {
namespace {

Outcome copy_from(Request& request) {
  Capability& source = request.sent(0);
  if (source.is_void()) return Outcome::refuse(Result::void_capability);
  if (source.type != CapabilityType::page) return Outcome::refuse(Result::wrong_type);
  if (request.forbids<CapabilityType::page>(restriction::read_only | restriction::weak)) {
    return Outcome::refuse(Result::missing_right);
  }
  const auto from = request.attempt.find(source);
  if (!from) return from.error();
  if (const Outcome o = request.attempt.prepare_write(request.object.slot); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  std::memmove(request.attempt.store.bytes(request.object.slot), request.attempt.store.bytes(from->slot), frame_bytes);
  return request.answer(committed);
}

}  // namespace

Outcome invoke_page(Request& request) {
  switch (request.method()) {
    case method::page_copy_from: return copy_from(request);
    case method::memory_reduce: return invoke_memory_reduce(request);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
