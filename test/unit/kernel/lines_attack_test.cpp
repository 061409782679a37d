// SPDX-License-Identifier: MIT
//
// Tries to corrupt a line by what it hangs on: processes nobody has looked at, frames sold and bought
// again, schedules that are destroyed under those who stand in line by them, frames that go to the disk
// meanwhile. And to have the shortcuts around a line (fast path, early wakes) taken when they must not be.
#include <catch2/catch.hpp>

#include <cstring>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr uint64_t ms = 1'000'000;
constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

// Receives when it is told to, and notes word `noted` of each call.
KernelWorld::Program noting_server(bool& serves, std::vector<uint64_t>& order, unsigned noted) {
  return [&serves, &order, noted](Process& p) {
    if (!serves) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) order.push_back(message_word(p.registers, noted));
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {ok});
  };
}

CacheSlot slot_of(KernelWorld& world, const Capability& capability) {
  return world.kernel().store.find(capability.object.frame());
}

ActivityRef activity_of(KernelWorld& world, const Guest& guest) {
  world.write(guest.activity);
  return ActivityRef::of(slot_of(world, guest.activity), guest.activity.object.index());
}

}  // namespace

// Its frame only reads as zero: in the memory under it stands what was there before.
TEST_CASE("a process that nobody has looked at has no callers, whatever its memory held before") {
  for (const bool by_destruction : {false, true}) {
    CAPTURE(by_destruction);
    KernelWorld world;
    bool now = false, done = false;
    const Capability page = world.make(Kind::page);
    const Capability endpoint = world.make_in_new_row(Kind::endpoint);
    world.write(page);
    std::memset(world.bytes(page), 0x5a, frame_bytes);
    const uint64_t frame = frame_of(page);
    const KernelWorld::Program rest = steps({
        call(6, {method::range_rescind, frame, 1}),
        call(6, {method::range_make, frame, static_cast<uint64_t>(Kind::process), 1}, 0, 7),
        call(5, {method::endpoint_set_receiver}, 7),
        by_destruction ? call(6, {method::range_rescind_object, frame_of(endpoint), endpoint.object.index()})
                       : call(5, {method::endpoint_set_receiver}),
        [&](Process&) { done = true; },
    });
    const Guest attacker = world.new_guest([&](Process& p) {
      if (now) rest(p);
    });
    world.process(attacker).capability_registers[5] = endpoint;
    world.process(attacker).capability_registers[6] = everything;
    world.start();
    now = true;
    world.run(100);  // the state checker would look at the process
    CHECK(done);
    run_checked(world, 10);
  }
}

// The attacker sold a frame that was a process; another one has bought it, and serves there.
TEST_CASE("an old capability to what was a process throws nobody out of the line of what is there now") {
  for (const bool by_destruction : {false, true}) {
    CAPTURE(by_destruction);
    KernelWorld world;
    bool serves = false, now = false;
    std::vector<uint64_t> order;
    const Guest busy = world.new_guest(noting_server(serves, order, 1));
    std::vector<Guest> callers;
    for (uint64_t i = 1; i <= 3; ++i) {
      callers.push_back(world.new_guest(steps({call(5, {1, i})})));
      world.process(callers.back()).capability_registers[5] = KernelWorld::entry(busy);
    }
    const Capability endpoint = world.make_in_new_row(Kind::endpoint);
    Capability old = busy.process;
    --old.version.value;
    world.object<Endpoint>(endpoint).receiver = old;
    const Guest attacker = world.new_guest([&](Process& p) {
      act_when(now, p, by_destruction ? call(6, {method::range_rescind_object, frame_of(endpoint), endpoint.object.index()})
                                      : call(5, {method::endpoint_set_receiver}, 7));
    });
    world.process(attacker).capability_registers[5] = endpoint;
    world.process(attacker).capability_registers[6] = everything;
    world.process(attacker).capability_registers[7] = old;
    world.start();
    run_checked(world, 60);
    now = true;
    while (now) REQUIRE(world.step());
    for (const Guest& caller : callers) {
      CHECK(world.kernel().scheduler.reason(activity_of(world, caller)) == WaitChannel::Reason::receiver);
    }
    serves = true;
    run_checked(world, 200);
    CHECK(order == std::vector<uint64_t>{1, 2, 3});
  }
}

// The server stands among its peers before those of its callers to whom it owes its priority: it is moved
// first, and comes back to the list when the last of them is moved.
TEST_CASE("nobody stands in line by a schedule that has been destroyed, not even by a change on the way") {
  KernelWorld world;
  bool spins = false, now = false;
  const Capability shared = world.make_in_new_row(Kind::schedule);
  world.object<Schedule>(shared).priority = 2;
  world.open_new_rows();
  const Guest server = world.new_guest([](Process&) {}, 2);
  std::vector<Guest> middle, clients;
  for (unsigned i = 0; i < 2; ++i) {
    middle.push_back(world.new_guest(call(5), 2));
    world.process(middle.back()).capability_registers[5] = KernelWorld::entry(server);
  }
  for (const Guest& guest : {server, middle[0], middle[1]}) {
    world.write(guest.process);
    world.process(guest).schedule = shared;
  }
  const Guest owner = world.new_guest([&](Process& p) {
    if (spins && !now) return;
    if (!now) return call(8, {method::clock_wait_until, world.kernel().machine_time_ns() + ms})(p);
    now = false;
    call(6, {method::range_rescind_object, frame_of(shared), shared.object.index()})(p);
  }, 12);
  world.process(owner).capability_registers[6] = everything;
  world.process(owner).capability_registers[8] = {.type = CapabilityType::clock};
  for (unsigned i = 0; i < 2; ++i) {
    clients.push_back(world.new_guest(call(5), 9));
    world.process(clients.back()).capability_registers[5] = KernelWorld::entry(middle[i]);
  }
  world.start();
  for (unsigned i = 0; i < 200; ++i) {
    fake_machine().now_ns += ms;
    fake_machine().pending.timer = true;
    world.step();
  }
  for (const Guest& guest : middle) {
    REQUIRE(world.kernel().scheduler.reason(activity_of(world, guest)) == WaitChannel::Reason::receiver);
  }
  spins = true;
  // The callers come to stand behind the server in the list of peers.
  for (unsigned i = 0; i < 40 && world.kernel().current_activity() != activity_of(world, owner); ++i) {
    fake_machine().now_ns += ms;
    fake_machine().pending.timer = true;
    world.step();
  }
  const ActivityRef server_ref = activity_of(world, server);
  REQUIRE(world.kernel().scheduler.is_queued(server_ref));
  // As a look does it: out of the list and back, the server first.
  for (const Guest& guest : middle) {
    const ActivityRef ref = activity_of(world, guest);
    world.kernel().scheduler.remove(ref);
    world.kernel().scheduler.stall(ref, WaitChannel::of(WaitChannel::Reason::receiver, server.process.object.value), true);
  }
  const CacheSlot row = slot_of(world, shared);
  now = true;
  while (now) REQUIRE(world.step());
  REQUIRE(!world.is_alive(shared));
  CHECK(world.kernel().store.descriptor(row).pins == 0);
  spins = false;
  run_checked(world, 200);
}

TEST_CASE("a fault that waits for a keeper is told as it was, though the process went to the disk meanwhile") {
  KernelWorld world;
  bool serves = false;
  std::vector<uint64_t> told, codes;
  const Guest keeper = world.new_guest([&](Process& p) {
    if (!serves) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) codes.push_back(message_word(p.registers, 1)), told.push_back(message_word(p.registers, 2));
    KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
  });
  world.open_new_rows();
  const Guest faulting = world.new_guest([](Process& p) {
    p.registers.rdi = 0x7000'0123;
    p.registers.rip = rip_of_store;
  });
  world.process(faulting).keeper = KernelWorld::entry(keeper);
  world.start();
  run_checked(world, 60);
  REQUIRE(world.kernel().scheduler.reason(activity_of(world, faulting)) == WaitChannel::Reason::receiver);
  world.page_out({faulting.process});
  serves = true;
  run_checked(world, 200);
  CHECK(codes == std::vector<uint64_t>{static_cast<uint64_t>(FaultCode::no_memory)});
  CHECK(told == std::vector<uint64_t>{0x7000'0123});
}

// It was looked at once, as after every restart; nothing is kept in memory for it.
TEST_CASE("who waits for an answer with a deadline is not counted as woken for ever after a restart") {
  KernelWorld world;
  const Guest silent = world.new_guest([](Process&) {});
  world.let_receive(silent);
  const Guest caller = world.new_guest([&](Process& p) {
    call(5, {1})(p);
    p.registers.r15 = world.kernel().machine_time_ns() + 1'000'000 * ms;
  });
  world.process(caller).capability_registers[5] = KernelWorld::entry(silent);
  world.start();
  run_checked(world, 40);
  REQUIRE(world.process(caller).control.state == ProcessState::waiting);
  world.take_checkpoint();
  world.cut_and_boot();
  run_checked(world, 60);
  CHECK(world.kernel().scheduler.woken_count() == 0);
}
