// SPDX-License-Identifier: MIT
//
// The trace ring: the last few hundred things the kernel did. Fixed size, overwritten for ever,
// written to the report area with an assertion's report and shown by `image report`.
#pragma once

#include <array>
#include <cstdint>

namespace perdure {

struct TraceEntry {
  // The numbers are part of the report's format.
  enum class Event : uint64_t {
    none = 0,
    invocation = 1,   // a: rax, b: method, process: caller
    stall = 2,        // a: wait channel
    fault = 3,        // a: address, b: fault code
    declare = 4,      // a: generation, b: new epoch
    committed = 5,    // a: generation, b: 1 if failed
    run = 6,          // process: the one that is chosen
    destroy = 7,      // a: object id
    boot = 8,         // a: boot epoch
  };
  Event event = Event::none;
  uint64_t process = 0;  // its frame; 0: the kernel itself
  uint64_t a = 0;
  uint64_t b = 0;
};
static_assert(sizeof(TraceEntry) == 32);

class Trace {
 public:
  static constexpr size_t entry_count = 384;

  void add(TraceEntry::Event event, uint64_t process, uint64_t a = 0, uint64_t b = 0) {
    entries_[next_] = {event, process, a, b};
    next_ = next_ + 1 == entry_count ? 0 : next_ + 1;
  }
  // Entry i, oldest first; Event::none while the ring is not full.
  const TraceEntry& at(size_t i) const { return entries_[(next_ + i) % entry_count]; }

 private:
  std::array<TraceEntry, entry_count> entries_{};
  size_t next_ = 0;
};

}  // namespace perdure
