// SPDX-License-Identifier: MIT
//
// The time server: one page of its storage shows the time (runtime/time_page.hpp). Its *ticker*, a
// second process in the same space, refreshes it, and sleeps in between. Clients share that page,
// so that a thousand of them cost what one does; a client that cannot use it asks with `now`.
#include "userland/interfaces/clock.hpp"

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/server.hpp"
#include "userland/runtime/system_objects.hpp"
#include "userland/runtime/time_page.hpp"

namespace perdure {

namespace {

constexpr BankCapability bank{registers::bank};
constexpr ClockCapability kernel_clock{registers::clock};
constexpr NodeCapability space{registers::space};
constexpr PageCapability page_writable{CapabilityRegister{9}};
constexpr CapabilityRegister page_readable{10};
constexpr CapabilityRegister mapped{11};
constexpr ProcessCapability ticker{CapabilityRegister{clock_ticker_register}};
constexpr CapabilityRegister activity{13};
constexpr ScheduleCapability schedule{CapabilityRegister{14}};

// As the image's ordinary programs: time is no more urgent than the programs that ask for it.
constexpr uint64_t ticker_priority = 4;
// The ticker's own registers.
constexpr ClockCapability ticker_clock{CapabilityRegister{3}};

TimePage& shown() { return *reinterpret_cast<TimePage*>(layout::window_start); }

Answer<TimeReading> ask_kernel(ClockCapability clock) {
  const auto time = clock.now();
  if (!time) return std::unexpected(time.error());
  return TimeReading{.machine_ns = time->machine_ns,
                     .wall_seconds = time->wall_seconds,
                     .boot_epoch = time->boot_epoch};
}

// After a restart it is woken at once, because the epoch is another.
[[noreturn]] void ticker_program() {
  while (true) {
    const auto time = ask_kernel(ticker_clock);
    if (!time) wait_for_ever();
    write_time_page(shown(), *time);
    (void)ticker_clock.wait_until(time->machine_ns + time_page_refresh_ns, time->boot_epoch);
  }
}

Answer<> make_page() {
  Answer<> done = bank.allocate(Kind::page, page_writable.at);
  if (done) done = map_in_window(space, page_writable, 0, mapped);
  if (done) done = page_writable.reduce(restriction::read_only | restriction::no_execute, 0, page_readable);
  return done;
}

Answer<> start_ticker(std::span<uint64_t> stack) {
  Registers values;
  values.rip = reinterpret_cast<uint64_t>(&ticker_program);
  // At a function's first instruction the stack pointer is a word below a multiple of 16.
  values.rsp = reinterpret_cast<uint64_t>(stack.data() + stack.size()) - 24;
  values.rflags = 0x202;  // interrupts on
  Answer<> done = bank.allocate(Kind::process, ticker.at);
  if (done) done = bank.allocate(Kind::activity, activity);
  if (done) done = bank.allocate(Kind::schedule, schedule.at);
  if (done) done = schedule.set({.priority = ticker_priority, .slice_ns = default_slice_ns});
  if (done) done = ticker.set_registers(values);
  if (done) done = ticker.store(process_slot::space, space.at);
  if (done) done = ticker.store(process_slot::schedule, schedule.at);
  if (done) done = ticker.store(ticker_clock.at.number, kernel_clock.at);
  if (done) done = ticker.start(activity);
  return done;
}

struct ClockState {
  Answer<> has_page;  // why there is none: the bank is too small
};

Answer<PassedCapability> page(ClockState& state, const Call&) {
  if (!state.has_page) return std::unexpected(state.has_page.error());
  return PassedCapability{page_readable};
}

Answer<TimeReading> now(ClockState&, const Call&) { return ask_kernel(kernel_clock); }

Answer<uint64_t> refreshes(ClockState& state, const Call&) {
  if (!state.has_page) return std::unexpected(state.has_page.error());
  return shown().sequence.load(std::memory_order_relaxed) / 2;
}

}  // namespace

void program(uint64_t) {
  alignas(16) static uint64_t stack[512] = {1};  // of data, not of bss: there from the beginning
  ClockState state{.has_page = make_page()};
  if (state.has_page) state.has_page = start_ticker(stack);
  serve<Clock, page, now, refreshes>(state);
}

}  // namespace perdure
