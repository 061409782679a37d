// SPDX-License-Identifier: MIT
//
// Tries to leave a process waiting for what has come, or what will never come any more: each way in which
// the thing waited for can come or go, by itself, with nothing else that would wake it.
#include <catch2/catch.hpp>

#include <cstring>
#include <utility>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ms = 1'000'000;
constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr uint64_t void_result = static_cast<uint64_t>(Result::void_capability);
constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

Capability entry_of(const Capability& endpoint) {
  return {.type = CapabilityType::entry, .version = endpoint.version, .object = endpoint.object};
}

KernelWorld::Program rescind_object(const Capability& object) {
  return call(6, {method::range_rescind_object, frame_of(object), object.object.index()});
}

}  // namespace

TEST_CASE("who called where nobody received goes on when there is a receiver, or the endpoint is gone") {
  for (const bool is_destroyed : {false, true}) {
    CAPTURE(is_destroyed);
    KernelWorld world;
    bool now = false;
    std::vector<uint64_t> told;
    const Guest receiver = world.new_guest(server([](Process&) { return 5; }));
    world.let_receive(receiver);
    const Capability endpoint = world.make_in_new_row(Kind::endpoint);
    const Guest client = world.new_guest(steps({call(5), note(told)}));
    world.process(client).capability_registers[5] = entry_of(endpoint);
    const Guest owner = world.new_guest([&](Process& p) {
      act_when(now, p, is_destroyed ? rescind_object(endpoint) : call(5, {method::endpoint_set_receiver}, 7));
    });
    world.process(owner).capability_registers[5] = endpoint;
    world.process(owner).capability_registers[6] = everything;
    world.process(owner).capability_registers[7] = receiver.process;
    world.start();
    run_checked(world, 60);
    REQUIRE(told.empty());
    now = true;
    run_checked(world, 60);
    CHECK(told == (is_destroyed ? std::vector<uint64_t>{void_result, 0} : std::vector<uint64_t>{ok, 5}));
  }
}

TEST_CASE("who stands in line for a receiver is told at once that the endpoint it called through is gone") {
  KernelWorld world;
  bool now = false;
  std::vector<uint64_t> told;
  const Guest busy = world.new_guest([](Process&) {});
  const Capability endpoint = world.make_in_new_row(Kind::endpoint);
  world.object<Endpoint>(endpoint).receiver = busy.process;
  const Guest client = world.new_guest(steps({call(5), note(told)}));
  world.process(client).capability_registers[5] = entry_of(endpoint);
  const Guest owner = world.new_guest([&](Process& p) { act_when(now, p, rescind_object(endpoint)); });
  world.process(owner).capability_registers[6] = everything;
  world.start();
  run_checked(world, 60);
  REQUIRE(told.empty());
  now = true;
  run_checked(world, 60);
  CHECK(told == std::vector<uint64_t>{void_result, 0});
}

// Its process cannot be read, so only the restart list knows that it stood there; and its activity may be taken
// away before its turn comes.
TEST_CASE("a line does not wait for one that stood in it before the restart and cannot be read") {
  const bool is_taken_away = GENERATE(true, false);
  KernelWorld world;
  bool serves = false, acts = false;
  std::vector<uint64_t> order;
  const Guest busy = world.new_guest([&](Process& p) {
    if (!serves) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) order.push_back(p.registers.rsi);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {ok});
  });
  world.open_new_rows();
  const Guest unread = world.new_guest(call(5, {1, 1}));
  world.process(unread).capability_registers[5] = KernelWorld::entry(busy);
  world.open_new_rows();
  const Guest latecomer = world.new_guest([&](Process& p) {
    if (order.empty() && serves) call(5, {1, 9})(p);
  });
  world.process(latecomer).capability_registers[5] = KernelWorld::entry(busy);
  const Guest owner = world.new_guest([&](Process& p) {
    if (std::exchange(acts, false)) rescind_object(unread.activity)(p);
    else call(7, {method::clock_wait_restart, world.kernel().time.boot_epoch()})(p);
  }, 4);
  world.process(owner).capability_registers[6] = everything;
  world.process(owner).capability_registers[7] = {.type = CapabilityType::clock};
  world.start();
  run_checked(world, 60);
  world.page_out({unread.process});
  const Geometry& geometry = world.kernel().store.root().geometry;
  std::memset(world.disk().block(geometry.home_block(unread.process.object.frame())), 0x5a, 64);
  world.cut_and_boot();
  serves = true;
  acts = is_taken_away;
  world.bring_in({busy, latecomer, owner});
  run_checked(world, 100);
  CHECK(world.is_alive(unread.activity) == !is_taken_away);
  CHECK(order == std::vector<uint64_t>{9});
}

TEST_CASE("processes that could not be read go on when they can be, each for itself") {
  for (const unsigned repaired : {0, 1}) {
    CAPTURE(repaired);
    KernelWorld world;
    bool asks = false;
    unsigned ran[2] = {};
    Guest guests[2];
    for (unsigned i : {0, 1}) {
      world.open_new_rows();
      guests[i] = world.new_guest([&ran, i](Process&) { ++ran[i]; });
    }
    const Guest owner = world.new_guest([&](Process& p) {
      act_when(asks, p, call(5, {method::fetch, process_slot::schedule}));
    });
    world.process(owner).capability_registers[5] = guests[repaired].process;
    world.start();
    run_checked(world, 60);
    world.page_out({});
    const Geometry& geometry = world.kernel().store.root().geometry;
    std::byte kept[2];
    for (unsigned i : {0, 1}) {
      std::byte& first = *world.disk().block(geometry.home_block(guests[i].process.object.frame()));
      kept[i] = std::exchange(first, first ^ std::byte{0x5a});
    }
    world.cut_and_boot();
    ran[0] = ran[1] = 0;
    run_checked(world, 100);
    REQUIRE(ran[0] + ran[1] == 0);
    *world.disk().block(geometry.home_block(guests[repaired].process.object.frame())) = kept[repaired];
    forget_what_was_told(world);
    asks = true;
    run_checked(world, 300);
    CHECK(ran[repaired] > 0);
    CHECK(ran[1 - repaired] == 0);
  }
}

// While the processes that stood in line by the schedule are moved, the priority of the process that they wait
// for is looked at, and the value found is not true a moment later.
TEST_CASE("what owed its priority to a schedule that is destroyed is answered in its turn, on the fast path too") {
  KernelWorld world;
  world.use_fast_path = true;
  bool now = false, answers = false, is_answered = false, sleeps = true;
  unsigned ran = 0;
  const Capability shared = world.make_in_new_row(Kind::schedule);
  world.object<Schedule>(shared).priority = 8;
  world.open_new_rows();
  const Guest answering = world.new_guest([&](Process& p) {
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (!is_call || answers) KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {ok});
  }, 5);
  const Guest waiting = world.new_guest(steps({call(5), [&](Process&) { is_answered = true; }}));
  world.process(waiting).capability_registers[5] = KernelWorld::entry(answering);
  const Guest client = world.new_guest(call(5));
  world.process(client).capability_registers[5] = KernelWorld::entry(waiting);
  for (const Guest& guest : {waiting, client}) {
    world.write(guest.process);
    world.process(guest).schedule = shared;
  }
  const auto sleep = [&](Process& p) {
    call(8, {method::clock_wait_until, world.kernel().time.now_ns() + 2 * ms})(p);
  };
  const Guest busy = world.new_guest([&](Process& p) {
    ++ran;
    if (sleeps) sleep(p);
  }, 4);
  const Guest owner = world.new_guest([&](Process& p) {
    if (std::exchange(now, false)) rescind_object(shared)(p);
    else sleep(p);
  }, 12);
  for (const Guest& guest : {busy, owner}) world.process(guest).capability_registers[8] = {.type = CapabilityType::clock};
  world.process(owner).capability_registers[6] = everything;
  const auto run = [&](unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      fake_machine().now_ns += ms;
      fake_machine().pending.timer = true;
      world.step();
    }
  };
  world.start();
  run(100);
  REQUIRE(world.process(waiting).control.state == ProcessState::waiting);
  REQUIRE(world.process(waiting).control.callers_map != 0);
  now = true;
  while (now) run(1);
  run(4);
  REQUIRE(!world.is_alive(shared));
  sleeps = false;
  ran = 0;
  answers = true;
  world.run(20);
  CHECK(ran > 0);
  CHECK(!is_answered);
}
