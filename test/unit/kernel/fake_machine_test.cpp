// SPDX-License-Identifier: MIT
//
// Tries to get the fake machine's MMU to let pass what the processor would not: every right taken
// away on every level, and everything cached that memory no longer says. The tests of page tables
// are worth what this one is.
#include <catch2/catch.hpp>

#include "kernel/memory/page_table_entry.hpp"
#include "test/support/fake_machine.hpp"

using namespace perdure;

namespace pte = perdure::page_table_entry;

namespace {

constexpr uint64_t address = 0x1234'5678'9000;

// One page, mapped through four tables that allow everything.
struct OnePage {
  FakeMachine& machine = fake_machine();
  std::span<std::byte> pages;

  OnePage() {
    machine.power_on(1 << 20);
    pages = machine.take_pages(pte::levels + 1);
    for (unsigned level = 0; level < pte::levels; ++level) {
      entry(level) = physical(level == 0 ? pte::levels : level - 1) | pte::present | pte::writable | pte::user;
    }
    machine::install_kernel_half(reinterpret_cast<uint64_t*>(machine::memory_at({physical(3)})));
    machine::load_root({physical(3)});
  }
  uint64_t physical(unsigned page) { return machine::physical_address_of(pages.data() + page * 4096).value; }
  uint64_t& entry(unsigned level) {
    return reinterpret_cast<uint64_t*>(pages.data() + level * 4096)[pte::index_of(address, level)];
  }
  std::byte* page() { return pages.data() + pte::levels * 4096; }
};

}  // namespace

TEST_CASE_METHOD(OnePage, "what every level allows is done, and noted as accessed and dirty") {
  CHECK(*machine.load(address + 5) == page() + 5);
  CHECK_FALSE(pte::is_dirty(entry(0)));
  CHECK(*machine.store(address) == page());
  CHECK(*machine.fetch(address) == page());
  for (unsigned level = 0; level < pte::levels; ++level) CHECK(pte::is_accessed(entry(level)));
  CHECK(pte::is_dirty(entry(0)));
  CHECK(machine.counters.page_faults == 0);
}

TEST_CASE_METHOD(OnePage, "a right that any one level withholds is not there") {
  for (unsigned level = 0; level < pte::levels; ++level) {
    const uint64_t whole = entry(level);
    const auto faults = [&](uint64_t changed) {
      entry(level) = changed;
      machine::flush_translations();
      return std::array{!machine.load(address), !machine.store(address), !machine.fetch(address)};
    };
    CAPTURE(level);
    CHECK(faults(whole & ~pte::present) == std::array{true, true, true});
    CHECK(faults(whole & ~pte::user) == std::array{true, true, true});
    CHECK(faults(whole & ~pte::writable) == std::array{false, true, false});
    CHECK(faults(whole | pte::no_execute) == std::array{false, false, true});
    CHECK(faults(whole) == std::array{false, false, false});
  }
}

TEST_CASE_METHOD(OnePage, "a fault says what was tried and whether something is there") {
  entry(0) &= ~pte::writable;
  const auto forbidden = machine.store(address);
  REQUIRE_FALSE(forbidden);
  CHECK(forbidden.error().present);
  const Trap trap = forbidden.error().trap();
  CHECK((trap.reason == Trap::Reason::page_fault && trap.address == UserAddr{address} && trap.write && !trap.execute));
  const auto absent = machine.fetch(address + 4096);
  REQUIRE_FALSE(absent);
  CHECK_FALSE(absent.error().present);
  CHECK(absent.error().trap().execute);
  CHECK_FALSE(machine.load(0xffff'8000'0000'0000));  // the kernel's half
  CHECK(machine.load(0x0000'8000'0000'0000).error().non_canonical);
}

TEST_CASE_METHOD(OnePage, "translations are kept until they are flushed") {
  for (unsigned level = 0; level < pte::levels; ++level) {
    const uint64_t whole = entry(level);
    REQUIRE(machine.store(address));
    CHECK_FALSE(machine.stale_translation());
    entry(level) = 0;
    CHECK(machine.load(address));
    CHECK(machine.stale_translation());
    machine::flush_translation({address});
    CHECK_FALSE(machine.load(address));
    CHECK_FALSE(machine.stale_translation());
    entry(level) = whole;
  }
}

TEST_CASE_METHOD(OnePage, "more rights in memory cost one more fault, fewer are not seen until a flush") {
  entry(0) &= ~pte::writable;
  REQUIRE(machine.load(address));
  entry(0) |= pte::writable;
  CHECK_FALSE(machine.store(address));  // spurious
  CHECK(machine.store(address));
  entry(2) &= ~pte::writable;
  CHECK(machine.store(address));
  machine::load_root({physical(3)});
  CHECK_FALSE(machine.store(address));
  CHECK(machine.load(address));
}

TEST_CASE("time passes as the test says, and ticks come with it") {
  FakeMachine& machine = fake_machine();
  machine.power_on(1 << 20);
  machine::set_tick(1000);
  machine.advance(999);
  CHECK_FALSE(machine::take_pending().timer);
  machine.advance(1);
  CHECK(machine::take_pending().timer);
  CHECK_FALSE(machine::take_pending().timer);
  machine::idle();
  CHECK(machine::now_ns() == 2000);
  CHECK(machine::take_pending().timer);
}

TEST_CASE("kernel code that leaves is unwound") {
  FakeMachine& machine = fake_machine();
  machine.power_on(1 << 20);
  Registers registers;
  const Departure to_user = machine.run([&] { machine::resume_user(registers); });
  CHECK(to_user.to == Departure::To::user);
  CHECK(to_user.registers == &registers);
  CHECK(machine.run([] { machine::power_off(3); }).exit_code == 3);
  CHECK(machine.run([] { machine::reset(); }).to == Departure::To::reset);
  CHECK(machine.run([] {}).to == Departure::To::nowhere);
}
