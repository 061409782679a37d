// SPDX-License-Identifier: MIT
//
// Tries to get damage past verify_books(): each kind of damage by name, then every byte of an
// arena changed in turn, which must never end in a crash or an endless walk.
#include <cstring>
#include <random>

#include "test/unit/spacebank/bank_fixture.hpp"

namespace perdure::bank {
namespace {

constexpr uint64_t store_frames = 200;

void populate(BankFixture& store) {
  const Bank upper = store.create(Bank::root);
  const Bank lower = store.create(upper);
  store.create(Bank::root);
  for (const Kind kind : every_kind) {
    for (int i = 0; i < 10; ++i) REQUIRE(store.buy(lower, kind) == Result::ok);
  }
  REQUIRE(store.buy(upper, Kind::page) == Result::ok);
  store.destroy(store.create(Bank::root));  // a free record
}

// Is the damage found?
template <typename Damage>
bool finds(Damage damage) {
  BankFixture store(store_frames);
  populate(store);
  REQUIRE(!verify_books(store.arena()));
  damage(store.arena());
  return verify_books(store.arena()).has_value();
}

Frame first_of(Arena arena, Bank bank, Kind kind) {
  return arena.at(bank).first_of_kind[static_cast<size_t>(kind)];
}

constexpr Bank lower{3};

}  // namespace

TEST_CASE("verify finds damage: totals") {
  CHECK(finds([](Arena arena) { ++arena.at(Bank::root).used; }));
  CHECK(finds([](Arena arena) { --arena.at(lower).used; }));
  CHECK(finds([](Arena arena) { ++arena.at(Bank{2}).used_by_kind[1]; }));
  CHECK(finds([](Arena arena) { ++arena.header().free_frames; }));
  CHECK(finds([](Arena arena) { ++arena.header().bank_count; }));
}

TEST_CASE("verify finds damage: frames and rings") {
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::page)).owner = Bank{2}; }));
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::page)).kind = Kind::process; }));
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::page)).use = FrameUse::free; }));
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::page)).next = Frame{9999}; }));
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::page)).next = Frame::none; }));
  CHECK(finds([](Arena arena) { arena.at(lower).first_of_kind[1] = Frame::none; }));
  CHECK(finds([](Arena arena) { arena.at(lower).first_of_kind[1] = Frame{0x1000'0000}; }));
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::node)).allocated = 0; }));
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::node)).allocated |= 1 << 7; }));
  CHECK(finds([](Arena arena) { arena.at(first_of(arena, lower, Kind::page)).allocated = 1; }));
  CHECK(finds([](Arena arena) { arena.at(Frame{199}).use = FrameUse::bought; }));
  CHECK(finds([](Arena arena) { arena.at(Frame::none).use = FrameUse::free; }));
}

TEST_CASE("verify finds damage: a free place behind a full row") {
  CHECK(finds([](Arena arena) {
    Frame& first = arena.at(lower).first_of_kind[static_cast<size_t>(Kind::node)];
    first = arena.at(first).next;  // two rows of nodes: one full, one not
  }));
}

TEST_CASE("verify finds damage: groups") {
  CHECK(finds([](Arena arena) { arena.at(Group{1}).used ^= 1; }));
  CHECK(finds([](Arena arena) { arena.header().partial_groups = Group::none; }));
  CHECK(finds([](Arena arena) { arena.header().partial_groups = Group{1234}; }));
  CHECK(finds([](Arena arena) { arena.header().whole_groups = Group{0}; }));
  CHECK(finds([](Arena arena) { arena.at(Group{0}).next = Group{7777}; }));
}

TEST_CASE("verify finds damage: the tree and its records") {
  CHECK(finds([](Arena arena) { arena.at(lower).parent = Bank::root; }));
  CHECK(finds([](Arena arena) { arena.at(lower).parent = lower; }));  // a circle
  CHECK(finds([](Arena arena) { arena.at(Bank{2}).first_child = Bank::none; }));
  CHECK(finds([](Arena arena) { arena.at(Bank{2}).parent = lower; }));
  CHECK(finds([](Arena arena) { arena.at(lower).flags = 0; }));
  CHECK(finds([](Arena arena) { arena.at(Bank::root).parent = lower; }));
  CHECK(finds([](Arena arena) { arena.header().free_records = Bank::none; }));
  CHECK(finds([](Arena arena) { arena.header().free_records = lower; }));
  CHECK(finds([](Arena arena) { arena.at(arena.header().free_records).next_sibling = arena.header().free_records; }));
  CHECK(finds([](Arena arena) { arena.at(lower).facets = Frame::none; }));
  CHECK(finds([](Arena arena) { arena.at(lower).facets = arena.at(Bank{2}).facets; }));
  CHECK(finds([](Arena arena) { arena.at(arena.at(lower).facets).owner = lower; }));
  CHECK(finds([](Arena arena) { arena.at(arena.at(lower).facets).kind = Kind::empty; }));
}

TEST_CASE("verify finds damage: dying banks") {
  CHECK(finds([](Arena arena) { arena.at(lower).flags |= BankRecord::flag_dying; }));
  CHECK(finds([](Arena arena) { arena.at(lower).flags |= BankRecord::flag_dissolving; }));
  CHECK(finds([](Arena arena) { arena.at(lower).flags |= BankRecord::flag_has_asker; }));
  CHECK(finds([](Arena arena) { arena.header().first_dying = lower; }));
  CHECK(finds([](Arena arena) { arena.header().last_dying = lower; }));
  CHECK(finds([](Arena arena) { arena.header().sweep_phase = SweepPhase::rest; }));
  CHECK(finds([](Arena arena) { arena.header().sweep_phase = static_cast<SweepPhase>(77); }));
}

TEST_CASE("verify survives every byte of an arena being anything") {
  BankFixture store(store_frames);
  populate(store);
  REQUIRE(store.sweep.begin(Bank{2}));
  REQUIRE(store.sweep.step());
  const auto bytes = store.memory.bytes();
  std::mt19937_64 random(1);
  unsigned found = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::byte before = bytes[i];
    bytes[i] ^= static_cast<std::byte>(1 + random() % 255);
    if (const auto arena = Arena::open(bytes)) found += verify_books(*arena).has_value();
    bytes[i] = before;
  }
  CHECK(found > 1000);
  CHECK(!verify_books(store.arena()));
}

TEST_CASE("verify survives much damage at once") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 3000; ++round) {
    BankFixture store(64);
    populate(store);
    const auto bytes = store.memory.bytes();
    for (int i = 0; i < 200; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random() % 8);
    if (const auto arena = Arena::open(bytes)) (void)verify_books(*arena);
  }
}

}  // namespace perdure::bank
