// SPDX-License-Identifier: MIT
//
// Tries to have a verdict believed that is an hour old: the disk gave a frame wrongly once, and has been well ever since.
#include <catch2/catch.hpp>

#include "test/unit/kernel/owner.hpp"

using namespace perdure;

namespace {

constexpr unsigned called_register = 4, known_register = 8;

struct Scene {
  Owner owner;
  KernelWorld& world = owner.world;
  bool replies = false, calls_on = false;
  std::vector<Result> answers;
  Guest last, server, client;

  Scene() {
    last = world.new_guest({});
    world.let_receive(last);  // takes a call, and never answers
    server = world.new_guest([this](Process& p) {
      if (calls_on) {
        calls_on = false;
        return KernelWorld::invoke(p, Invocation::call, called_register, {1});
      }
      if (replies) {
        replies = false;
        KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {0});
      }
    });
    world.let_receive(server);
    client = world.new_guest([this, step = 0](Process& p) mutable {
      if (++step == 1) return KernelWorld::invoke(p, Invocation::call, called_register, {1});
      if (step == 2) answers.push_back(result_of(p));
    });
    world.set_program(last, {});
    const Capability lonely = world.make(Kind::endpoint);  // without a receiver: a caller waits
    world.write(server.process);
    world.process(server).capability_registers[called_register] = {.type = CapabilityType::entry, .version = lonely.version, .object = lonely.object};
    world.write(client.process);
    world.process(client).capability_registers[called_register] = KernelWorld::entry(server);
    world.write(owner.guest.process);
    world.process(owner.guest).capability_registers[known_register] = server.process;
    world.start();
    run_checked(world, 100);
    REQUIRE(world.process(client).control.state == ProcessState::waiting);
    REQUIRE(world.process(server).control.state == ProcessState::running);
  }
  BlockIndex home(const Capability& object) {
    return world.kernel().store.root().geometry.home_block(object.object.frame());
  }
  void wait_an_hour() {
    for (unsigned i = 0; i < 3600; ++i) {
      fake_machine().now_ns += 1'000'000'000;
      world.run(3);
    }
  }
};

}  // namespace

TEST_CASE("a server is destroyed an hour after the disk once gave it wrongly: its client is told") {
  const bool was_wrong = GENERATE(false, true);
  CAPTURE(was_wrong);
  Scene scene;
  scene.calls_on = true;
  run_checked(scene.world, 100);
  scene.world.page_out({scene.server.process});
  if (was_wrong) {
    scene.world.disk().spoil_reads(scene.home(scene.server.process), body_reads_max);
    REQUIRE(scene.owner.ask(call(known_register, {method::process_status})) == Result::unreadable);
  }
  scene.wait_an_hour();
  REQUIRE(scene.owner.rescind(scene.server.process.object.frame()) == Result::ok);
  run_checked(scene.world, 300);
  CHECK(scene.answers == std::vector<Result>{Result::destroyed});
}

TEST_CASE("a server answers an hour after the disk once gave its client wrongly: the client is answered") {
  const bool was_wrong = GENERATE(false, true);
  CAPTURE(was_wrong);
  Scene scene;
  scene.world.page_out({scene.client.process});
  if (was_wrong) scene.world.disk().spoil_reads(scene.home(scene.client.process), body_reads_max);
  run_checked(scene.world, 300);
  scene.wait_an_hour();
  scene.replies = true;
  run_checked(scene.world, 300);
  CHECK(scene.answers == std::vector<Result>{Result::ok});
}

TEST_CASE("what no process was told is not told an hour later") {
  Owner owner;
  const Capability page = owner.world.make(Kind::endpoint);
  owner.world.write(owner.guest.process);
  owner.world.process(owner.guest).capability_registers[known_register] = page;
  owner.world.start();
  run_checked(owner.world, 50);
  owner.world.page_out({page});
  owner.world.disk().spoil_reads(owner.world.kernel().store.root().geometry.home_block(page.object.frame()), body_reads_max);
  // A call with a deadline that passes before the frame is there.
  REQUIRE_FALSE(owner.world.kernel().store.obtain(page.object.frame()));
  owner.world.run(100);
  for (unsigned i = 0; i < 3600; ++i) {
    fake_machine().now_ns += 1'000'000'000;
    owner.world.run(3);
  }
  CHECK(owner.ask(call(known_register, {method::type})) == Result::ok);
}
