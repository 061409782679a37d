// SPDX-License-Identifier: MIT
//
// The restart list (objects/rows.hpp): what runs again after a restart stands in its rows. The list is an index, so that a
// boot does not have to look at every frame; what is a row, its tag says (decision 0058). A boot believes the list if it is
// whole: each row names the one before it, and the last one is the last. Else every frame is asked for its kind, and
// the list is made anew; but not while a row cannot be read, for it may come back, and the next boot has to find it.
//
// So a row that cannot be read while the row beside it comes or goes need not be changed: the list is not whole
// then, and stays so. A list that is whole has an end. Only the row that was made when there was none has nothing
// behind it, and passes that on to the row before it when it goes; so a walk from the first row to an end has
// passed all rows. If a row on the way was lost and destroyed, the row that named it leads to no row, or, if the
// frame was used again, in a circle.
#pragma once

#include <optional>

#include "checkpoint/store.hpp"
#include "kernel/attempt/attempt.hpp"
#include "kernel/run/lines.hpp"
#include "kernel/run/scheduler.hpp"
#include "kernel/upkeep/announcements.hpp"

namespace perdure {

class RestartList {
 public:
  constexpr RestartList(Store& store, Attempt& attempt, Scheduler& scheduler, Lines& lines, Announcements& announcements)
      : store_(store), attempt_(attempt), scheduler_(scheduler), lines_(lines), announcements_(announcements) {}

  // --- at the start: nothing runs yet, so these may wait for the disk ---
  // All that ran is ready.
  void find_what_ran();
  Expected<CacheSlot, Absent> obtain_at_start(FrameNumber);
  void await_disk();
  // A row of activities could not be read, or what may be one: what stood there does not run.
  bool is_row_missing() const { return is_row_missing_; }

  // --- rows that come and go ---
  // Before a frame is retired in which a row of activities is to be made: makes the present first row writable,
  // if that can be read.
  Outcome prepare_to_link();
  void link(const Commit&, CacheSlot, FrameNumber);
  struct Neighbours {  // of a row, writable; null: there is none that could be changed
    RowHeader* next = nullptr;
    RowHeader* previous = nullptr;
  };
  // Only the neighbours that name this row, too.
  Expected<Neighbours, Stall> prepare_to_unlink(CacheSlot);
  // Also for a row that is not (any more) in the list: a call that stalled comes here twice.
  void unlink(const Commit&, CacheSlot, const Neighbours&);

 private:
  bool walk(ActivityRef& list);
  void look_for_rows(ActivityRef& list);
  std::optional<CacheSlot> obtain_row_at_start(FrameNumber);
  void collect_what_ran(CacheSlot, ActivityRef& list);
  void make_anew();
  Expected<RowHeader*, Stall> prepare_row_header(FrameNumber);

  Store& store_;  // all of it: a start waits for the disk
  Attempt& attempt_;
  Scheduler& scheduler_;
  Lines& lines_;
  Announcements& announcements_;
  bool is_row_missing_ = false;
};

}  // namespace perdure
