// SPDX-License-Identifier: MIT
//
// The restart list (objects/rows.hpp): what runs again after a restart is found from its two ends. A row is
// believed to be the next one only if it names back the row from which it was reached, and the second walk ends
// where the first one did, though a disk may give now what it did not give then; so no row is found twice,
// and both walks end, whatever a disk says.
//
// One row that cannot be read is a gap: it takes with it what stood in it, and nothing else. It stays a
// gap for as long as it may come back; when its frame has become something else, the next restart closes it.
//
// A row that cannot be read while the one beside it comes or goes is not told, and names back, when it can be read again,
// what is not there or does not lead to it. That is no gap: it is believed, too, and told then.
#include "kernel/kernel.hpp"

namespace perdure {

// --- at the start: nothing runs yet, so it may wait for the disk ---------------------------------------

// Until it has done something. By itself, so that a profile tells the waiting from the work.
[[gnu::noinline]] void Kernel::await_disk() {
  while (!store.poll(machine::now_ns())) {
  }
}

std::expected<CacheSlot, Absent> Kernel::obtain_at_start(FrameNumber frame) {
  auto slot = store.obtain(frame);
  while (!slot && slot.error().why == Absent::Why::stall) {
    await_disk();
    slot = store.obtain(frame);
  }
  return slot;
}

void Kernel::find_what_ran() {
  ActivityRef list;
  const SystemState& system = store.system();
  const Walk from_first = walk_rows(system.first_activity_row, &RowHeader::next, &RowHeader::previous, {}, list);
  if (from_first.end != Walk::End::whole || from_first.last != system.last_activity_row) {
    const Walk from_last = walk_rows(system.last_activity_row, &RowHeader::previous, &RowHeader::next, from_first.last, list);
    // The disk may give now what it did not give a moment ago: then nothing is missing.
    const bool is_given_now = from_last.end == Walk::End::met || from_last.last == system.first_activity_row;
    is_row_missing_ = !is_given_now;
    if (!is_given_now && (from_first.end == Walk::End::unreadable || from_last.end == Walk::End::unreadable)) {
      machine::console_write("perdure: a row of activities cannot be read; what stood in it does not run\n");
    } else if (from_first.end != Walk::End::unreadable) {
      machine::console_write("perdure: the list of what ran had a gap, which is closed; what stood there does not run\n");
      close_gap(from_first.last, from_last.last);
    }
  }
  scheduler.make_all_ready(list);
}

Kernel::Walk Kernel::walk_rows(FrameNumber first, FrameNumber RowHeader::*onward, FrameNumber RowHeader::*back,
                               FrameNumber end, ActivityRef& list) {
  constexpr unsigned mended_max = 16;  // a disk may say so of any number, and nothing can be brought home yet
  unsigned mended_count = 0;
  FrameNumber last;
  const auto leads_to = [&](FrameNumber from, FrameNumber to) {  // or may yet
    if (from.value == 0) return false;
    const auto slot = obtain_at_start(from);
    if (!slot) return slot.error().why == Absent::Why::unreadable;
    if (store.descriptor(*slot).identity.kind != Kind::activity) return false;
    return reinterpret_cast<const RowHeader*>(store.bytes(*slot))->*onward == to;
  };
  const auto mended = [&](FrameNumber row) -> const RowHeader* {
    auto header = prepare_row_header(row);
    for (; !header; header = prepare_row_header(row)) await_disk();
    if (*header != nullptr) (*header)->*back = last;
    return *header;
  };
  for (FrameNumber row = first; row.value != 0;) {
    if (row == end) return {last, Walk::End::met};
    const auto slot = obtain_at_start(row);
    if (!slot) return {last, slot.error().why == Absent::Why::unreadable ? Walk::End::unreadable : Walk::End::gap};
    if (store.descriptor(*slot).identity.kind != Kind::activity) return {last, Walk::End::gap};
    const auto* header = reinterpret_cast<const RowHeader*>(store.bytes(*slot));
    if (header->*back != last) {
      const bool is_circle = row == first && last.value != 0;
      if (is_circle || mended_count++ == mended_max || leads_to(header->*back, row)) return {last, Walk::End::gap};
      header = mended(row);
      if (header == nullptr) return {last, Walk::End::gap};
    }
    collect_what_ran(store.find(row), list);
    last = row;
    row = header->*onward;
  }
  return {last, Walk::End::whole};
}

void Kernel::collect_what_ran(CacheSlot slot, ActivityRef& list) {
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store.bytes(slot))->allocated;
  for (unsigned index = 0; index < info(Kind::activity).objects_per_frame; ++index) {
    const ActivityRef ref = ActivityRef::of(slot, index);
    if (!(allocated >> index & 1)) continue;
    Activity& activity = scheduler.at(ref);
    if (activity.runnable || activity.awaits_deadline) scheduler.link_for_restart(ref, list);
    if (activity.runnable && activity.stood_in != 0) await_after_restart(activity);
  }
}

// 0: there is no row on that side.
void Kernel::close_gap(FrameNumber before, FrameNumber behind) {
  const auto header_of = [&](FrameNumber row) {
    auto header = prepare_row_header(row);
    for (; !header; header = prepare_row_header(row)) await_disk();
    return *header;
  };
  RowHeader* const first = header_of(before);
  RowHeader* const second = header_of(behind);
  // It cannot be read any more: the gap stays.
  if ((before.value != 0 && first == nullptr) || (behind.value != 0 && second == nullptr)) return;
  (first != nullptr ? first->next : store.system().first_activity_row) = behind;
  (second != nullptr ? second->previous : store.system().last_activity_row) = before;
}

// --- rows that come and go -----------------------------------------------------------------------------

// Null: the frame is no row of activities, or cannot be read; nothing of it is changed, whatever the list says.
std::expected<RowHeader*, Stall> Kernel::prepare_row_header(FrameNumber frame) {
  if (frame.value == 0) return nullptr;
  const auto slot = store.obtain(frame);
  if (!slot && slot.error().why == Absent::Why::stall) return std::unexpected(slot.error().stall);
  if (!slot || store.descriptor(*slot).identity.kind != Kind::activity) return nullptr;
  if (const Outcome o = prepare_write(*slot, Need::reserve); o.is_obstacle()) return std::unexpected(o.stall);
  return reinterpret_cast<RowHeader*>(store.bytes(*slot));
}

// Only those that name this row, too.
std::expected<Kernel::Neighbours, Stall> Kernel::prepare_neighbours(CacheSlot slot) {
  const RowHeader& header = *reinterpret_cast<const RowHeader*>(store.bytes(slot));
  const FrameNumber own = store.descriptor(slot).number;
  const auto next = prepare_row_header(header.next);
  if (!next) return std::unexpected(next.error());
  const auto previous = prepare_row_header(header.previous);
  if (!previous) return std::unexpected(previous.error());
  return Neighbours{.next = *next != nullptr && (*next)->previous == own ? *next : nullptr,
                    .previous = *previous != nullptr && (*previous)->next == own ? *previous : nullptr};
}

// Also for a row that is not (any more) in the list: a call that stalled comes here twice.
void Kernel::unlink_activity_row(CacheSlot slot, const Neighbours& neighbours) {
  RowHeader& header = *reinterpret_cast<RowHeader*>(store.bytes(slot));
  const FrameNumber own = store.descriptor(slot).number;
  SystemState& system = store.system();
  if (neighbours.next != nullptr) neighbours.next->previous = header.previous;
  else if (system.last_activity_row == own) system.last_activity_row = header.previous;
  if (neighbours.previous != nullptr) neighbours.previous->next = header.next;
  else if (system.first_activity_row == own) system.first_activity_row = header.next;
  header.next = header.previous = {};
}

// Before a row of activities is formatted: the present first one can be changed, if it can be read.
Outcome Kernel::prepare_activity_list() {
  const auto first = prepare_row_header(store.system().first_activity_row);
  return first ? Outcome::prepared() : Outcome::wait(first.error());
}

void Kernel::link_activity_row(Commit, CacheSlot slot, FrameNumber frame) {
  SystemState& system = store.system();
  const FrameNumber first = system.first_activity_row;
  // The first one may have been lost, and its frame is used again.
  if (first != frame) reinterpret_cast<RowHeader*>(store.bytes(slot))->next = first;
  const CacheSlot first_slot = first.value != 0 ? store.find(first) : no_slot;
  if (first_slot != no_slot && store.is_current(first_slot) && store.descriptor(first_slot).identity.kind == Kind::activity) {
    reinterpret_cast<RowHeader*>(store.bytes(first_slot))->previous = frame;
  }
  if (system.last_activity_row.value == 0) system.last_activity_row = frame;
  system.first_activity_row = frame;
}

}  // namespace perdure
