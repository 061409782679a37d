// SPDX-License-Identifier: MIT
//
// Banks over a disk that has lost something. Either the contents of a frame: then nothing is made in it,
// and it can be taken away. Or even what it is (both copies of its tag): then a free one is passed over, and
// what a bank has there cannot be taken away with certainty.
#include "test/unit/spacebank/bank_fixture.hpp"

using namespace perdure;
using namespace perdure::bank;

namespace {

constexpr uint64_t store_frames = 400;

void dissolve(BankFixture& store, Bank bank) {
  REQUIRE(store.sweep.begin_dissolving(bank));
  while (store.arena().has(bank)) {
    const auto done = store.sweep.step();
    REQUIRE(done);
    if (done->state == SweepResult::State::empty) REQUIRE(store.sweep.finish(bank));
  }
}

Place bought(BankFixture& store, Bank bank, Kind kind) {
  const auto place = store.logic.allocate(bank, kind);
  REQUIRE(place);
  return *place;
}

}  // namespace

TEST_CASE("free frames of which the disk does not say what they were are passed over, and sold when it does again") {
  for (const Kind kind : every_kind) {
    BankFixture store(store_frames);
    const Bank bank = store.create(Bank::root);
    // The whole of the group from which the next one would come.
    const uint32_t next = number(bought(store, bank, Kind::page).frame) + 1;
    for (uint32_t frame = next; frame < next + frames_per_group; ++frame) store.range.unknown.insert(frame);
    for (unsigned i = 0; i < 100; ++i) {
      const Place place = bought(store, bank, kind);
      REQUIRE_FALSE(store.range.unknown.contains(number(place.frame)));
      REQUIRE(store.problem() == "");
    }
    store.range.unknown.clear();
    uint32_t sold = 0;
    while (store.buy(bank, Kind::page) == Result::ok) ++sold;
    CHECK(store.arena().header().free_frames == 1);  // a record is paid for like a frame, and is none
    CHECK(sold > frames_per_group);
    store.destroy(bank);
    CHECK(store.used(Bank::root) == 1);
    CHECK(store.problem() == "");
  }
}

TEST_CASE("a bank is created although the frame that is tried first cannot be known") {
  BankFixture store(store_frames);
  const uint32_t next = number(bought(store, Bank::root, Kind::page).frame) + 1;
  for (uint32_t frame = next; frame < next + 3; ++frame) store.range.unknown.insert(frame);
  const Bank bank = store.create(Bank::root);
  CHECK_FALSE(store.range.unknown.contains(number(store.arena().at(bank).facets)));
  CHECK(store.problem() == "");
  store.destroy(bank);
  CHECK(store.used(Bank::root) == 2);
}

TEST_CASE("with no free frame known a purchase ends soon, charges nobody, and succeeds when the trouble is over") {
  BankFixture store(store_frames);
  const uint32_t used = store.used(Bank::root), free = store.arena().header().free_frames;
  for (uint32_t frame = 1; frame < store_frames; ++frame) {
    if (store.arena().at(Frame{frame}).use == FrameUse::free) store.range.unknown.insert(frame);
  }
  store.range.makes = 0;
  CHECK(store.buy(Bank::root, Kind::page) == Result::unreadable);
  CHECK(store.logic.create_sub_bank(Bank::root, 5).error() == Result::unreadable);
  CHECK(store.range.makes <= 16);
  CHECK(store.used(Bank::root) == used);
  CHECK(store.arena().header().free_frames == free);
  CHECK(store.problem() == "");
  store.range.unknown.clear();
  CHECK(store.buy(Bank::root, Kind::page) == Result::ok);
  store.create(Bank::root);
}

TEST_CASE("nothing more is sold in a row that cannot be read, and what was sold there is still the bank's") {
  for (const Kind kind : every_kind) {
    if (!is_row(kind)) continue;
    BankFixture store(store_frames);
    const Bank bank = store.create(Bank::root);
    const Place first = bought(store, bank, kind);
    const Place second = bought(store, bank, kind);
    store.range.damaged.insert(number(first.frame));
    for (int i = 0; i < info(kind).objects_per_frame + 3; ++i) {
      CHECK(bought(store, bank, kind).frame != first.frame);
      REQUIRE(store.problem() == "");
    }
    CHECK(store.logic.free(bank, second, kind).error() == Result::unreadable);
    store.range.damaged.clear();  // the trouble has passed: it is closed all the same
    REQUIRE(store.logic.free(bank, second, kind));
    CHECK(store.problem() == "");
    CHECK(bought(store, bank, kind).frame != first.frame);
    REQUIRE(store.logic.free(bank, first, kind));  // the last one, and with it the frame
    CHECK(store.problem() == "");
  }
}

TEST_CASE("a bank with damaged frames of every kind is destroyed, and all of it comes back") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  const Bank below = store.create(bank);
  for (const Bank payer : {bank, below}) {
    for (const Kind kind : every_kind) store.range.damaged.insert(number(bought(store, payer, kind).frame));
    store.range.damaged.insert(number(store.arena().at(payer).facets));
  }
  const uint32_t free_before = store.arena().header().free_frames;
  const uint32_t used = store.used(bank);
  store.destroy(bank);
  CHECK(store.used(Bank::root) == 1);
  // `used` counts the record of the bank below, which is no frame; and not this one's frame of facets.
  CHECK(store.arena().header().free_frames == free_before + used - 1 + 1);
  CHECK(store.problem() == "");
}

TEST_CASE("a bank with damaged frames is dissolved: what can be read is the parent's, the rest is gone") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  const Bank below = store.create(bank);
  store.range.damaged.insert(number(store.arena().at(below).facets));
  std::vector<Frame> whole;
  for (const Kind kind : every_kind) {
    const Frame frame = bought(store, bank, kind).frame;
    if (number(frame) % 2 == 0) store.range.damaged.insert(number(frame));
    else whole.push_back(frame);
  }
  dissolve(store, bank);
  CHECK(store.used(Bank::root) == 1 + whole.size() + 2);
  for (const Frame frame : whole) CHECK(store.arena().at(frame).owner == Bank::root);
  CHECK(store.arena().at(below).parent == Bank::root);
  CHECK(!verify_books(store.arena()));
}

TEST_CASE("a bank whose facets cannot be read while the one above it is dissolved has them again when they can") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  const Bank below = store.create(bank);
  const Frame row = store.arena().at(below).facets;
  const Capability sold = store.range.capability(frame_number(row), 0);
  REQUIRE_FALSE(store.range.is_void(sold));
  store.range.damaged.insert(number(row));
  dissolve(store, bank);
  CHECK(store.logic.facet(below, bank_restriction::may_not_free).error() == Result::unreadable);
  store.range.damaged.clear();
  REQUIRE(store.logic.facet(below, bank_restriction::may_not_free));
  CHECK_FALSE(store.range.is_void(sold));
  CHECK(store.range.identity(number(row)).account == account_of(Bank::root));
  CHECK(store.problem() == "");
}

TEST_CASE("a bank that has what even the kernel does not know stays dying; the next destruction tries again") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  const Frame frame = bought(store, bank, Kind::process).frame;
  bought(store, bank, Kind::page);
  store.range.unknown.insert(number(frame));
  REQUIRE(store.sweep.begin(bank));
  bool is_refused = false;
  for (unsigned i = 0; i < 10; ++i) {
    const auto stepped = store.sweep.step();
    is_refused = !stepped && stepped.error() == Result::unreadable;
  }
  CHECK(is_refused);
  CHECK(store.logic.list(Bank::root, Bank::root)->is_dying);
  store.range.unknown.clear();
  while (store.arena().has(bank)) {
    const auto done = store.sweep.step();
    REQUIRE(done);
    if (done->state == SweepResult::State::empty) REQUIRE(store.sweep.finish(bank));
  }
  CHECK(store.used(Bank::root) == 1);
  CHECK(store.problem() == "");
}
