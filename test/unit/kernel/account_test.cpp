// SPDX-License-Identifier: MIT
//
// Tries to lose an object, or a capability to it, when another account pays for its frame from
// then on; and to lose the account over a power cut.
#include <catch2/catch.hpp>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t first_free = 300;  // frames that KernelWorld does not reach
constexpr uint64_t frames = 64;

Capability range() {
  return {.type = CapabilityType::range, .object = ObjectId::of({first_free}), .payload = frames};
}

uint32_t account_of(KernelWorld& world, uint64_t offset) {
  Store& store = world.kernel().store;
  auto slot = store.obtain_identity({first_free + offset});
  while (!slot) {
    store.poll(fake_machine().now_ns += 1000);
    slot = store.obtain_identity({first_free + offset});
  }
  return store.descriptor(*slot).identity.account.value;
}

}  // namespace

TEST_CASE("another account pays: objects and capabilities stay, and the account outlives a cut") {
  for (unsigned kind = 1; kind < kind_count; ++kind) {
    KernelWorld world;
    Capability bought;
    std::vector<uint64_t> answered;
    const Guest bank = world.new_guest(steps({
        call(5, {method::range_make, 3, kind, 9, 0}, 0, 7),
        [&](Process& p) { bought = p.capability_registers[7]; },
        call(5, {method::range_set_account, 3, 1, 12}),
        note(answered),
        call(7, {method::type}),
        note(answered),
    }));
    world.process(bank).capability_registers[5] = range();
    world.start();
    world.run(60);
    INFO(info(static_cast<Kind>(kind)).name);
    CHECK(!world.kernel().check_state());
    CHECK(answered == std::vector<uint64_t>{0, 1, 0, static_cast<uint64_t>(bought.type)});
    CHECK(world.is_alive(bought));
    CHECK(account_of(world, 3) == 12);
    world.take_checkpoint();
    world.cut_and_boot();
    CHECK(world.is_alive(bought));
    CHECK(account_of(world, 3) == 12);
  }
}

TEST_CASE("another account pays: empty frames have none, a long run goes in pieces, the rest is refused") {
  KernelWorld world;
  std::vector<uint64_t> answered;
  const Guest bank = world.new_guest(steps({
      call(5, {method::range_make, 2, static_cast<uint64_t>(Kind::page), 9, 0}),
      call(5, {method::range_set_account, 0, frames, 12}),
      note(answered),
      call(5, {method::range_set_account, 0, frames + 1, 12}),
      note(answered),
      call(5, {method::range_set_account, frames, 1, 12}),
      note(answered),
      call(5, {method::range_set_account, 0, 1, uint64_t{1} << 32}),
      note(answered),
  }));
  world.process(bank).capability_registers[5] = range();
  world.start();
  world.run(60);
  const auto refused = static_cast<uint64_t>(Result::bad_argument);
  CHECK(answered == std::vector<uint64_t>{0, 16, refused, 0, refused, 0, refused, 0});
  CHECK(account_of(world, 2) == 12);
  CHECK(account_of(world, 1) == 0);
}
