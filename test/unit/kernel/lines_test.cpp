// SPDX-License-Identifier: MIT
//
// Tries to stall a server for its other callers, to be served before one's turn, and to be kept from
// one's turn: by priorities, by stops and destructions in line, by frames that are on the disk, by faults. Scripted
// guests on the whole generic kernel, with the state checker run behind every step.
#include <catch2/catch.hpp>

#include <algorithm>
#include <utility>

#include "test/unit/kernel/line.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

}  // namespace

// --- turns ----------------------------------------------------------------------------------------------

// It stood alone in line, and the one that was just answered calls again at once.
TEST_CASE("one that stands alone in line is not passed by one that calls again") {
  for (const bool fast : {false, true}) {
    CAPTURE(fast);
    Line line;
    line.world.use_fast_path = fast;
    constexpr unsigned calls = 200;
    for (uint64_t i = 1; i <= 2; ++i) line.add_caller(i, 1, calls);
    line.world.start();
    run_until(line, 1, 60);
    line.serves = true;
    run_until(line, 2 * calls, 40'000);
    REQUIRE(line.order.size() == 2 * calls);
    unsigned turns = 0;
    for (size_t i = 1; i < line.order.size(); ++i) turns += line.order[i] != line.order[i - 1];
    CHECK(turns >= 2 * calls - 3);
  }
}

TEST_CASE("a line is taken in order of priority, and of arrival among equals") {
  Line line;
  for (const auto& [number, priority] : {std::pair{10u, 1}, {30u, 3}, {11u, 1}, {20u, 2}, {31u, 3}, {12u, 1}}) {
    line.add_caller(number, static_cast<uint8_t>(priority));
  }
  line.is_done_idle = true;
  line.world.start();
  run_until(line, 1, 100);
  line.serves = true;
  run_until(line, 6);
  CHECK(line.order == std::vector<uint64_t>{30, 31, 20, 10, 11, 12});
}

TEST_CASE("one whose priority was another for a while has its old place again") {
  Line line;
  line.is_done_idle = true;
  std::vector<Guest> callers;
  for (uint64_t i = 1; i <= 4; ++i) callers.push_back(line.add_caller(i));
  line.world.start();
  run_until(line, 1, 60);
  for (const unsigned which : {0u, 2u}) {
    for (const uint8_t priority : {uint8_t{5}, uint8_t{1}}) {
      line.set_priority(callers[which], priority);
      run_until(line, 1, 60);
    }
  }
  line.serves = true;
  run_until(line, 4);
  CHECK(line.order == std::vector<uint64_t>{1, 2, 3, 4});
}

// A fault is told by a message too: a process that waits for its keeper is not passed either.
TEST_CASE("one whose fault waits for a keeper is not passed by one that faults again") {
  KernelWorld world;
  std::vector<uint64_t> order;
  bool serves = false;
  const Guest keeper = world.new_guest([&](Process& p) {
    if (!serves) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) order.push_back(p.registers.rdx);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {ok});
  });
  for (uint64_t i = 1; i <= 2; ++i) {
    const Guest faulting = world.new_guest([i](Process& p) {
      p.registers.rdi = 0x7000'0000 + i;
      p.registers.rip = rip_of_load;
    });
    world.process(faulting).keeper = KernelWorld::entry(keeper);
  }
  world.start();
  run_checked(world, 60);
  serves = true;
  run_checked(world, 400);
  REQUIRE(order.size() > 40);
  unsigned turns = 0;
  for (size_t i = 1; i < order.size(); ++i) turns += order[i] != order[i - 1];
  CHECK(turns + 3 >= order.size());
}

TEST_CASE("a keeper that was busy is told what was tried, and no more") {
  for (const bool stores : {false, true}) {
    CAPTURE(stores);
    KernelWorld world;
    bool serves = false;
    uint64_t address = 0, detail = 0;
    const Guest keeper = world.new_guest([&](Process& p) {
      if (!serves || address != 0) return;
      if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) {
        address = message_word(p.registers, 2);
        detail = message_word(p.registers, 3);
      } else {
        KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
      }
    });
    const Guest faulting = world.new_guest([stores](Process& p) {
      p.registers.rdi = 0x7000'0000;
      p.registers.rip = stores ? rip_of_store : rip_of_load;
    });
    world.process(faulting).keeper = KernelWorld::entry(keeper);
    world.start();
    run_checked(world, 60);
    REQUIRE(world.process(faulting).control.waiting_fault != 0);
    serves = true;
    run_checked(world, 60);
    CHECK(address == 0x7000'0000);
    CHECK(detail == (stores ? 1 : 0));  // userland/interfaces/keeper.hpp
  }
}

// --- no caller can stall a server for the others --------------------------------------------------------------

// The spinner is more important than the callers are now, and less than they were when they joined.
TEST_CASE("callers whose schedule is lowered while they stand in line keep nobody waiting") {
  Line line(8);
  std::vector<Guest> doomed;
  for (uint64_t i = 1; i <= 4; ++i) doomed.push_back(line.add_caller(i, 12));
  line.add_caller(9, 4, 50);
  line.add_spinner(2);
  line.world.start();
  run_until(line, 1, 60);
  line.spins = true;
  for (const Guest& guest : doomed) line.set_priority(guest, 0);
  line.serves = true;
  run_until(line, 50, 4000);
  CHECK(std::count(line.order.begin(), line.order.end(), 9) == 50);
}

TEST_CASE("a caller that is starved is received all the same: the receiver takes it") {
  for (const bool with_power_cut : {false, true}) {
    CAPTURE(with_power_cut);
    Line line(1);  // while the caller joins, and more important than the spinner from then on
    line.is_done_idle = true;
    line.add_caller(1, 1);
    line.add_spinner(5);
    line.world.start();
    run_until(line, 1, 60);
    line.spins = true;
    line.set_priority(line.busy, 8);
    if (with_power_cut) {
      line.world.take_checkpoint();
      line.world.cut_and_boot();
      run_until(line, 1, 60);
    }
    line.serves = true;
    run_until(line, 1, 200);
    CHECK(line.order == std::vector<uint64_t>{1});
  }
}

TEST_CASE("callers that are stopped, destroyed or interrupted in line leave it, and the next is taken") {
  for (const uint64_t how : {method::process_stop, method::process_interrupt, method::range_rescind}) {
    CAPTURE(how);
    Line line;
    line.is_done_idle = true;
    const Guest first = line.add_caller(1);
    line.add_caller(2);
    bool now = false;
    const Guest owner = line.world.new_guest([&](Process& p) {
      act_when(now, p, how == method::range_rescind ? call(6, {how, frame_of(first.process), 1}) : call(5, {how}));
    });
    line.world.process(owner).capability_registers[5] = first.process;
    line.world.process(owner).capability_registers[6] = everything;
    line.world.start();
    run_until(line, 1, 60);
    now = true;
    run_until(line, 1, 60);
    line.serves = true;
    run_until(line, 1, 200);
    CHECK(line.order == std::vector<uint64_t>{2});
  }
}

TEST_CASE("a caller whose frames are on the disk keeps its place, and keeps nobody waiting for longer") {
  for (const unsigned absent : {1, 2, 3}) {
    CAPTURE(absent);
    Line line;
    line.is_done_idle = true;
    std::vector<Guest> callers;
    for (uint64_t i = 1; i <= 4; ++i) callers.push_back(line.add_caller(i));
    line.world.start();
    run_until(line, 1, 60);
    if (absent & 1) line.world.page_out({callers[0].process});
    if (absent & 2) line.world.page_out({callers[1].process, callers[2].process});
    line.serves = true;
    run_until(line, 4);
    std::vector<uint64_t> sorted = line.order;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == std::vector<uint64_t>{1, 2, 3, 4});
    if (absent == 1) CHECK(line.order[0] == 2);  // while the first one is on its way
  }
}
