// SPDX-License-Identifier: MIT
//
// A process that holds a range makes a row of activities in place of what keeps itself going, while the first row of
// the restart list is only on the disk.
#include <catch2/catch.hpp>

#include "test/unit/kernel/rows.hpp"

using namespace perdure;

namespace {

KernelWorld::Program make_activity_row(uint64_t frame, uint64_t account) {
  return call(range_register, {method::range_make, frame, static_cast<uint64_t>(Kind::activity), account, 0}, 0, bought);
}

}  // namespace

TEST_CASE("a row of activities is made in place of the caller's own process or row, with the first row on the disk") {
  const bool is_process = GENERATE(true, false);
  CAPTURE(is_process);
  Rows rows(3);
  REQUIRE(rows.make_row(first_free + 2) == Result::ok);  // so that the first one is not beside the caller's own
  REQUIRE(rows.make_row(first_free + 1) == Result::ok);  // the first one in the list, with no activity in it
  const Capability first_row{.object = ObjectId::of({first_free + 1})};
  REQUIRE(rows.world.kernel().store.system().first_activity_row == FrameNumber{first_free + 1});
  rows.world.page_out({first_row});
  const FrameNumber own = is_process ? rows.owner.process.object.frame() : rows.owner.activity.object.frame();
  rows.calls.push_back(make_activity_row(own.value, 2));
  CHECK_NOTHROW(run_checked(rows.world, 300));
  CHECK_FALSE(rows.who_runs().empty());
}

TEST_CASE("the same, with the first row in memory, and no room to write it") {
  const bool is_process = GENERATE(true, false);
  CAPTURE(is_process);
  Rows rows(3);
  rows.world.process(rows.owner).capability_registers[range_register].payload = 2000;
  REQUIRE(rows.make_row(1502) == Result::ok);
  REQUIRE(rows.make_row(1501) == Result::ok);
  for (unsigned i = 0; i < 450; ++i) rows.world.make(Kind::page);
  rows.world.page_out({});
  const FrameNumber own = is_process ? rows.owner.process.object.frame() : rows.owner.activity.object.frame();
  rows.calls.push_back([&](Process& p) {
    rows.world.write(rows.owner.process);
    rows.world.write(rows.owner.activity);
    const bool is_full = rows.world.use_up_room(rows.world.kernel().store.find({1501}));
    CHECK(is_full);
    make_activity_row(own.value, 2)(p);
  });
  CHECK_NOTHROW(run_checked(rows.world, 300));
}
