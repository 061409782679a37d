// SPDX-License-Identifier: MIT
//
// The kernel: joins objects and checkpoint to a machine. One object, made at boot; its state is
// the objects themselves (in the store) and the caches and queues below, all of them volatile.
//
// Life of one kernel entry:
//   entered(trap) -> attempt an invocation or a fault's answer -> next() chooses the process to run
//   -> the arch code loads that process's registers and leaves.
//   A system call first tries fast_path(), which does all of that at once, or nothing.
//
// Invariants:
//  CURRENT-WHILE-RUNNING  the frame of the process that runs and that of its activity are dirty in this
//                         epoch: the entry saves registers straight into the one, and the fast path
//                         changes the other. Established by next().
//  ONE-ACTIVITY           see processes/process_states.hpp.
//  PREPARE-BEFORE-COMMIT  see attempt/outcome.hpp.
//  PROGRESS               a process that stalls for memory, log or disk gets on after finitely many tries.
//                         Counted and limited in --check boots.
//  VOLATILE-WAKES         interrupts, commits and completions change queues, never objects.
//  LINE-IS-LOOKED-AT      a process that waits open while callers stand in line for it has its activity
//                         ready, or stalled for what those callers need: when its turn comes its line is
//                         looked at instead of its program being run (run/lines.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "checkpoint/store.hpp"
#include "kernel/attempt/attempt.hpp"
#include "kernel/invoke/buffers.hpp"
#include "kernel/invoke/destruction.hpp"
#include "kernel/invoke/faults.hpp"
#include "kernel/invoke/messages.hpp"
#include "kernel/machine.hpp"
#include "kernel/memory/page_tables.hpp"
#include "kernel/memory/space_walk.hpp"
#include "kernel/options.hpp"
#include "kernel/processes/process_states.hpp"
#include "kernel/processes/restart_list.hpp"
#include "kernel/run/deadlines.hpp"
#include "kernel/run/half_known.hpp"
#include "kernel/run/lines.hpp"
#include "kernel/run/machine_time.hpp"
#include "kernel/run/processor.hpp"
#include "kernel/run/scheduler.hpp"
#include "kernel/run/timers.hpp"
#include "kernel/trace.hpp"
#include "kernel/upkeep/announcements.hpp"
#include "kernel/upkeep/checkpoints.hpp"
#include "kernel/upkeep/console.hpp"
#include "kernel/upkeep/store_events.hpp"
#include "objects/assertion.hpp"

namespace perdure {

// The most frames that one operation looks at: two buffers of 64 KiB that begin in mid-page, the nodes
// of two walks, two processes, their activities, endpoint, wrappers. They have to be in memory together.
inline constexpr CacheSlot frames_of_one_operation = 2 * (Pieces::count_max + walk_depth_max) + 16;

// The first thing that check_state found wrong.
struct StateMismatch {
  std::string_view what;
  FrameNumber frame;
};

class Kernel {
 public:
  // Finds what ran and makes it ready. The store is open.
  void start(const KernelOptions&, std::span<std::byte> table_memory);

  // Does a system call that needs nothing but what is at hand, and answers the registers of the process that runs
  // next, with its address space loaded; or answers nullptr, and nothing has changed (fast_path.cpp).
  Registers* fast_path();
  // After an entry from user mode. The user's registers are in the current process's frame.
  void entered(const Trap&);
  // Runs until there is a process to resume, and answers its registers; its address space is loaded.
  // Sleeps while no process is ready.
  Registers& next();
  // One round of next(), for tests on the host: nullptr while no process is ready.
  Registers* try_next();

  // The parts, each of which may use those above it. Its header says what it owns.
  KernelOptions options;
  Store store;
  Attempt attempt{store};
  PageTables tables;
  Processor processor{store, tables};
  Scheduler scheduler;
  Timers timers;
  Trace trace;
  MachineTime time;
  Console console{scheduler};
  Announcements announcements{console};
  Checkpoints checkpoints{store, scheduler, announcements, trace};
  StoreEvents store_events{scheduler, tables, checkpoints, announcements, trace};
  Lines lines{attempt, processor, scheduler, timers, trace};
  Deadlines deadlines{scheduler, timers, time};
  ProcessStates states{attempt, processor, scheduler, lines, deadlines, announcements};
  RestartList restart_list{store, attempt, scheduler, lines, announcements};
  Buffers buffers{attempt, lines};
  Messages messages{attempt, processor, scheduler, lines, deadlines, states, buffers};
  Destruction destruction{attempt, processor, scheduler, tables, lines, deadlines, states, messages, restart_list, trace};
  Faults faults{attempt, processor, tables, lines, states, messages, trace};

  // The invariants between the objects in memory, and of the page tables; nullopt if all hold.
  // Loops over the whole cache: for --check boots and tests (state_check.cpp).
  std::optional<StateMismatch> check_state();

 private:
  // kernel.cpp: what an entry begins, and which process runs next
  void carry_out(const Trap&);
  bool choose();
  bool ready_to_resume();
  bool make_current_writable();
  void attend(ActivityRef, bool was_known);
  Expected<CacheSlot, Failure> prepare_to_run(ActivityRef);
  void stall_unchosen(ActivityRef, const Failure&);
  void look_around();
  void look_at_deadline(ActivityRef, CacheSlot);
  void housekeep(Pending);
  void ask_again();
  void tick();
  void maybe_declare();
  void make_chaos();
  void leave_stopped(FrameNumber);
  uint64_t random();

  // invocation.cpp
  void system_call();
  Outcome invoke(Process&);
  void settle(const Outcome&);

  // taking.cpp
  void look_at_line(ActivityRef, CacheSlot);
  WaitChannel attempt_for(ActivityRef caller, CacheSlot receiver);
  Expected<CacheSlot, WaitChannel> prepare_caller(ActivityRef);
  void attempt_again();
  void attempt_after_restart();
  void attempt_out_of_turn(ActivityRef, CacheSlot);

  // fast_path.cpp
  struct Partner;
  bool find_partner(const Capability&, Partner&);
  Registers* change_over(Process&, ProcessState, const Partner&);
  Registers* call_fast(Process&, const Capability& invoked);
  Registers* reply_fast(Process&, const Capability& resume);
  Registers* type_fast(Process&, const Capability& invoked);

  // state_check.cpp
  void check_if_asked();
  std::string_view check_process(CacheSlot);
  std::string_view check_activities(CacheSlot);

  uint64_t looked_at_slice_ns_ = 0;  // of the process that was prepared to run last
  Standing looked_at_;               // the same
  HalfKnown half_known_;
  uint64_t ask_again_at_ns_ = 0;
  uint64_t random_state_ = 0;
  uint64_t ticks_ = 0;
};

}  // namespace perdure
