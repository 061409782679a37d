// SPDX-License-Identifier: MIT
//
// The kernel: joins objects and checkpoint to a machine. One object, made at boot; its state is
// the objects themselves (in the store) and the caches and queues below, all of them volatile.
//
// Life of one kernel entry:
//   entered(trap) -> attempt an invocation or a fault's answer -> next() chooses who runs
//   -> the arch code loads that process's registers and leaves.
//   A system call first tries fast_path(), which does all of that at once, or nothing.
//
// Invariants:
//  CURRENT-WHILE-RUNNING  the frame of the process that runs and that of its activity are dirty in this
//                         epoch: the entry saves registers straight into the one, and the fast path
//                         changes the other. Established by next().
//  ONE-ACTIVITY           a process in state `running` has exactly its bound activity runnable, and
//                         that activity is current, ready or stalled; no other process's is, but
//                         for a moment that of one which awaits a deadline (deadlines.cpp), or
//                         whose line is to be looked at (lines.cpp).
//                         Established by set_running and set_not_running.
//  PREPARE-BEFORE-COMMIT  see attempt/outcome.hpp.
//  PROGRESS               a process that stalls for memory, log or disk gets on after finitely many tries.
//                         Counted and limited in --check boots.
//  VOLATILE-WAKES         interrupts, commits and completions change queues, never objects.
//  LINE-IS-LOOKED-AT      a process that waits open while callers stand in line for it has its activity
//                         ready, or stalled for what those callers need: when its turn comes its line is
//                         looked at instead of its program being run (lines.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "checkpoint/store.hpp"
#include "kernel/announcements.hpp"
#include "kernel/assertion.hpp"
#include "kernel/attempt/attempt.hpp"
#include "kernel/checkpoints.hpp"
#include "kernel/console.hpp"
#include "kernel/machine.hpp"
#include "kernel/machine_time.hpp"
#include "kernel/page_tables.hpp"
#include "kernel/request.hpp"
#include "kernel/run/processor.hpp"
#include "kernel/scheduler.hpp"
#include "kernel/space_walk.hpp"
#include "kernel/store_events.hpp"
#include "kernel/timers.hpp"
#include "kernel/trace.hpp"
#include "objects/expected.hpp"

namespace perdure {

inline constexpr unsigned leave_stopped_max = 8;

// From the boot command line: `interval=MS check slow chaos=SEED verdict=N unsafe-processor
// leave-stopped=FRAME`, the last one up to eight times.
struct KernelOptions {
  std::optional<uint64_t> interval_ms;  // between checkpoints; 0: never by the clock; else the image's
  bool slow = false;            // no fast path
  bool check = false;           // whole-state checks before each commit and at kernel exits
  uint64_t chaos_seed = 0;      // drop caches at random; 0: not
  bool unsafe_processor = false;  // run on one that lets programs read all memory
  FrameNumber leave_stopped[leave_stopped_max];  // of processes that are not to go on
  unsigned leave_stopped_count = 0;
  uint8_t verdict = 0;          // exit code of an orderly power-off, chosen by a test's host
};

// The most frames that one operation looks at: two buffers of 64 KiB that begin in mid-page, the nodes
// of two walks, two processes, their activities, endpoint, wrappers. They have to be in memory together.
inline constexpr CacheSlot frames_of_one_operation = 2 * (Pieces::count_max + walk_depth_max) + 16;

// What one message carries, wherever it comes from: registers, or a fault.
struct Outgoing {
  uint64_t words[message_word_count] = {};
  Capability capabilities[message_capability_count];
  Pieces bytes;
};

// The first thing that check_state found wrong.
struct StateMismatch {
  std::string_view what;
  FrameNumber frame;
};

// The next fault is a new one: nobody has been told of it.
inline void forget_refusals(ProcessControl& control) {
  control.flags &= ~(ProcessControl::flag_space_keeper_refused | ProcessControl::flag_with_own_keeper);
}

// The only way out of the wait for an answer: whatever resume capability there is, it is void from here.
inline void end_wait(ProcessControl& control, ProcessState state) {
  ++control.call_count;
  control.state = state;
}
inline void set_state(ProcessControl& control, ProcessState state) {
  if (control.state == ProcessState::waiting) return end_wait(control, state);
  control.state = state;
}

// Copies as many bytes as both have.
void copy_pieces(const Pieces& from, const Pieces& to);

class Kernel {
 public:
  // Finds what ran and makes it ready. The store is open.
  void start(const KernelOptions&, std::span<std::byte> table_memory);

  // A system call that needs nothing but what is at hand: done, and whose registers to load, its
  // address space loaded; or nullptr, and nothing has changed (fast_path.cpp).
  Registers* fast_path();
  // After an entry from user mode, whose registers are in the current process's frame.
  void entered(const Trap&);
  // Runs until there is a process to resume, and answers whose registers to load; the address
  // space is loaded. Sleeps while nobody is ready.
  Registers& next();
  // One round of next(), for tests on the host: nullptr while nobody is ready.
  Registers* try_next();

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
  KernelOptions options;
  uint64_t boot_epoch = 0;

  // --- prepare (may stall or refuse; changes nothing) --------------------------------------
  // It names this process, which is in memory.
  bool is_activity_of(const Activity& activity, const Process& process) {
    const auto from_first = reinterpret_cast<uintptr_t>(&process) - reinterpret_cast<uintptr_t>(store.body(0));
    const FrameDescriptor& frame = store.descriptor(static_cast<CacheSlot>(from_first / frame_bytes));
    return activity.process == ObjectId::of(frame.number) && activity.process_version == frame.identity.source;
  }
  // It can be bound to a process.
  Expected<bool, Outcome> is_unbound(ActivityRef);
  // The activity of a process that is about to change its state, its row writable.
  Expected<ActivityRef, Outcome> prepare_activity(Process&);
  // Bytes that the caller sends: walks its memory, faults the caller.
  Expected<Pieces, Outcome> prepare_source(Process& caller, uint64_t address, uint32_t length);
  // Room in the caller's own receive buffer, at most `length` bytes: faults the caller.
  Expected<Pieces, Outcome> prepare_own_buffer(Process& caller, uint32_t length);
  // All of the caller's receive buffer can be written: else faults the caller.
  Outcome probe_own_buffer(Process& caller);
  // Room in another process's buffer: what is not there is left out (the message is truncated);
  // only the disk can stall it.
  Expected<Pieces, Outcome> prepare_other_buffer(Process&, uint32_t length);

  // --- commit --------------------------------------------------------------------------------
  void set_running(const Commit&, Process&, ActivityRef);
  void set_not_running(const Commit&, Process&, ActivityRef, ProcessState);
  // To the end of its line.
  void make_ready(const Commit&, CacheSlot process, ActivityRef);
  // It runs at once, if nobody ready is more important; else it goes to the end of its line.
  void hand_over_to(const Commit&, CacheSlot process, ActivityRef);
  void forget_mappings(const Commit&, ObjectId node) { tables.forget_node(node); }
  // A slot of a node. Absent entries are never cached: only what fills a void one voids nothing.
  void change_slot(const Commit& committed, Capability& slot, const Capability& stored, ObjectId node) {
    if (!slot.is_void()) forget_mappings(committed, node);
    slot = stored;
  }

  // --- messages (messages.cpp) -----------------------------------------------------------------
  Outcome invoke_entry(Request&);
  Outcome invoke_resume(Request&);
  Outcome reply_and_wait(Process& caller);
  Outcome post_notice(Request&, Capability& receiver, uint64_t bits);
  // Answers a waiting process from the kernel. Prepares and commits.
  Outcome answer_caller(Capability& resume, Result);

  // --- destruction (destruction.cpp): each prepares and commits in bounded steps -----------------
  // Makes it safe to take a frame's contents away: nobody runs, waits or is mapped there.
  Outcome retire_frame(CacheSlot, FrameNumber);
  Outcome retire_object(CacheSlot, unsigned index, FrameNumber);
  Outcome stop_process(CacheSlot, Process&);
  // Ends the call in which it waits for a program, or at a clock or a console; false: it waits for none.
  Expected<bool, Outcome> interrupt_process(CacheSlot, Process&);
  // The same of a frame whose contents the disk does not give.
  void retire_lost_frame(CacheSlot, FrameNumber);

  // --- the restart list (restart_list.cpp): prepare before a row of activities is formatted, link after it
  Outcome prepare_activity_list();
  void link_activity_row(const Commit&, CacheSlot, FrameNumber);

  // --- the machine as a whole ----------------------------------------------------------------------
  void fill_status(SystemStatus&) const;
  void hold_current_until_commit();  // it has its answer, and waits until that is durable
  Process& process_at(CacheSlot slot) { return *reinterpret_cast<Process*>(store.bytes(slot)); }

  // The invariants between the objects in memory, and of the page tables; nullopt if all hold.
  // Loops over the whole cache: for --check boots and tests (state_check.cpp).
  std::optional<StateMismatch> check_state();

 private:
  void system_call();
  Outcome invoke(Process&);
  Outcome resolve(Request&, Capability*);
  void page_fault(const Trap&);
  void exception(const Trap&);
  void settle(const Outcome&);
  void answer_refusal(const Commit&, Process&, Result);
  void tell_keeper(const MemoryFault&, uint64_t address, bool write, bool execute);
  void enter_translation(Process&, const Trap&, const PageReached&);
  Outcome call_keeper(Process&, Capability& keeper, const Outgoing&, FaultCode, uint64_t address,
                      uint32_t detail, bool by_space);
  void stop_faulted(Process&, const MemoryFault&, uint64_t address, uint32_t detail);

  // state_check.cpp
  void check_if_asked();
  void check_progress(WaitChannel);
  void clear_stalls(ActivityRef);
  std::string_view check_process(CacheSlot);
  std::string_view check_activities(CacheSlot);

  // destruction.cpp
  Outcome answer_all(Capability*, size_t count);
  Outcome retire_process(CacheSlot);
  Outcome retire_activity(ActivityRef);
  Outcome retire_activity_row(CacheSlot);

  // restart_list.cpp
  struct Neighbours {  // of a row, writable; null: there is none that could be changed
    RowHeader* next = nullptr;
    RowHeader* previous = nullptr;
  };
  void await_disk();
  Expected<CacheSlot, Absent> obtain_at_start(FrameNumber);
  void find_what_ran();
  bool walk_restart_list(ActivityRef& list);
  void look_for_rows(ActivityRef& list);
  std::optional<CacheSlot> obtain_row_at_start(FrameNumber);
  void collect_what_ran(CacheSlot, ActivityRef& list);
  void make_restart_list_anew();
  Expected<Neighbours, Stall> prepare_neighbours(CacheSlot);
  void unlink_activity_row(const Commit&, CacheSlot, const Neighbours&);
  Expected<RowHeader*, Stall> prepare_row_header(FrameNumber);

  // fast_path.cpp
  struct Partner;
  bool find_partner(const Capability&, Partner&);
  Registers* change_over(Process&, ProcessState, const Partner&);
  Registers* call_fast(Process&, const Capability& invoked);
  Registers* reply_fast(Process&, const Capability& resume);
  Registers* type_fast(Process&, const Capability& invoked);

  // deadlines.cpp
  void arm_for_stall(ActivityRef, uint64_t deadline_ns, uint64_t wake_at_ns);
  void await_deadline(const Commit&, ActivityRef, uint64_t deadline_ns);
  void forget_deadline(ActivityRef);
  void strike_timers();
  void look_at_deadline(ActivityRef, CacheSlot);
  void end_call(const Commit&, Process&, ActivityRef, Result);

  // messages.cpp
  struct Receiver {  // waits open, can be written
    CacheSlot slot;
    ActivityRef activity;
    Pieces room;
    uint64_t endpoint_id;
    uint64_t entry_payload;
  };
  struct Waiting {  // waits for an answer, can be written
    CacheSlot slot;
    ActivityRef activity;
    Pieces room;
  };
  Expected<Receiver, Outcome> prepare_receiver(Capability& entry, uint32_t length);
  Expected<std::optional<Waiting>, Outcome> prepare_waiting(Capability& resume, uint32_t length);
  Expected<Outgoing, Outcome> outgoing(Process& caller);
  // `deadline_ns`: of a system call; 0: none.
  Outcome call_through(Process& caller, Capability& entry, const Outgoing&, const Request&,
                       uint64_t deadline_ns);
  Outcome send_through(Process& caller, Capability& entry, const Outgoing&, const Request&);
  void deliver(const Commit&, const Receiver&, Delivery, const Outgoing&, const Capability& resume, const Request&);
  bool finish_fault(ProcessControl&, Result);
  bool finish_call(const Commit&, const Waiting&, const Outgoing&);
  void deliver_notices(const Commit&, Process&);
  void give_way();
  void carry_out(const Trap&);

  // lines.cpp
  void join_line(ObjectId receiver);
  void look_again(CacheSlot receiver);
  void look_at_line(ActivityRef, CacheSlot);
  WaitChannel attempt_for(ActivityRef caller, CacheSlot receiver);
  Expected<CacheSlot, WaitChannel> prepare_caller(ActivityRef);
  void attempt_again();
  void attempt_after_restart();
  bool has_to_wait(ObjectId receiver, const Process&);
  bool is_line_closed(ObjectId receiver, uint8_t priority) const;
  void await_after_restart(Activity&);
  void no_longer_awaited(Activity&);
  void forget_place(Activity&);
  void note_priority();

  Expected<std::byte*, Outcome> own_page(Process&, uint64_t address, bool write);
  Outcome transfer(const Pieces& from, const Pieces& to);  // may have to give way between two pages
  bool must_give_way();
  Expected<Pieces, Outcome> own_pages(Process&, uint64_t address, uint32_t length, bool write);
  Expected<Pieces, Outcome> buffer_pages(Process&, uint32_t length, bool own);

  void stall_current(WaitChannel);
  void stall(ActivityRef, WaitChannel);
  bool choose();
  bool ready_to_resume();
  bool make_current_writable();
  void attend(ActivityRef, bool was_known);
  Expected<CacheSlot, Failure> prepare_to_run(ActivityRef);
  std::optional<Stall> fetch_clients(CacheSlot server);

  // disbelief.cpp
  bool is_bound(const Process&, ActivityRef);
  bool is_to_run(const Process&, ActivityRef);
  void put_to_rest(ActivityRef);
  void stall_unchosen(ActivityRef, const Failure&);
  void look_around();
  void attempt_out_of_turn(ActivityRef, CacheSlot);
  void housekeep(Pending);
  void tick();
  void maybe_declare();
  void make_chaos();
  void leave_stopped(FrameNumber);
  uint64_t random();

  const Trap* attempt_trap_ = nullptr;  // what the present attempt began with
  bool attempt_is_call_ = false;        // it is a system call
  // While a receiver takes a caller out of its line: who that is, and for whom; and what it stalled
  // for and yet keeps its place.
  ActivityRef taken_;
  CacheSlot taker_ = no_slot;
  WaitChannel taken_stalled_;
  ActivityRef gave_way_;  // the last one that had to, in the middle of a message, when it was taken
  // After a restart: how many stood in a line and have not come back, by line and priority.
  static constexpr size_t awaited_lines = 256;
  uint32_t awaited_[awaited_lines][priority_count] = {};
  uint32_t awaited_count_ = 0;
  uint64_t looked_at_slice_ns_ = 0;   // of who was prepared to run last
  Standing looked_at_;                // the same

  uint64_t random_state_ = 0;
  uint64_t ticks_ = 0;
  bool is_row_missing_ = false;  // of activities, at the start
  // --check boots: how often a process has stalled since it last got on. Two whose numbers collide
  // forget each other's count, which only makes the check milder.
  struct StallCount {
    ActivityRef who;
    uint32_t count = 0;
  };
  static constexpr size_t stall_counts = 64;
  StallCount stalls_[stall_counts];
};

}  // namespace perdure
