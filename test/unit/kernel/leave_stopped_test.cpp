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
