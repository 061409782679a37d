// SPDX-License-Identifier: MIT
#include "kernel/processes/restart_list.hpp"

namespace perdure {

// --- at the start: nothing runs yet, so it may wait for the disk ---------------------------------------

// Polls the store until it has done something. A function of its own, so that a profile tells the waiting from
// the work.
[[gnu::noinline]] void RestartList::await_disk() {
  while (!store_.poll(machine::now_ns())) {
  }
}

Expected<CacheSlot, Absent> RestartList::obtain_at_start(FrameNumber frame) {
  auto slot = store_.obtain(frame);
  while (!slot && slot.error().why == Absent::Why::stall) {
    await_disk();
    slot = store_.obtain(frame);
  }
  return slot;
}

void RestartList::find_what_ran() {
  ActivityRef list;
  if (!walk(list)) look_for_rows(list);
  scheduler_.make_all_ready(list);
}

// -> whether the list is whole.
bool RestartList::walk(ActivityRef& list) {
  FrameNumber last;
  for (FrameNumber row = store_.system().first_activity_row; row.value != 0;) {
    const auto slot = obtain_at_start(row);
    if (!slot && store_.slot_of(row) != no_slot) store_.drop(store_.slot_of(row));  // the look at every frame reads it again
    if (!slot || store_.descriptor(*slot).identity.kind != Kind::activity) return false;
    const auto& header = *reinterpret_cast<const RowHeader*>(store_.bytes(*slot));
    if (header.previous != last) return false;
    collect_what_ran(*slot, list);
    last = row;
    row = header.next;
  }
  return last == store_.system().last_activity_row;
}

void RestartList::look_for_rows(ActivityRef& list) {
  announcements_.tell_at_start("the list of what ran is not whole; every frame is looked at");
  CacheSlot count = 0;
  for (FrameNumber frame{1}; frame.value < store_.frames_in_store(); ++frame.value) {
    const auto row = obtain_row_at_start(frame);
    if (!row) {
      is_row_missing_ = true;
    } else if (*row != no_slot) {
      collect_what_ran(*row, list);
      ++count;
    }
  }
  if (is_row_missing_) {
    announcements_.tell_at_start("a row of activities, or what may be one, cannot be read; what stood there does not run");
  } else if (count <= store_.slot_count() / 2) {
    make_anew();
  }
}

// no_slot: the frame is no row of activities. None: the row cannot be read, or not even what the frame is.
std::optional<CacheSlot> RestartList::obtain_row_at_start(FrameNumber frame) {
  if (store_.is_never_used(frame)) return no_slot;
  auto slot = store_.obtain_identity(frame);
  while (!slot && slot.error().why == Absent::Why::stall) {
    await_disk();
    slot = store_.obtain_identity(frame);
  }
  if (!slot) return std::nullopt;
  store_.let_stay(*slot);
  if (store_.descriptor(*slot).identity.kind != Kind::activity) return no_slot;
  const auto row = obtain_at_start(frame);
  return row ? std::optional(*row) : std::nullopt;
}

// Only when all rows have been found, and are few: then none of them leaves memory any more.
void RestartList::make_anew() {
  for (FrameNumber frame{1}; frame.value < store_.frames_in_store(); ++frame.value) {
    const auto row = obtain_row_at_start(frame);
    if (!row || (*row != no_slot && !store_.make_dirty(*row))) return;  // as it is, until the next boot
  }
  SystemState& system = store_.system();
  system.first_activity_row = system.last_activity_row = {};
  FrameNumber* link = &system.first_activity_row;
  for (CacheSlot slot = 0; slot < store_.slot_count(); ++slot) {
    const FrameDescriptor& descriptor = store_.descriptor(slot);
    if (descriptor.state != FrameState::dirty || descriptor.identity.kind != Kind::activity) continue;
    auto& header = *reinterpret_cast<RowHeader*>(store_.bytes(slot));
    header.previous = system.last_activity_row;
    *link = system.last_activity_row = descriptor.number;
    link = &header.next;
  }
  *link = {};
}

// A row that the walk has passed is not collected again when every frame is looked at: what is in `list` pins it.
void RestartList::collect_what_ran(CacheSlot slot, ActivityRef& list) {
  if (store_.descriptor(slot).pins != 0) return;
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store_.bytes(slot))->allocated;
  for (unsigned index = 0; index < info(Kind::activity).objects_per_frame; ++index) {
    const ActivityRef ref = ActivityRef::of(slot, index);
    if (!(allocated >> index & 1)) continue;
    Activity& activity = scheduler_.at(ref);
    if (activity.runnable || activity.awaits_deadline) scheduler_.link_for_restart(ref, list);
    if (activity.runnable && activity.stood_in != 0) lines_.await_after_restart(activity);
  }
}

// --- rows that come and go -----------------------------------------------------------------------------

// Null: the frame is no row of activities, or cannot be read; nothing of it is changed, whatever the list says.
Expected<RowHeader*, Stall> RestartList::prepare_row_header(FrameNumber frame) {
  if (frame.value == 0) return nullptr;
  const auto slot = store_.obtain(frame);
  if (!slot && slot.error().why == Absent::Why::stall) return std::unexpected(slot.error().stall);
  if (!slot || store_.descriptor(*slot).identity.kind != Kind::activity) return nullptr;
  if (const Outcome o = attempt_.prepare_write(*slot, Need::reserve); o.is_obstacle()) return std::unexpected(o.stall);
  return reinterpret_cast<RowHeader*>(store_.bytes(*slot));
}

// Only the neighbours that name this row, too.
Expected<RestartList::Neighbours, Stall> RestartList::prepare_to_unlink(CacheSlot slot) {
  const RowHeader& header = *reinterpret_cast<const RowHeader*>(store_.bytes(slot));
  const FrameNumber own = store_.descriptor(slot).number;
  const auto next = prepare_row_header(header.next);
  if (!next) return std::unexpected(next.error());
  const auto previous = prepare_row_header(header.previous);
  if (!previous) return std::unexpected(previous.error());
  return Neighbours{.next = *next != nullptr && (*next)->previous == own ? *next : nullptr,
                    .previous = *previous != nullptr && (*previous)->next == own ? *previous : nullptr};
}

// Also for a row that is not (any more) in the list: a call that stalled comes here twice.
void RestartList::unlink(const Commit&, CacheSlot slot, const Neighbours& neighbours) {
  RowHeader& header = *reinterpret_cast<RowHeader*>(store_.bytes(slot));
  const FrameNumber own = store_.descriptor(slot).number;
  SystemState& system = store_.system();
  if (neighbours.next != nullptr) neighbours.next->previous = header.previous;
  else if (system.last_activity_row == own) system.last_activity_row = header.previous;
  if (neighbours.previous != nullptr) neighbours.previous->next = header.next;
  else if (system.first_activity_row == own) system.first_activity_row = header.next;
  header.next = header.previous = {};
}

// Before a row of activities is formatted: makes the present first row writable, if that can be read.
Outcome RestartList::prepare_to_link() {
  const auto first = prepare_row_header(store_.system().first_activity_row);
  return first ? Outcome::prepared() : Outcome::wait(first.error());
}

void RestartList::link(const Commit&, CacheSlot slot, FrameNumber frame) {
  SystemState& system = store_.system();
  const FrameNumber first = system.first_activity_row;
  // Also if the first row was in this frame, and was lost: with nothing behind it this row would end a list in
  // which all others are missing.
  reinterpret_cast<RowHeader*>(store_.bytes(slot))->next = first;
  const CacheSlot first_slot = first.value != 0 ? store_.find(first) : no_slot;
  if (first_slot != no_slot && store_.is_current(first_slot) && store_.descriptor(first_slot).identity.kind == Kind::activity) {
    reinterpret_cast<RowHeader*>(store_.bytes(first_slot))->previous = frame;
  }
  if (system.last_activity_row.value == 0) system.last_activity_row = frame;
  system.first_activity_row = frame;
}

}  // namespace perdure
