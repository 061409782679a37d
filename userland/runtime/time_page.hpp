// SPDX-License-Identifier: MIT
//
// The time, read from a page: no call, no kernel entry. One page of the time server's storage,
// which one process of it refreshes; any number of clients map the same page, read-only.
//
//   const TimeReader time{page, server_entry};   // page: map_time_page()
//   Answer<TimeReading> now = time.now();        // at most one refresh old (time_page_refresh_ns)
//
// NO-TORN-TIME: the writer makes `sequence` odd, writes, makes it even; what was read between two
// looks at the same even number belongs together. A reader that finds it odd asks the server instead
// of waiting: the writer may be a process that cannot run.
//
// NO-OLD-TIME: after a power cut the page shows, until its first refresh, the time of the boot
// before. A reader cannot know how long ago that was; so the page carries its boot epoch, the
// processor tells the present one (RDTSCP, TSC_AUX holds its low 32 bits), and if they differ the
// reader asks the server, which asks the kernel. The processor is asked after the page was read.
//
// Between refreshes the time stands still: with the time stamp counter's progress added, a reading after
// the next refresh could show an earlier time than the reading before it.
#pragma once

#include <atomic>
#include <optional>

#include "userland/interfaces/clock.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/kernel_objects.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure {

inline constexpr uint64_t time_page_refresh_ns = 10'000'000;

struct TimePage {
  std::atomic<uint64_t> sequence = 0;  // odd: is being written. Half of it: refreshes so far
  std::atomic<uint64_t> machine_ns = 0;
  std::atomic<uint64_t> wall_seconds = 0;
  std::atomic<uint64_t> boot_epoch = 0;  // 0: nothing was written yet
};

// By one process only. A power cut in the middle leaves it odd; the writer goes on.
inline void write_time_page(TimePage& page, const TimeReading& time) {
  const uint64_t sequence = page.sequence.load(std::memory_order_relaxed);
  page.sequence.store(sequence + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  page.machine_ns.store(time.machine_ns, std::memory_order_relaxed);
  page.wall_seconds.store(time.wall_seconds, std::memory_order_relaxed);
  page.boot_epoch.store(time.boot_epoch, std::memory_order_relaxed);
  page.sequence.store(sequence + 2, std::memory_order_release);
}

// The low 32 bits of the boot epoch. Not before earlier loads are done: RDTSCP waits for them.
inline uint32_t boot_mark() {
  unsigned mark = 0;
  (void)__builtin_ia32_rdtscp(&mark);
  return mark;
}

// Nothing: it is being written, or it is of another boot than `present_mark` says.
template <typename Mark>
std::optional<TimeReading> read_time_page(const TimePage& page, Mark present_mark) {
  const uint64_t before = page.sequence.load(std::memory_order_acquire);
  const TimeReading read{.machine_ns = page.machine_ns.load(std::memory_order_relaxed),
                         .wall_seconds = page.wall_seconds.load(std::memory_order_relaxed),
                         .boot_epoch = page.boot_epoch.load(std::memory_order_relaxed)};
  std::atomic_thread_fence(std::memory_order_acquire);
  const uint64_t after = page.sequence.load(std::memory_order_relaxed);
  if (before != after || before % 2 != 0 || read.boot_epoch == 0) return std::nullopt;
  if (static_cast<uint32_t>(read.boot_epoch) != present_mark()) return std::nullopt;
  return read;
}

struct TimeReader {
  const TimePage* page = nullptr;
  CapabilityRegister server;

  Answer<TimeReading> now() const {
    if (const auto read = read_time_page(*page, boot_mark)) return *read;
    return Client<Clock>{server}.call<Clock::now>();
  }
};

// Puts a page, the only thing there, into the windows of the program that has this root node.
inline Answer<> map_in_window(NodeCapability space, MemoryCapability page, uint8_t restrictions,
                              CapabilityRegister scratch) {
  if (auto done = page.reduce(restrictions | restriction::no_execute, 0, scratch); !done) return done;
  return space.store(layout::window_slot, scratch);
}

inline Answer<const TimePage*> map_time_page(NodeCapability space, MemoryCapability page,
                                             CapabilityRegister scratch) {
  const auto done = map_in_window(space, page, restriction::read_only, scratch);
  if (!done) return std::unexpected(done.error());
  return reinterpret_cast<const TimePage*>(layout::window_start);
}

}  // namespace perdure
