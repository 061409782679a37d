// SPDX-License-Identifier: MIT
//
// Tries to find a fixed table: five thousand processes that all run, stall and wait in one line,
// and a hundred thousand wrappers, at once, over a power cut. Nothing in the kernel grows (P6).
#include <catch2/catch.hpp>

#include <algorithm>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr unsigned process_count = 5'000;
constexpr unsigned wrapper_count = 100'000;
constexpr WorldSize large{.machine_bytes = 48u << 20,
                          .store_pages = 9000,
                          .disk_blocks = 48'000,
                          .log_segments = 128,
                          .segment_blocks = 256};

}  // namespace

TEST_CASE("five thousand processes and a hundred thousand wrappers exist at once") {
  KernelWorld world({}, large);
  std::vector<uint64_t> served;
  const Guest server_guest = world.new_guest(server([&](Process& p) {
    if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) served.push_back(p.registers.r15);
    return 0;
  }));
  std::vector<Capability> wrappers;
  for (uint64_t i = 0; i < wrapper_count; ++i) {
    wrappers.push_back(world.make(Kind::wrapper));
    Wrapper& wrapper = world.object<Wrapper>(wrappers.back());
    wrapper.target = KernelWorld::entry(server_guest);
    wrapper.payload = i;
  }
  const auto client_facet = [&](uint64_t i) -> Capability {
    return {.type = CapabilityType::wrapped, .version = wrappers[i].version, .object = wrappers[i].object};
  };
  // Every process calls once through a wrapper of its own, and is not heard of again.
  std::vector<uint64_t> expected;
  for (uint64_t i = 0; i < process_count; ++i) {
    const Guest client = world.new_plain_guest(steps({call(5), [](Process& p) {
      KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
    }}));
    const uint64_t chosen = i * (wrapper_count / process_count);
    world.process(client).capability_registers[5] = client_facet(chosen);
    expected.push_back(chosen);
  }
  // One wrapper is destroyed: exactly its client finds it void.
  world.destroy(wrappers[expected[100]]);
  expected.erase(expected.begin() + 100);
  world.let_receive(server_guest);
  world.start();
  world.run(1000);
  world.take_checkpoint();
  REQUIRE(served.size() < process_count);
  world.cut_and_boot();
  world.run(process_count * 8);
  std::sort(served.begin(), served.end());
  // What was answered before the checkpoint is not asked again; nothing is lost or doubled.
  REQUIRE(served == expected);
  REQUIRE(!world.kernel().check_state());
}
