// SPDX-License-Identifier: MIT
//
// Tries to corrupt a line by what it hangs on: processes that were not looked at, frames sold and bought
// again, schedules that are destroyed while processes stand in line by them, frames that go to the disk
// meanwhile. And to have the shortcuts around a line (fast path, early wakes) taken when they must not be.
#include <catch2/catch.hpp>

#include <cstring>
#include <utility>

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

// Among its peers the server stands before the callers that lend it its priority: it is moved first, and
// comes back to the list when the last of these callers is moved.
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
    if (!now) return call(8, {method::clock_wait_until, world.kernel().time.now_ns() + ms})(p);
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
  for (unsigned i = 0; i < 40 && world.kernel().processor.ref() != activity_of(world, owner); ++i) {
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
    p.registers.r15 = world.kernel().time.now_ns() + 1'000'000 * ms;
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

// --- the shortcuts around a line ---------------------------------------------------------------------------

// The receiver waits open, no caller is in line, and all frames of the call are at hand: but a caller that stood
// in line before the restart is still on the disk.
TEST_CASE("the fast path passes nobody who stood in line before a restart, and is taken again afterwards") {
  KernelWorld world;
  world.use_fast_path = true;
  bool serves = false, calls = false;
  std::vector<uint64_t> order;
  const Guest busy = world.new_guest(noting_server(serves, order, 1));
  world.open_new_rows();
  const Guest marked = world.new_guest(steps({call(5, {1, 1})}));
  world.open_new_rows();
  const Guest latecomer = world.new_guest([&](Process& p) {
    if (calls) call(5, {1, 9})(p);
  });
  // More important than the one that stood in line: it is not kept waiting, and the receiver is looked at.
  // It wakes the latecomer itself: at each moment some process runs, so the disk has no time to give anything.
  unsigned early_calls = 0;
  const Guest early = world.new_guest([&](Process& p) {
    if (early_calls > 0) call(early_calls-- == 2 ? 5 : 7, {1, 5})(p);
    else call(6, {method::clock_wait_until, 1'000'000 * ms})(p);
  }, 5);
  world.process(early).capability_registers[6] = {.type = CapabilityType::clock};
  world.process(early).capability_registers[7] = KernelWorld::entry(latecomer);
  world.object<Schedule>(world.process(latecomer).schedule).ceiling = 1;  // what the early one would lend it
  for (const Guest& guest : {marked, latecomer, early}) world.process(guest).capability_registers[5] = KernelWorld::entry(busy);
  world.start();
  run_checked(world, 60);
  REQUIRE(world.object<Activity>(marked.activity).stood_in != 0);
  world.let_receive(busy);
  world.let_receive(latecomer);
  world.take_checkpoint();
  world.cut_and_boot();
  for (const Guest& guest : {busy, latecomer, early}) {
    for (const Capability& object : {guest.process, guest.activity, guest.endpoint, world.process(guest).schedule}) {
      world.write(object);
    }
  }
  serves = calls = true;
  early_calls = 2;
  world.process(latecomer).capability_registers[5].hint = slot_of(world, busy.endpoint);  // as after its first call
  world.write(early.process);
  world.process(early).registers.r15 = 0;
  world.process(early).registers.rip = rip_of_call + system_call_instruction_bytes;  // it does not sleep
  run_checked(world, 200);
  REQUIRE(order.size() > 3);
  CHECK(order[0] == 5);
  CHECK(order[1] == 1);
  CHECK(world.fast_count > 0);
}

// The least important caller of an important server sends a long message; a process in between is ready.
TEST_CASE("a long message that is taken gives way to nobody who is less important than its receiver") {
  KernelWorld world;
  bool serves = false, spins = false;
  unsigned ticks = 0;
  std::vector<uint64_t> order;
  const Guest busy = world.new_guest({}, 1);
  world.set_program(busy, [&](Process& p) {
    if (!serves) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) order.push_back(p.registers.rsi);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {}, 0, 0, 0, 0, 2 * frame_bytes,
                        Guest::memory);
  });
  std::vector<Guest> callers;
  for (uint64_t i = 1; i <= 2; ++i) {
    callers.push_back(world.new_guest(steps({[i](Process& p) {
      KernelWorld::invoke(p, Invocation::call, 5, {1, i}, 0, 0, 2 * frame_bytes, Guest::memory);
    }}), 1));
    world.process(callers.back()).capability_registers[5] = KernelWorld::entry(busy);
  }
  world.new_guest([](Process&) {}, 1);
  const Guest between = world.new_guest([&](Process& p) {
    if (!spins) call(6, {method::clock_wait_until, world.kernel().time.now_ns() + 2 * ms})(p);
  }, 3);
  world.process(between).capability_registers[6] = {.type = CapabilityType::clock};
  world.start();
  run_checked(world, 80);
  for (const Guest& caller : callers) {
    REQUIRE(world.kernel().scheduler.reason(activity_of(world, caller)) == WaitChannel::Reason::receiver);
  }
  const Capability schedule = world.process(busy).schedule;
  world.object<Schedule>(schedule).priority = 6;
  world.kernel().scheduler.schedule_changed(slot_of(world, schedule), schedule.object.index(), false);
  fake_machine().on_interrupt_window = [&] {
    Kernel& kernel = world.kernel();
    const bool copies = kernel.processor.has_current() && kernel.processor.is_current(world.process(callers[0]));
    if (!copies || !serves) return;
    ++ticks;
    fake_machine().pending.timer = true;
  };
  spins = serves = true;
  run_checked(world, 200);
  CHECK(ticks > 0);
  REQUIRE(!order.empty());
  CHECK(order[0] == 1);
}

// A completion wakes some, because there may be room for no more; the disk may have nothing else to do then.
TEST_CASE("those who wait for the disk or the cache are woken at ticks, all of them in the end") {
  for (const auto reason : {WaitChannel::Reason::disk_queue, WaitChannel::Reason::cache_space}) {
    constexpr unsigned count = 40;
    KernelWorld world;
    unsigned ran[count] = {};
    std::vector<Guest> waiting;
    for (unsigned i = 0; i < count; ++i) waiting.push_back(world.new_guest([&ran, i](Process&) { ++ran[i]; }, static_cast<uint8_t>(i % 3)));
    const Guest calm = world.new_guest([&](Process& p) {
      call(6, {method::clock_wait_until, world.kernel().time.now_ns() + ms})(p);
    }, 8);
    world.process(calm).capability_registers[6] = {.type = CapabilityType::clock};
    world.start();
    run_checked(world, 100);
    Scheduler& scheduler = world.kernel().scheduler;
    for (const Guest& guest : waiting) {
      const ActivityRef ref = activity_of(world, guest);
      if (ref == world.kernel().processor.ref()) continue;
      scheduler.remove(ref);
      scheduler.stall(ref, WaitChannel::of(reason), false);
    }
    for (unsigned i = 0; i < 200; ++i) {
      fake_machine().now_ns += ms;
      fake_machine().pending.timer = true;
      world.step();
    }
    for (const Guest& guest : waiting) CHECK(scheduler.reason(activity_of(world, guest)) == WaitChannel::Reason::none);
  }
}

// The old receiver never serves again.
TEST_CASE("who stands in line for a receiver goes to the new one when the endpoint is given another") {
  KernelWorld world;
  bool serves = true, now = false;
  std::vector<uint64_t> order;
  const Guest stuck = world.new_guest([](Process&) {});
  const Guest other = world.new_guest(noting_server(serves, order, 1));
  for (uint64_t i = 1; i <= 3; ++i) {
    const Guest caller = world.new_guest(steps({call(5, {1, i})}));
    world.process(caller).capability_registers[5] = KernelWorld::entry(stuck);
  }
  const Guest owner = world.new_guest([&](Process& p) { act_when(now, p, call(5, {method::endpoint_set_receiver}, 6)); });
  world.process(owner).capability_registers[5] = stuck.endpoint;
  world.process(owner).capability_registers[6] = other.process;
  world.start();
  run_checked(world, 100);
  REQUIRE(order.empty());
  now = true;
  run_checked(world, 200);
  CHECK(order == std::vector<uint64_t>{1, 2, 3});
}

// Each stands in line for the next, the last one computes: as important as the shell, while that calls.
TEST_CASE("what was handed on through a long row of servers is taken back from all of them") {
  constexpr unsigned row = 40;
  KernelWorld world;
  std::vector<Guest> members;
  unsigned last_ran = 0, modest_ran = 0;
  bool calls = false, interrupts = false;
  const auto sleep = [&](Process& p) { call(6, {method::clock_wait_until, world.kernel().time.now_ns() + 2 * ms})(p); };
  for (unsigned i = 0; i + 1 < row; ++i) members.push_back(world.new_guest([](Process& p) { call(5)(p); }));
  members.push_back(world.new_guest([&](Process&) { ++last_ran; }));
  for (unsigned i = 0; i + 1 < row; ++i) world.process(members[i]).capability_registers[5] = KernelWorld::entry(members[i + 1]);
  const Guest important = world.new_guest([&](Process& p) { calls ? call(5)(p) : sleep(p); }, 6);
  world.process(important).capability_registers[5] = KernelWorld::entry(members[0]);
  const Guest interrupter = world.new_guest([&](Process& p) {
    if (!std::exchange(interrupts, false)) return sleep(p);
    calls = false;
    call(5, {method::process_interrupt})(p);
  }, 7);
  world.process(interrupter).capability_registers[5] = important.process;
  const Guest modest = world.new_guest([&](Process& p) { last_ran < 100 ? sleep(p) : void(++modest_ran); }, 4);
  for (const Guest& guest : {important, interrupter, modest}) world.process(guest).capability_registers[6] = {.type = CapabilityType::clock};
  world.start();
  const auto run_for = [&](unsigned rounds) {
    for (unsigned i = 0; i < rounds; ++i) {
      run_checked(world, 10);
      fake_machine().now_ns += ms;
      fake_machine().pending.timer = true;
    }
  };
  run_for(30);
  calls = true;
  run_for(60);
  REQUIRE(last_ran > 100);
  CHECK(modest_ran == 0);  // the last one is as important as the caller of the first
  interrupts = true;
  run_for(10);
  last_ran = 100;
  run_for(60);
  CHECK(modest_ran > 100);
  CHECK(last_ran == 100);
}
