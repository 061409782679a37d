// SPDX-License-Identifier: MIT
//
// Who has accepted the call of a more important client runs as that one would, beside a program that computes
// and is in between; and no longer than the client waits, whoever tries to keep what was lent.
#include <catch2/catch.hpp>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr unsigned partner = 5, other = 6, self = 7;
constexpr uint8_t low = 1, middle = 3, high = 6, above_all = 7;

// `client` (high) calls `server` (low), while `spinner` (middle) computes and never makes a call.
struct Beside {
  Beside() {
    server = world.new_guest([this](Process& p) { serve(p); }, low);
    client = world.new_guest([this](Process& p) {
      if (has_asked) ++client_steps;
      if (!may_ask || has_asked) return sleep(p);
      has_asked = true;
      ask(p);
    }, high);
    spinner = world.new_guest([this](Process& p) {
      if (!spins) return sleep(p);
      ++spinner_steps;
    }, middle);
    for (const Guest& guest : {client, spinner, server}) {
      world.process(guest).capability_registers[other] = {.type = CapabilityType::clock};
    }
    world.process(client).capability_registers[partner] = KernelWorld::entry(server);
    ask = call(partner, {1});
  }

  void begin() {
    world.start();
    run(60);  // the server waits, the others sleep
    spins = true;
    run(100);
    REQUIRE(spinner_steps > 10);
    may_ask = true;
  }

  void run(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      fake_machine().now_ns += 100'000;
      fake_machine().pending.timer = true;
      run_checked(world, 1);
    }
  }

  void sleep(Process& p) {
    call(other, {method::clock_wait_until, world.kernel().machine_time_ns() + 200'000})(p);
  }

  void serve(Process& p) {
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call && (is_stuck || work_left > 0)) {
      ++server_steps;
      if (work_left > 0) --work_left;
      return;
    }
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {ok});
  }

  KernelWorld world;
  Guest server, client, spinner;
  KernelWorld::Program ask;
  bool spins = false, may_ask = false, has_asked = false, is_stuck = false;
  unsigned work_left = 20;
  unsigned server_steps = 0, client_steps = 0, spinner_steps = 0;
};

}  // namespace

TEST_CASE("an accepted call of an important client does not wait for a program in between") {
  for (const bool fast : {true, false}) {
    CAPTURE(fast);
    Beside beside;
    beside.world.use_fast_path = fast;
    beside.begin();
    beside.run(100);
    CHECK(beside.server_steps == 20);
    CHECK(beside.client_steps > 0);
  }
}

TEST_CASE("nor does the call that its server makes for it") {
  Beside beside;
  unsigned done = 0;
  const Guest behind = beside.world.new_guest(server([&](Process& p) {
    return done += (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
  }), low - 1);
  beside.world.set_program(beside.server, [](Process& p) {
    const auto delivery = static_cast<Delivery>(p.registers.rax & 0xff);
    // What answers the client stays in its register meanwhile.
    if (delivery == Delivery::call) return KernelWorld::invoke(p, Invocation::call, partner, {2});
    KernelWorld::invoke(p, Invocation::reply_and_wait, delivery == Delivery::reply ? resume_register : 0, {ok});
  });
  beside.world.process(beside.server).capability_registers[partner] = KernelWorld::entry(behind);
  beside.begin();
  beside.run(100);
  CHECK(done == 1);
  CHECK(beside.client_steps > 0);
}

TEST_CASE("a keeper is as important as the one whose fault it handles") {
  Beside beside;
  beside.ask = [](Process& p) { p.registers.rdi = 0x7000'0000, p.registers.rip = rip_of_load; };
  beside.world.process(beside.client).keeper = KernelWorld::entry(beside.server);
  beside.begin();
  beside.run(100);
  CHECK(beside.server_steps == 20);
}

TEST_CASE("who is lent a priority has it no longer than the client waits") {
  enum class End { interrupted, timed_out, destroyed };
  for (const End end : {End::interrupted, End::timed_out, End::destroyed}) {
    CAPTURE(static_cast<int>(end));
    Beside beside;
    beside.is_stuck = true;
    bool now = false;
    const Guest owner = beside.world.new_guest([&](Process& p) {
      if (!now) return beside.sleep(p);
      now = false;
      if (end == End::destroyed) call(self, {method::range_rescind, frame_of(beside.client.process), 1})(p);
      else call(partner, {method::process_interrupt})(p);
    }, above_all);
    beside.world.process(owner).capability_registers[partner] = beside.client.process;
    beside.world.process(owner).capability_registers[other] = {.type = CapabilityType::clock};
    beside.world.process(owner).capability_registers[self] = {.type = CapabilityType::range, .payload = 500};
    if (end == End::timed_out) {
      beside.ask = [&](Process& p) {
        call(partner, {1})(p);
        p.registers.r15 = beside.world.kernel().machine_time_ns() + 10'000'000;
      };
    }
    beside.begin();
    beside.run(20);
    REQUIRE(beside.server_steps > 5);
    const unsigned before = beside.spinner_steps;
    if (end != End::timed_out) now = true;
    for (unsigned i = 0; i < 2000 && beside.spinner_steps == before; ++i) beside.run(1);
    CHECK(beside.spinner_steps > before);
    const unsigned lent = beside.server_steps;
    beside.run(100);
    CHECK(beside.server_steps <= lent + 1);
  }
}
