// SPDX-License-Identifier: MIT
//
// Tries to make a walk reach what the path does not allow, name a keeper it must not name, go on
// for ever, or change an object. By named cases, by all restrictions on two levels, and by random
// trees compared with a walk that is too simple to be wrong.
#include <catch2/catch.hpp>
#include <random>

#include "kernel/memory/space_walk.hpp"
#include "objects/abi.hpp"
#include "test/support/space_world.hpp"

using namespace perdure;

namespace {

constexpr Access load_access{};
constexpr Access store_access{.write = true};
constexpr Access fetch_access{.execute = true};

Capability with(Capability capability, uint8_t restrictions, uint64_t guard = 0) {
  capability.restrictions |= restrictions;
  capability.payload = guard;
  return capability;
}

struct Fixture {
  SpaceWorld world;

  WalkOutcome walk(Capability space, uint64_t address, Access access = {}) {
    return perdure::walk(world.store(), space, {address}, access);
  }
  FaultCode fault_code(Capability space, uint64_t address, Access access = {}) {
    const WalkOutcome outcome = walk(space, address, access);
    REQUIRE(outcome.is_fault());
    return outcome.fault.code;
  }
  bool reaches(Capability space, uint64_t address, const Capability& page, Access access = {}) {
    const WalkOutcome outcome = walk(space, address, access);
    return outcome.is_reached() && outcome.page.slot == world.slot_of(page);
  }
  Capability node(uint8_t slot_size) {
    const Capability capability = world.new_node();
    world.node(capability).slot_size = slot_size;
    return capability;
  }
};

Capability some_keeper(uint64_t payload = 7) {
  return {.type = CapabilityType::entry, .version = {1}, .object = {64}, .payload = payload};
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a page is the smallest space") {
  const Capability page = world.new_page();
  CHECK(reaches(page, 0, page));
  CHECK(reaches(page, 4095, page, store_access));
  CHECK(reaches(page, 123, page, fetch_access));
  CHECK(fault_code(page, 4096) == FaultCode::no_memory);
  const WalkOutcome outcome = walk(page, 0);
  CHECK(outcome.page.writable);
  CHECK(outcome.page.executable);
}

TEST_CASE_METHOD(Fixture, "a guard places a small object in a large range") {
  const Capability page = world.new_page();
  const Capability placed = with(page, 0, 0x12345);
  CHECK(reaches(placed, 0x12345678, page));
  CHECK(fault_code(placed, 0x12346000) == FaultCode::no_memory);
  CHECK(fault_code(placed, 0) == FaultCode::no_memory);

  const Capability inner = node(0);
  const Capability outer = node(20);
  world.node(inner).slots[3] = page;
  world.node(outer).slots[5] = with(inner, 0, 0x1234);  // of 2^16 places for 16 pages
  const uint64_t start = (uint64_t{5} << 32) | (uint64_t{0x1234} << 16);
  CHECK(reaches(outer, start + 0x3000, page));
  CHECK(fault_code(outer, start + 0x4000) == FaultCode::no_memory);
  CHECK(fault_code(outer, start + 0x10000 + 0x3000) == FaultCode::no_memory);
  CHECK(fault_code(outer, 0x3000) == FaultCode::no_memory);
}

TEST_CASE_METHOD(Fixture, "nothing is mapped past the end of user space") {
  const Capability top = node(node_slot_size_max);
  CHECK(fault_code(top, user_address_end) == FaultCode::no_memory);
  CHECK(fault_code(top, ~uint64_t{0}) == FaultCode::no_memory);
  world.node(top).keeper = some_keeper();
  CHECK_FALSE(walk(top, user_address_end).fault.has_keeper);
  CHECK(walk(top, user_address_end - 1).fault.has_keeper);
}

TEST_CASE_METHOD(Fixture, "a pocket is no memory") {
  const Capability page = world.new_page();
  const Capability space = node(0);
  world.node(space).slots[15] = page;
  CHECK(reaches(space, 0xf000, page));
  world.node(space).flags = Node::flag_pocket;
  CHECK(fault_code(space, 0xf000) == FaultCode::no_memory);
}

TEST_CASE_METHOD(Fixture, "what is not memory is a malformed space") {
  const Capability space = node(0);
  CHECK(fault_code({}, 0) == FaultCode::no_memory);
  CHECK(fault_code(space, 0) == FaultCode::no_memory);
  for (unsigned type = 1; type < 256; ++type) {
    const auto as_type = static_cast<CapabilityType>(type);
    if (as_type == CapabilityType::page || as_type == CapabilityType::capability_page ||
        as_type == CapabilityType::node) {
      continue;
    }
    world.node(space).slots[0] = {.type = as_type, .version = {1}, .object = {64}};
    CHECK(fault_code(space, 0) == FaultCode::malformed_space);
  }
  world.node(space).slots[0] = node(0);
  world.node(world.node(space).slots[0]).slot_size = node_slot_size_max + 1;
  CHECK(fault_code(space, 0) == FaultCode::malformed_space);
}

TEST_CASE_METHOD(Fixture, "a node that contains itself ends in a fault") {
  const Capability space = node(0);
  world.node(space).slots[0] = space;
  CHECK(fault_code(space, 0) == FaultCode::malformed_space);
}

TEST_CASE_METHOD(Fixture, "sixteen nodes deep is reached, seventeen is not") {
  const Capability page = world.new_page();
  Capability space = page;
  for (unsigned i = 0; i < walk_depth_max; ++i) {
    const Capability above = node(0);
    world.node(above).slots[0] = space;
    space = above;
  }
  CHECK(reaches(space, 0, page));
  const Capability above = node(0);
  world.node(above).slots[0] = space;
  CHECK(fault_code(above, 0) == FaultCode::malformed_space);
}

TEST_CASE_METHOD(Fixture, "destroyed objects are void in a path") {
  const Capability page = world.new_page();
  const Capability inner = node(0);
  const Capability space = node(4);
  world.node(inner).slots[0] = page;
  world.node(space).slots[0] = inner;
  CHECK(reaches(space, 0, page));
  world.destroy(page);
  CHECK(fault_code(space, 0) == FaultCode::no_memory);
  world.node(inner).slots[0] = world.new_page();
  CHECK(walk(space, 0).is_reached());
  world.destroy(inner);
  CHECK(fault_code(space, 0) == FaultCode::no_memory);
  world.destroy(space);
  CHECK(fault_code(space, 0) == FaultCode::no_memory);
}

// The hint is right then, and only the version tells.
TEST_CASE_METHOD(Fixture, "what was made in the place of a destroyed object is not reached by an old capability") {
  const Capability space = node(4), inner = node(0), page = world.new_page();
  world.node(space).slots[0] = inner;
  world.node(inner).slots[0] = page;
  REQUIRE(reaches(space, 0, page));
  const Capability hinted = world.node(space).slots[0];
  REQUIRE(hinted.hint == world.slot_of(inner));
  SECTION("a page") {
    world.destroy(page);
    const Capability renewed = world.renew_page(world.slot_of(page));
    CHECK(fault_code(space, 0) == FaultCode::no_memory);
    CHECK(reaches(renewed, 0, renewed));
  }
  SECTION("a node") {
    world.destroy(inner);
    const Capability renewed = world.renew_node(inner);
    world.node(renewed).slots[0] = page;
    CHECK(fault_code(space, 0) == FaultCode::no_memory);
    CHECK(fault_code(hinted, 0) == FaultCode::no_memory);
    CHECK(reaches(renewed, 0, page));
  }
}

TEST_CASE_METHOD(Fixture, "a wrong hint misleads nobody and is put right") {
  const Capability page = world.new_page();
  Capability space = node(0);
  Capability& slot = world.node(space).slots[0];
  slot = page;
  for (const CacheSlot wrong : {CacheSlot{0}, world.slot_of(space), no_slot}) {
    space.hint = slot.hint = wrong;
    const WalkOutcome outcome = perdure::walk(world.store(), space, {}, {});
    REQUIRE(outcome.is_reached());
    CHECK(outcome.page.slot == world.slot_of(page));
    CHECK(slot.hint == world.slot_of(page));
    CHECK(space.hint == world.slot_of(space));
  }
}

TEST_CASE_METHOD(Fixture, "capabilities are never seen as data") {
  const Capability capabilities = world.new_capability_page();
  for (const Access access : {load_access, store_access, fetch_access}) {
    CHECK(fault_code(capabilities, 0, access) == FaultCode::access);
  }
  CHECK(fault_code(capabilities, 4096) == FaultCode::no_memory);
}

TEST_CASE_METHOD(Fixture, "restrictions hold for all below, on every pair of levels") {
  const Capability page = world.new_page();
  const Capability space = node(0);
  for (unsigned upper = 0; upper <= restriction::all; ++upper) {
    for (unsigned lower = 0; lower <= restriction::all; ++lower) {
      world.node(space).slots[0] = with(page, static_cast<uint8_t>(lower));
      const Capability start = with(space, static_cast<uint8_t>(upper));
      const unsigned both = upper | lower;
      const bool writable = !(both & (restriction::read_only | restriction::weak));
      const bool executable = !(both & restriction::no_execute);
      const WalkOutcome outcome = walk(start, 0);
      REQUIRE(outcome.is_reached());
      REQUIRE(outcome.page.writable == writable);
      REQUIRE(outcome.page.executable == executable);
      REQUIRE(walk(start, 0, store_access).is_reached() == writable);
      REQUIRE(walk(start, 0, fetch_access).is_reached() == executable);
      if (!writable) REQUIRE(fault_code(start, 0, store_access) == FaultCode::access);
      if (!executable) REQUIRE(fault_code(start, 0, fetch_access) == FaultCode::access);
    }
  }
}

TEST_CASE_METHOD(Fixture, "the nearest enclosing keeper is told, with its whole node") {
  const Capability inner = node(0);
  const Capability middle = node(4);
  const Capability outer = node(8);
  world.node(middle).slots[2] = with(inner, restriction::read_only);
  world.node(outer).slots[1] = with(middle, restriction::opaque);
  const uint64_t address = (uint64_t{1} << 20) | (uint64_t{2} << 16) | 0x3456;
  CHECK_FALSE(walk(outer, address).fault.has_keeper);

  world.node(outer).keeper = some_keeper(1);
  WalkOutcome outcome = walk(outer, address);
  REQUIRE(outcome.fault.has_keeper);
  CHECK(outcome.fault.keeper.payload == 1);
  CHECK(same_authority(outcome.fault.node, outer));
  CHECK(outcome.fault.offset == address);

  world.node(middle).keeper = some_keeper(2);
  outcome = walk(outer, address);
  CHECK(outcome.fault.keeper.payload == 2);
  CHECK(same_authority(outcome.fault.node, middle));
  CHECK(outcome.fault.offset == 0x23456);

  world.node(inner).keeper = some_keeper(3);
  outcome = walk(outer, address);
  CHECK(outcome.fault.keeper.payload == 3);
  CHECK(same_authority(outcome.fault.node, inner));
  CHECK(outcome.fault.offset == 0x3456);

  // A node is not entered if its guard does not fit: its keeper does not enclose the address.
  world.node(middle).slots[2].payload = 1;
  CHECK(walk(outer, address).fault.keeper.payload == 2);
}

TEST_CASE_METHOD(Fixture, "below no_call no keeper is told") {
  const Capability page = world.new_page();
  const Capability inner = node(0);
  const Capability outer = node(4);
  world.node(outer).keeper = some_keeper(1);
  world.node(inner).keeper = some_keeper(2);
  world.node(inner).slots[1] = with(page, restriction::read_only);
  world.node(outer).slots[0] = with(inner, restriction::no_call);
  CHECK_FALSE(walk(outer, 0).fault.has_keeper);
  CHECK_FALSE(walk(outer, 0x1000, store_access).fault.has_keeper);
  CHECK(fault_code(outer, 0x1000, store_access) == FaultCode::access);
  CHECK(reaches(outer, 0x1000, page));
  CHECK(walk(outer, 0x10000).fault.keeper.payload == 1);  // beside it

  world.node(inner).keeper = {};  // nor the one above: the fault is the accessing process's
  CHECK_FALSE(walk(outer, 0).fault.has_keeper);
  CHECK_FALSE(walk(with(outer, restriction::no_call), 0x10000).fault.has_keeper);
}

TEST_CASE_METHOD(Fixture, "a frame that is on the disk is a stall, and then reached") {
  const Capability page = world.new_page();
  const Capability space = node(0);
  world.node(space).slots[0] = page;
  *world.bytes(page) = std::byte{42};
  for (const Capability& absent : {page, space}) {
    world.evict(absent);
    const WalkOutcome outcome = walk(space, 0);
    REQUIRE(outcome.is_stall());
    CHECK(outcome.stall.until.reason() == WaitChannel::Reason::frame);
    CHECK(outcome.stall.until.key() == absent.object.frame().value);
    for (unsigned i = 0; i < 100 && walk(space, 0).is_stall(); ++i) world.poll();
    CHECK(reaches(space, 0, page));
    CHECK(*world.bytes(page) == std::byte{42});
  }
}

TEST_CASE_METHOD(Fixture, "a frame that is damaged is a fault of its own, told to the keeper") {
  const Capability page = world.new_page();
  const Capability space = node(0);
  world.node(space).slots[2] = page;
  world.node(space).keeper = some_keeper();
  *world.bytes(page) = std::byte{42};
  world.evict(page);
  world.damage(page);
  WalkOutcome outcome = walk(space, 0x2345);
  for (unsigned i = 0; i < 100 && outcome.is_stall(); ++i) {
    world.poll();
    outcome = walk(space, 0x2345);
  }
  REQUIRE(outcome.is_fault());
  CHECK(outcome.fault.code == FaultCode::unreadable);
  CHECK(outcome.fault.has_keeper);
  CHECK(outcome.fault.offset == 0x2345);
}

// --- random trees ------------------------------------------------------------------------------

namespace {

// The rule of a walk, from its definition: which slots of which nodes the digits of the offset
// choose, one capability at a time.
struct Expected {
  FaultCode fault = FaultCode::none;
  Capability page;
  uint8_t restrictions = 0;
  Capability told;  // the node of the keeper that is told, or void
  uint64_t offset = 0;
};

Expected naive_walk(SpaceWorld& world, const Capability& at, uint64_t offset, Expected so_far,
                    unsigned depth) {
  so_far.restrictions |= at.restrictions;
  const auto ends = [&](FaultCode code) {
    so_far.fault = code;
    return so_far;
  };
  if (at.type == CapabilityType::number) return ends(FaultCode::malformed_space);
  if (at.type == CapabilityType::node && depth == walk_depth_max) {
    return ends(FaultCode::malformed_space);
  }
  if (at.is_void() || !world.exists(at)) return ends(FaultCode::no_memory);
  if (at.type != CapabilityType::node) {
    if (offset != at.payload) return ends(FaultCode::no_memory);
    so_far.page = at;
    return at.type == CapabilityType::page ? so_far : ends(FaultCode::access);
  }
  const Node& node = world.node(at);
  const uint64_t slot_pages = uint64_t{1} << node.slot_size;
  if (offset / (16 * slot_pages) != at.payload) return ends(FaultCode::no_memory);
  const uint64_t inside = offset % (16 * slot_pages);
  if (!node.keeper.is_void()) {
    so_far.told = at;
    so_far.offset = inside;
  }
  const uint64_t slot = inside / slot_pages;
  if (slot == 15 && node.flags) return ends(FaultCode::no_memory);
  return naive_walk(world, node.slots[slot], inside % slot_pages, so_far, depth + 1);
}

struct RandomTrees : Fixture {
  std::mt19937_64 random{1};

  // (One draw per statement where it matters: the order of arguments is the compiler's choice, and
  // a seed must mean the same everywhere.)
  uint64_t below(uint64_t end) { return random() % end; }
  bool one_in(uint64_t count) { return below(count) == 0; }
  uint8_t some_restrictions() { return one_in(3) ? static_cast<uint8_t>(random() & restriction::all) : 0; }

  // Of 2^free_bits pages of room in the parent's slot.
  Capability some_space(unsigned room_bits) {
    if (one_in(12)) return {};
    if (one_in(40)) return number_capability(random());
    if (room_bits < 4 || one_in(5)) {
      const Capability page = one_in(12) ? world.new_capability_page() : world.new_page();
      if (one_in(20)) world.destroy(page);
      const uint8_t restrictions = some_restrictions();
      const uint64_t guard = one_in(3) ? 0 : below(uint64_t{1} << std::min(room_bits, 2u));
      return with(page, restrictions, guard);
    }
    return some_node(room_bits);
  }
  Capability some_node(unsigned room_bits) {
    // Mostly fitting, sometimes larger than its slot.
    const unsigned slot_size = one_in(10) ? static_cast<unsigned>(below(9)) : static_cast<unsigned>(below(room_bits - 3));
    const Capability capability = node(static_cast<uint8_t>(slot_size));
    if (one_in(3)) world.node(capability).keeper = some_keeper();
    if (one_in(8)) world.node(capability).flags = Node::flag_pocket;
    for (unsigned i = 0; i < node_slot_count; ++i) {
      if (one_in(3)) continue;
      const Capability child = one_in(30) ? capability : some_space(slot_size);
      world.node(capability).slots[i] = child;
    }
    if (one_in(40)) world.destroy(capability);
    const uint64_t places = room_bits > slot_size + 4 ? uint64_t{1} << (room_bits - slot_size - 4) : 1;
    const uint8_t restrictions = some_restrictions();
    return with(capability, restrictions, one_in(3) ? below(places) : 0);
  }

  void compare(const Capability& space, uint64_t address, Access access) {
    Expected expected = naive_walk(world, space, address >> 12, {}, 0);
    const bool writable = !(expected.restrictions & (restriction::read_only | restriction::weak));
    const bool executable = !(expected.restrictions & restriction::no_execute);
    if (expected.fault == FaultCode::none &&
        ((access.write && !writable) || (access.execute && !executable))) {
      expected.fault = FaultCode::access;
    }
    const WalkOutcome outcome = walk(space, address, access);
    if (expected.fault == FaultCode::none) {
      REQUIRE(outcome.is_reached());
      REQUIRE(outcome.page.slot == world.slot_of(expected.page));
      REQUIRE(outcome.page.writable == writable);
      REQUIRE(outcome.page.executable == executable);
      return;
    }
    REQUIRE(outcome.is_fault());
    REQUIRE(outcome.fault.code == expected.fault);
    const bool told = !expected.told.is_void() && !(expected.restrictions & restriction::no_call);
    REQUIRE(outcome.fault.has_keeper == told);
    if (!told) return;
    REQUIRE(same_authority(outcome.fault.node, with({.type = CapabilityType::node,
                                                     .version = expected.told.version,
                                                     .object = expected.told.object}, 0)));
    REQUIRE(outcome.fault.offset == (expected.offset << 12 | (address & 4095)));
  }
};

}  // namespace

TEST_CASE_METHOD(RandomTrees, "random trees agree with the naive walk and stay as they are") {
  unsigned reached = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    random.seed(seed);
    world.start();
    const Capability space = some_node(8);
    const auto before = world.contents();
    for (unsigned i = 0; i < 400; ++i) {
      const uint64_t end = uint64_t{1} << (12 + 4 + below(7));
      const uint64_t address = below(end);
      const Access access{.write = one_in(3), .execute = one_in(3)};
      compare(space, address, access);
      reached += walk(space, address, access).is_reached();
    }
    REQUIRE(world.contents() == before);
  }
  CHECK(reached > 1000);  // the trees are not all holes
}
