// SPDX-License-Identifier: MIT
//
// The bugs that the space banks of this line had, each by its name: tries to find them in this one.
#include "test/unit/spacebank/bank_fixture.hpp"

namespace perdure::bank {

TEST_CASE("ancestors: the effective limit forgot the bank's own limit") {
  BankFixture store(200);
  const Bank upper = store.create(Bank::root, 100);
  const Bank lower = store.create(upper, 7);
  CHECK(store.logic.status(lower).effective_limit == 7);
  for (int i = 0; i < 7; ++i) CHECK(store.buy(lower, Kind::page) == Result::ok);
  CHECK(store.buy(lower, Kind::page) == Result::limit_reached);
  REQUIRE(store.logic.set_limit(lower, bank_unlimited));
  CHECK(store.logic.status(lower).effective_limit == 100);
  REQUIRE(store.logic.set_limit(Bank::root, 50));
  CHECK(store.logic.status(lower).effective_limit == 50);
}

TEST_CASE("ancestors: removing a bank destroyed the banks below it, which should have been inherited") {
  BankFixture store(200);
  const Bank upper = store.create(Bank::root);
  const Bank removed = store.create(upper);
  const Bank inherited = store.create(removed);
  const Bank below = store.create(inherited);
  const auto page = store.logic.allocate(below, Kind::page);
  const Capability capability = store.range.capability(frame_number(page->frame), page->index);
  REQUIRE(store.sweep.begin_dissolving(removed));
  while (store.sweep.step()->state != SweepResult::State::empty) {
  }
  REQUIRE(store.sweep.finish(removed));
  CHECK(!store.arena().has(removed));
  REQUIRE(store.arena().has(inherited));
  REQUIRE(store.arena().has(below));
  CHECK(store.arena().at(inherited).parent == upper);
  CHECK(!store.range.is_void(capability));
  CHECK(store.buy(below, Kind::node) == Result::ok);
  store.destroy(upper);
  CHECK(store.range.is_void(capability));
  CHECK(store.used(Bank::root) == 1);
}

TEST_CASE("ancestors: reduce refused combined masks") {
  BankFixture store(200);
  const Bank bank = store.create(Bank::root);
  for (uint64_t mask = 0; mask <= bank_restriction::all; ++mask) {
    const auto facet = store.logic.facet(bank, mask);
    REQUIRE(facet);
    CHECK(facet->restrictions == complete_restrictions(mask));
  }
  CHECK(store.logic.facet(bank, bank_restriction::all + 1).error() == Result::bad_argument);
}

TEST_CASE("ancestors: allocation did not check an empty free list") {
  BankFixture store(20);
  REQUIRE(store.logic.set_limit(Bank::root, bank_unlimited));  // so that no limit comes first
  while (store.buy(Bank::root, Kind::page) == Result::ok) {
  }
  CHECK(store.arena().header().free_frames == 0);
  for (const Kind kind : every_kind) CHECK(store.buy(Bank::root, kind) == Result::exhausted);
  CHECK(store.logic.create_sub_bank(Bank::root, 1).error() == Result::exhausted);
  CHECK(store.problem() == "");
}

TEST_CASE("ancestors: reallocated as the same or another kind, every old capability stays void") {
  for (const Kind before : every_kind) {
    for (const Kind after : every_kind) {
      BankFixture store(64);
      std::vector<Capability> old;
      for (int round = 0; round < 3; ++round) {
        const auto place = store.logic.allocate(Bank::root, round % 2 == 0 ? before : after);
        REQUIRE(place);
        old.push_back(store.range.capability(frame_number(place->frame), place->index));
        for (size_t i = 0; i + 1 < old.size(); ++i) CHECK(store.range.is_void(old[i]));
        REQUIRE(store.logic.free(Bank::root, *place, round % 2 == 0 ? before : after));
        CHECK(store.range.is_void(old.back()));
      }
    }
  }
}

}  // namespace perdure::bank
