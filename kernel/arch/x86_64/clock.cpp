// SPDX-License-Identifier: MIT
//
// Both rates are measured against the 8254 timer chip, which has a fixed rate. The processor halts
// meanwhile and the chip's interrupt wakes it: a busy wait would take seconds where every
// instruction is counted (QEMU -icount), a halt takes none there. How late it wakes does not
// matter, since all three counters are read together, before and after; but a virtual machine
// that its host leaves standing for longer than the chip's 55 ms takes a wrong measure. So a
// measure counts only when the next one agrees with it.
#include "kernel/arch/x86_64/clock.hpp"

#include <cstdint>

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/interrupts.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/power.hpp"
#include "kernel/arch/x86_64/real_time_clock.hpp"
#include "kernel/machine.hpp"

namespace perdure {

namespace {

using Wide = unsigned __int128;

constexpr uint64_t chip_hz = 1'193'182;
constexpr uint16_t chip_interval = 5'966;  // 5 ms
constexpr uint16_t chip_channel_0 = 0x40, chip_command = 0x43;
constexpr uint8_t count_down_once = 0x30, latch = 0x00;
constexpr uint32_t apic_watchdog_count = 200'000'000;  // seconds, at any rate that exists
constexpr uint64_t nanoseconds = 1'000'000'000;
constexpr uint64_t tick_period_max_ns = 2 * nanoseconds;

constinit uint64_t stamp_at_start = 0;
constinit uint64_t ns_per_stamp = 0;   // 32 binary places
constinit uint64_t counts_per_ns = 0;  // of the local timer, 32 binary places
constinit uint64_t last_ns = 0;

struct Reading {
  uint16_t chip;
  uint64_t stamp;
  uint32_t local;
};

struct Rates {
  uint64_t stamp_hz = 0;
  uint64_t local_hz = 0;
};

// The three counters at one instant: of several attempts the one that was disturbed least.
Reading read_counters() {
  Reading best{};
  uint64_t shortest = ~uint64_t{0};
  for (int attempt = 0; attempt < 5; ++attempt) {
    const uint64_t begin = instruction::read_time_stamp();
    instruction::out8(chip_command, latch);
    const uint32_t local = local_timer_count();
    const uint64_t duration = instruction::read_time_stamp() - begin;
    const uint8_t low = instruction::in8(chip_channel_0);
    const uint8_t high = instruction::in8(chip_channel_0);
    if (duration >= shortest) continue;
    shortest = duration;
    best = {static_cast<uint16_t>(high << 8 | low), begin + duration / 2, local};
  }
  return best;
}

void start_chip() {
  instruction::out8(chip_command, count_down_once);
  instruction::out8(chip_channel_0, chip_interval & 0xff);
  instruction::out8(chip_channel_0, chip_interval >> 8);
}

void wait_for_chip() {
  while (!take_legacy_timer()) {
    instruction::wait_for_interrupt();
    if (machine::take_pending().timer) refuse_to_start("the 8254 timer does not interrupt");
  }
}

// Counts per second from counts per `chip_ticks` of the chip.
uint64_t rate_hz(uint64_t counts, uint64_t chip_ticks) { return counts * chip_hz / chip_ticks; }

Rates measure() {
  start_local_timer_once(apic_watchdog_count);
  start_chip();
  const Reading before = read_counters();
  wait_for_chip();
  const Reading after = read_counters();
  const auto chip_ticks = static_cast<uint16_t>(before.chip - after.chip);
  if (chip_ticks == 0) return {};
  return {rate_hz(after.stamp - before.stamp, chip_ticks),
          rate_hz(before.local - after.local, chip_ticks)};
}

bool agree(uint64_t left_hz, uint64_t right_hz) {
  const uint64_t difference = left_hz > right_hz ? left_hz - right_hz : right_hz - left_hz;
  return left_hz != 0 && difference <= left_hz / 100;
}

Rates measure_until_stable() {
  constexpr int attempts_max = 50;
  Rates last = measure();
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    const Rates next = measure();
    if (agree(last.stamp_hz, next.stamp_hz) && agree(last.local_hz, next.local_hz)) return next;
    last = next;
  }
  refuse_to_start("the processor's clocks cannot be measured");
}

}  // namespace

void set_up_clock() {
  enable_legacy_line(vector::legacy_timer);
  const Rates rates = measure_until_stable();
  disable_legacy_line(vector::legacy_timer);
  instruction::out8(chip_command, count_down_once);  // without a count: it stands still
  stop_local_timer();
  machine::take_pending();
  ns_per_stamp = (nanoseconds << 32) / rates.stamp_hz;
  counts_per_ns = (rates.local_hz << 32) / nanoseconds;
  stamp_at_start = instruction::read_time_stamp();
  set_up_real_time_clock();
}


uint64_t machine::now_ns() {
  const uint64_t stamps = instruction::read_time_stamp() - stamp_at_start;
  const auto now = static_cast<uint64_t>(Wide{stamps} * ns_per_stamp >> 32);
  if (now > last_ns && static_cast<int64_t>(stamps) >= 0) last_ns = now;
  return last_ns;
}

void machine::set_tick(uint64_t period_ns) {
  if (period_ns == 0) {
    stop_local_timer();
    return;
  }
  const uint64_t period = period_ns < tick_period_max_ns ? period_ns : tick_period_max_ns;
  const auto count = static_cast<uint64_t>(Wide{period} * counts_per_ns >> 32);
  start_local_timer_periodic(count == 0 ? 1 : static_cast<uint32_t>(count));
}

}  // namespace perdure
