// SPDX-License-Identifier: MIT
//
// Page faults and exceptions. If the memory is there, only its translation is missing, and is entered. Any other
// fault becomes a call to a keeper. The kernel makes that call on behalf of the process and leaves the registers
// of the process alone: when the keeper has answered `ok` the process makes the access again.
//
//   space's keeper --refuses--> process's own keeper --refuses, or there is none--> stopped
//
// A keeper that cannot be told now (busy, to be fetched, no room in the log) makes the process wait. The
// process then runs into a fault again, but not into a trap: so a trap is noted in the process before anything
// is tried, and told before the process runs on (Kernel::try_next), over restarts too (invariant TOLD-ONCE).
#pragma once

#include "kernel/invoke/messages.hpp"
#include "kernel/memory/page_tables.hpp"
#include "kernel/memory/space_walk.hpp"

namespace perdure {

class Faults {
 public:
  constexpr Faults(Attempt& attempt, Processor& processor, PageTables& tables, Lines& lines, ProcessStates& states,
                   Messages& messages, Trace& trace)
      : attempt_(attempt), store_(attempt.store), processor_(processor), tables_(tables), lines_(lines), states_(states),
        messages_(messages), trace_(trace) {}

  // Of the current process.
  void page_fault(const Trap&);
  void exception(const Trap&);
  // The memory of the current process was not there for its own call (Outcome::caller_faulted).
  void own_memory(UserAddr address, bool write);

 private:
  void resolve_by_walk(const Trap&);
  void tell_keeper(const MemoryFault&, UserAddr address, bool write, bool execute);
  void enter_translation(Process&, const Trap&, const PageReached&);
  Outcome call_keeper(Process&, Capability& keeper, const Outgoing&, FaultCode, UserAddr address,
                      uint32_t detail, bool by_space);
  void stop_faulted(Process&, const MemoryFault&, UserAddr address, uint32_t detail);

  Attempt& attempt_;
  FrameStore& store_;
  Processor& processor_;
  PageTables& tables_;
  Lines& lines_;
  ProcessStates& states_;
  Messages& messages_;
  Trace& trace_;
};

}  // namespace perdure
