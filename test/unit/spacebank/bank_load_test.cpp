// SPDX-License-Identifier: MIT
//
// A normal load, a million objects in ten thousand banks, to find what is not O(1): bought in
// turns so that no bank's frames come one after the other, freed and destroyed in disorder.
#include "test/unit/spacebank/bank_fixture.hpp"

namespace perdure::bank {
namespace {

// Frames without bytes: only how often each operation was asked for.
struct CountingRange final : FrameMaker {
  Result make(FrameNumber, Kind, Account, unsigned) override { return ++made, Result::ok; }
  Expected<uint64_t, Result> rescind(FrameNumber, uint64_t count) override {
    return ++rescinded, count;
  }
  Result rescind_object(FrameNumber, unsigned) override { return ++rescinded, Result::ok; }
  Expected<uint64_t, Result> set_account(FrameNumber, uint64_t count, Account) override {
    return count;
  }
  uint64_t made = 0;
  uint64_t rescinded = 0;
};

constexpr uint64_t store_frames = 100'000;
constexpr unsigned bank_count = 10'000;
constexpr unsigned objects_per_bank = 100;

}  // namespace

TEST_CASE("a million objects in ten thousand banks") {
  ArenaMemory memory(store_frames);
  CountingRange range;
  BankLogic logic(*Arena::initialise(memory.bytes(), store_frames), range);
  BankSweep sweep(logic.arena(), range);
  REQUIRE(logic.found_root());
  const uint32_t free_before = logic.arena().header().free_frames;

  std::vector<Bank> banks;
  for (unsigned i = 0; i < bank_count; ++i) {
    // A tree: ten banks under the root, each with a thousand below it.
    const Bank parent = i < 10 ? Bank::root : banks[i % 10];
    const auto made = logic.create_sub_bank(parent, bank_unlimited);
    REQUIRE(made);
    banks.push_back(made->bank);
  }
  std::vector<Place> first_objects(bank_count);
  for (unsigned round = 0; round < objects_per_bank; ++round) {
    for (unsigned i = 0; i < bank_count; ++i) {
      const auto place = logic.allocate(banks[i], Kind::wrapper);
      if (!place) FAIL("refused in round " << round << ", bank " << i);
      if (round == 0) first_objects[i] = *place;
    }
  }
  CHECK(logic.used_by_kind(Bank::root, Kind::wrapper) == 2 * bank_count + bank_count + 1);
  CHECK(!verify_books(logic.arena()));

  for (unsigned i = 0; i < bank_count; ++i) {
    const unsigned which = i * 7919u % bank_count;
    if (!logic.free(banks[which], first_objects[which], Kind::wrapper)) FAIL("not freed: " << which);
  }
  CHECK(!verify_books(logic.arena()));

  for (unsigned i = 0; i < 10; ++i) REQUIRE(sweep.begin(banks[i]));
  uint64_t steps = 0;
  for (auto done = sweep.step(); done->state != SweepResult::State::idle; done = sweep.step()) {
    if (done->state == SweepResult::State::empty) REQUIRE(sweep.finish(done->bank));
    ++steps;
  }
  CHECK(steps < 8 * bank_count);  // a few for each bank, none for each object
  CHECK(logic.arena().header().free_frames == free_before);
  CHECK(logic.arena().header().bank_count == 1);
  CHECK(!verify_books(logic.arena()));
}

}  // namespace perdure::bank
