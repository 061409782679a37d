// SPDX-License-Identifier: MIT
//
// Sends the keeper (the program itself) faults as the kernel does, and as only a hostile client
// would: forged banks in the pocket, roots that are none, addresses where nothing may be.
#include "test/support/fake_userland_kernel.hpp"
#include "userland/interfaces/keeper.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/program.hpp"
#include "userland/runtime/space_builder.hpp"

#include <catch2/catch.hpp>

using namespace perdure;

namespace {

struct World {
  FakeUserlandKernel kernel;
  FakeCapability root;
  FakeObject* bank;

  World() {
    kernel.at({3}) = kernel.bank_capability(kernel.root_bank());
    kernel.at({8}) = {.type = CapabilityType::discriminator};
    CHECK(BankCapability{CapabilityRegister{3}}.create_sub_bank(20, {20}));
    bank = kernel.at({20}).object;
    root = kernel.make(CapabilityType::node);
    root.object->slot_size = layout::root_slot_size;
    root.object->flags = layout::root_flags;
    root.object->slots[layout::pocket_slot] =
        kernel.bank_capability(bank, pocket_bank_restrictions);
  }

  // One fault → the keeper's answer.
  Result fault(uint64_t address, FaultCode code = FaultCode::no_memory) {
    bool is_delivered = false;
    Result answer = Result::unsupported;
    kernel.deliver = [&](Message& message) {
      if (is_delivered) {
        answer = message.result();
        throw EndOfScript{};
      }
      is_delivered = true;
      kernel.at(registers::argument[0]) = root;
      message.words[0] = method::keeper_fault;
      message.words[1] = static_cast<uint64_t>(code);
      message.words[2] = address;
      message.words[3] = 1;
      message.delivery = Delivery::call;
    };
    CHECK_THROWS_AS(program(0), EndOfScript);
    return answer;
  }
};

}  // namespace

TEST_CASE("pages appear where a program may have memory, and nowhere else") {
  World world;
  for (const uint64_t address : {layout::data_start, layout::heap_start + 123456,
                                 layout::stack_end - 8, layout::stack_end - 70'000}) {
    CHECK(page_at(world.root, address).is_void());
    CHECK(world.fault(address) == Result::ok);
    const FakeCapability page = page_at(world.root, address);
    CHECK(page.type == CapabilityType::page);
    CHECK(page.restrictions == restriction::no_execute);
    CHECK(world.fault(address) == Result::ok);  // another thread's fault was faster
  }
  for (const uint64_t address :
       {uint64_t{0}, layout::text_start, layout::slot_start(3), layout::window_start,
        layout::stack_end - layout::stack_bytes_max - 1, layout::slot_start(layout::pocket_slot),
        layout::slot_start(16), user_address_end - 1, ~uint64_t{0}}) {
    INFO(address);
    CHECK(world.fault(address) == Result::bad_argument);
  }
}

TEST_CASE("only absent memory is the keeper's business") {
  World world;
  CHECK(world.fault(layout::heap_start, FaultCode::access) == Result::unsupported);
  CHECK(world.fault(layout::heap_start, FaultCode::malformed_space) == Result::unsupported);
  CHECK(FakeUserlandKernel::used(*world.bank) == 0);
}

TEST_CASE("the faulting program's bank pays, up to its limit") {
  World world;
  unsigned pages = 0;
  Result last = Result::ok;
  while ((last = world.fault(layout::heap_start + pages * frame_bytes)) == Result::ok) {
    ++pages;
    REQUIRE(pages < 30);
  }
  CHECK(last == Result::limit_reached);
  CHECK(pages == 19);  // and one row of nodes
  CHECK(FakeUserlandKernel::used(*world.bank) == 20);
  CHECK(world.kernel.root_bank()->bought.empty());
}

TEST_CASE("a pocket with anything but a genuine bank is refused") {
  World world;
  FakeCapability& pocket = world.root.object->slots[layout::pocket_slot];
  const FakeCapability forged{.type = CapabilityType::entry,
                              .object = world.kernel.make(CapabilityType::endpoint).object};
  world.kernel.answer_entry = [](const FakeObject&, Message&) { FAIL("a forged bank was invoked"); };
  for (const FakeCapability& bad : {FakeCapability{}, forged, world.root}) {
    pocket = bad;
    CHECK(world.fault(layout::heap_start) == Result::wrong_type);
  }
  pocket = world.kernel.bank_capability(world.bank, bank_restriction::all);
  CHECK(world.fault(layout::heap_start) == Result::missing_right);
  world.bank->is_alive = false;
  CHECK(world.fault(layout::heap_start) == Result::wrong_type);
}

TEST_CASE("a root that is none is refused, and never invoked") {
  World world;
  const FakeCapability good = world.root;
  const FakeCapability forged{.type = CapabilityType::entry,
                              .object = world.kernel.make(CapabilityType::endpoint).object};
  world.kernel.answer_entry = [](const FakeObject&, Message&) { FAIL("a forged node was invoked"); };
  for (const FakeCapability& bad : {FakeCapability{}, forged, world.kernel.make(CapabilityType::page)}) {
    world.root = bad;
    CHECK(world.fault(layout::heap_start) == Result::wrong_type);
  }
  world.root = good;
  world.root.object->flags = 0;
  CHECK(world.fault(layout::heap_start) == Result::bad_argument);
  world.root.object->flags = layout::root_flags;
  world.root.object->slot_size = 8;
  CHECK(world.fault(layout::heap_start) == Result::bad_argument);
}

// Between the keeper's look at a space and its change of it the bank is called, and the space's
// owner may run. What the keeper then lacks it must not take from what it had of another client.
TEST_CASE("a space that is changed under the keeper gets no node of another client's") {
  World world;
  const FakeCapability victim = world.root;
  CHECK(world.fault(layout::heap_start) == Result::ok);
  CHECK(world.fault(layout::heap_start + frame_bytes) == Result::ok);
  const FakeCapability its_node = victim.object->slots[layout::heap_slot];
  REQUIRE(its_node.type == CapabilityType::node);
  const std::vector<FakeCapability> its_slots = its_node.object->slots;

  CHECK(BankCapability{CapabilityRegister{3}}.create_sub_bank(20, {20}));
  FakeObject& own_bank = *world.kernel.at({20}).object;
  world.root = world.kernel.make(CapabilityType::node);
  world.root.object->slot_size = layout::root_slot_size;
  world.root.object->flags = layout::root_flags;
  world.root.object->slots[layout::pocket_slot] = world.kernel.bank_capability(&own_bank);
  FakeCapability& heap = world.root.object->slots[layout::heap_slot];
  const FakeCapability page = world.kernel.make(CapabilityType::page);
  heap = world.kernel.make(CapabilityType::node);
  world.kernel.meanwhile = [&] { heap = page; };

  CHECK(world.fault(layout::heap_start + frame_bytes) == Result::ok);  // that is: look again
  CHECK(heap.object == page.object);
  CHECK(FakeUserlandKernel::used(own_bank) == 0);
  for (unsigned i = 0; i < node_slot_count; ++i) {
    CHECK(its_node.object->slots[i].object == its_slots[i].object);
  }
}

TEST_CASE("a program fills a part of its own space, and is told when it cannot be paid") {
  World world;
  world.kernel.at({1}) = world.root;
  const SpaceBuilder builder{.bank = BankCapability{CapabilityRegister{20}},
                             .discriminator = DiscriminatorCapability{CapabilityRegister{8}},
                             .root = NodeCapability{CapabilityRegister{1}},
                             .registers = {10}};
  world.kernel.at({20}) = world.kernel.bank_capability(world.bank);
  constexpr uint64_t start = layout::heap_start + 100;
  CHECK(world.fault(start + frame_bytes) == Result::ok);  // one is there already
  CHECK(builder.place_missing_pages(start, start + 2 * frame_bytes));
  for (unsigned i = 0; i < 3; ++i) CHECK_FALSE(page_at(world.root, start + i * frame_bytes).is_void());
  CHECK(page_at(world.root, start + 3 * frame_bytes).is_void());
  const auto refused = builder.place_missing_pages(start, start + 100 * frame_bytes);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Result::limit_reached);
  CHECK(FakeUserlandKernel::used(*world.bank) == 20);
}
