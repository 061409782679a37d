// SPDX-License-Identifier: MIT
//
// Tries to have a process told that something is durable which is not, and under a number that no
// generation ever had: while flushes fail, with several that wait, over power cuts.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

struct Asked {
  bool has_asked = false;
  bool is_answered = false;
  Result result = Result::ok;
  uint64_t committed = 0;  // when it was answered
};

// Asks for a checkpoint, and when it has its answer for the status; its memory takes that.
KernelWorld::Program asker(KernelWorld& world, Asked& asked) {
  return steps({[&](Process& process) {
                  asked.has_asked = true;
                  KernelWorld::invoke(process, Invocation::call, 5, {method::checkpoint_take});
                },
                [&](Process& process) {
                  asked.is_answered = true;
                  asked.result = result_of(process);
                  asked.committed = world.kernel().store.committed_generation().value;
                  KernelWorld::invoke(process, Invocation::call, 5, {method::checkpoint_status}, 0, 0, 0, 0,
                                      sizeof(SystemStatus), Guest::memory);
                }});
}

struct Scene {
  static constexpr unsigned count = 3;
  KernelWorld world;
  Asked asked[count];
  Guest guests[count];

  Scene() {
    for (unsigned i = 0; i < count; ++i) {
      guests[i] = world.new_guest(asker(world, asked[i]));
      world.process(guests[i]).capability_registers[5] = {.type = CapabilityType::checkpoint};
    }
    world.start();
  }
  void run(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
      fake_machine().now_ns += 1'000'000;
      fake_machine().pending.timer = true;
      world.step();
    }
  }
  uint64_t told(unsigned i) {
    SystemStatus status;
    std::memcpy(&status, world.bytes(guests[i].pages[0]), sizeof(status));
    return status.committed_generation;
  }
  bool is_one_answered() const {
    return std::ranges::any_of(asked, [](const Asked& one) { return one.is_answered; });
  }
};

}  // namespace

TEST_CASE("while no checkpoint can be committed nobody is told that one was") {
  Scene scene;
  constexpr unsigned failing = 50;
  scene.world.disk().fail_flushes(failing);
  while (scene.world.disk().will_fail()) {
    scene.run(1);
    if (scene.world.kernel().store.committed_generation().value != 0) break;
    REQUIRE_FALSE(scene.is_one_answered());
  }
  scene.run(3000);
  SystemStatus status;
  scene.world.kernel().checkpoints.fill_status(status, scene.world.kernel().time);
  CHECK(status.failed_commits > 0);
  for (unsigned i = 0; i < Scene::count; ++i) {
    REQUIRE(scene.asked[i].is_answered);
    CHECK(scene.asked[i].result == Result::ok);
    CHECK(scene.asked[i].committed > status.failed_commits);  // each attempt took its number with it
    CHECK(scene.told(i) >= scene.asked[i].committed);
  }
}

TEST_CASE("the generation that is told is one that there is, also behind a power cut") {
  Scene scene;
  for (unsigned cut = 0; cut < 3; ++cut) {
    for (unsigned i = 0; i < Scene::count; ++i) {
      scene.asked[i] = {};
      scene.world.set_program(scene.guests[i], asker(scene.world, scene.asked[i]));
    }
    const uint64_t before = scene.world.kernel().store.committed_generation().value;
    scene.run(1500);
    const uint64_t newest = scene.world.kernel().store.committed_generation().value;
    for (unsigned i = 0; i < Scene::count; ++i) {
      REQUIRE(scene.asked[i].is_answered);
      CHECK(scene.asked[i].committed > before);
      CHECK(scene.asked[i].committed <= newest);
      CHECK(scene.told(i) >= scene.asked[i].committed);
      CHECK(scene.told(i) <= newest);
    }
    scene.world.take_checkpoint();
    scene.world.cut_and_boot();
  }
}

TEST_CASE("one that waited at the cut is answered by the restart, with the generation that it continues from") {
  Scene scene;
  Store& store = scene.world.kernel().store;
  while (store.pending_generation().value == 0) scene.run(1);
  bool waited_at_the_cut[Scene::count];
  for (unsigned i = 0; i < Scene::count; ++i) waited_at_the_cut[i] = scene.asked[i].has_asked;
  REQUIRE(std::ranges::any_of(waited_at_the_cut, [](bool waited) { return waited; }));
  while (store.committed_generation().value == 0) store.poll(fake_machine().now_ns += 1'000'000);
  const uint64_t committed = store.committed_generation().value;
  REQUIRE_FALSE(scene.is_one_answered());
  scene.world.cut_and_boot();
  scene.run(20);
  for (unsigned i = 0; i < Scene::count; ++i) {
    if (!waited_at_the_cut[i]) continue;
    CHECK(scene.asked[i].is_answered);
    CHECK(scene.asked[i].committed == committed);
  }
}

TEST_CASE("a machine on which nothing changes takes no checkpoints") {
  KernelWorld world;
  const Guest sleeper = world.new_guest(call(5, {method::clock_wait_until, ~uint64_t{0}}));
  world.process(sleeper).capability_registers[5] = {.type = CapabilityType::clock};
  world.start();
  world.run(10);
  world.take_checkpoint();
  const Store& store = world.kernel().store;
  const Generation before = store.committed_generation();
  for (unsigned i = 0; i < 2000; ++i) {
    fake_machine().now_ns += 1'000'000'000;
    fake_machine().pending.timer = true;
    world.kernel().try_next();
  }
  CHECK(store.committed_generation() == before);
}

TEST_CASE("what a program has in the vector registers is in the checkpoint") {
  KernelWorld world;
  const Guest guest = world.new_guest([](Process& p) {
    ++p.registers.rbp;
    p.registers.rip = rip_of_fpu;
  });
  world.start();
  world.run(20);
  world.take_checkpoint();
  world.cut_and_boot();
  const Process& process = world.process(guest);
  uint64_t word;
  std::memcpy(&word, process.fpu_area + fpu_word_offset, sizeof(word));
  const bool is_undone = process.registers.rip == rip_of_fpu;
  REQUIRE(process.registers.rbp > 10);
  CHECK(word + is_undone == process.registers.rbp);
}
