// SPDX-License-Identifier: MIT
//
// The console as the kernel keeps it for programs: what was typed and has not been read, and how often something was
// written. Volatile: what was typed and not read is gone with the power.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernel/run/scheduler.hpp"

namespace perdure {

class Console {
 public:
  explicit constexpr Console(Scheduler& scheduler) : scheduler_(scheduler) {}

  // Takes what the device has, as far as there is room, and wakes the processes that wait for input.
  void read_device();
  std::optional<char> take();
  bool has_interrupt() const;  // a ^C that no program has read
  bool take_interrupt();       // drops what stands before it, and it

  // A reader that shows what is being typed shows it again when anything else has been written: it is woken, too.
  void was_written();
  uint64_t writes() const { return writes_; }  // in this boot

 private:
  static constexpr size_t ring_bytes = 1024;

  Scheduler& scheduler_;
  char ring_[ring_bytes] = {};
  size_t head_ = 0;
  size_t count_ = 0;
  uint64_t writes_ = 0;
};

}  // namespace perdure
