// SPDX-License-Identifier: MIT
//
// The kernel's loop: what happens between an entry from user mode and the next way back.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

constexpr uint64_t tick_ns = 2'000'000;
// A check of the whole state takes milliseconds.
constexpr uint64_t ticks_per_check = 128;
// Between two questions for what could not be read: they cost little while that is told from memory, and a read when it
// no longer is.
constexpr uint64_t ask_again_ns = 4'000'000'000;
// Steps of the checkpointer at one timer tick or disk completion while programs run.
constexpr unsigned steps_per_housekeeping = 32;

}  // namespace

void Kernel::start(const KernelOptions& chosen, std::span<std::byte> table_memory) {
  options = chosen;
  random_state_ = options.chaos_seed;
  lines.progress.start(options.check);
  if (options.slow) processor.become_slow(Processor::slow_by_choice);
  SystemStatus status;
  store.fill_status(status);
  time.start(store.system().machine_time_ns, status.boot_epoch);
  checkpoints.start(options.verdict == 0 ? machine::exit_code_orderly : options.verdict);
  scheduler.start(store);
  timers.start(store);
  assert_that(tables.start(table_memory, store), "the pool of page tables is large enough");
  machine::set_tick(tick_ns);
  machine::set_boot_mark(static_cast<uint32_t>(time.boot_epoch()));
  trace.add(TraceEntry::Event::boot, 0, time.boot_epoch());
  restart_list.find_what_ran();
  for (unsigned i = 0; i < options.leave_stopped_count; ++i) leave_stopped(options.leave_stopped[i]);
}

// For the boot option leave-stopped: stops a process that keeps a person from the prompt. In later boots it
// does not go on either, until a program that holds it starts it.
void Kernel::leave_stopped(FrameNumber frame) {
  for (;;) {
    const auto slot = restart_list.obtain_at_start(frame);
    if (!slot || store.descriptor(*slot).identity.kind != Kind::process) break;
    const Outcome stopped = states.stop(*slot, process_in(store, *slot));
    if (!stopped.is_obstacle()) return announcements.tell_at_start("left stopped: the process in frame", frame.value);
    restart_list.await_disk();
  }
  announcements.tell_at_start("no process can be left stopped in frame", frame.value);
}

void Kernel::entered(const Trap& trap) {
  if (processor.activity().queue_flags != 0) [[unlikely]] scheduler.forget_wake(processor.ref());
  carry_out(trap);
  lines.progress.gets_on(processor.ref());
}

void Kernel::carry_out(const Trap& trap) {
  attempt.begin(trap);
  switch (trap.reason) {
    case Trap::Reason::system_call: system_call(); break;
    case Trap::Reason::page_fault: faults.page_fault(trap); break;
    case Trap::Reason::exception: faults.exception(trap); break;
    case Trap::Reason::fpu_absent: processor.give_fpu(); break;
    case Trap::Reason::interrupt: break;
  }
  attempt.end();
}

Registers& Kernel::next() {
  for (;;) {
    if (Registers* registers = try_next()) return *registers;
    if (store.poll(machine::now_ns())) machine::let_interrupts_in();
    else if (!scheduler.anything_ready()) machine::idle();
  }
}

Registers* Kernel::try_next() {
  const Pending pending = machine::take_pending();
  if (pending.is_anything() || !processor.has_current() || options.chaos_seed != 0) [[unlikely]] housekeep(pending);
  while (processor.has_current() || choose()) {
    if (!ready_to_resume()) continue;
    const uint32_t trap = processor.process().control.untold_trap;
    if (trap == 0) [[likely]] return &processor.process().registers;
    entered({.reason = Trap::Reason::exception, .vector = static_cast<uint8_t>(trap)});
  }
  return nullptr;
}

// Looks at ready processes, the most important first, until one can run and is current; true if there is one. It
// looks at a limited number, so that what else there is to do is done in between.
[[gnu::noinline]] bool Kernel::choose() {
  constexpr unsigned looked_at_max = 32;
  for (unsigned i = 0; i < looked_at_max && scheduler.anything_ready(); ++i) {
    const auto [ref, was_known] = scheduler.take_highest();
    store.pin(ref.slot());
    attend(ref, was_known);
    store.unpin(ref.slot());
    if (processor.has_current()) return true;
    machine::let_interrupts_in();
    if (machine::is_timer_pending()) return false;  // that may wake a more important process
  }
  return false;
}

// The turn of an activity has come: its process runs, or is found to belong elsewhere, or its deadline or the
// line of its callers is to be looked at.
void Kernel::attend(ActivityRef ref, bool was_known) {
  const auto process = prepare_to_run(ref);
  const Activity& activity = scheduler.at(ref);
  if (!process) return stall_unchosen(ref, process.error());
  if (activity.awaits_deadline) return look_at_deadline(ref, *process);
  if (!activity.runnable) return look_at_line(ref, *process);
  if (activity.is_awaited) [[unlikely]] return attempt_out_of_turn(ref, *process);
  // A process that had to be looked at first is the last among its equals.
  if (scheduler.highest_ready() >= looked_at_.priority + was_known) return scheduler.make_ready(ref, looked_at_);
  processor.become_current(*process, ref);
  processor.begin_slice(looked_at_slice_ns_ != 0 ? looked_at_slice_ns_ : default_slice_ns);
  trace.add(TraceEntry::Event::run, activity.process.frame().value);
}

// A process that cannot be read waits until its frame can be: its activity keeps a place in line.
void Kernel::stall_unchosen(ActivityRef ref, const Failure& failure) {
  if (failure.why == Failure::Why::stall) return lines.stall(ref, failure.stall.until);
  if (failure.why == Failure::Why::void_capability) return states.put_to_rest(ref);
  const uint64_t frame = scheduler.at(ref).process.frame().value;
  announcements.warn("a process cannot be read and does not run; its frame is", frame);
  lines.no_longer_awaited(scheduler.at(ref));
  lines.stall(ref, WaitChannel::of(WaitChannel::Reason::frame_unread));
}

// Finds the process of an activity, and looks at its schedule. A process without a schedule, or with
// one that cannot be read, runs at the lowest priority.
Expected<CacheSlot, Failure> Kernel::prepare_to_run(ActivityRef ref) {
  const Activity& activity = scheduler.at(ref);
  Capability bound = process_of(activity);
  const auto found = look_up(store, bound);
  if (!found) return std::unexpected(found.error());
  Process& process = process_in(store, found->slot);
  if (!states.is_to_run(process, ref)) return std::unexpected(Failure::is_void());
  looked_at_slice_ns_ = 0;
  if (process.schedule.type == CapabilityType::schedule && process.control.lost_schedule_stamp != scheduler.priorities.stamp()) {
    const auto schedule = look_up(store, process.schedule);
    if (!schedule && schedule.error().why == Failure::Why::stall) return std::unexpected(schedule.error());
    // The schedule is not asked for again until some schedule changes, or ask_again().
    if (!schedule) process.control.lost_schedule_stamp = scheduler.priorities.stamp();
    if (!schedule && schedule.error().why == Failure::Why::unreadable) half_known_.note(ref);
    if (schedule) looked_at_slice_ns_ = row_object<Schedule>(store.bytes(schedule->slot), schedule->index)->slice_ns;
  }
  const auto clients = states.fetch_clients(found->slot);
  if (!clients) return std::unexpected(Failure::not_now(clients.error()));
  if (!*clients) half_known_.note(ref);
  looked_at_ = scheduler.priorities.lent(found->slot, scheduler.priorities.standing(process));
  looked_at_.is_known = true;
  return found->slot;
}

// The turn of an activity has come although its process waits for an answer. Both frames become writable, or the
// activity waits for that in line.
void Kernel::look_at_deadline(ActivityRef ref, CacheSlot slot) {
  Process& process = process_in(store, slot);
  const uint64_t deadline_ns = process.registers.r15;
  scheduler.forget_wake(ref);
  if (!time.has_passed(deadline_ns)) return deadlines.arm(ref, deadline_ns);
  const auto activity = states.prepare_activity(process);
  const Outcome outcome = activity ? attempt.prepare_write(slot, Need::reserve) : activity.error();
  // Nothing is refused: is_to_run has looked at process and activity.
  if (outcome.is_obstacle()) return lines.stall(ref, outcome.stall.until);
  const Commit committed = attempt.commit();
  states.end_call(committed, process, ref, Result::timed_out);
  states.make_ready(committed, ref);
}

// A process that is ready and has not been looked at may be more important than it was: a few are
// looked at while a busy program runs.
void Kernel::look_around() {
  constexpr unsigned looked_at_max = 4;
  for (unsigned i = 0; i < looked_at_max; ++i) {
    const ActivityRef ref = scheduler.take_unlooked();
    if (ref.is_none()) return;
    store.pin(ref.slot());
    const auto process = prepare_to_run(ref);
    if (!process) stall_unchosen(ref, process.error());
    else if (scheduler.at(ref).awaits_deadline) look_at_deadline(ref, *process);
    else if (scheduler.at(ref).is_awaited) attempt_out_of_turn(ref, *process);
    else scheduler.make_ready(ref, looked_at_);
    store.unpin(ref.slot());
  }
}

// Establishes CURRENT-WHILE-RUNNING, and loads the space. False: the current process had to stall.
bool Kernel::ready_to_resume() {
  const bool is_writable = store.is_current(processor.slot()) && store.is_current(processor.ref().slot());
  if (!is_writable && !make_current_writable()) return false;
  processor.load_current();
  return true;
}

[[gnu::noinline]] bool Kernel::make_current_writable() {
  for (const CacheSlot slot : {processor.slot(), processor.ref().slot()}) {
    if (store.is_current(slot)) continue;
    if (const auto dirty = store.make_dirty(slot, Need::reserve); !dirty) {
      lines.stall_current(dirty.error().until);
      return false;
    }
  }
  lines.note_priority();
  return true;
}

// --- between programs ---------------------------------------------------------------------------------

[[gnu::noinline]] void Kernel::housekeep(Pending pending) {
  const bool is_store_looked_after = pending.timer || pending.disk || !processor.has_current();
  if (is_store_looked_after) {
    // Before the first step, too: what came before may have been long itself.
    machine::let_interrupts_in();
    for (unsigned i = 0; i < steps_per_housekeeping && store.poll(machine::now_ns()); ++i) {
      machine::let_interrupts_in();
    }
    pending.add(machine::take_pending());  // a tick among them does not wait for the next one
  }
  if (pending.console) console.read_device();
  if (pending.timer) {
    deadlines.strike();
    scheduler.wake_some_for_store();
    ask_again();
    if (processor.has_current()) look_around();
    tick();
  }
  if (is_store_looked_after) {
    maybe_declare();
    checkpoints.maybe_power();
  }
  if (options.chaos_seed != 0) [[unlikely]] make_chaos();
  if (options.check && pending.timer && ++ticks_ % ticks_per_check == 0) [[unlikely]] check_if_asked();
}

// The disk may give a process again that it did not give, or what says how important it is. Each is tried in turn.
void Kernel::ask_again() {
  const uint64_t now_ns = machine::now_ns();
  if (now_ns < ask_again_at_ns_) return;
  ask_again_at_ns_ = now_ns + ask_again_ns;
  scheduler.wake_one_unread();
  const ActivityRef ref = half_known_.take();
  if (!ref.is_none()) scheduler.look_again(ref);
}

void Kernel::tick() {
  if (!processor.has_current()) return;
  // An equal waits for the end of the slice, a more important process does not.
  const int lead = scheduler.highest_ready() - int{scheduler.priorities.running_priority(processor.slot())};
  if (lead <= 0 && !processor.has_slice_ended(machine::now_ns())) return;
  if (lead < 0) {  // no process to give way to; the process that it hands over to will give way
    processor.note_overdue();
    return;
  }
  const ActivityRef activity = processor.ref();
  processor.leave_current();
  scheduler.make_ready(activity);
}

// The snapshot: nothing runs, and what the processor has of a process goes to its frame.
void Kernel::maybe_declare() {
  const uint64_t begin = machine::now_ns();
  if (!checkpoints.may_declare(begin)) return;
  processor.release_fpu();
  if (options.check) [[unlikely]] check_if_asked();
  checkpoints.declare(begin, time);
}

// --- chaos: everything that is a cache may be dropped at any instant (P6) ------------------------------

uint64_t Kernel::random() {
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return random_state_ * 0x2545f4914f6cdd1d;
}

void Kernel::make_chaos() {
  const uint64_t dice = random();
  processor.no_longer_slow(Processor::slow_by_choice);
  if (options.slow || dice & 1) processor.become_slow(Processor::slow_by_choice);
  if (dice % 16 == 0) tables.drop_random(random());
  if (dice % 61 == 0) tables.forget_all();
  // A wrong hint costs a look into the hash table.
  if (processor.has_current()) {
    processor.process().capability_registers[random() % capability_register_count].hint = static_cast<uint32_t>(random());
  }
  // A frame fetched for a process stays until that process has tried (progress).
  if (dice % 8 == 1 && scheduler.woken_count() == 0) {
    const CacheSlot slot = store.random_droppable(random());
    if (slot != no_slot) store.drop(slot);
  }
}

}  // namespace perdure
