// SPDX-License-Identifier: MIT
//
// The restart list over a disk that has lost rows of activities: what stood in them does not run, all else does.
#include <catch2/catch.hpp>

#include <algorithm>

#include "test/unit/kernel/rows.hpp"

using namespace perdure;

namespace {

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
      CHECK(was_told(looks));
      CHECK(was_told(lost));
      CHECK(rows.who_runs() == all_but(count, {damaged}));
      rows.world.take_checkpoint();
    }
  }
}

// Else what the walk found would be linked twice, in a circle.
TEST_CASE("a row that is given wrongly to the walk, and whole when every frame is looked at, stops nothing") {
  constexpr unsigned count = 5;
  for (unsigned spoiled = 0; spoiled < count; ++spoiled) {
    CAPTURE(spoiled);
    Rows rows(count);
    rows.world.disk().spoil_reads(rows.world.kernel().store.root().geometry.home_block(rows.row(spoiled)), body_reads_max);
    rows.world.cut_and_boot();
    CHECK(was_told("a frame is damaged"));
    CHECK(was_told(looks));
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

TEST_CASE("a damaged row, and those beside it, are destroyed; rows are made; the next boot makes the list anew") {
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
      CHECK(was_told(looks));
      CHECK_FALSE(was_told(lost));
      CHECK(rows.who_runs() == all_but(count, {damaged, beside}));
      REQUIRE(rows.make_row(first_free + 3) == Result::ok);
      rows.world.take_checkpoint();
      rows.world.cut_and_boot();
      CHECK_FALSE(was_told(looks));
      CHECK(rows.who_runs() == all_but(count, {damaged, beside}));
    }
  }
}

TEST_CASE("what stands between two rows that are lost runs, and the list is not made anew while one of them may come back") {
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
    CHECK(rows.who_runs() == all_but(count, {gone, damaged}));
    rows.world.take_checkpoint();
    rows.damage(rows.row(damaged));  // the bits turn back
    for (const bool is_whole : {false, true}) {
      rows.world.cut_and_boot();
      CHECK(was_told(looks) == !is_whole);
      CHECK_FALSE(was_told(lost));
      CHECK(rows.who_runs() == all_but(count, {gone}));
      rows.world.take_checkpoint();
    }
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

TEST_CASE("a row that was lost in front of all others, and destroyed, is looked for once") {
  Rows rows(4);
  REQUIRE(rows.make_row(first_free + 1) == Result::ok);
  rows.world.page_out({});
  rows.damage({first_free + 1});
  rows.world.cut_and_boot();
  REQUIRE(rows.destroy({first_free + 1}) == Result::ok);
  for (const bool is_first : {true, false}) {
    rows.world.take_checkpoint();
    rows.world.cut_and_boot();
    CHECK(was_told(looks) == is_first);
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
  // The newest row is then one without a process.
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
  for (const bool is_whole : {false, true}) {
    rows.world.cut_and_boot();
    CHECK(was_told(looks) == !is_whole);
    CHECK_FALSE(was_told(lost));
    CHECK(rows.who_runs() == all_but(2, {}));
    rows.world.take_checkpoint();
  }
}

TEST_CASE("a row that was lost at both ends, and its frame used again, and that once more, hides no other row") {
  constexpr unsigned count = 4;
  Rows rows(count);
  for (unsigned i = 0; i < 2; ++i) {
    rows.damage(rows.row(0));
    rows.world.cut_and_boot();
    REQUIRE(was_told(lost));
    REQUIRE(rows.destroy(rows.row(0)) == Result::ok);
    REQUIRE(rows.make_row(rows.row(0).value) == Result::ok);
    rows.world.page_out({});
  }
  REQUIRE(rows.make_row(first_free + 1) == Result::ok);
  rows.world.page_out({});
  rows.world.cut_and_boot();
  CHECK(rows.who_runs() == all_but(count, {0}));
}

TEST_CASE("a row is destroyed that names one row on both sides, which cannot be read") {
  Rows rows(4);
  rows.world.write(rows.guests[1].activity);
  auto& header = *reinterpret_cast<RowHeader*>(rows.world.bytes(rows.guests[1].activity));
  header.next = header.previous = rows.row(2);
  rows.world.page_out({});
  rows.damage(rows.row(2));
  rows.world.cut_and_boot();
  CHECK(rows.destroy(rows.row(1)) == Result::ok);
  CHECK(rows.who_runs() == all_but(4, {1, 2}));
}

TEST_CASE("a row of activities is made in place of what names one that cannot be read, and would stand in front of it") {
  for (const bool is_row : {true, false}) {
    CAPTURE(is_row);
    Rows rows(4);
    constexpr FrameNumber lost_one{first_free + 2};
    const Capability bound = rows.world.make(Kind::process);
    REQUIRE(rows.make_row(first_free + 1) == Result::ok);
    REQUIRE(rows.make_row(lost_one.value) == Result::ok);
    rows.world.write(bound);
    reinterpret_cast<Process*>(rows.world.bytes(bound))->control.activity = rows.world.process(rows.owner).capability_registers[bought];
    rows.world.page_out({});
    rows.damage(lost_one);
    rows.world.cut_and_boot();
    REQUIRE(was_told(lost));
    const uint64_t frame = is_row ? first_free + 1 : frame_of(bound);
    CHECK(rows.ask(call(range_register, {method::range_make, frame, static_cast<uint64_t>(Kind::activity), 2, 0}, 0, bought)) == Result::ok);
    CHECK(rows.who_runs() == all_but(4, {}));
  }
}

TEST_CASE("a row of another account is made in place of the first one, which cannot be read") {
  Rows rows(3);
  constexpr FrameNumber lost_one{first_free + 1};
  REQUIRE(rows.make_row(lost_one.value) == Result::ok);
  REQUIRE(rows.world.kernel().store.system().first_activity_row == lost_one);
  rows.world.page_out({});
  rows.damage(lost_one);
  rows.world.cut_and_boot();
  REQUIRE(was_told(lost));
  const uint64_t kind = static_cast<uint64_t>(Kind::activity), account = 2;
  CHECK(rows.ask(call(range_register, {method::range_make, lost_one.value, kind, account, 0}, 0, bought)) == Result::ok);
  CHECK(rows.who_runs() == all_but(3, {}));
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

// As a disk leaves it that has lost writes, or given a row for another one.
TEST_CASE("a list that is not whole, in whatever way, is made anew, and all that is in the rows runs") {
  enum class Wrong : uint8_t {
    first_is_page, first_is_page_like_a_row, first_is_none, first_is_beyond_the_store, first_is_another_row, last_is_another_row, last_is_none,
    row_leads_nowhere, row_leads_to_page, row_leads_to_itself, row_leads_back, row_leads_too_far,
    row_names_page, row_names_itself, row_names_none
  };
  using enum Wrong;
  const Wrong wrong = GENERATE(first_is_page, first_is_page_like_a_row, first_is_none, first_is_beyond_the_store, first_is_another_row, last_is_another_row,
                               last_is_none, row_leads_nowhere, row_leads_to_page, row_leads_to_itself, row_leads_back,
                               row_leads_too_far, row_names_page, row_names_itself, row_names_none);
  const unsigned which = GENERATE(1u, 2u);  // of four; the row made last is the first
  CAPTURE(static_cast<unsigned>(wrong), which);
  Rows rows(4);
  KernelWorld& world = rows.world;
  const auto header_of = [&](const Capability& object) -> RowHeader& {
    world.write(object);
    return *reinterpret_cast<RowHeader*>(world.bytes(object));
  };
  SystemState& system = world.kernel().store.system();
  const Capability page = world.make(Kind::page);
  header_of(page).next = rows.row(which);
  RowHeader& row = header_of(rows.guests[which].activity);
  switch (wrong) {
    case first_is_page: system.first_activity_row = page.object.frame(); break;
    case first_is_page_like_a_row:  // a program can write one
      header_of(page).next = rows.row(3);
      header_of(rows.guests[3].activity).previous = system.first_activity_row = page.object.frame();
      break;
    case first_is_none: system.first_activity_row = {}; break;
    case first_is_beyond_the_store: system.first_activity_row = {~uint64_t{0} >> 6}; break;
    case first_is_another_row: system.first_activity_row = rows.row(which); break;
    case last_is_another_row: system.last_activity_row = rows.row(which); break;
    case last_is_none: system.last_activity_row = {}; break;
    case row_leads_nowhere: row.next = {}; break;
    case row_leads_to_page: row.next = page.object.frame(); break;
    case row_leads_to_itself: row.next = rows.row(which); break;
    case row_leads_back: row.next = rows.row(which + 1); break;
    case row_leads_too_far: row.next = which == 2 ? rows.row(0) : FrameNumber{first_free}; break;
    case row_names_page: row.previous = page.object.frame(); break;
    case row_names_itself: row.previous = rows.row(which); break;
    case row_names_none: row.previous = {}; break;
  }
  world.page_out({});
  for (const bool is_whole : {false, true}) {
    world.cut_and_boot();
    CHECK(was_told(looks) == !is_whole);
    CHECK_FALSE(was_told(lost));
    CHECK(rows.who_runs() == all_but(4, {}));
    world.take_checkpoint();
  }
}

// Nothing says that it was none.
TEST_CASE("the list is not made anew while a frame may be a row of activities, for its tag cannot be read") {
  Rows rows(3);
  const FrameNumber far{rows.world.kernel().store.frames_in_store() - 1};
  rows.world.process(rows.owner).capability_registers[range_register].payload = far.value + 1;
  REQUIRE(rows.make_row(far.value) == Result::ok);
  rows.world.page_out({});
  rows.damage(far);
  rows.world.cut_and_boot();
  REQUIRE(rows.destroy(far) == Result::ok);
  for (unsigned i = 0; i < 2; ++i) {  // until no log tells of it any more
    rows.world.write(rows.guests[0].pages[0]);
    rows.world.page_out({});
  }
  const Geometry geometry = rows.world.kernel().store.root().geometry;
  const auto turn_bits = [&] {
    for (unsigned copy = 0; copy < 2; ++copy) rows.world.disk().block(geometry.tag_block(tag_frame_of(far), copy))[77] ^= std::byte{0x5a};
  };
  turn_bits();
  for (const bool may_be_there : {true, true, false}) {
    if (!may_be_there) turn_bits();
    rows.world.cut_and_boot();
    CHECK(was_told(looks));
    CHECK(was_told(lost) == may_be_there);
    CHECK(rows.who_runs() == all_but(3, {}));
    rows.world.take_checkpoint();
  }
  rows.world.cut_and_boot();
  CHECK_FALSE(was_told(looks));
}

TEST_CASE("where there is no room to write all rows the list stays as it is, and all that is in them runs") {
  constexpr unsigned count = 3, more = 130;
  Rows rows(count, {.log_segments = 8, .segment_blocks = 16});
  rows.world.process(rows.owner).capability_registers[range_register].payload = first_free + more;
  for (unsigned i = 0; i < more; ++i) {
    REQUIRE(rows.make_row(first_free + i) == Result::ok);
    if (i % 10 == 9) rows.world.page_out({});
  }
  rows.world.write(rows.guests[1].activity);
  reinterpret_cast<RowHeader*>(rows.world.bytes(rows.guests[1].activity))->next = {};
  rows.world.page_out({});
  for (unsigned boot = 0; boot < 2; ++boot) {
    rows.world.cut_and_boot();
    CHECK(was_told(looks));
    CHECK_FALSE(was_told(lost));
    CHECK(rows.who_runs() == all_but(count, {}));
    rows.world.take_checkpoint();
  }
}

// What is pinned stays in memory, and so does what is to be written.
TEST_CASE("rows that could be written and rows that run do not fill the memory before every frame was looked at") {
  KernelWorld world({}, {.store_pages = 420, .log_segments = 24, .segment_blocks = 32});
  world.start();
  const unsigned slots = world.kernel().store.slot_count();
  std::vector<unsigned> counts(slots / 2);
  for (unsigned i = 0; i < slots * 3 / 4; ++i) world.make_in_new_row(Kind::activity);
  std::vector<Guest> guests;
  for (unsigned& count : counts) {
    world.make_in_new_row(Kind::activity);
    guests.push_back(world.new_plain_guest([&](Process&) { ++count; }));
  }
  world.write(guests[0].activity);
  reinterpret_cast<RowHeader*>(world.bytes(guests[0].activity))->next = {};
  world.page_out({});
  world.cut_and_boot();
  CHECK(was_told(looks));
  for (unsigned i = 0; i < 20 * slots; ++i) world.step();
  CHECK(std::ranges::count(counts, 0u) == 0);
}
