// SPDX-License-Identifier: MIT
//
// Tries to make a start leave something behind or forget something: refuses every allocation in
// turn, and looks at what a started program finds in its registers and its space.
#include "test/support/sample_recipe.hpp"
#include "userland/runtime/program_start.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace perdure;

namespace {

struct World {
  FakeUserlandKernel kernel;
  FakeCapability keeper;
  FakeCapability schedule;
  ProgramStart start{.parent = BankCapability{CapabilityRegister{3}},
                     .limit = 64,
                     .recipe = CapabilityPageCapability{CapabilityRegister{5}},
                     .discriminator = DiscriminatorCapability{CapabilityRegister{9}},
                     .space_keeper = CapabilityRegister{10},
                     .schedule = CapabilityRegister{11},
                     .log = CapabilityRegister{1},
                     .clock = CapabilityRegister{8},
                     .argument = 7,
                     .first_scratch = 18,
                     .bank_into = CapabilityRegister{15},
                     .entry_into = CapabilityRegister{16},
                     .process_into = CapabilityRegister{17}};

  explicit World(SampleRecipe recipe = {}) {
    kernel.at({3}) = kernel.bank_capability(kernel.root_bank());
    kernel.at({5}) = make_recipe(kernel, recipe);
    kernel.at({1}) = {.type = CapabilityType::entry, .object = kernel.make(CapabilityType::endpoint).object};
    kernel.at({8}) = {.type = CapabilityType::clock};
    kernel.at({9}) = {.type = CapabilityType::discriminator};
    keeper = {.type = CapabilityType::entry, .object = kernel.make(CapabilityType::endpoint).object};
    schedule = kernel.make(CapabilityType::schedule);
    kernel.at({10}) = keeper;
    kernel.at({11}) = schedule;
  }
  uint64_t used() { return FakeUserlandKernel::used(*kernel.root_bank()); }
};

}  // namespace

TEST_CASE("what a started program finds") {
  World world;
  const auto started = start_program(world.start);
  REQUIRE(started);
  CHECK(started->program_name.view() == "counter");
  const FakeObject& process = *world.kernel.at({17}).object;
  CHECK(process.has_activity);
  CHECK(process.registers.rip == 0x400010);
  CHECK(process.registers.rsp == layout::initial_stack_pointer);
  CHECK(process.registers.rdi == 7);
  CHECK(process.slots[process_slot::schedule].object == world.schedule.object);
  CHECK(process.slots[3].is_bank);
  CHECK(process.slots[3].payload == own_bank_restrictions);
  CHECK(process.slots[4].type == CapabilityType::endpoint);
  CHECK(process.slots[4].object->keeper.object == world.kernel.at({17}).object);
  CHECK(world.kernel.at({16}).object == process.slots[4].object);
  CHECK(process.slots[5].object == world.kernel.at({1}).object);
  CHECK(process.slots[6].type == CapabilityType::clock);
  CHECK(process.slots[7].object == process.slots[process_slot::space].object);
  CHECK(process.slots[8].type == CapabilityType::discriminator);

  const FakeCapability space = process.slots[process_slot::space];
  REQUIRE(space.type == CapabilityType::node);
  CHECK(space.object->keeper.object == world.keeper.object);
  const FakeCapability& pocket = space.object->slots[layout::pocket_slot];
  CHECK(pocket.is_bank);
  CHECK(pocket.payload == pocket_bank_restrictions);
  CHECK(page_at(space, 0).is_void());
  CHECK_FALSE(page_at(space, layout::text_start).is_void());
  for (unsigned i = 0; i < 2; ++i) {
    const FakeCapability data = page_at(space, layout::data_start + i * frame_bytes);
    REQUIRE(data.type == CapabilityType::page);
    CHECK(data.restrictions == restriction::no_execute);
    CHECK(data.object->bytes[100] == static_cast<std::byte>(i + 1));
    CHECK_FALSE(page_at(space, layout::stack_end - 1 - i * frame_bytes).is_void());
  }
  CHECK(page_at(space, layout::data_start + 2 * frame_bytes).is_void());
  CHECK(page_at(space, layout::stack_end - 1 - 2 * frame_bytes).is_void());
}

TEST_CASE("everything is paid by the new bank, and goes with it") {
  World world;
  const uint64_t before = world.used();
  REQUIRE(start_program(world.start));
  CHECK(world.kernel.root_bank()->bought.empty());
  CHECK(world.used() > before + 2);
  const FakeCapability process = world.kernel.at({17});
  REQUIRE(BankCapability{CapabilityRegister{15}}.destroy());
  CHECK(world.used() == before);
  CHECK(process.is_void());
}

TEST_CASE("the frames that it asks for are enough, for small programs and large ones") {
  for (const unsigned templates : {0u, 1u, 16u, 17u, 90u, recipe::template_count_max}) {
    World world({.templates = templates, .data_pages = templates + 3, .stack_pages = 5});
    world.start.limit = 0;
    const auto refused = start_program(world.start);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().result == Result::limit_reached);
    world.start.limit = refused.error().frames_needed - 1;
    CHECK_FALSE(start_program(world.start));
    CHECK(world.used() == 0);
    world.start.limit = refused.error().frames_needed;
    REQUIRE(start_program(world.start));
    // And room for what is touched first: bss, and one page more of stack and of heap.
    const FakeObject& process = *world.kernel.at({17}).object;
    world.kernel.at({1}) = process.slots[process_slot::space];
    const SpaceBuilder builder{.bank = BankCapability{CapabilityRegister{15}},
                               .discriminator = world.start.discriminator,
                               .root = NodeCapability{CapabilityRegister{1}},
                               .registers = {18}};
    for (unsigned i = 0; i < 3; ++i) {
      CHECK(builder.place_new_page(layout::data_start + (templates + i) * frame_bytes));
    }
    CHECK(builder.place_new_page(layout::stack_end - 6 * frame_bytes));
    CHECK(builder.place_new_page(layout::heap_start));
  }
}

TEST_CASE("a stack of any size has every page once, and as many nodes as if it had grown") {
  for (const unsigned count : {0u, 1u, 2u, 3u, 4u, 15u, 16u, 17u, 40u}) {
    INFO(count << " pages");
    World world({.stack_pages = count});
    REQUIRE(start_program(world.start));
    const FakeCapability space = world.kernel.at({17}).object->slots[process_slot::space];
    std::set<const FakeObject*> pages;
    for (unsigned i = 1; i <= count; ++i) {
      const FakeCapability page = page_at(space, layout::stack_end - i * frame_bytes);
      REQUIRE(page.type == CapabilityType::page);
      CHECK(page.restrictions == restriction::no_execute);
      pages.insert(&*page.object);
    }
    CHECK(pages.size() == count);
    CHECK(page_at(space, layout::stack_end - (count + 1) * frame_bytes).is_void());

    World grown({.stack_pages = 0});
    REQUIRE(start_program(grown.start));
    grown.kernel.at({1}) = grown.kernel.at({17}).object->slots[process_slot::space];
    const SpaceBuilder builder{.bank = BankCapability{CapabilityRegister{15}},
                               .discriminator = grown.start.discriminator,
                               .root = NodeCapability{CapabilityRegister{1}},
                               .registers = {18}};
    for (unsigned i = 1; i <= count; ++i) {
      REQUIRE(builder.place_new_page(layout::stack_end - i * frame_bytes));
    }
    CHECK(world.used() == grown.used());
  }
}

TEST_CASE("each allocation refused in turn leaves nothing behind") {
  unsigned total = 0;
  {
    World world;
    REQUIRE(start_program(world.start));
    total = world.kernel.allocations();
  }
  REQUIRE(total > 5);
  for (unsigned n = 1; n <= total; ++n) {
    INFO("allocation " << n);
    World world;
    world.kernel.refuse_allocation(n);
    const auto started = start_program(world.start);
    REQUIRE_FALSE(started);
    CHECK(started.error().result == Result::limit_reached);
    CHECK(world.used() == 0);
    CHECK(world.kernel.root_bank()->banks.empty());
  }
}

TEST_CASE("what is no recipe is refused before anything is bought") {
  World world;
  world.kernel.at({5}).object->slots[recipe::revision_slot] = FakeUserlandKernel::number(2);
  CHECK(start_program(world.start).error().result == Result::wrong_type);
  world.kernel.at({5}) = world.kernel.make(CapabilityType::capability_page);
  CHECK_FALSE(start_program(world.start));
  world.kernel.at({5}) = {};
  CHECK(start_program(world.start).error().result == Result::void_capability);
  CHECK(world.kernel.allocations() == 0);
}

TEST_CASE("a space that a bank does not let grow stays as it was") {
  World world;
  REQUIRE(start_program(world.start));
  const FakeObject& process = *world.kernel.at({17}).object;
  world.kernel.at({1}) = process.slots[process_slot::space];
  const SpaceBuilder builder{.bank = BankCapability{CapabilityRegister{15}},
                             .discriminator = world.start.discriminator,
                             .root = NodeCapability{CapabilityRegister{1}},
                             .registers = {18}};
  const uint64_t far = layout::data_start + 1000 * frame_bytes;
  const unsigned before = world.kernel.allocations();
  const uint64_t used = world.used();
  REQUIRE(builder.place_new_page(far));
  const unsigned needed = world.kernel.allocations() - before;
  CHECK(needed >= 2);
  CHECK(builder.place_new_page(far).error() == Result::in_use);
  CHECK(builder.place_new_page(layout::text_start).error() == Result::bad_argument);
  CHECK(world.used() > used);
  for (unsigned n = 1; n <= needed; ++n) {
    World other;
    REQUIRE(start_program(other.start));
    other.kernel.at({1}) = other.kernel.at({17}).object->slots[process_slot::space];
    const uint64_t used_before = other.used();
    other.kernel.refuse_allocation(other.kernel.allocations() + n);
    CHECK(builder.place_new_page(far).error() == Result::limit_reached);
    CHECK(other.used() == used_before);
    CHECK_FALSE(page_at(other.kernel.at({1}), layout::data_start).is_void());
    other.kernel.refuse_allocation(0);
    CHECK(builder.place_new_page(far));
  }
}
