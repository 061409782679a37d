// SPDX-License-Identifier: MIT
//
// The machine of kernel/machine.hpp on the host: an arena for physical memory (an address is an
// offset in it), a clock that the test turns, a console of two buffers, and a software MMU. With
// it the whole generic kernel runs under a debugger and sanitizers.
//
// The MMU is as strict as the processor's manual allows (Intel SDM volume 3, chapter 4.10):
//  - every level of the walk must allow the access: present, user, writable, executable;
//  - translations, and the upper three levels of a walk per 2 MiB, are cached for ever until they
//    are flushed, so that a forgotten flush shows;
//  - a cached entry with fewer rights than memory now has faults once more (a spurious fault);
//    the fault drops what is cached for its address;
//  - absent entries are never cached; accessed and dirty bits are set.
//
// There is one machine, since machine:: is a set of free functions: fake_machine().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "checkpoint/disk.hpp"
#include "kernel/machine.hpp"
#include "objects/expected.hpp"

namespace perdure {

// Thrown by fake_kernel_bug.cpp, which tests link that do without the kernel's own kernel_bug.
struct KernelBug : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct FakePageFault {
  uint64_t address = 0;
  bool write = false;
  bool execute = false;
  bool present = false;        // a translation is there, and forbids the access
  bool non_canonical = false;  // the processor would raise a protection fault (vector 13) instead

  Trap trap() const {
    return {.reason = Trap::Reason::page_fault, .address = {address}, .write = write, .execute = execute};
  }
};

// How kernel code left for good.
struct Departure {
  enum class To : uint8_t { nowhere, user, power_off, reset };
  To to = To::nowhere;             // nowhere: it returned
  Registers* registers = nullptr;  // user
  int exit_code = 0;               // power_off
};

struct FakeCounters {
  uint64_t root_loads = 0;
  uint64_t full_flushes = 0;    // flush_translations; not those that a root load implies
  uint64_t single_flushes = 0;  // flush_translation
  uint64_t page_faults = 0;
  uint64_t table_walks = 0;     // accesses that no cached translation answered
  uint64_t idle_calls = 0;
};

class FakeMachine {
 public:
  static constexpr size_t memory_bytes_default = 64u << 20;

  FakeMachine() { power_on(); }

  // As after the power button: memory zero, all else as it was on the first day. Hooks are gone.
  void power_on(size_t memory_bytes = memory_bytes_default);

  // --- memory -----------------------------------------------------------------------------
  // Zeroed pages, for whatever a kernel would divide the memory into. Nothing else of it can be reached.
  std::span<std::byte> take_pages(size_t count);

  // --- user mode: one byte accessed; the pointer is good to the end of its page -------------
  Expected<std::byte*, FakePageFault> load(uint64_t address) { return access(address, false, false); }
  Expected<std::byte*, FakePageFault> store(uint64_t address) { return access(address, true, false); }
  Expected<std::byte*, FakePageFault> fetch(uint64_t address) { return access(address, false, true); }
  // A value within one page. `Value` is trivially copyable.
  template <typename Value>
  Expected<Value, FakePageFault> load_value(uint64_t address) {
    const auto byte = load(address);
    if (!byte) return std::unexpected(byte.error());
    Value value;
    std::memcpy(&value, *byte, sizeof(value));
    return value;
  }
  template <typename Value>
  Expected<void, FakePageFault> store_value(uint64_t address, const Value& value) {
    const auto byte = store(address);
    if (!byte) return std::unexpected(byte.error());
    std::memcpy(*byte, &value, sizeof(value));
    return {};
  }
  // The leaf entry that a walk from the loaded root finds now, past all caches; 0 if none.
  uint64_t entry_at(uint64_t address) const;
  // An address for which something is cached that the tables in memory do not say (any more), or
  // that allows more than they do: a flush was forgotten, or is still to come.
  std::optional<uint64_t> stale_translation() const;

  // --- time ---------------------------------------------------------------------------------
  void advance(uint64_t ns);                 // raises the timer if a tick is due
  uint64_t now_ns = 0;
  uint64_t step_ns = 0;                      // now_ns moves on by this at each look
  uint64_t wall_seconds_at_boot = 1'700'000'000;
  uint64_t tick_period_ns = 0;               // what the kernel asked for
  std::function<void()> on_clock_read;       // before each look at it, by the kernel

  // --- devices ---------------------------------------------------------------------------------
  Pending pending;                           // raised; take_pending clears it
  Disk* disk = nullptr;                      // if there is one, each take_pending says `disk`
  std::string console_output;
  std::deque<char> console_input;
  void type(std::string_view text);          // and raises the console's interrupt
  std::optional<uint64_t> random_state = 1;  // none: the processor has no hardware randomness

  // --- idle, leaving ------------------------------------------------------------------------------
  // What happens while the processor sleeps. Without a hook time passes until the next tick.
  std::function<void()> on_idle;
  uint64_t idle_limit = 1'000'000;           // then the test is stopped: the kernel waits for ever
  // Called instead of stopping the test. They must not return: throw, or use run().
  std::function<void(Registers&)> on_resume_user;
  std::function<void()> on_interrupt_window;  // between two steps of something long
  std::function<void(int exit_code)> on_power_off;
  std::function<void()> on_reset;
  // Runs kernel code until it leaves for user mode or for good. The kernel's frames are unwound,
  // as its one stack is abandoned on the real machine.
  template <typename KernelCode>
  Departure run(KernelCode&& code) {
    const bool before = std::exchange(leaves_by_throwing_, true);
    Departure departure;
    try {
      std::forward<KernelCode>(code)();
    } catch (const Departure& left) {
      departure = left;
    }
    leaves_by_throwing_ = before;
    return departure;
  }

  // --- floating point ----------------------------------------------------------------------------
  static constexpr size_t fpu_bytes = fpu_area_bytes;
  bool fpu_enabled = false;
  // The kernel loads nothing but what it has saved, or given its initial state. An image that was forged may hold anything,
  // which the real machine corrects (kernel/arch/x86_64/fpu.cpp). Not reset by power_on.
  bool takes_any_fpu_area = false;
  std::byte fpu_registers[fpu_bytes] = {};

  FakeCounters counters;

 private:
  friend struct MachineCalls;  // the functions of machine::, in fake_machine.cpp

  struct Rights {
    bool writable = true;
    bool executable = true;
    bool user = true;
    void restrict_by(uint64_t entry);
    bool allows_more_than(const Rights&) const;
  };
  struct CachedPage {
    uint64_t physical = 0;
    Rights rights;
    bool dirty = false;
  };
  struct CachedWalk {
    uint64_t leaf_table = 0;
    Rights rights;
  };
  struct ReleaseArena {
    void operator()(std::byte* arena) const;
  };

  Expected<std::byte*, FakePageFault> access(uint64_t address, bool write, bool execute);
  std::unexpected<FakePageFault> fault(uint64_t address, bool write, bool execute, bool present);
  std::optional<CachedWalk> walk_to_leaf_table(uint64_t address, bool mark_accessed) const;
  uint64_t* table_at(uint64_t physical) const;
  uint64_t* entry_in(uint64_t table, uint64_t address, unsigned level) const;
  [[noreturn]] void leave(const Departure&);

  std::unique_ptr<std::byte, ReleaseArena> arena_;
  size_t arena_bytes_ = 0;
  size_t taken_bytes_ = 0;  // from the start of the arena
  uint64_t root_ = 0;
  uint64_t next_tick_ns_ = 0;
  bool leaves_by_throwing_ = false;
  std::unordered_map<uint64_t, CachedPage> cached_pages_;  // by address / 4 KiB
  std::unordered_map<uint64_t, CachedWalk> cached_walks_;  // by address / 2 MiB
};

FakeMachine& fake_machine();

}  // namespace perdure
