// SPDX-License-Identifier: MIT
#include "kernel/scheduler.hpp"

#include <bit>

#include "kernel/assertion.hpp"
#include "kernel/machine.hpp"

namespace perdure {
namespace {

// Activity::queue_flags. All zero after a restart, like all volatile fields. Bit 7 is the timers'.
constexpr uint8_t flag_ready = 1 << 0;
constexpr uint8_t flag_waiting = 1 << 1;
constexpr uint8_t flag_woken = 1 << 2;    // waits_for still says what for
constexpr uint8_t flag_in_call = 1 << 3;  // waiting, in a system call
constexpr uint8_t flag_as_first = 1 << 4; // woken, and nobody else with it

bool stands_in_line(const Activity& activity) {
  return activity.queue_flags & (flag_ready | flag_waiting);
}

void clear(Activity& activity, unsigned flags) { activity.queue_flags &= static_cast<uint8_t>(~flags); }

}  // namespace

bool Scheduler::is_queued(ActivityRef ref) { return stands_in_line(at(ref)); }

bool Scheduler::is_waiting(ActivityRef ref) { return at(ref).queue_flags & flag_waiting; }

void Scheduler::rouse(ActivityRef ref) {
  store_->pin(ref.slot());
  remove(ref);
  make_ready(ref);
  store_->unpin(ref.slot());
}

uint8_t Scheduler::priority(ActivityRef ref) {
  return static_cast<uint8_t>(at(ref).priority - 1);
}

void Scheduler::set_priority(ActivityRef ref, uint8_t priority) {
  at(ref).priority = static_cast<uint8_t>(priority + 1);
}

Scheduler::Line& Scheduler::line_of(ActivityRef ref) {
  const Activity& activity = at(ref);
  if (activity.queue_flags & flag_waiting) return waiting_[bucket_of({activity.waits_for})];
  const uint8_t known = priority(ref);
  return ready_[known == priority_unknown ? priority_max + 1 : known];
}

void Scheduler::append(Line& line, ActivityRef ref) {
  Activity& activity = at(ref);
  activity.next = 0;
  activity.previous = line.last.value;
  if (line.last.is_none()) line.first = ref;
  else at(line.last).next = ref.value;
  line.last = ref;
  store_->pin(ref.slot());
}

void Scheduler::prepend(Line& line, ActivityRef ref) {
  Activity& activity = at(ref);
  activity.previous = 0;
  activity.next = line.first.value;
  if (line.first.is_none()) line.last = ref;
  else at(line.first).previous = ref.value;
  line.first = ref;
  store_->pin(ref.slot());
}

void Scheduler::unlink(Line& line, ActivityRef ref) {
  Activity& activity = at(ref);
  if (activity.previous == 0) line.first = {activity.next};
  else at({activity.previous}).next = activity.next;
  if (activity.next == 0) line.last = {activity.previous};
  else at({activity.next}).previous = activity.previous;
  activity.next = activity.previous = 0;
  store_->unpin(ref.slot());
}

void Scheduler::make_ready(ActivityRef ref) {
  Activity& activity = at(ref);
  assert_that(!stands_in_line(activity), "ONE-QUEUE: an activity stands in at most one line");
  activity.queue_flags |= flag_ready;
  Line& line = line_of(ref);
  append(line, ref);
  ready_map_ |= 1u << (&line - ready_);
}

void Scheduler::stall(ActivityRef ref, WaitChannel channel, bool at_front) {
  Activity& activity = at(ref);
  assert_that(!stands_in_line(activity), "ONE-QUEUE: an activity stands in at most one line");
  take_woken_for(ref);
  activity.queue_flags |= flag_waiting;
  activity.waits_for = channel.value;
  if (channel.reason() == WaitChannel::Reason::receiver) ++awaiting_receivers_;
  Line& line = waiting_[bucket_of(channel)];
  if (at_front) prepend(line, ref);
  else append(line, ref);
}

void Scheduler::remove(ActivityRef ref) {
  Activity& activity = at(ref);
  take_woken_for(ref);
  if (!stands_in_line(activity)) return;
  Line& line = line_of(ref);
  unlink(line, ref);
  if (activity.queue_flags & flag_ready) {
    if (line.first.is_none()) ready_map_ &= ~(1u << (&line - ready_));
  } else {
    note_not_waiting(activity);
    activity.waits_for = 0;
  }
  clear(activity, flag_ready | flag_waiting | flag_in_call);
}

void Scheduler::note_not_waiting(const Activity& activity) {
  if (WaitChannel{activity.waits_for}.reason() == WaitChannel::Reason::receiver) --awaiting_receivers_;
}

void Scheduler::wake(Line& line, ActivityRef ref, bool as_first) {
  Activity& activity = at(ref);
  note_not_waiting(activity);
  store_->pin(ref.slot());
  unlink(line, ref);
  clear(activity, flag_waiting | flag_in_call);
  activity.queue_flags |= as_first ? flag_woken | flag_as_first : flag_woken;
  ++woken_count_;
  make_ready(ref);
  store_->unpin(ref.slot());
}

void Scheduler::note_in_call(ActivityRef ref) { at(ref).queue_flags |= flag_in_call; }

WaitChannel Scheduler::stalled_call(ActivityRef ref) {
  const Activity& activity = at(ref);
  return activity.queue_flags & flag_in_call ? WaitChannel{activity.waits_for} : WaitChannel{};
}

unsigned Scheduler::wake_one(WaitChannel channel) {
  Line& line = waiting_[bucket_of(channel)];
  for (ActivityRef ref = line.first; !ref.is_none(); ref = {at(ref).next}) {
    if (at(ref).waits_for != channel.value) continue;
    wake(line, ref, true);
    return 1;
  }
  return 0;
}

// However many they are, interrupts are not off for longer.
[[gnu::noinline]] unsigned Scheduler::wake_all_in_line(WaitChannel channel) {
  constexpr unsigned looked_at_max = 16;
  Line& line = waiting_[bucket_of(channel)];
  unsigned count = 0, looked_at = 0;
  for (ActivityRef ref = line.first; !ref.is_none();) {
    const ActivityRef next{at(ref).next};
    if (at(ref).waits_for == channel.value) {
      wake(line, ref, false);
      ++count;
    }
    if (++looked_at % looked_at_max == 0) machine::let_interrupts_in();
    ref = next;
  }
  return count;
}

bool Scheduler::has_waiter(WaitChannel channel) const {
  const Line& line = waiting_[bucket_of(channel)];
  auto& self = const_cast<Scheduler&>(*this);
  for (ActivityRef ref = line.first; !ref.is_none(); ref = {self.at(ref).next}) {
    if (self.at(ref).waits_for == channel.value) return true;
  }
  return false;
}

int Scheduler::highest_ready() const {
  return ready_map_ == 0 ? -1 : 31 - std::countl_zero(ready_map_);
}

ActivityRef Scheduler::take_highest() {
  if (ready_map_ == 0) return {};
  const ActivityRef ref = ready_[highest_ready()].first;
  Line& line = ready_[highest_ready()];
  unlink(line, ref);
  clear(at(ref), flag_ready);
  if (line.first.is_none()) ready_map_ &= ~(1u << (&line - ready_));
  return ref;
}

WaitChannel Scheduler::woken_for(ActivityRef ref) {
  const Activity& activity = at(ref);
  return activity.queue_flags & flag_woken ? WaitChannel{activity.waits_for} : WaitChannel{};
}

WaitChannel Scheduler::take_woken_for(ActivityRef ref) {
  const WaitChannel channel = woken_for(ref);
  if (channel.value == 0) return channel;
  Activity& activity = at(ref);
  clear(activity, flag_woken | flag_as_first);
  activity.waits_for = 0;
  --woken_count_;
  return channel;
}

bool Scheduler::was_woken_as_first(ActivityRef ref) { return at(ref).queue_flags & flag_as_first; }

void Scheduler::give_turn_back(ActivityRef ref, WaitChannel channel, bool as_first) {
  Activity& activity = at(ref);
  activity.queue_flags |= as_first ? flag_woken | flag_as_first : flag_woken;
  activity.waits_for = channel.value;
  ++woken_count_;
}

void Scheduler::link_for_restart(ActivityRef ref, ActivityRef& list) {
  Activity& activity = at(ref);
  activity.priority = activity.queue_flags = 0;
  activity.waits_for = 0;
  activity.next = list.value;
  store_->pin(ref.slot());
  list = ref;
}

ActivityRef Scheduler::merge_by_ticket(ActivityRef a, ActivityRef b) {
  ActivityRef first;
  uint32_t* link = &first.value;
  while (!a.is_none() && !b.is_none()) {
    ActivityRef& lower = at(b).ticket < at(a).ticket ? b : a;
    *link = lower.value;
    link = &at(lower).next;
    lower = {*link};
  }
  *link = a.is_none() ? b.value : a.value;
  return first;
}

// Bottom-up merge sort of a list linked by `next`: bins[i] holds a sorted list of 2^i.
ActivityRef Scheduler::sort_by_ticket(ActivityRef list) {
  ActivityRef bins[32];
  while (!list.is_none()) {
    ActivityRef run = list;
    list = {at(list).next};
    at(run).next = 0;
    size_t i = 0;
    for (; i < 31 && !bins[i].is_none(); ++i) {
      run = merge_by_ticket(bins[i], run);
      bins[i] = {};
    }
    bins[i] = merge_by_ticket(bins[i], run);
  }
  ActivityRef sorted;
  for (const ActivityRef bin : bins) sorted = merge_by_ticket(bin, sorted);
  return sorted;
}

void Scheduler::make_all_ready(ActivityRef list) {
  for (ActivityRef ref = sort_by_ticket(list); !ref.is_none();) {
    const ActivityRef next{at(ref).next};
    make_ready(ref);
    store_->unpin(ref.slot());  // pinned by link_for_restart, pinned again by the line
    ref = next;
  }
}

}  // namespace perdure
