// SPDX-License-Identifier: MIT
//
// Tries to stall a server for its other callers, to be served before one's turn, and to be kept from
// one's turn: by priorities, by schedules that are changed, by stops and destructions in line, by frames
// that are on the disk, by faults. Scripted guests on the whole generic kernel, with the
// state checker run behind every step.
#include <catch2/catch.hpp>

#include <algorithm>
#include <utility>

#include "test/unit/kernel/line.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr uint64_t ms = 1'000'000;
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

// A fault is told by a message too: who waits for its keeper is not passed either.
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

// --- present priorities ------------------------------------------------------------------------------------------

namespace {

// A starved process, and a busy one between its two priorities; `raise` makes it more important.
void check_raised(const std::function<void(Line&, const Guest& starved)>& raise) {
  Line line;
  unsigned ran = 0;
  const Guest starved = line.world.new_guest([&](Process&) { ++ran; }, 1);
  line.world.new_guest([](Process&) {}, 2);
  line.world.start();
  run_until(line, 1, 60);
  ran = 0;
  run_until(line, 1, 40);
  REQUIRE(ran == 0);
  raise(line, starved);
  run_until(line, 1, 40);
  CHECK(ran > 10);
}

}  // namespace

TEST_CASE("a starved process that is raised runs: by schedule.set, or by another schedule") {
  check_raised([](Line& line, const Guest& starved) { line.set_priority(starved, 3); });
  for (const bool by_set : {false, true}) {
    CAPTURE(by_set);
    Line line;
    unsigned ran = 0;
    std::vector<uint64_t> told;
    const Guest starved = line.world.new_guest([&](Process&) { ++ran; }, 1);
    const Capability other = line.world.make(Kind::schedule);
    line.world.object<Schedule>(other).priority = 5;
    bool now = false;
    const Guest owner = line.world.new_guest([&](Process& p) {
      if (!now) return call(8, {method::clock_wait_until, line.world.kernel().machine_time_ns() + 20 * ms})(p);
      now = false;
      if (by_set) call(5, {method::schedule_set, 5, 0})(p);
      else call(6, {method::store, process_slot::schedule}, 7)(p);
    }, 4);
    line.world.write(owner.process);
    Process& process = line.world.process(owner);
    process.capability_registers[5] = line.world.process(starved).schedule;
    process.capability_registers[6] = starved.process;
    process.capability_registers[7] = other;
    process.capability_registers[8] = {.type = CapabilityType::clock};
    line.world.new_guest([](Process&) {}, 2);
    line.world.start();
    run_until(line, 1, 60);
    ran = 0;
    now = true;
    run_until(line, 1, 120);
    CHECK(ran > 10);
  }
}

TEST_CASE("who waits for a message, and is raised meanwhile, is as important as it is now when one comes") {
  KernelWorld world;
  unsigned received = 0;
  const Guest receiver = world.new_guest([&](Process& p) {
    ++received;
    KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
  }, 1);
  world.let_receive(receiver);
  bool now = false;
  const Guest sender = world.new_guest([&](Process& p) {
    act_when(now, p, [](Process& q) { KernelWorld::invoke(q, Invocation::send, 5); });
  }, 2);
  world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
  world.start();
  run_checked(world, 20);
  Capability schedule = world.process(receiver).schedule;
  world.object<Schedule>(schedule).priority = 3;
  world.kernel().scheduler.schedule_changed(world.kernel().store.find(schedule.object.frame()), schedule.object.index(), false);
  now = true;
  run_checked(world, 20);
  CHECK(received == 1);
}

// Its schedule is lowered while it waits, and its client lowers its own before it calls: the busy one is more
// important than both are now.
TEST_CASE("a receiver that is lowered while it waits does not run at once, on neither path") {
  for (unsigned variant = 0; variant < 4; ++variant) {
    const bool fast = variant % 2, is_on_disk = variant / 2;  // the schedule, by then
    CAPTURE(fast, is_on_disk);
    Line line;
    line.world.use_fast_path = fast;
    unsigned received = 0;
    bool calls = true, lowers = false;
    line.world.open_new_rows();
    const Guest receiver = line.world.new_guest(server([&](Process&) { return ++received; }), 3);
    line.world.let_receive(receiver);
    line.world.open_new_rows();
    const Guest client = line.world.new_guest([&](Process& p) {
      if (std::exchange(lowers, false)) call(7, {method::schedule_set, 1, 0})(p);
      else if (std::exchange(calls, false)) call(5)(p);
      else call(6, {method::clock_wait_until, line.world.kernel().machine_time_ns() + 20 * ms})(p);
    }, 3);
    line.world.process(client).capability_registers[5] = KernelWorld::entry(receiver);
    line.world.process(client).capability_registers[7] = line.world.process(client).schedule;
    line.world.process(client).capability_registers[6] = {.type = CapabilityType::clock};
    line.add_spinner(2);
    line.world.start();
    run_until(line, 1, 100);
    REQUIRE(received > 0);
    line.spins = true;
    line.set_priority(receiver, 1);
    if (is_on_disk) {
      line.world.write(line.world.process(receiver).schedule);
      line.world.page_out({line.world.process(receiver).schedule});
    }
    received = 0;
    calls = lowers = true;
    run_until(line, 1, 100);
    CHECK(!calls);
    CHECK(received == 0);
  }
}

TEST_CASE("a schedule that is destroyed is held in memory by nobody") {
  KernelWorld world;
  const Guest robbed = world.new_guest([](Process&) {}, 1);
  const Capability schedule = world.make_in_new_row(Kind::schedule);
  world.object<Schedule>(schedule).priority = 1;
  world.open_new_rows();
  world.write(robbed.process);
  world.process(robbed).schedule = schedule;
  bool now = false;
  const Guest owner = world.new_guest([&](Process& p) {
    if (!now) return;
    now = false;
    call(6, {method::range_rescind_object, frame_of(schedule), schedule.object.index()})(p);
  }, 1);
  world.process(owner).capability_registers[6] = everything;
  world.start();
  run_checked(world, 60);
  const CacheSlot row = world.kernel().store.find(schedule.object.frame());
  now = true;
  while (now) REQUIRE(world.step());
  REQUIRE(!world.is_alive(schedule));
  CHECK(world.kernel().store.descriptor(row).pins == 0);
  run_checked(world, 60);
}

TEST_CASE("who has no schedule any more, because it was destroyed, is of the lowest priority at once") {
  KernelWorld world;
  unsigned ran = 0, others = 0;
  const Guest robbed = world.new_guest([&](Process&) { ++ran; }, 3);
  const Guest other = world.new_guest([&](Process&) { ++others; }, 3);
  bool now = false;
  const Guest owner = world.new_guest([&](Process& p) {
    if (now) {
      now = false;
      const Capability schedule = world.process(robbed).schedule;
      return call(6, {method::range_rescind_object, frame_of(schedule), schedule.object.index()})(p);
    }
    call(8, {method::clock_wait_until, world.kernel().machine_time_ns() + 20 * ms})(p);
  }, 4);
  world.process(owner).capability_registers[6] = everything;
  world.process(owner).capability_registers[8] = {.type = CapabilityType::clock};
  world.start();
  run_checked(world, 100);
  REQUIRE(ran > 0);
  now = true;
  run_checked(world, 60);
  ran = others = 0;
  run_checked(world, 60);
  CHECK(ran == 0);
  CHECK(others > 20);
  static_cast<void>(other);
}

// The server is the least important of all; its caller is not.
TEST_CASE("a server is as important as the most important of those who stand in line for it") {
  for (const bool with_power_cut : {false, true}) {
    CAPTURE(with_power_cut);
    Line line(1);
    line.is_done_idle = true;
    line.add_caller(1, 6);
    line.add_caller(2, 6);
    line.add_spinner(4);
    line.world.start();
    run_until(line, 1, 60);
    line.spins = true;
    if (with_power_cut) {
      line.world.take_checkpoint();
      line.world.cut_and_boot();
      run_until(line, 1, 60);
    }
    line.serves = true;
    run_until(line, 2, 200);
    CHECK(line.order.size() >= 1);  // the second one has been accepted when the first is answered
    CHECK(line.order[0] == 1);
  }
}

TEST_CASE("importance is handed on through a server that stands in line itself") {
  for (const bool with_power_cut : {false, true}) {
    CAPTURE(with_power_cut);
    Line line(0);
    bool calls = false;
    const Guest middle = line.world.new_guest([&](Process& p) { call(5, {1, 7})(p); }, 0);
    line.world.process(middle).capability_registers[5] = KernelWorld::entry(line.busy);
    const Guest client = line.world.new_guest([&](Process& p) {
      if (calls) call(5)(p);
      else call(6, {method::clock_wait_until, line.world.kernel().machine_time_ns() + 2 * ms})(p);
    }, 6);
    line.world.process(client).capability_registers[5] = KernelWorld::entry(middle);
    line.world.process(client).capability_registers[6] = {.type = CapabilityType::clock};
    line.add_spinner(4);
    line.world.start();
    run_until(line, 1, 60);  // the middle one stands in line
    line.spins = calls = true;
    run_until(line, 1, 60);
    if (with_power_cut) {
      line.world.take_checkpoint();
      line.world.cut_and_boot();
      run_until(line, 1, 60);
    }
    line.serves = true;
    run_until(line, 1, 200);
    REQUIRE(line.order.size() == 1);
    CHECK(line.order[0] == 7);
  }
}

// A ring of servers, each in line for the next: a change of one priority comes back to where it began.
// Else what it was lent would keep others waiting who are more important than it is itself.
TEST_CASE("a server that stands in line for a client loses that one's importance with it") {
  for (const uint64_t how : {method::process_stop, method::process_interrupt, method::range_rescind}) {
    CAPTURE(how);
    Line line;
    line.is_done_idle = true;
    const Guest server = line.world.new_guest([](Process& p) {
      const auto delivery = static_cast<Delivery>(p.registers.rax & 0xff);
      if (delivery == Delivery::call) call(5, {1, 1})(p);
      else KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
    });
    line.world.process(server).capability_registers[5] = KernelWorld::entry(line.busy);
    line.world.let_receive(server);
    const auto sleep = [&](Process& p) { call(7, {method::clock_wait_until, line.world.kernel().machine_time_ns() + 10 * ms})(p); };
    const Guest client = line.world.new_guest(steps({sleep, sleep, call(5, {1}), call(6)}), 5);
    line.world.process(client).capability_registers[7] = {.type = CapabilityType::clock};
    line.world.process(client).capability_registers[5] = KernelWorld::entry(server);
    line.world.process(client).capability_registers[6] = line.nowhere;
    bool now = false;
    const Guest owner = line.world.new_guest([&](Process& p) {
      if (!std::exchange(now, false)) sleep(p);
      else if (how == method::range_rescind) call(6, {how, frame_of(client.process), 1})(p);
      else call(5, {how})(p);
    }, 6);
    line.world.process(owner).capability_registers[5] = client.process;
    line.world.process(owner).capability_registers[6] = everything;
    line.world.process(owner).capability_registers[7] = {.type = CapabilityType::clock};
    line.add_caller(9, 3);
    const auto run = [&](unsigned count) {
      for (unsigned i = 0; i < count; ++i) {
        fake_machine().now_ns += ms;
        fake_machine().pending.timer = true;
        run_until(line, 1, 1);
      }
    };
    line.world.start();
    run(60);
    REQUIRE(line.world.process(line.busy).control.callers_map == (1u << 5 | 1u << 3));
    now = true;
    run(40);
    CHECK(line.world.process(line.busy).control.callers_map == 1u << 3);  // its own turn comes later
    line.serves = true;
    run_until(line, 2);
    CHECK(line.order == std::vector<uint64_t>{9, 1});
  }
}

TEST_CASE("a caller leaves the line of a server whose activity is on the disk") {
  KernelWorld world;
  std::vector<uint64_t> told;
  const Guest silent = world.new_guest([](Process&) {});
  world.let_receive(silent);
  world.open_new_rows();
  const Guest server = world.new_guest(steps({call(5)}));
  world.process(server).capability_registers[5] = KernelWorld::entry(silent);
  world.open_new_rows();
  // More important, so that the server's place changes with it.
  const auto at_first = [&](Process& p) { call(6, {method::clock_wait_until, world.kernel().machine_time_ns() + 10 * ms})(p); };
  const Guest caller = world.new_guest(steps({at_first, [&](Process& p) {
    call(5)(p);
    p.registers.r15 = world.kernel().machine_time_ns() + 1000 * ms;
  }, note(told)}), 3);
  world.process(caller).capability_registers[6] = {.type = CapabilityType::clock};
  world.process(caller).capability_registers[5] = KernelWorld::entry(server);
  const auto run = [&] {
    for (unsigned i = 0; i < 60; ++i) {
      fake_machine().now_ns += ms;
      fake_machine().pending.timer = true;
      run_checked(world, 1);
    }
  };
  world.start();
  run();
  REQUIRE(world.process(server).control.state == ProcessState::waiting);
  REQUIRE(world.process(server).control.callers_map == 1u << 3);
  world.page_out({server.activity});
  REQUIRE(world.kernel().store.find(server.activity.object.frame()) == no_slot);
  fake_machine().now_ns += 2000 * ms;
  run();
  CHECK(told.size() == 2);
  CHECK(world.process(server).control.callers_map == 0);
}

TEST_CASE("a ring of servers that wait for each other is only a ring") {
  constexpr unsigned ring = 12;
  KernelWorld world;
  std::vector<Guest> members;
  for (unsigned i = 0; i < ring; ++i) {
    members.push_back(world.new_guest([](Process& p) { call(5)(p); }, static_cast<uint8_t>(i % 5)));
  }
  for (unsigned i = 0; i < ring; ++i) {
    world.process(members[i]).capability_registers[5] = KernelWorld::entry(members[(i + 1) % ring]);
  }
  world.start();
  run_checked(world, 200);
  for (unsigned round = 0; round < 40; ++round) {
    Capability schedule = world.process(members[round * 7 % ring]).schedule;
    world.object<Schedule>(schedule).priority = static_cast<uint8_t>(round * 5 % 16);
    world.kernel().scheduler.schedule_changed(world.kernel().store.find(schedule.object.frame()), schedule.object.index(), false);
    run_checked(world, 30);
  }
  for (const Guest& member : members) CHECK(world.process(member).control.state == ProcessState::running);
}
