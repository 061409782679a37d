// SPDX-License-Identifier: MIT
#include "kernel/run/priorities.hpp"

#include <algorithm>
#include <bit>

#include "kernel/attempt/lookup.hpp"
#include "objects/abi.hpp"

namespace perdure {
namespace {

uint8_t last_known(const Activity& activity) {
  return activity.priority == 0 ? priority_max : std::min<uint8_t>(activity.priority - 1, priority_max);
}

}  // namespace

Standing Priorities::standing(Process& process) {
  ProcessControl& control = process.control;
  Standing now{.is_known = true};
  Capability& capability = process.schedule;
  Lookup found;
  if (capability.type == CapabilityType::schedule && control.lost_schedule_stamp != stamp_) {
    if (!look_up_hinted<Kind::schedule>(*store_, capability, found)) {
      const CacheSlot slot = store_->find(capability.object.frame());
      if (slot == no_slot) {
        now = {.priority = control.priority, .ceiling = control.ceiling};
        now.is_lent(highest_of(control.callers_map));
        return now;
      }
      capability.hint = slot;
    }
    if (look_up_hinted<Kind::schedule>(*store_, capability, found)) {
      const Schedule& schedule = *row_object<Schedule>(store_->body(found.slot), found.index);
      now.priority = std::min(schedule.priority, priority_max);
      now.ceiling = std::min(schedule.ceiling, priority_max);
      now.schedule = ActivityRef::of(found.slot, found.index);
    }
  }
  control.priority = now.priority;
  control.ceiling = now.ceiling;
  control.priority_stamp = stamp_;
  now.is_lent(highest_of(control.callers_map));
  return now;
}

bool Priorities::is_process(CacheSlot slot) {
  if (slot >= store_->slot_count()) return false;
  const FrameDescriptor& frame = store_->descriptor(slot);
  return frame.identity.kind == Kind::process && frame.is_readable();
}

// The frame of the process may hold another object by now, if the disk has lost the process.
CacheSlot Priorities::process_of(const Activity& activity) {
  const CacheSlot slot = store_->find(activity.process.frame());
  return is_process(slot) && store_->descriptor(slot).identity.source == activity.process_version ? slot : no_slot;
}

Standing Priorities::standing(ActivityRef ref) {
  const Activity& activity = at(ref);
  const CacheSlot slot = process_of(activity);
  if (slot == no_slot) return {.priority = last_known(activity)};
  Standing now = standing(process_in(slot));
  if (!now.is_known) now.priority = std::max(now.priority, last_known(activity));
  return now;
}

// The client of the call that the server accepted last and has not answered: the resume capability still stands
// where it was delivered. The way back is noted (callee): a change in the line of callers for the client, and the
// end of its call, change the server's priority.
Priorities::Client Priorities::client_of(CacheSlot server) {
  const Process& process = process_in(server);
  const Capability& answer = process.capability_registers[resume_register];
  if (answer.type != CapabilityType::resume) return {};
  const CacheSlot slot = store_->find(answer.object.frame(), answer.hint);
  // A server that waits open has most often answered.
  if (slot == no_slot) return {.is_absent = process.control.state != ProcessState::receiving};
  const FrameDescriptor& frame = store_->descriptor(slot);
  if (!is_process(slot) || !names(answer, ObjectId::of(frame.number), frame.identity.source)) return {};
  ProcessControl& client = process_in(slot).control;
  if (client.call_count != answer.payload) return {};
  client.callee = server;
  return {slot};
}

CacheSlot Priorities::callee_of(const Process& client) {
  return is_process(client.control.callee) ? client.control.callee : no_slot;
}

Standing Priorities::lent(CacheSlot server, Standing now) {
  uint8_t ceiling = now.ceiling;
  Client client = client_of(server);
  for (unsigned i = 0; i < clients_max && client.slot != no_slot; ++i) {
    const Standing its = standing(process_in(client.slot));
    now.priority = std::max(now.priority, std::min(its.priority, ceiling));
    now.is_known &= its.is_known;
    ceiling = std::min(ceiling, its.ceiling);  // its own clients lend by way of it
    client = client_of(client.slot);
  }
  now.is_known &= !client.is_absent;
  return now;
}

Standing Priorities::lent(ActivityRef ref, CacheSlot process) {
  return process == no_slot ? standing(ref) : lent(process, standing(ref));
}

ActivityRef Priorities::activity_of(Process& process) {
  Lookup found;
  Capability& bound = process.control.activity;
  if (bound.is_void()) return {};
  if (!look_up_hinted<Kind::activity>(*store_, bound, found)) {
    bound.hint = store_->find(bound.object.frame());
    if (!look_up_hinted<Kind::activity>(*store_, bound, found)) return {};
  }
  return ActivityRef::of(found.slot, found.index);
}

}  // namespace perdure
