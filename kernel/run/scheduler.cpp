// SPDX-License-Identifier: MIT
#include "kernel/run/scheduler.hpp"

#include <bit>
#include <utility>

#include "kernel/attempt/lookup.hpp"
#include "kernel/machine.hpp"
#include "objects/assertion.hpp"

namespace perdure {
namespace {

// Activity::queue_flags. All zero after a restart, like all volatile fields. Bit 7 is the timers'.
constexpr uint8_t reason_bits = 0xf;      // what it waits for (WaitChannel::Reason); 0: it does not
constexpr uint8_t flag_ready = 1 << 4;
constexpr uint8_t flag_woken = 1 << 5;    // and has not run yet
constexpr uint8_t flag_in_call = 1 << 6;  // waiting, in a system call

// A caller that comes back to its line passes at most so many with a later ticket.
constexpr unsigned passed_max = 32;
// How many that wait for the disk or the cache are woken at once: about as many as there is room for.
constexpr unsigned woken_for_store_max = 16;

bool is_in_line(const Activity& activity) { return activity.queue_flags & (flag_ready | reason_bits); }

WaitChannel::Reason reason_of(const Activity& activity) {
  return static_cast<WaitChannel::Reason>(activity.queue_flags & reason_bits);
}

void clear(Activity& activity, unsigned flags) { activity.queue_flags &= static_cast<uint8_t>(~flags); }

}  // namespace

bool Scheduler::is_queued(ActivityRef ref) { return is_in_line(at(ref)); }

bool Scheduler::is_waiting(ActivityRef ref) { return reason_of(at(ref)) != Reason::none; }

WaitChannel::Reason Scheduler::reason(ActivityRef ref) { return reason_of(at(ref)); }

bool Scheduler::waits_in_call(ActivityRef ref) { return at(ref).queue_flags & flag_in_call; }

WaitChannel::Reason Scheduler::stalled_call(ActivityRef ref) {
  return waits_in_call(ref) ? reason_of(at(ref)) : Reason::none;
}

bool Scheduler::has_priority_line(ActivityRef ref) {
  return at(ref).queue_flags & flag_ready || reason_of(at(ref)) == Reason::receiver;
}

// --- lines -----------------------------------------------------------------------------------------------

LineEnds& Scheduler::ends_of(const Line& line) {
  const CacheSlot slot = line.place >> ObjectId::index_bits;
  const unsigned index = line.place & ((1u << ObjectId::index_bits) - 1);
  switch (line.reason) {
    case Reason::none: return ready_[line.place];
    case Reason::receiver: return process_in(slot).callers[index];
    case Reason::endpoint: return row_object<Endpoint>(store_->body(slot), index)->waiting;
    case Reason::wrapper: return row_object<Wrapper>(store_->body(slot), index)->waiting;
    case Reason::frame: return store_->descriptor(line.place).waiting;
    case Reason::cache_space: return store_waiting_[0][line.place];
    case Reason::disk_queue: return store_waiting_[1][line.place];
    default: return waiting_[static_cast<size_t>(line.reason)];
  }
}

// The object that is waited for is in memory: it has just been looked at, or is being fetched.
Scheduler::Line Scheduler::line_for(ActivityRef ref, WaitChannel channel) {
  const Reason reason = channel.reason();
  const ObjectId object{channel.key()};
  switch (reason) {
    case Reason::receiver:
      return {reason, place_of(store_->find(object.frame()), priorities.lent(ref, priorities.process_of(at(ref))).priority)};
    case Reason::endpoint:
    case Reason::wrapper: return {reason, place_of(store_->find(object.frame()), object.index())};
    case Reason::frame: {
      const CacheSlot slot = store_->slot_of({channel.key()});
      if (slot != no_slot && store_->descriptor(slot).state == FrameState::fetching) return {reason, slot};
      return {Reason::frame_unread, 0};
    }
    case Reason::cache_space:
    case Reason::disk_queue: return {reason, priorities.lent(ref, priorities.process_of(at(ref))).priority};
    default: return {reason, 0};
  }
}

void Scheduler::line_began(const Line& line) {
  const CacheSlot slot = line.place >> ObjectId::index_bits;
  switch (line.reason) {
    case Reason::none: ready_map_ |= 1u << line.place % unlooked; break;
    case Reason::receiver:
      set_callers_map(slot, static_cast<uint16_t>(process_in(slot).control.callers_map | 1u << (line.place & 63)));
      break;
    case Reason::endpoint:
    case Reason::wrapper: store_->pin(slot); break;
    default: break;
  }
}

void Scheduler::line_ended(const Line& line) {
  const CacheSlot slot = line.place >> ObjectId::index_bits;
  switch (line.reason) {
    case Reason::none: {
      const unsigned priority = line.place % unlooked;
      if (ready_[priority].is_empty() && ready_[unlooked + priority].is_empty()) ready_map_ &= ~(1u << priority);
      break;
    }
    case Reason::receiver:
      set_callers_map(slot, static_cast<uint16_t>(process_in(slot).control.callers_map & ~(1u << (line.place & 63))));
      break;
    case Reason::endpoint:
    case Reason::wrapper: store_->unpin(slot); break;
    default: break;
  }
}

// `before`: none: at the front.
void Scheduler::insert_behind(const Line& line, ActivityRef before, ActivityRef ref) {
  LineEnds& ends = ends_of(line);
  const uint32_t end = end_mark | line.place;
  Activity& activity = at(ref);
  activity.previous = before.is_none() ? end : before.value;
  uint32_t& link = before.is_none() ? ends.first : at(before).next;
  activity.next = link == 0 ? end : link;
  link = ref.value;
  if (activity.next & end_mark) ends.last = ref.value;
  else at({activity.next}).previous = ref.value;
  store_->pin(ref.slot());
  if (ends.first == ends.last) line_began(line);
}

void Scheduler::append(const Line& line, ActivityRef ref) { insert_behind(line, {ends_of(line).last}, ref); }

void Scheduler::append_by_ticket(const Line& line, ActivityRef ref) {
  const LineEnds& ends = ends_of(line);
  if (!ends.is_empty() && at(ref).ticket < at({ends.first}).ticket) return insert_behind(line, {}, ref);
  ActivityRef before{ends.last};
  for (unsigned i = 0; i < passed_max && !before.is_none() && at(ref).ticket < at(before).ticket; ++i) {
    before = {at(before).previous};  // not the ends: the first has an earlier ticket
  }
  insert_behind(line, before, ref);
}

// The flags of the activity still say which line it stands in.
void Scheduler::unlink(ActivityRef ref) {
  Activity& activity = at(ref);
  const bool is_first = activity.previous & end_mark, is_last = activity.next & end_mark;
  const uint32_t end = is_first ? activity.previous : activity.next;
  const uint32_t next = std::exchange(activity.next, 0), previous = std::exchange(activity.previous, 0);
  if (!is_first) at({previous}).next = next;
  if (!is_last) at({next}).previous = previous;
  if (is_first || is_last) {
    const Reason reason = reason_of(activity);
    const Line line{reason, end & ~end_mark};
    LineEnds& ends = ends_of(line);
    if (is_first) ends.first = is_last ? 0 : next;
    if (is_last) ends.last = is_first ? 0 : previous;
    if (ends.is_empty()) line_ended(line);
  }
  store_->unpin(ref.slot());
}

void Scheduler::make_ready(ActivityRef ref) {
  const CacheSlot slot = priorities.process_of(at(ref));
  insert_ready(ref, slot, priorities.lent(ref, slot));
}

void Scheduler::make_ready(ActivityRef ref, Standing looked_at) {
  const CacheSlot slot = priorities.process_of(at(ref));
  if (slot != no_slot) looked_at.priority = priorities.lent(slot, looked_at).priority;
  insert_ready(ref, slot, looked_at);
}

void Scheduler::insert_ready(ActivityRef ref, CacheSlot process, const Standing& now) {
  Activity& activity = at(ref);
  assert_that(!is_in_line(activity), "ONE-QUEUE: an activity stands in at most one line");
  activity.queue_flags |= flag_ready;
  join_peers(ref, now);
  if (process != no_slot) process_in(process).control.line_priority = now.priority;
  const bool is_looked_at = now.is_known && !activity.is_awaited;
  append({Reason::none, is_looked_at ? now.priority : unlooked + now.priority}, ref);
}

void Scheduler::stall(ActivityRef ref, WaitChannel channel, bool in_call) {
  Activity& activity = at(ref);
  assert_that(!is_in_line(activity), "ONE-QUEUE: an activity stands in at most one line");
  forget_wake(ref);
  const Line line = line_for(ref, channel);
  activity.queue_flags |= static_cast<uint8_t>(line.reason) | (in_call ? flag_in_call : 0);
  if (line.reason == Reason::receiver) {
    join_peers(ref, priorities.standing(ref));
    process_in(priorities.process_of(activity)).control.line_priority = line.place & 63;
    append_by_ticket(line, ref);
  } else {
    append(line, ref);
    if (line.reason == Reason::commit) activity.peer_next = static_cast<uint32_t>(channel.key());
  }
  follow_changes();
}

void Scheduler::remove(ActivityRef ref) {
  forget_wake(ref);
  leave_line(ref);
  follow_changes();
}

void Scheduler::leave_line(ActivityRef ref) {
  Activity& activity = at(ref);
  if (!is_in_line(activity)) return;
  leave_peers(ref);
  const Reason reason = reason_of(activity);
  unlink(ref);
  if (reason == Reason::commit) activity.peer_next = 0;
  clear(activity, flag_ready | flag_in_call | reason_bits);
}

void Scheduler::wake(ActivityRef ref) {
  store_->pin(ref.slot());
  remove(ref);
  make_ready(ref);
  at(ref).queue_flags |= flag_woken;
  ++woken_count_;
  store_->unpin(ref.slot());
}

void Scheduler::forget_wake(ActivityRef ref) {
  Activity& activity = at(ref);
  if (!(activity.queue_flags & flag_woken)) return;
  clear(activity, flag_woken);
  --woken_count_;
}

unsigned Scheduler::wake_line(LineEnds& ends) {
  unsigned count = 0;
  while (!ends.is_empty()) {
    wake({ends.first});
    if (++count % steps_between_interrupts == 0) machine::let_interrupts_in();
  }
  return count;
}

unsigned Scheduler::wake_committed(uint32_t epoch) {
  LineEnds& ends = waiting_[static_cast<size_t>(Reason::commit)];
  unsigned count = 0;
  while (!ends.is_empty() && static_cast<int32_t>(at({ends.first}).peer_next - epoch) <= 0) {
    wake({ends.first});
    if (++count % steps_between_interrupts == 0) machine::let_interrupts_in();
  }
  return count;
}

// The activities in this line are few: each stands for a damage of the disk.
unsigned Scheduler::wake_unread(FrameNumber frame) {
  unsigned count = 0;
  for (ActivityRef ref{waiting_[static_cast<size_t>(Reason::frame_unread)].first}; !ref.is_none();) {
    const uint32_t next = at(ref).next;
    if (at(ref).process.frame() == frame) wake(ref), ++count;
    ref = next & end_mark ? ActivityRef{} : ActivityRef{next};
  }
  return count;
}

void Scheduler::wake_one_unread() {
  const LineEnds& ends = waiting_[static_cast<size_t>(Reason::frame_unread)];
  if (!ends.is_empty()) wake({ends.first});
}

unsigned Scheduler::wake_some(Reason reason) {
  LineEnds* lines = store_waiting_[reason == Reason::disk_queue];
  unsigned count = 0;
  for (unsigned priority = priority_count; priority-- > 0;) {
    for (; !lines[priority].is_empty() && count < woken_for_store_max; ++count) wake({lines[priority].first});
  }
  return count;
}

void Scheduler::wake_some_for_store() {
  wake_some(Reason::cache_space);
  wake_some(Reason::disk_queue);
}

// A process that has not been looked at yet only reads as zero: its body may hold anything.
unsigned Scheduler::wake_callers(CacheSlot slot) {
  if (!store_->descriptor(slot).is_readable()) return 0;
  unsigned count = 0;
  for (unsigned p = priority_count; p-- > 0;) count += wake_line(process_in(slot).callers[p]);
  return count;
}

unsigned Scheduler::wake_callers(const Capability& receiver) {
  const CacheSlot slot = store_->find(receiver.object.frame());
  if (slot == no_slot) return 0;
  const FrameIdentity& identity = store_->descriptor(slot).identity;
  const bool is_there = identity.kind == Kind::process && names(receiver, ObjectId::of(receiver.object.frame()), identity.source);
  return is_there ? wake_callers(slot) : 0;
}

unsigned Scheduler::wake_all(WaitChannel channel) {
  if (store_ == nullptr) return 0;  // the store is being opened
  const Reason reason = channel.reason();
  const ObjectId object{channel.key()};
  switch (reason) {
    case Reason::endpoint:
    case Reason::wrapper: {
      const CacheSlot slot = store_->find(object.frame());
      return slot == no_slot ? 0 : wake_line(ends_of({reason, place_of(slot, object.index())}));
    }
    case Reason::frame: {
      const CacheSlot slot = store_->slot_of({channel.key()});  // the store speaks of what is in the cache
      const unsigned count = wake_line(store_->descriptor(slot).waiting);
      // Only after a good read: after a failed one the processes that could not be read would only hear that again.
      return store_->descriptor(slot).is_readable() ? count + wake_unread({channel.key()}) : count;
    }
    case Reason::cache_space:
    case Reason::disk_queue: return wake_some(reason);
    case Reason::commit: return wake_committed(static_cast<uint32_t>(channel.key()));
    default: return wake_line(waiting_[static_cast<size_t>(reason)]);
  }
}

Scheduler::Caller Scheduler::caller(const Process& process, unsigned passed) {
  for (unsigned map = process.control.callers_map; map != 0;) {
    const auto priority = static_cast<unsigned>(std::bit_width(map) - 1);
    map &= ~(1u << priority);
    for (uint32_t at_present = process.callers[priority].first; !(at_present & end_mark); --passed) {
      if (passed == 0) return {{at_present}, static_cast<uint8_t>(priority)};
      at_present = at({at_present}).next;
    }
  }
  return {};
}

int Scheduler::highest_ready() const {
  return ready_map_ == 0 ? -1 : 31 - std::countl_zero(ready_map_);
}

// A process that has not been looked at comes before its equals: it may be more important.
Scheduler::Taken Scheduler::take_highest() {
  const auto priority = static_cast<unsigned>(highest_ready());
  const bool is_known = ready_[unlooked + priority].is_empty();
  const ActivityRef ref{ready_[is_known ? priority : unlooked + priority].first};
  leave_line(ref);
  return {ref, is_known};
}

ActivityRef Scheduler::take_unlooked() {
  for (unsigned priority = priority_count; priority-- > 0;) {
    const ActivityRef ref{ready_[unlooked + priority].first};
    if (ref.is_none()) continue;
    remove(ref);
    return ref;
  }
  return {};
}

// --- restart -----------------------------------------------------------------------------------------------

void Scheduler::link_for_restart(ActivityRef ref, ActivityRef& list) {
  at(ref).next = list.value;
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
    const ActivityRef next{std::exchange(at(ref).next, 0)};
    make_ready(ref);
    store_->unpin(ref.slot());  // pinned by link_for_restart, pinned again by the line
    ref = next;
  }
}

}  // namespace perdure
