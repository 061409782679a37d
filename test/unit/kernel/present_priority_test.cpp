// SPDX-License-Identifier: MIT
//
// Tries to run at another priority than one's present one, or to be kept from it: by schedules that are set, replaced
// and destroyed while a process is ready or waits, and by callers that join and leave the line of a server, which is as
// important as the most important of them. Scripted guests on the whole generic kernel, with the state checker run
// behind every step.
#include <catch2/catch.hpp>

#include <utility>

#include "test/unit/kernel/line.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ms = 1'000'000;
constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

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
      if (!now) return call(8, {method::clock_wait_until, line.world.kernel().time.now_ns() + 20 * ms})(p);
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
      else call(6, {method::clock_wait_until, line.world.kernel().time.now_ns() + 20 * ms})(p);
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
    call(8, {method::clock_wait_until, world.kernel().time.now_ns() + 20 * ms})(p);
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
      else call(6, {method::clock_wait_until, line.world.kernel().time.now_ns() + 2 * ms})(p);
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

// Else the priority that the client lent would keep processes waiting that are more important than the server itself.
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
    const auto sleep = [&](Process& p) { call(7, {method::clock_wait_until, line.world.kernel().time.now_ns() + 10 * ms})(p); };
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
  const auto at_first = [&](Process& p) { call(6, {method::clock_wait_until, world.kernel().time.now_ns() + 10 * ms})(p); };
  const Guest caller = world.new_guest(steps({at_first, [&](Process& p) {
    call(5)(p);
    p.registers.r15 = world.kernel().time.now_ns() + 1000 * ms;
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

// A ring of servers, each in line for the next: a change of one priority comes back to where it began.
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
