// SPDX-License-Identifier: MIT
//
// Tries whether books that were written on the host are those that the server goes on with:
// moved to another address, and with every frame that generation 0 needs bought from a bank.
#include <algorithm>

#include "spacebank/genesis.hpp"
#include "test/unit/spacebank/bank_fixture.hpp"

namespace perdure::bank {

TEST_CASE("the bytes of an arena per frame are fixed, and fewer than three per cent") {
  for (const uint64_t frames : {1000ull, 100'000ull, 10'000'000ull}) {
    CHECK(arena_bytes(frames) < frames * 89 + 5 * arena_page_bytes);
    CHECK(arena_bytes(frames) % arena_page_bytes == 0);
  }
}

TEST_CASE("generation 0: root bank, banks, objects, and the books' own pages") {
  constexpr uint64_t frames = 600;
  ArenaMemory memory(frames);
  RangeModel range(frames);
  auto genesis = Genesis::begin(memory.bytes(), frames, range);
  REQUIRE(genesis);
  const GenesisBank root = genesis->root();
  CHECK(number(root.bank) == bank_root_account);
  CHECK(root.facet.payload == bank_facet_payload(bank_root_account, 0));
  CHECK(root.facet.is_fresh);
  for (size_t i = 0; i < memory.bytes().size() / frame_bytes; ++i) {
    REQUIRE(genesis->buy(Bank::root, Kind::page));
  }
  const auto user = genesis->create_bank(Bank::root, 50);
  REQUIRE(user);
  CHECK(user->facet.payload == bank_facet_payload(number(user->bank), 0));
  const auto process = genesis->buy(user->bank, Kind::process);
  REQUIRE(process);
  const Capability capability = range.capability(object_of(*process).frame(), 0);
  CHECK(capability.type == CapabilityType::process);
  CHECK(capability.object == object_of(*process));
  const auto reduced = genesis->facet(user->bank, bank_restriction::may_not_destroy);
  REQUIRE(reduced);
  CHECK(reduced->payload == bank_facet_payload(number(user->bank), bank_restriction::may_not_destroy));

  // The server finds the same bytes at another address, and goes on.
  ArenaMemory moved(frames);
  std::ranges::copy(memory.bytes(), moved.bytes().begin());
  std::ranges::fill(memory.bytes(), std::byte{0xff});
  const auto arena = Arena::open(moved.bytes());
  REQUIRE(arena);
  CHECK(!verify_books(*arena));
  BankLogic logic(*arena, range);
  CHECK(logic.status(user->bank).used == 1);
  CHECK(logic.status(user->bank).limit == 50);
  REQUIRE(logic.free(user->bank, *process, Kind::process));
  CHECK(range.is_void(capability));
  CHECK(logic.found_root().error() == Result::in_use);
  CHECK(!verify_books(*arena));
}

TEST_CASE("memory that cannot hold an arena for the store is refused") {
  RangeModel range(100);
  ArenaMemory memory(100);
  CHECK(!Genesis::begin(memory.bytes(), 101 * 64, range));
  CHECK(!Genesis::begin(memory.bytes(), 0, range));
  CHECK(!Genesis::begin(memory.bytes(), frames_max + 1, range));
  CHECK(!Genesis::begin(memory.bytes().subspan(1), 100, range));
  CHECK(!Genesis::begin({}, 100, range));
  CHECK(Genesis::begin(memory.bytes(), 100, range));
}

TEST_CASE("what is not an arena is refused") {
  BankFixture store(100);
  CHECK(Arena::open(store.memory.bytes()));
  CHECK(!Arena::open(store.memory.bytes().first(4096)));
  CHECK(!Arena::open({}));
  ArenaMemory zero(100);
  CHECK(!Arena::open(zero.bytes()));
  const auto spoiled = [&](auto spoil) {
    BankFixture other(100);
    spoil(other.arena().header());
    return !Arena::open(other.memory.bytes());
  };
  CHECK(spoiled([](ArenaHeader& header) { header.magic ^= 1; }));
  CHECK(spoiled([](ArenaHeader& header) { header.revision += 1; }));
  CHECK(spoiled([](ArenaHeader& header) { header.frame_count = 0; }));
  CHECK(spoiled([](ArenaHeader& header) { header.frame_count = 0xffff'ffff; }));
  CHECK(spoiled([](ArenaHeader& header) { header.group_count += 1; }));
  CHECK(spoiled([](ArenaHeader& header) { header.record_count += 1; }));
  CHECK(spoiled([](ArenaHeader& header) { header.records_touched = 0xffff'ffff; }));
  CHECK(spoiled([](ArenaHeader& header) { header.groups_touched = 0xffff'ffff; }));
}

}  // namespace perdure::bank
