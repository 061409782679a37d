// SPDX-License-Identifier: MIT
//
// Two processes at one console: a reader that says how often it knows the console to have been written to is
// told when that is no longer true, also if it was the kernel that wrote; and by nothing else.
#include <catch2/catch.hpp>

#include <functional>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

struct Console {
  // The reader asks with what it was told last; `writer` writes when the test says so.
  Console() {
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
      world.process(guest).capability_registers[5] = {.type = CapabilityType::console, .payload = world.kernel().boot_epoch};
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
  Console console;
  console.start();
  console.write(1);
  console.asks = true;
  console.write(0);
  CHECK(console.told.empty());  // it knows of the first one
  console.write(1);
  REQUIRE(console.told.size() == 1);
  CHECK(console.told[0] == std::array<uint64_t, 2>{0, 2});
  console.write(0);
  CHECK(console.told.size() == 1);
  console.write(3);
  CHECK(console.told.back() == std::array<uint64_t, 2>{0, 5});
  // The kernel writes, too.
  StoreClient& client = console.world.kernel();
  const std::function<void()> writes[] = {
      [&] { console.world.kernel().warning("something is wrong with", 7); },
      [&] { client.disk_is_ill(DiskRequest::Operation::read); },
      [&] { client.disk_is_well(DiskRequest::Operation::read, 5'000'000'000); },
  };
  uint64_t count = 5;
  for (const auto& write : writes) {
    write();
    const size_t before = console.told.size();
    run_checked(console.world, 20);
    REQUIRE(console.told.size() == before + 1);
    CHECK(console.told.back() == std::array<uint64_t, 2>{0, ++count});
  }
}

TEST_CASE("a kernel that cannot go on says why, and switches off") {
  KernelWorld world;
  world.start();
  StoreClient& client = world.kernel();
  CHECK(fake_machine().run([&] { client.cannot_go_on("there is no sense in it"); }).exit_code == exit_code_refused);
  CHECK(fake_machine().console_output.find("there is no sense in it") != std::string::npos);
}

TEST_CASE("a reader that does not ask for it waits for characters only") {
  Console console;
  console.knows = 0;
  console.asks = true;
  console.start();
  console.write(3);
  CHECK(console.told.empty());
  fake_machine().type("ab");
  console.write(1);
  REQUIRE(console.told.size() == 1);
  CHECK(console.told[0][0] == 2);
}

TEST_CASE("a program that asks for interruptions is told of ^C once, and not of what was typed before it") {
  Console console;
  console.start();
  run_checked(console.world, 4);
  Kernel& kernel = console.world.kernel();
  fake_machine().type("ab");
  fake_machine().pending.console = true;
  run_checked(console.world, 4);
  CHECK_FALSE(kernel.take_console_interrupt());
  fake_machine().type("\x03" "c");
  fake_machine().pending.console = true;
  run_checked(console.world, 4);
  REQUIRE(kernel.has_console_interrupt());
  CHECK(kernel.take_console_interrupt());
  CHECK_FALSE(kernel.has_console_interrupt());
  CHECK(kernel.take_console_input() == 'c');
}

TEST_CASE("a trouble that comes all the time is told now and then") {
  Console console;
  console.start();
  for (unsigned i = 0; i < 1000; ++i) console.world.kernel().warning("something is wrong with", 7);
  const std::string& told = fake_machine().console_output;
  CHECK(told.find("something is wrong with") != std::string::npos);
  CHECK(told.size() < 1000);
}
