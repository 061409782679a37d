// SPDX-License-Identifier: MIT
//
// Two processes at one console: a reader that says how often it knows the console to have been written to is
// told when that is no longer true, also if it was the kernel that wrote; and by nothing else.
#include <catch2/catch.hpp>

#include <functional>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

struct Typist {
  // The reader asks with what it was told last; `writer` writes when the test says so.
  Typist() {
    reader = world.new_guest([this](Process& p) {
      if (!asks) return;
      if (has_asked) told.push_back({message_word(p.registers, 1), message_word(p.registers, 3)});
      has_asked = true;
      call(5, {method::console_read, knows.value_or(told.empty() ? 1 : told.back()[1])})(p);
    });
    writer = world.new_guest([this](Process& p) {
      if (writes > 0) --writes, KernelWorld::invoke(p, Invocation::call, 5, {method::console_write});
    });
  }
  // Of this boot, which is known when it has begun.
  void start() {
    world.start();
    for (const Guest& guest : {reader, writer}) {
      world.write(guest.process);
      world.process(guest).capability_registers[5] = {.type = CapabilityType::console, .payload = world.kernel().time.boot_epoch()};
    }
  }
  void write(unsigned count) {
    writes = count;
    run_checked(world, 40);
  }

  KernelWorld world;
  Guest reader, writer;
  std::optional<uint64_t> knows;
  bool asks = false;
  bool has_asked = false;
  unsigned writes = 0;
  std::vector<std::array<uint64_t, 2>> told;  // characters, writes
};

}  // namespace

TEST_CASE("a reader of the console is told when another has written to it") {
  Typist typist;
  typist.start();
  typist.write(1);
  typist.asks = true;
  typist.write(0);
  CHECK(typist.told.empty());  // it knows of the first one
  typist.write(1);
  REQUIRE(typist.told.size() == 1);
  CHECK(typist.told[0] == std::array<uint64_t, 2>{0, 2});
  typist.write(0);
  CHECK(typist.told.size() == 1);
  typist.write(3);
  CHECK(typist.told.back() == std::array<uint64_t, 2>{0, 5});
  // The kernel writes, too.
  StoreClient& client = typist.world.kernel().store_events;
  const std::function<void()> writes[] = {
      [&] { typist.world.kernel().announcements.warn("something is wrong with", 7); },
      [&] { client.disk_is_ill(DiskRequest::Operation::read); },
      [&] { client.disk_is_well(DiskRequest::Operation::read, 5'000'000'000); },
  };
  uint64_t count = 5;
  for (const auto& write : writes) {
    write();
    const size_t before = typist.told.size();
    run_checked(typist.world, 20);
    REQUIRE(typist.told.size() == before + 1);
    CHECK(typist.told.back() == std::array<uint64_t, 2>{0, ++count});
  }
}

TEST_CASE("a kernel that cannot go on says why, and switches off") {
  KernelWorld world;
  world.start();
  StoreClient& client = world.kernel().store_events;
  CHECK(fake_machine().run([&] { client.cannot_go_on("there is no sense in it"); }).exit_code == machine::exit_code_refused);
  CHECK(fake_machine().console_output.find("there is no sense in it") != std::string::npos);
}

TEST_CASE("a reader that does not ask for it waits for characters only") {
  Typist typist;
  typist.knows = 0;
  typist.asks = true;
  typist.start();
  typist.write(3);
  CHECK(typist.told.empty());
  fake_machine().type("ab");
  typist.write(1);
  REQUIRE(typist.told.size() == 1);
  CHECK(typist.told[0][0] == 2);
}

TEST_CASE("a program that asks for interruptions is told of ^C once, and not of what was typed before it") {
  Typist typist;
  typist.start();
  run_checked(typist.world, 4);
  Kernel& kernel = typist.world.kernel();
  fake_machine().type("ab");
  fake_machine().pending.console = true;
  run_checked(typist.world, 4);
  CHECK_FALSE(kernel.console.take_interrupt());
  fake_machine().type("\x03" "c");
  fake_machine().pending.console = true;
  run_checked(typist.world, 4);
  REQUIRE(kernel.console.has_interrupt());
  CHECK(kernel.console.take_interrupt());
  CHECK_FALSE(kernel.console.has_interrupt());
  CHECK(kernel.console.take() == 'c');
}

TEST_CASE("a trouble that comes all the time is told now and then") {
  Typist typist;
  typist.start();
  for (unsigned i = 0; i < 1000; ++i) typist.world.kernel().announcements.warn("something is wrong with", 7);
  const std::string& told = fake_machine().console_output;
  CHECK(told.find("something is wrong with") != std::string::npos);
  CHECK(told.size() < 1000);
}
