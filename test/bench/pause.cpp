// SPDX-License-Identifier: MIT
//
// How long a snapshot stops everything: with few and with many processes, with little and with
// much that was changed since the one before. It is the kernel's own figure, which is in its
// nanoseconds; a loop tells how many instructions it counts for one.
#include "test/bench/bench.hpp"
#include "userland/runtime/bank_client.hpp"

namespace perdure {
namespace {

constexpr BankCapability bank{{9}};
constexpr CapabilityRegister own_space{10};
constexpr CapabilityRegister schedule{11};
constexpr ClockCapability clock{{12}};
constexpr ProcessCapability process{{13}};
constexpr CapabilityRegister activity{14};
constexpr PageCapability page{{15}};
constexpr PageCapability sample{{16}};

enum class Grows : uint64_t { processes = 1, dirty_pages = 2 };

constexpr unsigned few_processes = 100, many_processes = 10'000;
constexpr unsigned few_pages = 256, many_pages = 256 * 1024;  // 1 MiB, 1 GiB

void buy(Kind kind, CapabilityRegister into) { bench::must(bank.allocate(kind, into), "buying"); }

// Without a stack: reply_and_wait without a reply, again and again.
[[gnu::naked]] void waits_for_ever() {
  asm volatile(
      "1: movl $3, %eax\n\t xorl %ebx, %ebx\n\t xorl %r12d, %r12d\n\t xorl %r15d, %r15d\n\t"
      "syscall\n\t jmp 1b");
}

void make_idle_processes(unsigned count) {
  Registers values;
  values.rip = reinterpret_cast<uint64_t>(&waits_for_ever);
  for (unsigned i = 0; i < count; ++i) {
    buy(Kind::process, process.at);
    buy(Kind::activity, activity);
    bench::must(process.set_registers(values), "a process's registers");
    bench::must(process.store(process_slot::space, own_space), "its space");
    bench::must(process.store(process_slot::schedule, schedule), "its schedule");
    bench::must(process.start(activity), "starting it");
  }
}

// New pages, each with something in it.
void make_dirty_pages(unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    buy(Kind::page, page.at);
    bench::must(page.copy_from(sample), "filling a page");
  }
}

void refuse_unless_dirty(uint64_t frames) {
  const auto status = bench::must(bench::checkpoint.status(), "the status");
  if (status.frames_dirty < frames) bench::give_up("too little is dirty", Result::exhausted);
}

uint64_t instructions_of_ns(uint64_t duration_ns) {
  constexpr uint64_t rounds = 50'000'000;
  const auto before = bench::must(clock.now(), "the clock");
  const uint64_t instructions = instructions_of_known_loop(rounds);
  const auto after = bench::must(clock.now(), "the clock");
  const uint64_t passed_ns = after.machine_ns - before.machine_ns;
  return (duration_ns * instructions + passed_ns / 2) / passed_ns;
}

// The checkpoint before it makes everything clean, and lets the new processes come to rest.
uint64_t pause_with(unsigned dirty_pages) {
  bench::must(bench::checkpoint.take(), "a checkpoint");
  make_dirty_pages(dirty_pages);
  refuse_unless_dirty(dirty_pages);
  bench::must(bench::checkpoint.take(), "the checkpoint that is measured");
  return instructions_of_ns(bench::must(bench::checkpoint.status(), "the status").last_pause_ns);
}

void tell_ratio(std::string_view name, uint64_t more, uint64_t less) {
  bench::tell(name, more, less, "ratio");
}

}  // namespace

void program(uint64_t argument) {
  bench::begin();
  buy(Kind::page, sample.at);
  bench::must(sample.copy_from(sample), "a page from itself");
  make_idle_processes(few_processes);
  (void)pause_with(few_pages);
  const uint64_t pause = pause_with(few_pages);
  if (Grows{argument} == Grows::dirty_pages) {
    tell_ratio("pause_dirty_ratio", pause_with(many_pages), pause);
  } else {
    bench::tell("pause", pause);
    make_idle_processes(many_processes - few_processes);
    (void)pause_with(few_pages);
    tell_ratio("pause_processes_ratio", pause_with(few_pages), pause);
  }
  bench::finish();
}

}  // namespace perdure
