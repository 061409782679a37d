// SPDX-License-Identifier: MIT
#include "kernel/upkeep/checkpoints.hpp"

#include "kernel/machine.hpp"

namespace perdure {

void Checkpoints::start(int exit_code) {
  exit_code_ = exit_code;
  committed_ = store_.epoch() - 1;
}

void Checkpoints::request_power(Power power) {
  power_ = power;
  power_epoch_ = store_.epoch();
}

bool Checkpoints::may_declare(uint64_t now_ns) const {
  if (is_only_power_left()) return false;
  return (is_requested_ || store_.due(now_ns)) && store_.can_declare() && store_.anything_dirty();
}

// The only moment when nothing runs. No loop over frames, tables, capabilities or processes: the epoch moves, and the
// next write finds its frame frozen.
void Checkpoints::declare(uint64_t began_ns, const MachineTime& time) {
  SystemState& system = store_.system();
  system.machine_time_ns = time.now_ns();
  system.wall_seconds = machine::wall_clock_seconds();
  declared_ = store_.epoch();
  const Generation generation = store_.declare(began_ns, system.wall_seconds);
  is_requested_ = false;
  trace_.add(TraceEntry::Event::declare, 0, generation.value, store_.epoch());
  last_pause_ns_ = machine::now_ns() - began_ns;
}

void Checkpoints::ended(Generation generation, bool failed) {
  trace_.add(TraceEntry::Event::committed, 0, generation.value, failed);
  if (failed) {
    announcements_.warn("a checkpoint could not be written; the machine runs on, and nothing is safe since checkpoint",
                        store_.committed_generation().value);
    has_told_failure_ = is_requested_ = true;
    return;
  }
  if (has_told_failure_) announcements_.tell("checkpoints are written again:", generation.value);
  has_told_failure_ = false;
  while (committed_ < declared_) scheduler_.wake_all(WaitChannel::of(WaitChannel::Reason::commit, ++committed_));
}

void Checkpoints::fill_status(SystemStatus& status, const MachineTime& time) const {
  store_.fill_status(status);
  status.image_age_ns = time.now_ns();
  status.uptime_ns = time.uptime_ns();
  status.last_pause_ns = last_pause_ns_;
}

// From the first write of the clean mark on nothing runs any more: nothing comes after it. The machine sleeps between
// the disk's interrupts.
void Checkpoints::maybe_power() {
  if (!is_only_power_left() || !store_.can_declare()) return;
  store_.start_clean_mark();
  while (!store_.clean_mark_ended()) {
    machine::take_pending();  // else there would be no sleep
    if (store_.poll(machine::now_ns())) machine::let_interrupts_in();
    else machine::idle();
  }
  if (!*store_.clean_mark_ended()) announcements_.warn("the clean mark could not be written");
  cut_power(power_);
}

void Checkpoints::cut_power(Power power) {
  if (power == Power::reboot) machine::reset();
  machine::power_off(exit_code_);
}

}  // namespace perdure
