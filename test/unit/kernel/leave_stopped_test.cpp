// SPDX-License-Identifier: MIT
//
// The boot option `leave-stopped`: one process does not go on, whatever it was at, in this boot and in
// later ones; all others do.
#include <catch2/catch.hpp>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr unsigned partner = 5, controlled = 6;

// One of the highest priority that spins, waits open, waits for an answer or stands in line; a server that
// never answers; and a modest program that counts.
struct Crowd {
  explicit Crowd(ProcessState state) {
    silent = world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); });
    feared = world.new_guest([this, state](Process& p) {
      ++feared_steps;
      if (state == ProcessState::waiting) call(partner, {1})(p);
      if (state == ProcessState::receiving) KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
    }, 9);
    world.process(feared).capability_registers[partner] = KernelWorld::entry(silent);
    modest = world.new_guest([this](Process& p) {
      ++modest_steps;
      if (starts_it) {
        starts_it = false;
        call(controlled, {method::process_start}, controlled + 1)(p);
      }
    });
    world.process(modest).capability_registers[controlled] = feared.process;
    world.process(modest).capability_registers[controlled + 1] = feared.activity;
    world.start();
    run_checked(world, 100);
    REQUIRE(world.process(feared).control.state == state);
    world.take_checkpoint();
  }

  void runs_without_it() {
    world.unwritable_is_watched = true;
    feared_steps = modest_steps = 0;
    run_checked(world, 200);
    CHECK(feared_steps == 0);
    CHECK(modest_steps > 20);
    CHECK(world.process(feared).control.state == ProcessState::stopped);
  }

  KernelWorld world;
  Guest feared, silent, modest;
  unsigned feared_steps = 0, modest_steps = 0;
  bool starts_it = false;
};

}  // namespace

TEST_CASE("a process that is to be left stopped does not go on, until a program starts it") {
  for (const ProcessState state : {ProcessState::running, ProcessState::waiting, ProcessState::receiving}) {
    CAPTURE(static_cast<int>(state));
    Crowd crowd(state);
    const FrameNumber frame = crowd.feared.process.object.frame();
    crowd.world.cut_and_boot({frame});
    CHECK(fake_machine().console_output == "perdure: left stopped: the process in frame " + std::to_string(frame.value) + "\n");
    crowd.runs_without_it();
    crowd.world.take_checkpoint();
    crowd.world.cut_and_boot();
    crowd.runs_without_it();
    crowd.starts_it = true;
    run_checked(crowd.world, 200);
    CHECK(crowd.world.process(crowd.feared).control.state == state);
    CHECK((crowd.feared_steps > 0) == (state != ProcessState::receiving));
  }
}

TEST_CASE("what cannot be left stopped is told, and all goes on") {
  Crowd crowd(ProcessState::running);
  constexpr uint64_t beyond = 1 << 30;
  for (const FrameNumber frame : {crowd.feared.activity.object.frame(), crowd.feared.pages[0].object.frame(), FrameNumber{0}, FrameNumber{beyond}}) {
    crowd.world.cut_and_boot({frame});
    CHECK(fake_machine().console_output == "perdure: no process can be left stopped in frame " + std::to_string(frame.value) + "\n");
    crowd.feared_steps = 0;
    run_checked(crowd.world, 100);
    CHECK(crowd.feared_steps > 20);
  }
}

// The process stood first in the line, by a call or by a trap, and no other passes it after a restart while
// it may come back.
TEST_CASE("one that stood in line and is left stopped, twice over, keeps nobody waiting behind it") {
  for (const bool by_trap : {false, true}) {
    CAPTURE(by_trap);
    KernelWorld world;
    bool serves = false;
    std::vector<uint64_t> served;
    const Guest server = world.new_guest([&](Process& p) {
      if (!serves) return;
      const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
      if (is_call) served.push_back(message_word(p.registers, 0));
      KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0);
    });
    const Guest feared = world.new_guest([by_trap](Process& p) {
      if (!by_trap) return call(partner, {1})(p);
      p.registers.rdi = 0x7000'0000;
      p.registers.rip = rip_of_load;
    }, 9);
    const Guest modest = world.new_guest(steps({call(partner, {2}), call(partner, {3})}));
    for (const Guest& caller : {feared, modest}) world.process(caller).capability_registers[partner] = KernelWorld::entry(server);
    world.process(feared).keeper = KernelWorld::entry(server);
    world.start();
    run_checked(world, 60);
    const Capability& bound = world.process(feared).control.activity;
    REQUIRE(world.object<Activity>(bound).stood_in != 0);
    world.take_checkpoint();
    const FrameNumber frame = feared.process.object.frame();
    world.cut_and_boot({frame, frame});
    world.unwritable_is_watched = serves = true;
    run_checked(world, 200);
    CHECK(served == std::vector<uint64_t>{2, 3});
    CHECK(world.process(feared).control.state == ProcessState::stopped);
  }
}

TEST_CASE("a deadline that is awaited does not set going what is left stopped") {
  KernelWorld world;
  unsigned feared_steps = 0;
  const Guest silent = world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); });
  const Guest feared = world.new_guest([&](Process& p) {
    ++feared_steps;
    call(partner, {1})(p);
    p.registers.r15 = world.kernel().time.now_ns() + 2 * default_slice_ns;
  });
  world.process(feared).capability_registers[partner] = KernelWorld::entry(silent);
  world.start();
  run_checked(world, 60);
  REQUIRE(world.object<Activity>(feared.activity).awaits_deadline);
  world.take_checkpoint();
  for (const bool is_left_stopped : {false, true}) {
    if (is_left_stopped) world.cut_and_boot({feared.process.object.frame()});
    else world.cut_and_boot();
    feared_steps = 0;
    for (unsigned i = 0; i < 50; ++i) {
      fake_machine().advance(default_slice_ns);
      fake_machine().pending.timer = true;
      run_checked(world, 4);
    }
    CHECK((feared_steps == 0) == is_left_stopped);
  }
  CHECK(world.process(feared).control.state == ProcessState::stopped);
  CHECK(result_of(world.process(feared)) == Result::interrupted);
}
