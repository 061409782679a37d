// SPDX-License-Identifier: MIT
//
// Tries to get something out of, or into, a bank while it is destroyed; to have two destructions
// cross; and to find a trace of the bank afterwards.
#include "test/unit/spacebank/bank_fixture.hpp"

namespace perdure::bank {
namespace {

constexpr uint64_t store_frames = 2000;

struct Contents {
  std::vector<Capability> capabilities;
};

// Some of every kind in the bank and in two banks below it.
Contents fill(BankFixture& store, Bank bank) {
  Contents contents;
  for (const Bank payer : {bank, store.create(bank), store.create(store.create(bank))}) {
    for (const Kind kind : every_kind) {
      for (int i = 0; i < 20; ++i) {
        const auto place = store.logic.allocate(payer, kind);
        REQUIRE(place);
        contents.capabilities.push_back(
            store.range.capability(frame_number(place->frame), place->index));
      }
    }
  }
  return contents;
}

FramesByKind usage(const BankFixture& store, Bank bank) {
  FramesByKind usage{};
  for (unsigned kind = 0; kind < kind_count; ++kind) {
    usage[kind] = store.logic.used_by_kind(bank, static_cast<Kind>(kind));
  }
  return usage;
}

}  // namespace

TEST_CASE("destroy takes everything, and the bank above has what it had before") {
  BankFixture store(store_frames);
  const Bank parent = store.create(Bank::root);
  REQUIRE(store.buy(parent, Kind::wrapper) == Result::ok);
  const FramesByKind before = usage(store, parent);
  const uint32_t free_before = store.arena().header().free_frames;

  const auto made = store.logic.create_sub_bank(parent, bank_unlimited);
  REQUIRE(made);
  Contents contents = fill(store, made->bank);
  for (uint64_t restrictions = 0; restrictions <= bank_restriction::all; ++restrictions) {
    const auto facet = store.logic.facet(made->bank, restrictions);
    contents.capabilities.push_back(
        store.range.capability(frame_number(facet->place.frame), facet->place.index));
  }
  CHECK(store.destroy(made->bank) > 6);

  CHECK(usage(store, parent) == before);
  CHECK(store.arena().header().free_frames == free_before);
  for (const Capability& capability : contents.capabilities) CHECK(store.range.is_void(capability));
  CHECK(store.problem() == "");
}

TEST_CASE("from the first moment nothing is sold, freed, created or changed below a dying bank") {
  BankFixture store(store_frames);
  const Bank top = store.create(Bank::root);
  const Bank middle = store.create(top);
  const Bank bottom = store.create(middle);
  const auto page = store.logic.allocate(bottom, Kind::page);
  REQUIRE(store.buy(bottom, Kind::wrapper) == Result::ok);  // a row with places
  REQUIRE(store.sweep.begin(middle));
  for (const Bank bank : {middle, bottom}) {
    CHECK(store.buy(bank, Kind::page) == Result::dying);
    CHECK(store.buy(bank, Kind::wrapper) == Result::dying);
    CHECK(store.logic.create_sub_bank(bank, 1).error() == Result::dying);
    CHECK(store.logic.facet(bank, 0).error() == Result::dying);
    CHECK(store.logic.set_limit(bank, 1).error() == Result::dying);
    CHECK(store.sweep.begin(bank).error() == Result::dying);
    CHECK(store.logic.list(bank, Bank::none)->is_dying);
  }
  CHECK(store.logic.free(bottom, *page, Kind::page).error() == Result::dying);
  CHECK(store.buy(top, Kind::page) == Result::ok);
  CHECK(store.problem() == "");
}

TEST_CASE("others are served between any two steps, and the books are sound after each") {
  BankFixture store(store_frames);
  const Bank dying = store.create(Bank::root);
  const Bank living = store.create(Bank::root);
  fill(store, dying);
  REQUIRE(store.sweep.begin(dying));
  REQUIRE(store.sweep.keep_asker(dying));
  unsigned steps = 0;
  while (store.arena().has(dying)) {
    const auto done = store.sweep.step();
    REQUIRE(done);
    CHECK(store.problem() == "");
    CHECK(store.buy(living, every_kind[steps % std::size(every_kind)]) == Result::ok);
    CHECK(store.problem() == "");
    if (done->state == SweepResult::State::empty) REQUIRE(store.sweep.finish(dying));
    ++steps;
  }
  CHECK(store.problem() == "");
  CHECK(steps > 6);
}

TEST_CASE("order: facets of every bank, then processes of every bank, then the rest") {
  BankFixture store(store_frames);
  const Bank top = store.create(Bank::root);
  const Bank below = store.create(top);
  for (const Bank bank : {top, below}) {
    for (int i = 0; i < 3; ++i) {
      REQUIRE(store.buy(bank, Kind::page) == Result::ok);
      REQUIRE(store.buy(bank, Kind::process) == Result::ok);
    }
  }
  const auto facets_made = [&] {
    return store.arena().at(store.arena().at(top).facets).allocated |
           store.arena().at(store.arena().at(below).facets).allocated;
  };
  REQUIRE(store.sweep.begin(top));
  while (store.arena().header().sweep_phase != SweepPhase::empty) {
    REQUIRE(store.sweep.step());
    if (store.logic.used_by_kind(top, Kind::process) < 6) CHECK(facets_made() == 0);
    if (store.logic.used_by_kind(top, Kind::page) < 6) {
      CHECK(store.logic.used_by_kind(top, Kind::process) == 0);
    }
  }
  REQUIRE(store.sweep.finish(top));
  CHECK(store.problem() == "");
}

TEST_CASE("a step rescinds at most its bound of frames, and a large bank goes in runs") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  for (int i = 0; i < 1000; ++i) REQUIRE(store.buy(bank, Kind::page) == Result::ok);
  REQUIRE(store.sweep.begin(bank));
  unsigned steps = 0;
  while (true) {
    const uint32_t before = store.used(bank);
    const auto done = store.sweep.step();
    REQUIRE(done);
    CHECK(before - store.used(bank) <= sweep_run_max);
    ++steps;
    if (done->state == SweepResult::State::empty) break;
  }
  CHECK(steps < 40);  // 1000 frames, 64 at a time, in few pieces
  REQUIRE(store.sweep.finish(bank));
}

TEST_CASE("a kernel that does less than it was asked is asked again for the rest") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  fill(store, bank);
  store.range.rescind_bound = 3;
  store.destroy(bank);
  CHECK(store.logic.status(Bank::root).used == 1);
  CHECK(store.problem() == "");
}

TEST_CASE("a refusal of the kernel leaves the sweep where it was") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  fill(store, bank);
  REQUIRE(store.sweep.begin(bank));
  REQUIRE(store.sweep.keep_asker(bank));
  bool is_refused = true;
  while (store.arena().has(bank)) {
    store.range.refuses_in = is_refused ? 1 : 0;
    is_refused = !is_refused;
    const auto done = store.sweep.step();
    if (done && done->state == SweepResult::State::empty) {
      store.range.refuses_in = 1;
      CHECK(store.sweep.finish(bank).error() == RangeModel::ordered_refusal);
      store.range.refuses_in = 0;
      REQUIRE(store.sweep.finish(bank));
    }
    CHECK(store.problem() == "");
  }
}

TEST_CASE("the bank above is destroyed while one below it is: each asker is kept and answered") {
  BankFixture store(store_frames);
  const Bank upper = store.create(Bank::root);
  const Bank lower = store.create(upper);
  const Bank other = store.create(Bank::root);
  fill(store, lower);
  fill(store, upper);
  fill(store, other);
  for (const Bank bank : {lower, other, upper}) {
    REQUIRE(store.sweep.begin(bank));
    REQUIRE(store.sweep.keep_asker(bank));
    REQUIRE(store.sweep.step());
  }
  std::vector<Bank> finished;
  for (auto done = store.sweep.step(); done->state != SweepResult::State::idle;
       done = store.sweep.step()) {
    CHECK(store.problem() == "");
    if (done->state != SweepResult::State::empty) continue;
    CHECK(store.sweep.has_asker(done->bank));
    const FrameNumber page = store.sweep.asker_page(done->bank);
    CHECK(store.range.identity(page.value).kind == Kind::capability_page);
    REQUIRE(store.sweep.finish(done->bank));
    CHECK(store.range.identity(page.value).kind == Kind::empty);
    finished.push_back(done->bank);
  }
  CHECK(finished == std::vector{lower, other, upper});
  CHECK(store.logic.status(Bank::root).used == 1);
  CHECK(store.arena().header().bank_count == 1);
}

TEST_CASE("keeping the asker voids the facets of the dying bank") {
  BankFixture store(store_frames);
  const auto made = store.logic.create_sub_bank(Bank::root, 5);
  const Capability facet =
      store.range.capability(frame_number(made->facet.place.frame), made->facet.place.index);
  REQUIRE(store.sweep.begin(made->bank));
  REQUIRE(store.sweep.keep_asker(made->bank));
  CHECK(store.range.is_void(facet));
  CHECK(store.problem() == "");
}

TEST_CASE("the root bank cannot be destroyed, nor a bank twice") {
  BankFixture store(store_frames);
  CHECK(store.sweep.begin(Bank::root).error() == Result::in_use);
  const Bank bank = store.create(Bank::root);
  REQUIRE(store.sweep.begin(bank));
  CHECK(store.sweep.begin(bank).error() == Result::dying);
  CHECK(store.sweep.step()->state == SweepResult::State::more);
}

TEST_CASE("with nothing to destroy a step is idle") {
  BankFixture store(store_frames);
  CHECK(store.sweep.step()->state == SweepResult::State::idle);
  store.destroy(store.create(Bank::root));
  CHECK(store.sweep.step()->state == SweepResult::State::idle);
}

TEST_CASE("a hundred single-client servers, filled and destroyed in disorder, leave no trace") {
  BankFixture store(40'000);
  const uint32_t free_before = store.arena().header().free_frames;
  std::vector<Bank> banks;
  for (int i = 0; i < 100; ++i) {
    banks.push_back(store.create(Bank::root));
    fill(store, banks.back());
  }
  for (size_t i = 0; i < banks.size(); ++i) store.destroy(banks[(i * 37) % banks.size()]);
  CHECK(store.arena().header().free_frames == free_before);
  CHECK(store.logic.status(Bank::root).used == 1);
  CHECK(store.problem() == "");
}

}  // namespace perdure::bank
