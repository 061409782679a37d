// SPDX-License-Identifier: MIT
//
// Taking objects away. Legal at any time as far as the kernel is concerned: what runs, waits
// or is mapped there is dealt with first. Each function goes through a frame or an object in steps
// that are complete in themselves (a process stopped, a caller answered), and can stall between
// them; the call is then made again and finds less to do. Only when nothing is left does the
// caller take the next version, and every capability is void at once.
//
// A client must not hang when its server is destroyed: every resume capability in a process or a
// capability page that goes is answered with `destroyed`.
#pragma once

#include "kernel/invoke/messages.hpp"
#include "kernel/memory/page_tables.hpp"
#include "kernel/processes/restart_list.hpp"

namespace perdure {

class Destruction {
 public:
  constexpr Destruction(Attempt& attempt, Processor& processor, Scheduler& scheduler, PageTables& tables, Lines& lines,
                        Deadlines& deadlines, ProcessStates& states, Messages& messages, RestartList& restart_list, Trace& trace)
      : attempt_(attempt), store_(attempt.store), processor_(processor), scheduler_(scheduler), tables_(tables), lines_(lines),
        deadlines_(deadlines), states_(states), messages_(messages), restart_list_(restart_list), trace_(trace) {}

  // Makes it safe to take a frame's contents away: nothing runs, waits or is mapped there. Its frame is writable.
  Outcome retire_frame(CacheSlot, FrameNumber);
  Outcome retire_object(CacheSlot, unsigned index, FrameNumber);
  // The same, if the disk does not give the contents of the frame.
  void retire_lost_frame(CacheSlot, FrameNumber);

 private:
  Outcome answer_all(Capability*, size_t count);
  Outcome retire_process(CacheSlot);
  Outcome retire_activity(ActivityRef);
  Outcome retire_activity_row(CacheSlot);

  Attempt& attempt_;
  FrameStore& store_;
  Processor& processor_;
  Scheduler& scheduler_;
  PageTables& tables_;
  Lines& lines_;
  Deadlines& deadlines_;
  ProcessStates& states_;
  Messages& messages_;
  RestartList& restart_list_;
  Trace& trace_;
};

}  // namespace perdure
