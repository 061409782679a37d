// SPDX-License-Identifier: MIT
//
// A server that has accepted the call of a more important client runs as that one would, beside a program that
// computes and is in between; no longer than the client waits, and never above its own ceiling, nor above that
// of a server by way of which it was called.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr unsigned partner = 5, clock_register = 6, another = 7;
constexpr uint8_t low = 1, middle = 3, high = 6, above_all = 7;

// `client` (high) calls `server` (low), while `spinner` (middle) computes and never makes a call.
struct Beside {
  Beside() {
    server = world.new_guest([this](Process& p) { serve(p); }, low);
    world.open_new_rows();
    client = world.new_guest([this](Process& p) {
      if (has_asked) ++client_steps;
      if (has_asked && waits_elsewhere) return call(another)(p);
      if (!may_ask || has_asked) return sleep(p);
      has_asked = true;
      ask(p);
    }, high);
    world.open_new_rows();
    spinner = world.new_guest([this](Process& p) {
      if (!spins) return sleep(p);
      ++spinner_steps;
    }, middle);
    for (const Guest& guest : {client, spinner, server}) {
      world.process(guest).capability_registers[clock_register] = {.type = CapabilityType::clock};
    }
    world.process(client).capability_registers[partner] = KernelWorld::entry(server);
    silent = world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); }, above_all);
    world.process(client).capability_registers[another] = KernelWorld::entry(silent);
    ask = call(partner, {1});
    raiser = world.new_guest([this](Process& p) {
      if (raised.is_void()) return sleep(p, 2'000'000);
      p.capability_registers[another] = std::exchange(raised, {});
      call(partner, {method::schedule_derive, asked_ceiling}, another)(p);
    }, above_all);
    world.process(raiser).capability_registers[clock_register] = {.type = CapabilityType::clock};
    world.process(raiser).capability_registers[partner] = world.process(raiser).schedule;
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

  Schedule& schedule_of(const Guest& guest) { return world.object<Schedule>(world.process(guest).schedule); }

  // By a guest that holds a schedule without a ceiling of its own.
  void raise_ceiling(const Guest& guest, uint8_t ceiling) {
    raised = world.process(guest).schedule;
    asked_ceiling = ceiling;
    for (unsigned i = 0; i < 200 && schedule_of(guest).ceiling != ceiling; ++i) run(1);
    REQUIRE(schedule_of(guest).ceiling == ceiling);
  }

  void sleep(Process& p, uint64_t length_ns = 200'000) {
    call(clock_register, {method::clock_wait_until, world.kernel().time.now_ns() + length_ns})(p);
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
  Guest server, client, spinner, silent, raiser;
  Capability raised;
  uint8_t asked_ceiling = 0;
  KernelWorld::Program ask;
  bool spins = false, may_ask = false, has_asked = false, is_stuck = false, waits_elsewhere = false;
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

// Decision 0024: else a program could keep others from running by being called, or be kept from them by its clients.
TEST_CASE("what is lent gets nothing above the ceiling of its schedule, until that is raised") {
  for (const bool in_line : {false, true}) {
    CAPTURE(in_line);
    Beside beside;
    beside.is_stuck = true;
    const Guest first = beside.world.new_guest(steps({call(partner, {1})}), low);
    if (in_line) beside.world.process(first).capability_registers[partner] = KernelWorld::entry(beside.server);
    else beside.world.process(first).control.state = ProcessState::stopped, beside.world.object<Activity>(first.activity).runnable = 0;
    beside.schedule_of(beside.server).ceiling = middle - 1;
    beside.begin();
    REQUIRE((beside.server_steps > 0) == in_line);
    beside.run(20);
    REQUIRE(beside.has_asked);
    const unsigned before = beside.server_steps;
    beside.run(100);
    CHECK(beside.server_steps == before);
    beside.raise_ceiling(beside.server, high);
    const unsigned others = beside.spinner_steps;
    beside.run(100);
    CHECK(beside.server_steps > before + 50);
    CHECK(beside.spinner_steps <= others + 1);
  }
}

TEST_CASE("nothing is lent past the ceiling of a server by way of which a call was made") {
  for (const uint8_t ceiling : {low, high}) {
    CAPTURE(ceiling);
    Beside beside;
    unsigned done = 0;
    const Guest behind = beside.world.new_guest([&](Process& p) {
      if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) ++done;
      else KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
    }, low - 1);
    beside.world.set_program(beside.server, [&](Process& p) {
      if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) call(partner, {2})(p);
      else KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
    });
    beside.world.process(beside.server).capability_registers[partner] = KernelWorld::entry(behind);
    // It comes to its call by its own priority, so that only what is behind it is judged.
    beside.schedule_of(beside.server).priority = ceiling;
    beside.schedule_of(beside.server).ceiling = ceiling;
    beside.spins = false;
    beside.world.start();
    beside.run(60);
    beside.may_ask = true;
    for (unsigned i = 0; i < 200 && done == 0; ++i) beside.run(1);
    REQUIRE(done > 0);
    beside.spins = true;
    beside.run(100);
    const unsigned before = done;
    beside.run(100);
    CHECK((done > before + 50) == (ceiling > middle));
  }
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
    beside.is_stuck = beside.waits_elsewhere = true;  // the client's next call is none of this server's business
    bool now = false;
    const Guest owner = beside.world.new_guest([&](Process& p) {
      if (!now) return beside.sleep(p);
      now = false;
      if (end == End::destroyed) call(another, {method::range_rescind, frame_of(beside.client.process), 1})(p);
      else call(partner, {method::process_interrupt})(p);
    }, above_all);
    beside.world.process(owner).capability_registers[partner] = beside.client.process;
    beside.world.process(owner).capability_registers[clock_register] = {.type = CapabilityType::clock};
    beside.world.process(owner).capability_registers[another] = {.type = CapabilityType::range, .payload = 500};
    if (end == End::timed_out) {
      beside.ask = [&](Process& p) {
        call(partner, {1})(p);
        p.registers.r15 = beside.world.kernel().time.now_ns() + 10'000'000;
      };
    }
    beside.begin();
    beside.run(20);
    REQUIRE(beside.server_steps > 3);
    const unsigned before = beside.spinner_steps;
    if (end != End::timed_out) now = true;
    for (unsigned i = 0; i < 2000 && beside.spinner_steps == before; ++i) beside.run(1);
    CHECK(beside.spinner_steps > before);
    const unsigned lent = beside.server_steps;
    beside.run(100);
    CHECK(beside.server_steps <= lent + 1);
  }
}

namespace {

bool is_call(const Process& p) { return (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call); }

// What it receives it hands on to `partner`, and answers when that has answered.
void hand_on(Process& p) {
  const auto delivery = static_cast<Delivery>(p.registers.rax & 0xff);
  if (delivery == Delivery::call) return KernelWorld::invoke(p, Invocation::call, partner, {2});
  KernelWorld::invoke(p, Invocation::reply_and_wait, delivery == Delivery::reply ? resume_register : 0, {ok});
}

}  // namespace

// The client stands in line for a server that waits for the answer of another one.
TEST_CASE("one that comes to a server in the middle of a call lends to whom that waits for") {
  Beside beside;
  bool may_begin = false;
  const Guest before = beside.world.new_guest([&](Process& p) {
    if (!may_begin) return beside.sleep(p);
    may_begin = false;
    call(partner, {1})(p);
  }, low);
  unsigned left = 200;
  const Guest behind = beside.world.new_guest([&](Process& p) {
    if (is_call(p) && left > 0) return void(--left);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call(p) ? resume_register : 0, {ok});
  }, low);
  beside.world.set_program(beside.server, hand_on);
  beside.world.process(beside.server).capability_registers[partner] = KernelWorld::entry(behind);
  beside.world.process(before).capability_registers[partner] = KernelWorld::entry(beside.server);
  beside.world.process(before).capability_registers[clock_register] = {.type = CapabilityType::clock};
  beside.world.start();
  beside.run(60);
  may_begin = true;
  for (unsigned i = 0; i < 200 && left == 200; ++i) beside.run(1);
  REQUIRE(left < 200);
  beside.spins = true;
  beside.run(50);
  beside.may_ask = true;
  beside.run(600);
  CHECK(left == 0);
  CHECK(beside.client_steps > 0);
}

// The server stands in line for another one that serves a less important client.
TEST_CASE("nor does its server wait in line behind a program in between") {
  Beside beside;
  bool may_begin = false;
  const Guest before = beside.world.new_guest([&](Process& p) {
    if (!may_begin) return beside.sleep(p);
    may_begin = false;
    call(partner, {1})(p);
  }, low);
  unsigned left = 200;
  const Guest behind = beside.world.new_guest([&](Process& p) {
    if (is_call(p) && left > 0) return void(--left);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call(p) ? resume_register : 0, {ok});
  }, low);
  beside.world.set_program(beside.server, hand_on);
  beside.world.process(beside.server).capability_registers[partner] = KernelWorld::entry(behind);
  beside.world.process(before).capability_registers[partner] = KernelWorld::entry(behind);
  beside.world.process(before).capability_registers[clock_register] = {.type = CapabilityType::clock};
  beside.world.start();
  beside.run(60);
  may_begin = true;
  for (unsigned i = 0; i < 200 && left == 200; ++i) beside.run(1);
  REQUIRE(left < 200);
  beside.spins = true;
  beside.run(50);
  beside.may_ask = true;
  beside.run(600);
  CHECK(left == 0);
  CHECK(beside.client_steps > 0);
}

TEST_CASE("a client whose call was accepted lends after a restart, too") {
  Beside beside;
  beside.work_left = 200;
  beside.begin();
  beside.run(20);
  REQUIRE(beside.work_left < 200);
  beside.world.take_checkpoint();
  beside.world.cut_and_boot();
  beside.work_left = 50;
  beside.run(300);
  CHECK(beside.work_left == 0);
  CHECK(beside.client_steps > 0);
}

TEST_CASE("so do the clients of that client") {
  Beside beside;
  unsigned left = 200;
  beside.world.open_new_rows();
  const Guest behind = beside.world.new_guest([&](Process& p) {
    if (is_call(p) && left > 0) return void(--left);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call(p) ? resume_register : 0, {ok});
  }, low);
  beside.world.set_program(beside.server, hand_on);
  beside.world.process(beside.server).capability_registers[partner] = KernelWorld::entry(behind);
  beside.begin();
  beside.run(20);
  REQUIRE((left > 50 && left < 200));
  beside.world.take_checkpoint();
  beside.world.cut_and_boot();
  beside.run(600);
  CHECK(left == 0);
  CHECK(beside.client_steps > 0);
}

// A program that holds both clients can put into each a capability that answers the other one.
TEST_CASE("clients that go round in a circle are followed only so far") {
  Beside beside;
  Guest clients[2];
  for (Guest& client : clients) {
    client = beside.world.new_guest(call(partner, {1}), middle);
    beside.world.process(client).capability_registers[partner] = KernelWorld::entry(beside.silent);
  }
  bool has_answers = false;
  unsigned turns = 0;
  Capability answer;
  beside.world.set_program(beside.server, [&](Process& p) {
    turns += has_answers;
    p.capability_registers[resume_register] = answer;
    beside.sleep(p);
  });
  beside.world.start();
  beside.run(60);
  const auto answer_to = [&](const Guest& client) {
    Capability resume = client.process;
    resume.type = CapabilityType::resume;
    resume.payload = beside.world.process(client).control.call_count;
    return resume;
  };
  for (unsigned i = 0; i < 2; ++i) {
    beside.world.write(clients[i].process);
    beside.world.process(clients[i]).capability_registers[resume_register] = answer_to(clients[1 - i]);
  }
  answer = answer_to(clients[0]);
  has_answers = true;
  beside.run(100);
  CHECK(turns > 5);
}

// Its bytes say what a process would, and are its owner's to write.
TEST_CASE("a page where an answer would stand is taken for no client, nor what it says for a schedule") {
  Beside beside;
  const Capability page = beside.world.make(Kind::page);
  auto& forged = *reinterpret_cast<Process*>(beside.world.bytes(page));
  std::memset(beside.world.bytes(page), 0, frame_bytes);
  forged.schedule = beside.world.process(beside.client).schedule;
  forged.schedule.hint = 0xa5a5'a5a5;
  beside.world.set_program(beside.server, [&](Process& p) {
    p.capability_registers[resume_register] = page;
    beside.sleep(p);
  });
  beside.begin();
  CHECK(forged.schedule.hint == 0xa5a5'a5a5);
}

// The kernel makes no such capability: an image may say so.
TEST_CASE("what stands for an answer and names no client of that version lends nothing, and is not written") {
  for (const bool is_process : {true, false}) {
    CAPTURE(is_process);
    Beside beside;
    Capability named = is_process ? beside.silent.process : beside.world.make(Kind::page);
    if (!is_process) std::memset(beside.world.bytes(named), 0xa5, frame_bytes);
    auto& its = reinterpret_cast<Process*>(beside.world.bytes(named))->control;
    its.callee = 0xa5a5'a5a5;
    if (is_process) named.version = Version{named.version.value + 1};
    named.type = CapabilityType::resume;
    named.payload = its.call_count;
    beside.world.set_program(beside.server, [&](Process& p) {
      p.capability_registers[resume_register] = named;
      beside.sleep(p);
    });
    beside.begin();
    CHECK(its.callee == 0xa5a5'a5a5);
  }
}

// The hint is as old as the last look: another frame may stand in that place by now.
TEST_CASE("the end of a call does not take a page for the server that had it") {
  Beside beside;
  const Capability page = beside.world.make(Kind::page);
  std::memset(beside.world.bytes(page), 0xa5, frame_bytes);
  bool has_called = false, has_returned = false;
  beside.world.set_program(beside.client, [&](Process& p) {
    has_returned = has_called;
    if (std::exchange(has_called, true)) return beside.sleep(p);
    call(another, {1})(p);
    p.registers.r15 = beside.world.kernel().time.now_ns() + 10'000'000;
  });
  beside.world.start();
  beside.run(20);
  REQUIRE(has_called);
  ProcessControl& client = beside.world.process(beside.client).control;
  REQUIRE(client.state == ProcessState::waiting);
  client.callee = beside.world.kernel().store.find(page.object.frame());
  beside.run(200);
  REQUIRE(has_returned);
  const std::byte* bytes = beside.world.bytes(page);
  CHECK(std::all_of(bytes, bytes + frame_bytes, [](std::byte one) { return one == std::byte{0xa5}; }));
}
