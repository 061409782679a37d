// SPDX-License-Identifier: MIT
#include "kernel/scheduler.hpp"

#include <bit>

#include "kernel/assertion.hpp"

namespace perdure {
namespace {

// Activity::volatile_flags: priority + 1 in the low byte (0: unknown, as after a restart, when
// all volatile fields are zero), then the bits below.
constexpr uint64_t priority_mask = 0xff;
constexpr uint64_t flag_ready = 1 << 8;
constexpr uint64_t flag_waiting = 1 << 9;
constexpr uint64_t flag_woken = 1 << 10;  // waits_for still says what for
constexpr unsigned stall_count_shift = 32;  // the upper half counts stalls without progress

bool stands_in_line(const Activity& activity) {
  return activity.volatile_flags & (flag_ready | flag_waiting);
}

}  // namespace

bool Scheduler::is_queued(ActivityRef ref) { return stands_in_line(at(ref)); }

uint8_t Scheduler::priority(ActivityRef ref) {
  const uint64_t stored = at(ref).volatile_flags & priority_mask;
  return stored == 0 ? priority_unknown : static_cast<uint8_t>(stored - 1);
}

void Scheduler::set_priority(ActivityRef ref, uint8_t priority) {
  uint64_t& flags = at(ref).volatile_flags;
  flags = (flags & ~priority_mask) | (priority + 1u);
}

size_t Scheduler::bucket_of(WaitChannel channel) {
  return (channel.value * 0x9e3779b97f4a7c15) >> 56;
}

Scheduler::Line& Scheduler::line_of(ActivityRef ref) {
  const Activity& activity = at(ref);
  if (activity.volatile_flags & flag_waiting) return waiting_[bucket_of({activity.waits_for})];
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
  activity.volatile_flags |= flag_ready;
  Line& line = line_of(ref);
  append(line, ref);
  ready_map_ |= 1u << (&line - ready_);
}

void Scheduler::stall(ActivityRef ref, WaitChannel channel, bool at_front) {
  Activity& activity = at(ref);
  assert_that(!stands_in_line(activity), "ONE-QUEUE: an activity stands in at most one line");
  take_woken_for(ref);
  activity.volatile_flags |= flag_waiting;
  activity.waits_for = channel.value;
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
  if (activity.volatile_flags & flag_ready) {
    if (line.first.is_none()) ready_map_ &= ~(1u << (&line - ready_));
  } else {
    activity.waits_for = 0;
  }
  activity.volatile_flags &= ~(flag_ready | flag_waiting);
}

void Scheduler::wake(Line& line, ActivityRef ref) {
  Activity& activity = at(ref);
  store_->pin(ref.slot());
  unlink(line, ref);
  activity.volatile_flags = (activity.volatile_flags & ~flag_waiting) | flag_woken;
  ++woken_count_;
  make_ready(ref);
  store_->unpin(ref.slot());
}

uint32_t Scheduler::count_stall(ActivityRef ref) {
  uint64_t& flags = at(ref).volatile_flags;
  if (flags >> stall_count_shift != 0xffff'ffff) flags += uint64_t{1} << stall_count_shift;
  return static_cast<uint32_t>(flags >> stall_count_shift);
}

void Scheduler::clear_stalls(ActivityRef ref) { at(ref).volatile_flags &= 0xffff'ffff; }

unsigned Scheduler::wake_one(WaitChannel channel) {
  Line& line = waiting_[bucket_of(channel)];
  for (ActivityRef ref = line.first; !ref.is_none(); ref = {at(ref).next}) {
    if (at(ref).waits_for != channel.value) continue;
    wake(line, ref);
    return 1;
  }
  return 0;
}

unsigned Scheduler::wake_all(WaitChannel channel) {
  Line& line = waiting_[bucket_of(channel)];
  unsigned count = 0;
  for (ActivityRef ref = line.first; !ref.is_none();) {
    const ActivityRef next{at(ref).next};
    if (at(ref).waits_for == channel.value) {
      wake(line, ref);
      ++count;
    }
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
  at(ref).volatile_flags &= ~flag_ready;
  if (line.first.is_none()) ready_map_ &= ~(1u << (&line - ready_));
  return ref;
}

WaitChannel Scheduler::woken_for(ActivityRef ref) {
  const Activity& activity = at(ref);
  return activity.volatile_flags & flag_woken ? WaitChannel{activity.waits_for} : WaitChannel{};
}

WaitChannel Scheduler::take_woken_for(ActivityRef ref) {
  const WaitChannel channel = woken_for(ref);
  if (channel.value == 0) return channel;
  Activity& activity = at(ref);
  activity.volatile_flags &= ~flag_woken;
  activity.waits_for = 0;
  --woken_count_;
  return channel;
}

void Scheduler::link_for_restart(ActivityRef ref, ActivityRef& list) {
  Activity& activity = at(ref);
  activity.volatile_flags = activity.waits_for = 0;
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
