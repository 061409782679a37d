// SPDX-License-Identifier: MIT
//
// The receiver takes (run/lines.hpp): when the turn of a receiver has come, the attempts of the callers in line
// for it are made here; so are the attempts of the callers that stood in a line before the restart.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

// How many callers of a line are tried at one look.
constexpr unsigned tried_max = 4;

}  // namespace

// The turn of a process that waits open has come: it takes the first caller that can be taken.
void Kernel::look_at_line(ActivityRef ref, CacheSlot slot) {
  const ObjectId receiver = ObjectId::of(store.descriptor(slot).number);
  const Version row = scheduler.at(ref).version;
  scheduler.forget_wake(ref);
  store.pin(slot);
  // Asked after each attempt, whatever it has done: if it has destroyed the receiver, and another object was made
  // in its place, no caller stands in line for that one.
  const auto waits_open = [&] { return process_in(store, slot).control.state == ProcessState::receiving; };
  WaitChannel obstacle;
  unsigned passed = 0;
  for (unsigned tried = 0; tried < tried_max && waits_open() && !processor.has_current(); ++tried) {
    const auto [caller, priority] = scheduler.caller(process_in(store, slot), passed);
    if (caller.is_none()) break;
    if (lines.is_closed(receiver, priority)) {
      if (obstacle.value == 0) obstacle = WaitChannel::of(WaitChannel::Reason::restart);
      break;
    }
    const WaitChannel needed = attempt_for(caller, slot);
    if (needed.value == 0) continue;
    ++passed;
    if (obstacle.value == 0) obstacle = needed;
    if (needed.reason() == WaitChannel::Reason::time) break;  // it had to give way
  }
  if (waits_open() && process_in(store, slot).control.callers_map != 0 && scheduler.at(ref).version == row &&
      !scheduler.is_queued(ref)) {
    if (obstacle.value == 0 || obstacle.reason() == WaitChannel::Reason::time) scheduler.make_ready(ref);
    else lines.stall(ref, obstacle);
  }
  store.unpin(slot);
}

// Prepares the frames without which the attempt of a caller in line cannot be made: its process, and its activity.
Expected<CacheSlot, WaitChannel> Kernel::prepare_caller(ActivityRef ref) {
  const Activity& activity = scheduler.at(ref);
  Capability bound = process_of(activity);
  const auto found = look_up(store, bound);
  if (!found && found.error().why == Failure::Why::stall) return std::unexpected(found.error().stall.until);
  if (!found) {
    stall_unchosen(ref, found.error());
    return std::unexpected(WaitChannel{});
  }
  for (const CacheSlot slot : {found->slot, ref.slot()}) {
    if (const auto dirty = store.make_dirty(slot, Need::reserve); !dirty) return std::unexpected(dirty.error().until);
  }
  return found->slot;
}

// Makes the attempt of a caller that stands in line for `receiver`. The answer is what the caller needs, and
// keeps its place for; nothing: it has left the line.
WaitChannel Kernel::attempt_for(ActivityRef caller, CacheSlot receiver) {
  const auto slot = prepare_caller(caller);
  if (!slot) return slot.error();
  lines.begin_taking(caller, receiver);
  processor.become_current(*slot, caller);
  processor.begin_slice(default_slice_ns);  // enough for any message
  attempt_again();
  const bool runs_on = processor.ref() == caller;
  if (runs_on) processor.leave_current();
  const Lines::Taken taken = lines.end_taking();
  if (runs_on || taken.gives_way_again) {
    scheduler.remove(caller);
    scheduler.make_ready(caller);
    return {};
  }
  return taken.stalled;
}

// Makes the attempt of the current process, which stands in line.
void Kernel::attempt_again() {
  if (scheduler.waits_in_call(processor.ref())) {
    processor.process().registers.rip += system_call_instruction_bytes;
    carry_out({.reason = Trap::Reason::system_call});
  } else {
    carry_out(kept_trap(processor.process().control));
  }
}

// The current process stood in a line before the restart, with its program counter at the call: the
// call is made for it at once, lest it keep others waiting until its own turn comes. (A process that stood
// there with a fault, or was on its way out, has to run into it again.)
void Kernel::attempt_after_restart() {
  const ActivityRef ref = processor.ref();
  if (!make_current_writable()) return;
  if (!processor.process().registers.entered_by_system_call) return lines.no_longer_awaited(processor.activity());
  processor.process().registers.rip += system_call_instruction_bytes;
  carry_out({.reason = Trap::Reason::system_call});
  // If it has been accepted or answered, it has forgotten its place.
  const bool waits_elsewhere = scheduler.stalled_call(ref) > WaitChannel::Reason::disk_queue;
  if (waits_elsewhere) lines.no_longer_awaited(scheduler.at(ref));
}

// For a caller that others have to wait for since the restart: its own turn may not come for long.
void Kernel::attempt_out_of_turn(ActivityRef ref, CacheSlot process) {
  if (processor.has_current()) lines.give_way();
  processor.become_current(process, ref);
  processor.begin_slice(default_slice_ns);
  attempt_after_restart();
  if (processor.ref() == ref) lines.give_way();
}

}  // namespace perdure
