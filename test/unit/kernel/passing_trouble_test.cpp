// SPDX-License-Identifier: MIT
//
// Tries to have one wrong answer of the disk, which is well ever since, decide something for good: that a process is of no
// importance, is stopped, or has no activity, or that a living object is void or a stranger's.
#include <catch2/catch.hpp>

#include "test/unit/kernel/owner.hpp"

using namespace perdure;

namespace {

constexpr uint64_t s = 1'000'000'000, ms = 1'000'000;
constexpr unsigned held = 4;

void run_for(KernelWorld& world, uint64_t ns, uint64_t step_ns = 20 * ms) {
  for (const uint64_t end_ns = fake_machine().now_ns + ns; fake_machine().now_ns < end_ns;) {
    world.run(4);
    fake_machine().advance(step_ns);
  }
}

BlockIndex home(KernelWorld& world, const Capability& object) {
  return world.kernel().store.root().geometry.home_block(object.object.frame());
}

}  // namespace

TEST_CASE("a process whose schedule was given wrongly once, at a start, runs by it an hour later") {
  const bool was_wrong = GENERATE(false, true);
  const bool has_spinner = GENERATE(false, true);
  CAPTURE(was_wrong, has_spinner);
  KernelWorld world;
  world.pins_are_watched = false;
  uint64_t turns = 0, spins = 0;
  const Guest poor = world.new_guest([&](Process&) { ++turns; }, 5);
  world.open_new_rows();
  const Guest spinner = world.new_guest([&](Process&) { ++spins; }, has_spinner ? 3 : 0);
  world.start();
  world.run(50);
  world.page_out({});
  const Capability schedule = world.process(poor).schedule;
  REQUIRE(schedule.object.frame() != world.process(spinner).schedule.object.frame());
  if (was_wrong) world.disk().spoil_reads(home(world, schedule), body_reads_max);
  world.cut_and_boot();
  run_for(world, 3600 * s, s / 2);
  turns = spins = 0;
  run_for(world, 100 * s);
  CAPTURE(turns, spins);
  CHECK(turns > 0);
  if (!has_spinner) {
    CHECK(int{world.kernel().scheduler.priorities.standing(world.process(poor)).priority} == 5);
  }
}

TEST_CASE("a process that slept, and whose schedule was given wrongly once, runs by it an hour later") {
  const bool was_wrong = GENERATE(false, true);
  CAPTURE(was_wrong);
  KernelWorld world;
  world.pins_are_watched = false;
  uint64_t turns = 0, spins = 0;
  const Guest sleeper = world.new_guest([&](Process& p) {
    ++turns;
    call(held, {method::clock_wait_until, world.kernel().time.now_ns() + s})(p);
  }, 9);
  world.process(sleeper).capability_registers[held] = {.type = CapabilityType::clock};
  world.open_new_rows();
  const Guest spinner = world.new_guest([&](Process&) { ++spins; }, 3);
  world.start();
  run_for(world, 10 * s);
  REQUIRE(turns > 5);
  const Capability schedule = world.process(sleeper).schedule;
  REQUIRE(schedule.object.frame() != world.process(spinner).schedule.object.frame());
  Kernel& kernel = world.kernel();
  while (kernel.scheduler.reason(ActivityRef::of(kernel.store.find(sleeper.activity.object.frame()), sleeper.activity.object.index())) != WaitChannel::Reason::time) world.run(1);
  world.page_out({schedule});
  if (was_wrong) world.disk().spoil_reads(home(world, schedule), body_reads_max);
  run_for(world, 3600 * s, s / 2);
  turns = 0;
  run_for(world, 100 * s);
  CAPTURE(turns, spins);
  CHECK(turns > 50);
}

TEST_CASE("a process that faults while its keeper is given wrongly once goes on when the disk is well") {
  const bool was_wrong = GENERATE(false, true);
  const bool is_page = GENERATE(false, true);  // the page is read wrongly, not the keeper
  CAPTURE(was_wrong, is_page);
  KernelWorld world;
  bool now = false;
  uint64_t turns = 0, told = 0;
  const Guest client = world.new_guest([&](Process& p) {
    ++turns;
    if (!now) return;
    now = false;
    p.registers.rdi = Guest::memory + (is_page ? 1 : 5) * frame_bytes;
    p.registers.rip = rip_of_load;
  });
  const Guest keeper = world.new_guest([&](Process& p) {
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) ++told;
    if (is_call) world.object<Node>(client.root).slots[5] = client.pages[0];
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {0});
  });
  world.let_receive(keeper);
  world.object<Node>(client.root).keeper = KernelWorld::entry(keeper);
  world.start();
  world.run(50);
  world.page_out({is_page ? client.pages[1] : keeper.process});
  if (was_wrong) world.disk().spoil_reads(home(world, is_page ? client.pages[1] : keeper.process), body_reads_max);
  now = true;
  run_for(world, 60 * s, s / 4);
  turns = 0;
  run_for(world, 60 * s, s / 4);
  CAPTURE(told);
  CHECK(turns > 0);
  CHECK(world.process(client).control.state != ProcessState::stopped);
}

TEST_CASE("a server is lent its client's priority again when the disk gives the client again") {
  const bool was_wrong = GENERATE(false, true);
  CAPTURE(was_wrong);
  KernelWorld world;
  world.pins_are_watched = false;
  uint64_t turns = 0, spins = 0;
  const Guest server = world.new_guest([&](Process&) { ++turns; }, 0);
  world.let_receive(server);
  const Guest client = world.new_guest(steps({call(held, {1})}), 7);
  world.process(client).capability_registers[held] = KernelWorld::entry(server);
  world.open_new_rows();
  world.new_guest([&](Process&) { ++spins; }, 3);
  world.start();
  run_for(world, 5 * s);
  REQUIRE(world.process(client).control.state == ProcessState::waiting);
  turns = spins = 0;
  run_for(world, 5 * s);
  REQUIRE(turns > 0);
  REQUIRE(spins == 0);
  world.page_out({client.process});
  if (was_wrong) world.disk().spoil_reads(home(world, client.process), body_reads_max);
  world.cut_and_boot();
  run_for(world, 3600 * s, s / 2);
  turns = spins = 0;
  run_for(world, 100 * s);
  CAPTURE(spins);
  CHECK(turns > 0);
}

TEST_CASE("an endpoint does not call not its own what the disk gave wrongly once") {
  Owner owner;
  const Capability wrapper = owner.world.make(Kind::wrapper);
  owner.world.object<Wrapper>(wrapper).target = KernelWorld::entry(owner.guest);
  Process& p = owner.world.process(owner.guest);
  p.capability_registers[held] = owner.guest.endpoint;
  p.capability_registers[held + 4] = KernelWorld::client_of(wrapper);
  owner.world.start();
  run_checked(owner.world, 50);
  uint64_t word = 99;
  const auto identify = [&] {
    const Result result = owner.ask(call(held, {method::endpoint_identify}, held + 4));
    word = message_word(owner.world.process(owner.guest).registers, 1);
    return result;
  };
  CHECK(identify() == Result::ok);
  CHECK(word == static_cast<uint64_t>(Identified::through_one_wrapper));
  owner.world.page_out({wrapper});
  owner.world.disk().spoil_reads(home(owner.world, wrapper), body_reads_max);
  if (identify() == Result::ok) CHECK(word == static_cast<uint64_t>(Identified::through_one_wrapper));
}

TEST_CASE("a capability is not called void while the disk does not give its object") {
  Owner owner;
  const Capability page = owner.world.make(Kind::page);
  Process& p = owner.world.process(owner.guest);
  p.capability_registers[held] = {.type = CapabilityType::discriminator};
  p.capability_registers[held + 4] = page;
  owner.world.start();
  run_checked(owner.world, 50);
  owner.world.page_out({page});
  owner.world.disk().spoil_reads(home(owner.world, page), body_reads_max);
  const Result result = owner.ask(call(held, {method::discriminator_classify}, held + 4));
  const uint64_t word = message_word(owner.world.process(owner.guest).registers, 1);
  if (result == Result::ok) CHECK(word == static_cast<uint64_t>(CapabilityType::page));
}

TEST_CASE("a process that was stopped while its activity could not be read for a moment can be started later") {
  const bool was_wrong = GENERATE(false, true);
  CAPTURE(was_wrong);
  Owner owner;
  KernelWorld& world = owner.world;
  const Guest server = world.new_guest([](Process&) {});
  world.let_receive(server);
  world.open_new_rows();
  const Guest client = world.new_guest(steps({call(held, {1})}));
  world.process(client).capability_registers[held] = KernelWorld::entry(server);
  world.write(owner.guest.process);
  world.process(owner.guest).capability_registers[held] = client.process;
  world.start();
  run_checked(world, 100);
  REQUIRE(world.process(client).control.state == ProcessState::waiting);
  world.page_out({client.activity});
  if (was_wrong) world.disk().spoil_reads(home(world, client.activity), body_reads_max);
  CHECK(owner.ask(call(held, {method::process_stop})) == Result::ok);
  run_for(world, 2000 * s, s / 2);
  CHECK(owner.ask(call(held, {method::process_start})) == Result::ok);
}

// What userland/runtime/space_builder.cpp does, in the same order.
TEST_CASE("what fills the empty slots of a space fills none that holds what the disk gave wrongly once") {
  const bool was_wrong = GENERATE(false, true);
  CAPTURE(was_wrong);
  Owner owner;
  KernelWorld& world = owner.world;
  world.open_new_rows();
  const Capability old_node = world.make(Kind::node), new_node = world.make_in_new_row(Kind::node);
  world.open_new_rows();
  const Capability space = world.make_in_new_row(Kind::node);
  world.object<Node>(space).slots[3] = old_node;
  world.object<Node>(old_node).slots[0] = world.make(Kind::page);  // a program's memory
  Process& p = world.process(owner.guest);
  p.capability_registers[held] = space;
  p.capability_registers[held + 4] = {.type = CapabilityType::discriminator};
  p.capability_registers[held + 6] = new_node;
  world.start();
  run_checked(world, 50);
  world.page_out({old_node});
  if (was_wrong) world.disk().spoil_reads(home(world, old_node), body_reads_max);
  const unsigned found = held + 5;
  REQUIRE(owner.ask(call(held, {method::fetch, 3}, 0, found)) == Result::ok);
  const Result classified = owner.ask(call(held + 4, {method::discriminator_classify}, found));
  const auto type = static_cast<CapabilityType>(message_word(world.process(owner.guest).registers, 1));
  const bool is_empty = classified == Result::ok && type == CapabilityType::void_capability;
  if (is_empty) owner.ask(call(held, {method::store, 3}, held + 6));
  run_for(world, 60 * s, s / 4);
  CHECK(world.object<Node>(space).slots[3].object == old_node.object);
}
