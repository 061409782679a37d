// SPDX-License-Identifier: MIT
//
// The restart list over a disk that has lost rows of activities: what stood in them does not run, all else does.
#include <catch2/catch.hpp>

#include <cstring>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr unsigned range_register = 5, bought = 7;
constexpr uint64_t first_free = 300;  // frames that KernelWorld does not reach

// Guests that count, each with an activity in a row of its own, made in this order: the first one stands last in
// the list. One more, in the row of the last, does what it is told.
struct Rows {
  explicit Rows(unsigned count) : counts(count) {
    for (unsigned i = 0; i < count; ++i) {
      world.open_new_rows();
      guests.push_back(world.new_guest([this, i](Process&) { ++counts[i]; }));
    }
    owner = world.new_guest([this](Process& p) {
      if (is_asking) results.push_back(result_of(p));
      is_asking = !calls.empty();
      if (!is_asking) return;
      calls.front()(p);
      calls.erase(calls.begin());
    });
    world.process(owner).capability_registers[range_register] = {.type = CapabilityType::range, .payload = first_free + 64};
    world.start();
    run_checked(world, 50);
    world.page_out({});
  }

  FrameNumber row(unsigned i) { return guests[i].activity.object.frame(); }

  void damage(FrameNumber frame) {
    const Geometry& geometry = world.kernel().store.root().geometry;
    for (unsigned i = 100; i < 164; ++i) world.disk().block(geometry.home_block(frame))[i] ^= std::byte{0x5a};
  }

  // -> which of them run.
  std::vector<unsigned> who_runs() {
    counts.assign(counts.size(), 0);
    run_checked(world, 400);
    std::vector<unsigned> running;
    for (unsigned i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) running.push_back(i);
    }
    return running;
  }

  Result ask(KernelWorld::Program what) {
    results.clear();
    calls.push_back(std::move(what));
    run_checked(world, 400);
    REQUIRE(results.size() == 1);
    return results[0];
  }

  Result destroy(FrameNumber row) { return ask(call(range_register, {method::range_rescind, row.value, 1})); }
  Result make_row(uint64_t frame) {
    return ask(call(range_register, {method::range_make, frame, static_cast<uint64_t>(Kind::activity), 1, 0}, 0, bought));
  }

  KernelWorld world;
  std::vector<Guest> guests;
  Guest owner;
  std::vector<unsigned> counts;
  std::vector<KernelWorld::Program> calls;
  std::vector<Result> results;
  bool is_asking = false;
};

bool was_told(std::string_view what) { return fake_machine().console_output.find(what) != std::string::npos; }
constexpr std::string_view lost = "a row of activities cannot be read; what stood in it does not run\n";
constexpr std::string_view gap = "the list of what ran had a gap, which is closed";

std::vector<unsigned> all_but(unsigned count, std::initializer_list<unsigned> left_out) {
  std::vector<unsigned> result;
  for (unsigned i = 0; i < count; ++i) {
    if (std::find(left_out.begin(), left_out.end(), i) == left_out.end()) result.push_back(i);
  }
  return result;
}

}  // namespace

TEST_CASE("one row of activities that cannot be read, wherever in the list, stops only what stood in it") {
  constexpr unsigned count = 5;
  for (unsigned damaged = 0; damaged < count - 1; ++damaged) {  // the last one has the owner, too
    CAPTURE(damaged);
    Rows rows(count);
    rows.damage(rows.row(damaged));
    for (unsigned boot = 0; boot < 2; ++boot) {
      rows.world.cut_and_boot();
      CHECK(was_told(lost));
      CHECK(rows.who_runs() == all_but(count, {damaged}));
      rows.world.take_checkpoint();
    }
  }
}

// Else what the first walk found would be linked twice, in a circle.
TEST_CASE("a row that is given wrongly to the first walk and whole to the second stops nothing") {
  constexpr unsigned count = 5;
  for (unsigned spoiled = 0; spoiled < count; ++spoiled) {
    CAPTURE(spoiled);
    Rows rows(count);
    rows.world.disk().spoil_reads(rows.world.kernel().store.root().geometry.home_block(rows.row(spoiled)), body_reads_max);
    rows.world.cut_and_boot();
    CHECK(was_told("a frame is damaged"));
    CHECK_FALSE(was_told(gap));
    CHECK_FALSE(was_told(lost));
    CHECK(rows.who_runs() == all_but(count, {}));
  }
}

TEST_CASE("a row that is given again after the start is like any other, but that what stood in it does not run") {
  constexpr unsigned count = 4;
  Rows rows(count);
  rows.damage(rows.row(2));
  rows.world.cut_and_boot();
  CHECK(was_told(lost));
  rows.damage(rows.row(2));  // the bits turn back
  const Activity& stood_there = rows.world.object<Activity>(rows.guests[2].activity);
  CHECK(stood_there.runnable);
  CHECK(rows.who_runs() == all_but(count, {2}));  // and the whole state is checked behind each step
}

TEST_CASE("the only row, and the row at both ends, cannot be read: the kernel goes on") {
  Rows rows(1);
  rows.damage(rows.row(0));
  rows.world.cut_and_boot();
  CHECK(was_told(lost));
  CHECK(rows.who_runs().empty());
}

TEST_CASE("a damaged row, and those beside it, are destroyed; rows are made; the next boot closes the gap") {
  constexpr unsigned count = 6;
  for (unsigned damaged = 0; damaged < count - 1; ++damaged) {
    for (const bool is_place_used_again : {false, true}) {
      CAPTURE(damaged, is_place_used_again);
      Rows rows(count);
      rows.damage(rows.row(damaged));
      rows.world.cut_and_boot();
      REQUIRE(rows.who_runs() == all_but(count, {damaged}));
      REQUIRE(rows.make_row(first_free + 1) == Result::ok);
      REQUIRE(rows.destroy(rows.row(damaged)) == Result::ok);
      if (is_place_used_again) REQUIRE(rows.make_row(rows.row(damaged).value) == Result::ok);
      const unsigned beside = damaged > 0 ? damaged - 1 : 1;
      REQUIRE(rows.destroy(rows.row(beside)) == Result::ok);
      REQUIRE(rows.make_row(first_free + 2) == Result::ok);
      rows.world.take_checkpoint();
      rows.world.cut_and_boot();
      CHECK(was_told(gap));
      CHECK_FALSE(was_told(lost));
      CHECK(rows.who_runs() == all_but(count, {damaged, beside}));
      REQUIRE(rows.make_row(first_free + 3) == Result::ok);
      rows.world.take_checkpoint();
      rows.world.cut_and_boot();
      CHECK_FALSE(was_told(gap));
      CHECK(rows.who_runs() == all_but(count, {damaged, beside}));
    }
  }
}

// Else all between the two would be lost for ever.
TEST_CASE("a gap is not closed while a row beside it may come back") {
  constexpr unsigned count = 7;
  for (const auto& [gone, damaged] : {std::pair{4u, 1u}, {1u, 4u}}) {
    CAPTURE(gone, damaged);
    Rows rows(count);
    rows.damage(rows.row(gone));
    rows.world.cut_and_boot();
    REQUIRE(rows.destroy(rows.row(gone)) == Result::ok);
    rows.world.page_out({});
    rows.damage(rows.row(damaged));
    rows.world.cut_and_boot();
    CHECK(was_told(lost));
    CHECK_FALSE(was_told(gap));
    CHECK(rows.who_runs() == all_but(count, {1, 2, 3, 4}));
    rows.world.take_checkpoint();
    rows.damage(rows.row(damaged));  // the bits turn back
    rows.world.cut_and_boot();
    CHECK(was_told(gap));
    CHECK(rows.who_runs() == all_but(count, {gone}));
  }
}

TEST_CASE("a row that cannot be read is told, whatever numbers the rows beside it have") {
  constexpr unsigned count = 6;
  Rows rows(count);
  REQUIRE(rows.destroy(rows.row(0)) == Result::ok);
  REQUIRE(rows.make_row(rows.row(0).value) == Result::ok);  // the newest has the lowest number
  rows.world.page_out({});
  rows.damage(rows.row(3));
  rows.world.cut_and_boot();
  CHECK(was_told(lost));
  CHECK(rows.who_runs() == all_but(count, {0, 3}));
}

TEST_CASE("a gap in front of all rows is closed") {
  Rows rows(4);
  REQUIRE(rows.make_row(first_free + 1) == Result::ok);
  rows.world.page_out({});
  rows.damage({first_free + 1});
  rows.world.cut_and_boot();
  REQUIRE(rows.destroy({first_free + 1}) == Result::ok);
  for (const bool is_first : {true, false}) {
    rows.world.take_checkpoint();
    rows.world.cut_and_boot();
    CHECK(was_told(gap) == is_first);
    CHECK(rows.who_runs() == all_but(4, {}));
  }
}

TEST_CASE("a row that cannot be read is destroyed, or the one beside it, and the list still ends where it did") {
  for (const unsigned destroyed : {1, 2}) {
    CAPTURE(destroyed);
    Rows rows(4);
    for (const unsigned i : {0, 1, 2}) REQUIRE(rows.destroy(rows.row(i)) == Result::ok);
    for (const unsigned i : {2, 1, 0}) REQUIRE(rows.make_row(rows.row(i).value) == Result::ok);
    rows.world.page_out({});
    rows.damage(rows.row(2));
    rows.world.cut_and_boot();
    REQUIRE(rows.destroy(rows.row(destroyed)) == Result::ok);
    rows.world.take_checkpoint();
    rows.world.cut_and_boot();
    CHECK(rows.who_runs() == std::vector<unsigned>{3});  // in the last one, which has the highest number
  }
}

TEST_CASE("a row is made although the newest one cannot be read, and both ends are found") {
  Rows rows(4);
  // The newest row is then one of nobody.
  REQUIRE(rows.make_row(first_free + 1) == Result::ok);
  rows.world.page_out({});
  rows.damage({first_free + 1});
  rows.world.cut_and_boot();
  REQUIRE(was_told(lost));
  REQUIRE(rows.make_row(first_free + 2) == Result::ok);
  rows.world.take_checkpoint();
  rows.world.cut_and_boot();
  CHECK(was_told(lost));
  CHECK(rows.who_runs() == all_but(4, {}));
  CHECK(rows.world.kernel().store.system().first_activity_row == FrameNumber{first_free + 2});
}

TEST_CASE("a row that could not be read while the one beside it was destroyed is found again, whatever is lost beyond it") {
  Rows rows(5);
  rows.damage(rows.row(2));
  rows.world.cut_and_boot();
  CHECK(rows.who_runs() == std::vector<unsigned>{0, 1, 3, 4});
  REQUIRE(rows.destroy(rows.row(1)) == Result::ok);
  rows.world.page_out({});
  rows.damage(rows.row(2));  // it is right again
  rows.damage(rows.row(3));
  rows.world.cut_and_boot();
  CHECK(rows.who_runs() == std::vector<unsigned>{0, 2, 4});
  REQUIRE(rows.destroy(rows.row(3)) == Result::ok);
  for (unsigned boot = 0; boot < 2; ++boot) {
    rows.world.page_out({});
    rows.world.cut_and_boot();
    CHECK(rows.who_runs() == std::vector<unsigned>{0, 2, 4});
  }
}

TEST_CASE("rows that could not be read when another one was made before them are found again") {
  Rows rows(2);
  constexpr FrameNumber made[] = {{first_free + 1}, {first_free + 2}, {first_free + 3}};
  REQUIRE(rows.make_row(made[0].value) == Result::ok);
  for (unsigned i = 0; i < 2; ++i) {
    rows.world.page_out({});
    rows.damage(made[i]);
    rows.world.cut_and_boot();
    REQUIRE(rows.make_row(made[i + 1].value) == Result::ok);
    rows.world.page_out({});
    rows.damage(made[i]);  // it is right again
  }
  rows.world.cut_and_boot();
  CHECK_FALSE(was_told(lost));
  CHECK_FALSE(was_told(gap));
  for (unsigned i = 0; i < 2; ++i) {
    Store& store = rows.world.kernel().store;
    const CacheSlot slot = store.find(made[i]);
    REQUIRE(slot != no_slot);
    CHECK(reinterpret_cast<const RowHeader*>(store.bytes(slot))->previous == made[i + 1]);
  }
  CHECK(rows.who_runs() == all_but(2, {}));
}

TEST_CASE("a process whose row was lost at the start, and destroyed, is in order") {
  Rows rows(3);
  rows.damage(rows.row(1));
  rows.world.cut_and_boot();
  CHECK(rows.who_runs() == std::vector<unsigned>{0, 2});
  REQUIRE(rows.destroy(rows.row(1)) == Result::ok);
  CHECK(rows.world.process(rows.guests[1]).control.state == ProcessState::running);
  CHECK(rows.who_runs() == std::vector<unsigned>{0, 2});
}

// As a disk leaves it that has lost writes, or given a row for another one: each row is led to by the one before it.
TEST_CASE("a row that names another one before it is believed, unless that one leads to it, or may") {
  enum class Named { page_that_seems_to_lead_there, row_that_leads_elsewhere, row_that_leads_there, row_that_cannot_be_read };
  using enum Named;
  const Named named = GENERATE(page_that_seems_to_lead_there, row_that_leads_elsewhere, row_that_leads_there,
                               row_that_cannot_be_read);
  const unsigned misled = GENERATE(1u, 2u, 3u);  // the last one of the list but one, or a row before it, or the first
  CAPTURE(static_cast<int>(named), misled);
  Rows rows(4);
  KernelWorld& world = rows.world;
  const auto header_of = [&](const Capability& object) -> RowHeader& {
    world.write(object);
    return *reinterpret_cast<RowHeader*>(world.bytes(object));
  };
  REQUIRE(rows.make_row(first_free) == Result::ok);  // out of the list, which begins behind it
  const Capability outside = world.process(rows.owner).capability_registers[bought];
  const FrameNumber row = rows.row(misled);
  world.kernel().store.system().first_activity_row = rows.row(3);
  header_of(rows.guests[3].activity).previous = {};
  header_of(outside).next = named == row_that_leads_elsewhere ? FrameNumber{row.value + 1} : row;
  const Capability page = world.make(Kind::page);
  header_of(page).next = row;
  header_of(rows.guests[misled].activity).previous = (named == page_that_seems_to_lead_there ? page : outside).object.frame();
  world.page_out({});
  if (named == row_that_cannot_be_read) rows.damage(outside.object.frame());
  world.cut_and_boot();
  const bool is_believed = named == page_that_seems_to_lead_there || named == row_that_leads_elsewhere;
  const bool may_come_back = named == row_that_cannot_be_read && misled != 3;  // between the two of the list
  CHECK(was_told(lost) == may_come_back);
  CHECK(was_told(gap) == (!is_believed && !may_come_back));
  if (is_believed) CHECK(rows.who_runs() == all_but(4, {}));
}
