// SPDX-License-Identifier: MIT
//
// When a checkpoint is declared, and what follows from its commit: the processes that wait for it go on, and the
// power goes off if a program has asked for that. The store writes it (checkpoint/checkpointer.hpp).
//
//   epochs:   committed_  <=  declared_  <  the store's own, in which programs run now
//
// A process waits for the commit of an epoch, not of a generation: an attempt that fails takes its number with it, and the
// next one includes all that it had. What has been asked for and not been done is volatile: a restart forgets it.
#pragma once

#include <cstdint>

#include "checkpoint/store.hpp"
#include "kernel/run/machine_time.hpp"
#include "kernel/run/scheduler.hpp"
#include "kernel/trace.hpp"
#include "kernel/upkeep/announcements.hpp"

namespace perdure {

enum class Power : uint8_t { on, off, reboot };

class Checkpoints {
 public:
  constexpr Checkpoints(Store& store, Scheduler& scheduler, Announcements& announcements, Trace& trace)
      : store_(store), scheduler_(scheduler), announcements_(announcements), trace_(trace) {}

  // `exit_code`: of an orderly power-off (machine::power_off).
  void start(int exit_code);

  void request() { is_requested_ = true; }
  // When all that is changed until now is durable.
  void request_power(Power power);
  [[noreturn]] void cut_power(Power);  // at once, without a checkpoint

  bool may_declare(uint64_t now_ns) const;
  // The cut. Nothing runs, and no register is only in the processor. `began_ns`: when the machine began to stand still.
  void declare(uint64_t began_ns, const MachineTime&);
  void ended(Generation, bool failed);
  // Powers off, if that was asked for and all is done; else does nothing.
  void maybe_power();

  void fill_status(SystemStatus&, const MachineTime&) const;
  size_t generations(std::span<GenerationStatus> list) const { return store_.generations(list); }

 private:
  bool is_only_power_left() const { return power_ != Power::on && committed_ >= power_epoch_; }

  Store& store_;
  Scheduler& scheduler_;
  Announcements& announcements_;
  Trace& trace_;
  uint32_t declared_ = 0;   // the epoch that the pending generation ends
  uint32_t committed_ = 0;  // all changes up to its end are durable
  bool is_requested_ = false;
  bool has_told_failure_ = false;  // none has been committed since
  Power power_ = Power::on;
  uint32_t power_epoch_ = 0;  // the commit of this one comes first
  int exit_code_ = 0;
  uint64_t last_pause_ns_ = 0;
};

}  // namespace perdure
