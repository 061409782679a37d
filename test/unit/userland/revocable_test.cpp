// SPDX-License-Identifier: MIT
//
// Tries to get through a capability that was taken back, to reach an object that was not given,
// and to make a refused hand-out leave something behind.
#include "test/support/fake_userland_kernel.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/distinguished.hpp"

#include <catch2/catch.hpp>

using namespace perdure;

namespace {

struct Thing {
  uint64_t value = 0;
};

struct ThingInterface {
  static constexpr std::string_view name = "thing";
  static constexpr Method<uint64_t()> get{"get"};
  static constexpr Method<void()> close{"close"};
  using Methods = MethodList<get, close>;
};

constexpr BankCapability bank{registers::bank};
constexpr CapabilityRegister entry{8}, control{9}, client{10}, outer{11}, outer_control{12};
constexpr EndpointCapability endpoint{registers::endpoint};
constexpr Distinguished<Thing> things{entry, control};

struct NoState {};
Answer<uint64_t> get(NoState&, const Call& call) {
  const Thing* thing = things.object_of(call);
  if (thing == nullptr) return std::unexpected(Result::unsupported);
  return thing->value;
}
Answer<> close(NoState&, const Call& call) { return things.take_back(bank, call); }

struct World {
  FakeUserlandKernel kernel;
  NoState state;

  World() {
    kernel.at(registers::bank) = kernel.bank_capability(kernel.root_bank());
    kernel.at(registers::endpoint) = kernel.make(CapabilityType::endpoint);
    kernel.answer_entry = [this](const FakeObject&, Message& message) {
      answer_request<ThingInterface, get, close>(state, message);
    };
    REQUIRE(things.begin(endpoint));
  }
  uint64_t used() { return FakeUserlandKernel::used(*kernel.root_bank()); }
};

Answer<uint64_t> get_through(CapabilityRegister at) {
  return Client<ThingInterface>{at}.call<ThingInterface::get>();
}

}  // namespace

TEST_CASE("one line hands out, one line takes back, and the storage is the bank's again") {
  World world;
  Thing thing{42};
  REQUIRE(things.hand_out(bank, &thing, client));
  const auto grant = hand_out(bank, client, {.control = outer_control, .client = outer});
  REQUIRE(grant);
  CHECK(world.used() == 1);
  CHECK(get_through(outer) == 42);
  CHECK(grant->revoke());
  CHECK(get_through(outer).error() == Result::void_capability);
  CHECK(get_through(client) == 42);
  CHECK(grant->revoke().error() == Result::void_capability);
}

TEST_CASE("blocked: waits; unblocked, retargeted or revoked: goes on") {
  World world;
  Thing one{1}, other{2};
  REQUIRE(things.hand_out(bank, &one, client));
  const auto grant = hand_out(bank, client, {.control = outer_control, .client = outer});
  REQUIRE(grant);
  unsigned waits = 0;
  world.kernel.while_blocked = [&] { ++waits; return Result::interrupted; };
  REQUIRE(grant->block());
  CHECK(get_through(outer).error() == Result::interrupted);
  CHECK(waits == 1);
  REQUIRE(grant->unblock());
  CHECK(get_through(outer) == 1);
  REQUIRE(things.hand_out(bank, &other, client));
  REQUIRE(grant->retarget(client));
  CHECK(get_through(outer) == 2);
  world.kernel.while_blocked = [&] { (void)grant->revoke(); return Result::ok; };
  REQUIRE(grant->block());
  CHECK(get_through(outer).error() == Result::void_capability);
}

TEST_CASE("whatever a client wraps around, it is the object that it was given, or a refusal") {
  World world;
  Thing mine{7}, neighbour{8};
  REQUIRE(things.hand_out(bank, &mine, client));
  const auto neighbours_address = reinterpret_cast<uint64_t>(&neighbour);
  REQUIRE(endpoint.entry(0, {20}));
  for (const uint64_t payload : {uint64_t{0}, ~uint64_t{0}, neighbours_address}) {
    for (const bool hand_over : {false, true}) {
      const HandOut forged{
          .control = outer_control, .client = outer, .payload = payload, .hand_over = hand_over};
      REQUIRE(hand_out(bank, client, forged));  // around what is wrapped
      CHECK(get_through(outer) == 7);
      REQUIRE(hand_out(bank, {20}, forged));    // around the bare entry
      CHECK(get_through(outer).error() == Result::unsupported);
      CHECK(Client<ThingInterface>{outer}.call<ThingInterface::close>().error() ==
            Result::bad_argument);
    }
  }
  CHECK(facet(endpoint, distinguished_payload, {21}).error() == Result::bad_argument);
  CHECK(facet(endpoint, 5, {21}));
  CHECK(world.kernel.at({21}).payload == 5);
}

TEST_CASE("the server needs no capability of its own to take an object back") {
  World world;
  Thing thing{3};
  const uint64_t before = world.used();
  REQUIRE(things.hand_out(bank, &thing, client));
  REQUIRE(things.hand_out(bank, &thing, outer));
  CHECK(Client<ThingInterface>{client}.call<ThingInterface::close>());
  CHECK(get_through(client).error() == Result::void_capability);
  CHECK(get_through(outer) == 3);  // another wrapper, another right
  CHECK(Client<ThingInterface>{outer}.call<ThingInterface::close>());
  CHECK(world.used() == before);
}

TEST_CASE("what was refused leaves nothing") {
  World world;
  Thing thing{3};
  world.kernel.refuse_allocation(1);
  CHECK(things.hand_out(bank, &thing, client).error() == Result::limit_reached);
  CHECK(world.kernel.at(client).is_void());
  CHECK(hand_out(bank, client, {.control = registers::nothing, .client = outer}).error() ==
        Result::bad_argument);
  CHECK(world.used() == 0);
}
