// SPDX-License-Identifier: MIT
//
// Tries to lose, void or double something while a bank is dissolved into the one above it; to have
// the bank's limit or a crossing destruction come between; and to find a trace of it afterwards.
#include "test/unit/spacebank/bank_fixture.hpp"

namespace perdure::bank {
namespace {

constexpr uint64_t store_frames = 2000;

// Dissolves it; → how many steps.
unsigned dissolve(BankFixture& store, Bank bank) {
  REQUIRE(store.sweep.begin_dissolving(bank));
  for (unsigned steps = 1;; ++steps) {
    const auto done = store.sweep.step();
    REQUIRE(done);
    CHECK(store.problem() == "");
    if (done->state != SweepResult::State::empty) continue;
    REQUIRE(store.sweep.finish(done->bank));
    if (done->bank == bank) return steps;
  }
}

struct Sold {
  Place place;
  Kind kind;
  Capability capability;
};

std::vector<Sold> fill(BankFixture& store, Bank bank, int of_each = 20) {
  std::vector<Sold> sold;
  for (const Kind kind : every_kind) {
    for (int i = 0; i < of_each; ++i) {
      const auto place = store.logic.allocate(bank, kind);
      REQUIRE(place);
      sold.push_back({*place, kind, store.range.capability(frame_number(place->frame), place->index)});
    }
  }
  return sold;
}

}  // namespace

TEST_CASE("dissolved: every object lives, is the parent's to free, and two frames are back") {
  BankFixture store(store_frames);
  const Bank parent = store.create(Bank::root);
  const std::vector<Sold> own = fill(store, parent, 3);
  const uint32_t used_before = store.used(parent);
  const uint32_t free_before = store.arena().header().free_frames;
  const Bank bank = store.create(parent);
  const std::vector<Sold> sold = fill(store, bank);
  const uint32_t frames_of_bank = store.used(bank);
  dissolve(store, bank);

  CHECK(!store.arena().has(bank));
  CHECK(store.used(parent) == used_before + frames_of_bank);
  CHECK(store.arena().header().free_frames == free_before - frames_of_bank);
  for (const Sold& one : sold) CHECK(!store.range.is_void(one.capability));
  for (const Sold& one : sold) CHECK(store.logic.free(parent, one.place, one.kind));
  CHECK(store.used(parent) == used_before);
  CHECK(store.problem() == "");
}

TEST_CASE("dissolved: rows with places are the parent's to sell from") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  REQUIRE(store.buy(bank, Kind::wrapper) == Result::ok);
  dissolve(store, bank);
  const uint32_t used = store.used(Bank::root);
  for (unsigned i = 1; i < info(Kind::wrapper).objects_per_frame; ++i) {
    CHECK(store.buy(Bank::root, Kind::wrapper) == Result::ok);
  }
  CHECK(store.used(Bank::root) == used);
  CHECK(store.buy(Bank::root, Kind::wrapper) == Result::ok);
  CHECK(store.used(Bank::root) == used + 1);
  CHECK(store.problem() == "");
}

TEST_CASE("dissolved: while it goes on the banks below sell and buy, under the parent's limit too") {
  BankFixture store(store_frames);
  const Bank parent = store.create(Bank::root, 200);
  const Bank bank = store.create(parent, 150);
  std::vector<Bank> below;
  for (int i = 0; i < 8; ++i) below.push_back(store.create(bank));
  fill(store, bank, 5);
  const auto kept = store.logic.allocate(below[0], Kind::page);
  REQUIRE(store.sweep.begin_dissolving(bank));
  REQUIRE(store.sweep.keep_asker(bank));
  for (unsigned i = 0; store.arena().has(bank); ++i) {
    CHECK(store.buy(below[i % 8], every_kind[i % std::size(every_kind)]) == Result::ok);
    CHECK(store.buy(bank, Kind::page) == Result::dying);
    CHECK(store.logic.facet(bank, 0).error() == Result::dying);
    CHECK(store.logic.create_sub_bank(bank, 1).error() == Result::dying);
    CHECK(store.logic.set_limit(bank, 1).error() == Result::dying);
    CHECK(store.sweep.begin(bank).error() == Result::dying);
    CHECK(store.sweep.begin_dissolving(bank).error() == Result::dying);
    const auto done = store.sweep.step();
    REQUIRE(done);
    CHECK(store.problem() == "");
    if (done->state == SweepResult::State::empty) REQUIRE(store.sweep.finish(bank));
  }
  CHECK(store.logic.free(below[0], *kept, Kind::page));
  for (const Bank child : below) CHECK(store.logic.status(child).effective_limit == 200);
  while (store.buy(below[3], Kind::page) == Result::ok) {
  }
  CHECK(store.used(parent) == 200);
  CHECK(store.problem() == "");
}

TEST_CASE("dissolved: facets of the bank are void at once, those of the banks below stay") {
  BankFixture store(store_frames);
  const auto made = store.logic.create_sub_bank(Bank::root, 50);
  const auto below = store.logic.create_sub_bank(made->bank, 50);
  const auto capability = [&](const NewBank& bank) {
    return store.range.capability(frame_number(bank.facet.place.frame), bank.facet.place.index);
  };
  const Capability own = capability(*made), lower = capability(*below);
  REQUIRE(store.sweep.begin_dissolving(made->bank));
  CHECK(store.range.is_void(own));
  while (store.sweep.step()->state == SweepResult::State::more) {
  }
  REQUIRE(store.sweep.finish(made->bank));
  CHECK(!store.range.is_void(lower));
  CHECK(store.logic.facet(below->bank, 0)->place == below->facet.place);
  CHECK(!store.logic.facet(below->bank, 0)->is_fresh);
  CHECK(store.problem() == "");
}

TEST_CASE("dissolved: each step is bounded, however much there is") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  for (int i = 0; i < 1000; ++i) REQUIRE(store.buy(bank, Kind::page) == Result::ok);
  for (int i = 0; i < 30; ++i) store.create(bank);
  REQUIRE(store.sweep.begin_dissolving(bank));
  unsigned steps = 0;
  for (bool is_empty = false; !is_empty; ++steps) {
    const uint32_t before = store.used(bank);
    const auto done = store.sweep.step();
    REQUIRE(done);
    CHECK(before - store.used(bank) <= sweep_run_max);
    is_empty = done->state == SweepResult::State::empty;
  }
  CHECK(steps < 30 + 40);
  REQUIRE(store.sweep.finish(bank));
  CHECK(store.problem() == "");
}

TEST_CASE("dissolved: the one above is destroyed meanwhile, and takes along what was passed to it") {
  BankFixture store(store_frames);
  const Bank upper = store.create(Bank::root);
  const Bank middle = store.create(upper);
  const Bank lower = store.create(middle);
  std::vector<Sold> sold = fill(store, middle);
  for (const Sold& one : fill(store, lower)) sold.push_back(one);
  REQUIRE(store.sweep.begin_dissolving(middle));
  REQUIRE(store.sweep.step());
  REQUIRE(store.sweep.begin(upper));
  CHECK(store.buy(lower, Kind::page) == Result::dying);
  std::vector<Bank> finished;
  for (auto done = store.sweep.step(); done->state != SweepResult::State::idle; done = store.sweep.step()) {
    CHECK(store.problem() == "");
    if (done->state != SweepResult::State::empty) continue;
    finished.push_back(done->bank);
    REQUIRE(store.sweep.finish(done->bank));
  }
  CHECK(finished == std::vector{middle, upper});
  for (const Sold& one : sold) CHECK(store.range.is_void(one.capability));
  CHECK(store.used(Bank::root) == 1);
}

TEST_CASE("dissolved: a whole chain, asked from the top, from the bottom and across") {
  for (const std::vector<unsigned>& order :
       {std::vector<unsigned>{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}}) {
    BankFixture store(store_frames);
    std::vector<Bank> chain{store.create(Bank::root)};
    while (chain.size() < 4) chain.push_back(store.create(chain.back()));
    std::vector<Sold> sold;
    for (const Bank bank : chain) {
      for (const Sold& one : fill(store, bank, 4)) sold.push_back(one);
    }
    for (const unsigned i : order) REQUIRE(store.sweep.begin_dissolving(chain[i]));
    for (auto done = store.sweep.step(); done->state != SweepResult::State::idle; done = store.sweep.step()) {
      CHECK(store.problem() == "");
      if (done->state == SweepResult::State::empty) REQUIRE(store.sweep.finish(done->bank));
    }
    CHECK(store.arena().header().bank_count == 1);
    for (const Sold& one : sold) CHECK(store.logic.free(Bank::root, one.place, one.kind));
    CHECK(store.used(Bank::root) == 1);
  }
}

TEST_CASE("dissolved: refused for the root, and below what is dying; a kernel's refusal changes nothing") {
  BankFixture store(store_frames);
  const Bank upper = store.create(Bank::root);
  const Bank lower = store.create(upper);
  CHECK(store.sweep.begin_dissolving(Bank::root).error() == Result::in_use);
  store.range.refuses_in = 1;
  CHECK(store.sweep.begin_dissolving(lower).error() == RangeModel::ordered_refusal);
  CHECK(store.buy(lower, Kind::page) == Result::ok);
  REQUIRE(store.sweep.begin(upper));
  CHECK(store.sweep.begin_dissolving(lower).error() == Result::dying);
  CHECK(store.sweep.begin_dissolving(upper).error() == Result::dying);
  CHECK(store.problem() == "");
}

TEST_CASE("dissolved: a refusal of the kernel, or less done than asked, leaves it where it was") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  store.create(bank);
  fill(store, bank, 5);
  store.range.rescind_bound = 3;
  REQUIRE(store.sweep.begin_dissolving(bank));
  for (bool is_refused = true; store.arena().has(bank); is_refused = !is_refused) {
    store.range.refuses_in = is_refused ? 1 : 0;
    const auto done = store.sweep.step();
    store.range.refuses_in = 0;
    CHECK(store.problem() == "");
    if (done && done->state == SweepResult::State::empty) REQUIRE(store.sweep.finish(bank));
  }
  CHECK(store.problem() == "");
}

TEST_CASE("dissolved: depth is what is left of the path") {
  BankFixture store(store_frames);
  std::vector<Bank> chain{Bank::root};
  while (chain.size() < bank_depth_max) chain.push_back(store.create(chain.back()));
  CHECK(store.logic.create_sub_bank(chain.back(), 1).error() == Result::limit_reached);
  dissolve(store, chain[10]);
  const Bank deepest = store.create(chain.back());
  CHECK(store.logic.create_sub_bank(deepest, 1).error() == Result::limit_reached);
  CHECK(store.problem() == "");
}

}  // namespace perdure::bank
