// SPDX-License-Identifier: MIT
//
// Tries to get more from a bank than it or a bank above it may give, and to run out of each
// thing there is a number of: frames, limit, depth, records.
#include "test/unit/spacebank/bank_fixture.hpp"

namespace perdure::bank {
namespace {

constexpr uint64_t store_frames = 500;

}  // namespace

TEST_CASE("the effective limit is the minimum along the path, the bank's own included") {
  BankFixture store(store_frames);
  const Bank upper = store.create(Bank::root, 50);
  const Bank lower = store.create(upper, 20);
  CHECK(store.logic.status(lower).effective_limit == 20);
  CHECK(store.logic.status(upper).effective_limit == 50);
  REQUIRE(store.logic.set_limit(upper, 10));
  CHECK(store.logic.status(lower).effective_limit == 10);
  CHECK(store.logic.status(lower).limit == 20);
  REQUIRE(store.logic.set_limit(lower, 5));
  CHECK(store.logic.status(lower).effective_limit == 5);
  CHECK(store.logic.status(Bank::root).effective_limit == store_frames - 1);
}

TEST_CASE("a bank's own limit refuses at exactly its number of frames") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root, 3);
  for (int i = 0; i < 3; ++i) REQUIRE(store.buy(bank, Kind::page) == Result::ok);
  CHECK(store.buy(bank, Kind::page) == Result::limit_reached);
  CHECK(store.buy(bank, Kind::wrapper) == Result::limit_reached);
  CHECK(store.used(bank) == 3);
  CHECK(store.problem() == "");
}

TEST_CASE("the limit of a bank above refuses, and what siblings use counts") {
  BankFixture store(store_frames);
  const Bank upper = store.create(Bank::root, 10);
  const Bank one = store.create(upper);
  const Bank other = store.create(upper);
  for (int i = 0; i < 6; ++i) REQUIRE(store.buy(one, Kind::page) == Result::ok);
  CHECK(store.used(upper) == 10);  // two banks cost four
  CHECK(store.buy(other, Kind::page) == Result::limit_reached);
  CHECK(store.used(other) == 0);
  CHECK(store.problem() == "");
}

TEST_CASE("a place in a row that is already paid for is sold at the limit") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root, 1);
  for (int i = 0; i < 63; ++i) REQUIRE(store.buy(bank, Kind::notice) == Result::ok);
  CHECK(store.buy(bank, Kind::notice) == Result::limit_reached);
  CHECK(store.used(bank) == 1);
}

TEST_CASE("a limit below what is used sells nothing and takes nothing away") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root, 10);
  Place pages[3];
  REQUIRE(store.logic.allocate(bank, Kind::page, pages));
  REQUIRE(store.logic.set_limit(bank, 1));
  CHECK(store.used(bank) == 3);
  CHECK(store.buy(bank, Kind::page) == Result::limit_reached);
  REQUIRE(store.logic.free(bank, pages[0], Kind::page));
  REQUIRE(store.logic.free(bank, pages[1], Kind::page));
  CHECK(store.buy(bank, Kind::page) == Result::limit_reached);
  REQUIRE(store.logic.free(bank, pages[2], Kind::page));
  CHECK(store.buy(bank, Kind::page) == Result::ok);
}

TEST_CASE("limits: zero, unlimited, and larger than that") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root, 0);
  CHECK(store.buy(bank, Kind::page) == Result::limit_reached);
  CHECK(store.logic.create_sub_bank(bank, 5).error() == Result::limit_reached);
  CHECK(store.logic.set_limit(bank, bank_unlimited + 1).error() == Result::bad_argument);
  CHECK(store.logic.create_sub_bank(Bank::root, bank_unlimited + 1).error() == Result::bad_argument);
  REQUIRE(store.logic.set_limit(bank, bank_unlimited));
  CHECK(store.buy(bank, Kind::page) == Result::ok);
  CHECK(store.logic.status(bank).effective_limit == store_frames - 1);
}

TEST_CASE("all or nothing: three objects where two fit leave no trace") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root, 2);
  Place places[3];
  const uint32_t free_before = store.arena().header().free_frames;
  CHECK(store.logic.allocate(bank, Kind::process, places).error() == Result::limit_reached);
  CHECK(store.used(bank) == 0);
  CHECK(store.arena().header().free_frames == free_before);
  CHECK(store.problem() == "");
}

TEST_CASE("the last frame of the store is sold, the next is refused, a freed one is sold again") {
  BankFixture store(store_frames);
  REQUIRE(store.logic.set_limit(Bank::root, bank_unlimited));
  const uint32_t free = store.arena().header().free_frames;
  CHECK(free == store_frames - 2);  // frame 0, and the root bank's facets
  Place last;
  for (uint32_t i = 0; i < free; ++i) last = *store.logic.allocate(Bank::root, Kind::page);
  CHECK(store.buy(Bank::root, Kind::page) == Result::exhausted);
  CHECK(store.logic.create_sub_bank(Bank::root, 1).error() == Result::exhausted);
  CHECK(store.problem() == "");
  REQUIRE(store.logic.free(Bank::root, last, Kind::page));
  CHECK(store.buy(Bank::root, Kind::endpoint) == Result::ok);
  CHECK(store.problem() == "");
}

TEST_CASE("the root bank's limit is what there is: frames run out by limit first") {
  BankFixture store(store_frames);
  store.create(Bank::root);
  while (store.buy(Bank::root, Kind::page) == Result::ok) {
  }
  CHECK(store.buy(Bank::root, Kind::page) == Result::limit_reached);
  CHECK(store.used(Bank::root) == store_frames - 1);
}

TEST_CASE("banks nest to a depth of 32 and no further") {
  BankFixture store(store_frames);
  Bank bank = Bank::root;
  for (unsigned depth = 2; depth <= bank_depth_max; ++depth) bank = store.create(bank);
  const uint32_t used_before = store.used(Bank::root);
  CHECK(store.logic.create_sub_bank(bank, 1).error() == Result::limit_reached);
  CHECK(store.used(Bank::root) == used_before);
  CHECK(store.buy(bank, Kind::page) == Result::ok);
  CHECK(store.used(Bank::root) == used_before + 1);
  CHECK(store.problem() == "");
}

TEST_CASE("records do not run out before frames do, under a limit of what there is") {
  BankFixture store(store_frames);
  uint32_t created = 0;
  Expected<NewBank, Result> made;
  while ((made = store.logic.create_sub_bank(Bank::root, 0))) ++created;
  CHECK(made.error() == Result::limit_reached);
  CHECK(created == (store_frames - 2) / 2);
  CHECK(store.problem() == "");
}

TEST_CASE("records that do run out, under a limit beyond what there is, are a refusal") {
  BankFixture store(store_frames);
  REQUIRE(store.logic.set_limit(Bank::root, bank_unlimited));
  Expected<NewBank, Result> made;
  while ((made = store.logic.create_sub_bank(Bank::root, 0))) {
  }
  CHECK(made.error() == Result::exhausted);
  CHECK(store.arena().header().bank_count == store_frames / 2 + 1);
  CHECK(store.problem() == "");
}

}  // namespace perdure::bank
