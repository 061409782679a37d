// SPDX-License-Identifier: MIT
//
// Each refusal of the bank's logic by name, what a sale and a return must do to frames and
// capabilities, and the mistakes of the banks that came before this one.
#include "test/unit/spacebank/bank_fixture.hpp"

#include <set>

namespace perdure::bank {
namespace {

constexpr uint64_t store_frames = 500;

Capability capability_at(BankFixture& store, Place place) {
  return store.range.capability(frame_number(place.frame), place.index);
}

Place bought(BankFixture& store, Bank bank, Kind kind) {
  const auto place = store.logic.allocate(bank, kind);
  REQUIRE(place);
  return *place;
}

}  // namespace

TEST_CASE("one of each kind: bought, returned, usage as before, the capability void") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  for (const Kind kind : every_kind) {
    INFO(info(kind).name);
    const Place place = bought(store, bank, kind);
    const Capability capability = capability_at(store, place);
    CHECK(info(capability.type).object_kind == kind);
    CHECK(store.range.identity(number(place.frame)).account.value == number(bank));
    CHECK(store.used(bank) == 1);
    CHECK(store.logic.used_by_kind(bank, kind) == 1);
    REQUIRE(store.logic.free(bank, place, kind));
    CHECK(store.range.is_void(capability));
    CHECK(store.used(bank) == 0);
    CHECK(store.problem() == "");
  }
}

TEST_CASE("storage that is used again for another kind keeps every old capability void") {
  BankFixture store(8);  // so few frames that the same ones come back
  std::vector<Capability> old;
  for (int round = 0; round < 50; ++round) {
    const Kind kind = every_kind[round % std::size(every_kind)];
    const Place place = bought(store, Bank::root, kind);
    for (const Capability& capability : old) CHECK(store.range.is_void(capability));
    old.push_back(capability_at(store, place));
    REQUIRE(store.logic.free(Bank::root, place, kind));
  }
}

TEST_CASE("frame 0 is never sold") {
  BankFixture store(store_frames);
  REQUIRE(store.logic.set_limit(Bank::root, bank_unlimited));
  while (const auto place = store.logic.allocate(Bank::root, Kind::page)) {
    REQUIRE(place->frame != Frame::none);
  }
}

TEST_CASE("what is not a kind that can be bought is refused") {
  BankFixture store(store_frames);
  CHECK(store.buy(Bank::root, Kind::empty) == Result::bad_argument);
  CHECK(store.buy(Bank::root, static_cast<Kind>(kind_count)) == Result::bad_argument);
  CHECK(store.buy(Bank::root, static_cast<Kind>(255)) == Result::bad_argument);
}

TEST_CASE("free: only what exactly this bank bought, once, as what it is") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  const Bank below = store.create(bank);
  const Place page = bought(store, bank, Kind::page);
  const Place wrapper = bought(store, bank, Kind::wrapper);
  const auto refused = [&](Bank by, Place place, Kind kind) {
    const auto done = store.logic.free(by, place, kind);
    return !done && done.error() == Result::not_found;
  };
  CHECK(refused(Bank::root, page, Kind::page));  // the bank above did not buy it
  CHECK(refused(below, page, Kind::page));       // nor did the one below
  CHECK(refused(bank, page, Kind::process));
  CHECK(refused(bank, page, Kind::wrapper));
  CHECK(refused(bank, page, Kind::empty));
  CHECK(refused(bank, page, static_cast<Kind>(200)));
  CHECK(refused(bank, {page.frame, 1}, Kind::page));
  CHECK(refused(bank, {wrapper.frame, 1}, Kind::wrapper));   // a place that was not sold
  CHECK(refused(bank, {wrapper.frame, 63}, Kind::wrapper));  // a place that is none
  CHECK(refused(bank, {wrapper.frame, 64}, Kind::wrapper));
  CHECK(refused(bank, {Frame::none, 0}, Kind::page));
  CHECK(refused(bank, {Frame{store_frames}, 0}, Kind::page));
  CHECK(refused(bank, {Frame{0xffff'ffff}, 0}, Kind::page));
  REQUIRE(store.logic.free(bank, page, Kind::page));
  CHECK(refused(bank, page, Kind::page));
  CHECK(store.used(bank) == 3);
  CHECK(store.problem() == "");
}

TEST_CASE("a bank's facets cannot be freed as wrappers that its parent bought") {
  BankFixture store(store_frames);
  const auto made = store.logic.create_sub_bank(Bank::root, 5);
  REQUIRE(made);
  const auto done = store.logic.free(Bank::root, made->facet.place, Kind::wrapper);
  CHECK(!done);
  CHECK(done.error() == Result::not_found);
  const auto root = store.logic.facet(Bank::root, 0);
  CHECK(store.logic.free(Bank::root, root->place, Kind::wrapper).error() == Result::not_found);
}

TEST_CASE("the frame of a row goes back with its last object, and not before") {
  BankFixture store(store_frames);
  std::vector<Place> nodes;
  for (int i = 0; i < 15; ++i) nodes.push_back(bought(store, Bank::root, Kind::node));
  CHECK(store.logic.used_by_kind(Bank::root, Kind::node) == 3);
  for (size_t i = 0; i < 6; ++i) REQUIRE(store.logic.free(Bank::root, nodes[i], Kind::node));
  CHECK(store.logic.used_by_kind(Bank::root, Kind::node) == 3);
  REQUIRE(store.logic.free(Bank::root, nodes[6], Kind::node));
  CHECK(store.logic.used_by_kind(Bank::root, Kind::node) == 2);
  CHECK(store.range.identity(number(nodes[0].frame)).kind == Kind::empty);
  CHECK(store.problem() == "");
}

TEST_CASE("a full row that gets a free place is used before a new row") {
  BankFixture store(store_frames);
  std::vector<Place> places;
  for (int i = 0; i < 21; ++i) places.push_back(bought(store, Bank::root, Kind::node));
  REQUIRE(store.logic.free(Bank::root, places[3], Kind::node));
  CHECK(bought(store, Bank::root, Kind::node) == places[3]);
  CHECK(store.logic.used_by_kind(Bank::root, Kind::node) == 3);
}

TEST_CASE("a row belongs to one bank") {
  BankFixture store(store_frames);
  const Bank one = store.create(Bank::root);
  const Bank other = store.create(Bank::root);
  CHECK(bought(store, one, Kind::wrapper).frame != bought(store, other, Kind::wrapper).frame);
}

TEST_CASE("frames of two banks that buy in turns lie apart, each bank's together") {
  BankFixture store(5000);
  const Bank one = store.create(Bank::root);
  const Bank other = store.create(Bank::root);
  std::set<uint32_t> groups_of_one, groups_of_other;
  for (int i = 0; i < 128; ++i) {
    groups_of_one.insert(number(bought(store, one, Kind::page).frame) / frames_per_group);
    groups_of_other.insert(number(bought(store, other, Kind::page).frame) / frames_per_group);
  }
  CHECK(groups_of_one.size() <= 3);
  CHECK(groups_of_other.size() <= 3);
  for (const uint32_t group : groups_of_one) CHECK(!groups_of_other.contains(group));
}

TEST_CASE("what the kernel refuses to make is not sold and not charged") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  const uint32_t used = store.used(Bank::root);
  for (const Kind kind : every_kind) {
    store.range.refuses_make_in = 1;
    CHECK(store.buy(bank, kind) == RangeModel::ordered_refusal);
    CHECK(store.used(bank) == 0);
  }
  store.range.refuses_make_in = 1;
  CHECK(store.logic.create_sub_bank(bank, 5).error() == RangeModel::ordered_refusal);
  Place places[3];
  for (uint64_t n = 1; n <= 3; ++n) {
    store.range.refuses_make_in = n;
    CHECK(store.logic.allocate(bank, Kind::page, places).error() == RangeModel::ordered_refusal);
  }
  CHECK(store.used(Bank::root) == used);
  CHECK(store.problem() == "");
}

TEST_CASE("what the kernel refuses to rescind stays sold") {
  BankFixture store(store_frames);
  const Place page = bought(store, Bank::root, Kind::page);
  const Place first = bought(store, Bank::root, Kind::notice);
  bought(store, Bank::root, Kind::notice);
  const uint32_t used = store.used(Bank::root);
  store.range.refuses_in = 1;
  CHECK(store.logic.free(Bank::root, page, Kind::page).error() == RangeModel::ordered_refusal);
  store.range.refuses_in = 1;
  CHECK(store.logic.free(Bank::root, first, Kind::notice).error() == RangeModel::ordered_refusal);
  CHECK(store.used(Bank::root) == used);
  CHECK(store.problem() == "");
  CHECK(store.logic.free(Bank::root, page, Kind::page));
  CHECK(store.logic.free(Bank::root, first, Kind::notice));
}

// --- facets: the capabilities to a bank -----------------------------------------------------

TEST_CASE("every combination of restrictions has a facet that is made once and keeps them all") {
  BankFixture store(store_frames);
  const Bank bank = store.create(Bank::root);
  std::set<unsigned> places;
  for (uint64_t restrictions = 0; restrictions <= bank_restriction::all; ++restrictions) {
    const auto facet = store.logic.facet(bank, restrictions);
    REQUIRE(facet);
    CHECK((facet->restrictions & restrictions) == restrictions);
    CHECK(facet->restrictions == complete_restrictions(restrictions));
    CHECK(facet->is_fresh == (places.insert(facet->place.index).second && restrictions != 0));
    CHECK_FALSE(store.logic.facet(bank, restrictions)->is_fresh);
  }
  CHECK(places.size() == 48);
  CHECK(store.used(bank) == 0);  // all in the row that the parent paid for
  CHECK(store.problem() == "");
}

TEST_CASE("restrictions imply no more than the sight of limits implies") {
  using namespace bank_restriction;
  for (uint64_t restrictions = 0; restrictions <= all; ++restrictions) {
    const uint64_t added = complete_restrictions(restrictions) & ~restrictions;
    CHECK((added & ~may_not_change_limit) == 0);
    if (!(restrictions & may_not_see_limit)) CHECK(added == 0);
  }
}

TEST_CASE("restrictions that do not exist are refused") {
  BankFixture store(store_frames);
  CHECK(store.logic.facet(Bank::root, bank_restriction::all + 1).error() == Result::bad_argument);
  CHECK(store.logic.facet(Bank::root, ~uint64_t{0}).error() == Result::bad_argument);
}

// --- questions ------------------------------------------------------------------------------

TEST_CASE("the payer of an object is told to banks above it only") {
  BankFixture store(store_frames);
  const Bank upper = store.create(Bank::root);
  const Bank lower = store.create(upper);
  const Bank other = store.create(Bank::root);
  const Frame page = bought(store, lower, Kind::page).frame;
  CHECK(store.logic.payer(lower, page) == lower);
  CHECK(store.logic.payer(upper, page) == lower);
  CHECK(store.logic.payer(Bank::root, page) == lower);
  CHECK(store.logic.payer(other, page).error() == Result::not_found);
  CHECK(store.logic.payer(Bank::root, Frame::none).error() == Result::not_found);
  CHECK(store.logic.payer(Bank::root, Frame{store_frames}).error() == Result::not_found);
  REQUIRE(store.logic.free(lower, {page, 0}, Kind::page));
  CHECK(store.logic.payer(Bank::root, page).error() == Result::not_found);
}

TEST_CASE("the list names every bank below once, parents first, and nothing else") {
  BankFixture store(store_frames);
  const Bank a = store.create(Bank::root, 40);
  const Bank b = store.create(a, 10);
  store.create(Bank::root);
  const auto first = store.logic.list(a, Bank::none);
  REQUIRE(first);
  CHECK(first->bank == a);
  CHECK(first->depth == 0);
  CHECK(first->used == 2);
  CHECK(first->limit == 40);
  const auto second = store.logic.list(a, a);
  REQUIRE(second);
  CHECK(second->bank == b);
  CHECK(second->depth == 1);
  CHECK(store.logic.list(a, b).error() == Result::not_found);
  CHECK(store.logic.list(a, Bank::root).error() == Result::not_found);
  CHECK(store.logic.list(a, Bank{9999}).error() == Result::not_found);
  CHECK(store.logic.list(b, b).error() == Result::not_found);
}

// --- the mistakes of the ancestors ----------------------------------------------------------

TEST_CASE("ancestor: the effective limit forgot the bank's own limit") {
  BankFixture store(store_frames);
  const Bank bank = store.create(store.create(Bank::root, 100), 7);
  CHECK(store.logic.status(bank).effective_limit == 7);
  for (int i = 0; i < 7; ++i) CHECK(store.buy(bank, Kind::page) == Result::ok);
  CHECK(store.buy(bank, Kind::page) == Result::limit_reached);
}

TEST_CASE("ancestor: removing a bank took others' banks along") {
  // Removing the record of one bank must leave its siblings, in whatever order.
  for (int which = 0; which < 3; ++which) {
    BankFixture store(store_frames);
    Bank banks[3];
    Place pages[3];
    for (int i = 0; i < 3; ++i) {
      banks[i] = store.create(Bank::root);
      pages[i] = bought(store, store.create(banks[i]), Kind::page);
    }
    store.destroy(banks[which]);
    for (int i = 0; i < 3; ++i) {
      CHECK(store.arena().has(banks[i]) == (i != which));
      const bool lives = store.range.identity(number(pages[i].frame)).kind == Kind::page;
      CHECK(lives == (i != which));
    }
    CHECK(store.logic.status(Bank::root).banks_below == 4);
    CHECK(store.problem() == "");
  }
}

TEST_CASE("ancestor: reduce refused combined restrictions") {
  BankFixture store(store_frames);
  using namespace bank_restriction;
  const auto facet = store.logic.facet(Bank::root, may_not_allocate | may_not_free | may_not_destroy |
                                                       may_not_change_limit | may_not_dissolve);
  REQUIRE(facet);
  CHECK(facet->restrictions == (all & ~may_not_see_limit));
}

TEST_CASE("ancestor: allocation did not look whether the list of free frames was empty") {
  BankFixture store(8);
  REQUIRE(store.logic.set_limit(Bank::root, bank_unlimited));
  for (int i = 0; i < 6; ++i) CHECK(store.buy(Bank::root, Kind::page) == Result::ok);
  for (int i = 0; i < 3; ++i) CHECK(store.buy(Bank::root, Kind::page) == Result::exhausted);
  CHECK(store.arena().header().free_frames == 0);
  CHECK(store.problem() == "");
}

TEST_CASE("ancestor: free acted on the wrong object") {
  BankFixture store(store_frames);
  std::vector<Place> places;
  for (int i = 0; i < 100; ++i) places.push_back(bought(store, Bank::root, Kind::endpoint));
  std::vector<Capability> capabilities;
  for (const Place place : places) capabilities.push_back(capability_at(store, place));
  REQUIRE(store.logic.free(Bank::root, places[37], Kind::endpoint));
  for (size_t i = 0; i < 100; ++i) CHECK(store.range.is_void(capabilities[i]) == (i == 37));
}

}  // namespace perdure::bank
