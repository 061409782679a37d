// SPDX-License-Identifier: MIT
//
// Schedule: how processes compete for the processor. A change of the priority counts at once for all processes
// that are ready, or wait for a receiver; for all others when they next are, or are called. No priority
// is above the ceiling, and a ceiling comes from a schedule that has it (decision 0023).
#include <algorithm>

#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/run/scheduler.hpp"

namespace perdure {
namespace {

Outcome set(Request& request, Scheduler& scheduler) {
  const uint64_t priority = request.word(1);
  const uint64_t slice_ns = request.word(2);
  if (priority > priority_max || slice_ns > slice_ns_max) return Outcome::refuse(Result::bad_argument);
  if (priority > request.object_as<Schedule>().ceiling) return Outcome::refuse(Result::limit_reached);
  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  Schedule& schedule = request.object_as<Schedule>(committed);
  const uint8_t before = schedule.priority;
  schedule.priority = static_cast<uint8_t>(priority);
  schedule.slice_ns = slice_ns;
  if (before != priority) scheduler.schedule_changed(request.object.slot, request.object.index, false);
  return request.answer(committed);
}

Outcome derive(Request& request, Scheduler& scheduler) {
  Capability& given = request.sent(0);
  if (given.is_void()) return Outcome::refuse(Result::void_capability);
  if (given.type != CapabilityType::schedule) return Outcome::refuse(Result::wrong_type);
  if (request.word(1) > priority_max) return Outcome::refuse(Result::bad_argument);
  const auto found = request.attempt.find(given);
  if (!found) return found.error();
  if (const Outcome o = request.attempt.prepare_write(found->slot, Need::reserve); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  uint8_t& ceiling = row_object<Schedule>(request.attempt.store.bytes(found->slot), found->index)->ceiling;
  const uint8_t before = ceiling;
  ceiling = std::max(before, std::min(static_cast<uint8_t>(request.word(1)), request.object_as<Schedule>().ceiling));
  // The processes that run by it may be lent more now.
  if (ceiling != before) scheduler.schedule_changed(found->slot, found->index, false);
  return request.answer(committed, ceiling);
}

}  // namespace

Outcome invoke_schedule(Request& request, Scheduler& scheduler) {
  switch (request.method()) {
    case method::schedule_set: return set(request, scheduler);
    case method::schedule_get: {
      const Schedule& schedule = request.object_as<Schedule>();
      return request.answer(request.attempt.commit(), schedule.priority, schedule.slice_ns, schedule.ceiling);
    }
    case method::schedule_derive: return derive(request, scheduler);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
