// SPDX-License-Identifier: MIT
//
// The restart list (objects/rows.hpp): what runs again after a restart stands in its rows. The list is an index, so that a
// boot does not have to look at every frame; what is a row, its tag says (decision 0058). A boot believes the list if it is
// whole: each row names the one before it, and the last one is the last. Else every frame is asked for its kind, and
// the list is made anew; but not while a row cannot be read, for it may come back, and the next boot has to find it.
//
// So a row that cannot be read while the one beside it comes or goes need not be told: the list is not whole then, and
// stays so. A list that is whole has an end. Only the row that was made when there was none has nothing behind it, and
// passes that on to the one before it when it goes; so a walk from the first row to an end has passed all of them. If one
// on the way was lost and destroyed, what named it leads to no row, or, its frame used again, in a circle.
#include "kernel/kernel.hpp"

namespace perdure {

// --- at the start: nothing runs yet, so it may wait for the disk ---------------------------------------

// Until it has done something. By itself, so that a profile tells the waiting from the work.
[[gnu::noinline]] void Kernel::await_disk() {
  while (!store.poll(machine::now_ns())) {
  }
}

Expected<CacheSlot, Absent> Kernel::obtain_at_start(FrameNumber frame) {
  auto slot = store.obtain(frame);
  while (!slot && slot.error().why == Absent::Why::stall) {
    await_disk();
    slot = store.obtain(frame);
  }
  return slot;
}

void Kernel::find_what_ran() {
  ActivityRef list;
  if (!walk_restart_list(list)) look_for_rows(list);
  scheduler.make_all_ready(list);
}

// -> it is whole.
bool Kernel::walk_restart_list(ActivityRef& list) {
  FrameNumber last;
  for (FrameNumber row = store.system().first_activity_row; row.value != 0;) {
    const auto slot = obtain_at_start(row);
    if (!slot && store.slot_of(row) != no_slot) store.drop(store.slot_of(row));  // the look at every frame reads it again
    if (!slot || store.descriptor(*slot).identity.kind != Kind::activity) return false;
    const auto& header = *reinterpret_cast<const RowHeader*>(store.bytes(*slot));
    if (header.previous != last) return false;
    collect_what_ran(*slot, list);
    last = row;
    row = header.next;
  }
  return last == store.system().last_activity_row;
}

void Kernel::look_for_rows(ActivityRef& list) {
  announcements.tell_at_start("the list of what ran is not whole; every frame is looked at");
  CacheSlot count = 0;
  for (FrameNumber frame{1}; frame.value < store.frames_in_store(); ++frame.value) {
    const auto row = obtain_row_at_start(frame);
    if (!row) {
      is_row_missing_ = true;
    } else if (*row != no_slot) {
      collect_what_ran(*row, list);
      ++count;
    }
  }
  if (is_row_missing_) {
    announcements.tell_at_start("a row of activities, or what may be one, cannot be read; what stood there does not run");
  } else if (count <= store.slot_count() / 2) {
    make_restart_list_anew();
  }
}

// no_slot: it is no row of activities. None: it cannot be read, or not even what it is.
std::optional<CacheSlot> Kernel::obtain_row_at_start(FrameNumber frame) {
  if (store.is_never_used(frame)) return no_slot;
  auto slot = store.obtain_identity(frame);
  while (!slot && slot.error().why == Absent::Why::stall) {
    await_disk();
    slot = store.obtain_identity(frame);
  }
  if (!slot) return std::nullopt;
  store.let_stay(*slot);
  if (store.descriptor(*slot).identity.kind != Kind::activity) return no_slot;
  const auto row = obtain_at_start(frame);
  return row ? std::optional(*row) : std::nullopt;
}

// Only when all rows have been found, and are few: none of them leaves memory any more.
void Kernel::make_restart_list_anew() {
  for (FrameNumber frame{1}; frame.value < store.frames_in_store(); ++frame.value) {
    const auto row = obtain_row_at_start(frame);
    if (!row || (*row != no_slot && !store.make_dirty(*row))) return;  // as it is, until the next boot
  }
  SystemState& system = store.system();
  system.first_activity_row = system.last_activity_row = {};
  FrameNumber* link = &system.first_activity_row;
  for (CacheSlot slot = 0; slot < store.slot_count(); ++slot) {
    const FrameDescriptor& descriptor = store.descriptor(slot);
    if (descriptor.state != FrameState::dirty || descriptor.identity.kind != Kind::activity) continue;
    auto& header = *reinterpret_cast<RowHeader*>(store.bytes(slot));
    header.previous = system.last_activity_row;
    *link = system.last_activity_row = descriptor.number;
    link = &header.next;
  }
  *link = {};
}

// Not again, if the walk has been there before every frame was looked at: then it is pinned for what is in the list.
void Kernel::collect_what_ran(CacheSlot slot, ActivityRef& list) {
  if (store.descriptor(slot).pins != 0) return;
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store.bytes(slot))->allocated;
  for (unsigned index = 0; index < info(Kind::activity).objects_per_frame; ++index) {
    const ActivityRef ref = ActivityRef::of(slot, index);
    if (!(allocated >> index & 1)) continue;
    Activity& activity = scheduler.at(ref);
    if (activity.runnable || activity.awaits_deadline) scheduler.link_for_restart(ref, list);
    if (activity.runnable && activity.stood_in != 0) await_after_restart(activity);
  }
}

// --- rows that come and go -----------------------------------------------------------------------------

// Null: the frame is no row of activities, or cannot be read; nothing of it is changed, whatever the list says.
Expected<RowHeader*, Stall> Kernel::prepare_row_header(FrameNumber frame) {
  if (frame.value == 0) return nullptr;
  const auto slot = store.obtain(frame);
  if (!slot && slot.error().why == Absent::Why::stall) return std::unexpected(slot.error().stall);
  if (!slot || store.descriptor(*slot).identity.kind != Kind::activity) return nullptr;
  if (const Outcome o = attempt.prepare_write(*slot, Need::reserve); o.is_obstacle()) return std::unexpected(o.stall);
  return reinterpret_cast<RowHeader*>(store.bytes(*slot));
}

// Only those that name this row, too.
Expected<Kernel::Neighbours, Stall> Kernel::prepare_neighbours(CacheSlot slot) {
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
void Kernel::unlink_activity_row(const Commit&, CacheSlot slot, const Neighbours& neighbours) {
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

void Kernel::link_activity_row(const Commit&, CacheSlot slot, FrameNumber frame) {
  SystemState& system = store.system();
  const FrameNumber first = system.first_activity_row;
  // Also if that was in this frame, and was lost: with nothing behind it this row would end a list in which all others
  // are missing.
  reinterpret_cast<RowHeader*>(store.bytes(slot))->next = first;
  const CacheSlot first_slot = first.value != 0 ? store.find(first) : no_slot;
  if (first_slot != no_slot && store.is_current(first_slot) && store.descriptor(first_slot).identity.kind == Kind::activity) {
    reinterpret_cast<RowHeader*>(store.bytes(first_slot))->previous = frame;
  }
  if (system.last_activity_row.value == 0) system.last_activity_row = frame;
  system.first_activity_row = frame;
}

}  // namespace perdure
