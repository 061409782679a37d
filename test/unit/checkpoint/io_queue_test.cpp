// SPDX-License-Identifier: MIT
//
// Tries to have an error of the disk that passes taken for damage, an error that stays hidden for ever,
// a place that is bad taken for an outage, and a request never made.
#include <catch2/catch.hpp>
#include <vector>

#include "checkpoint/io_queue.hpp"
#include "test/support/quiet_client.hpp"
#include "test/support/simulated_disk.hpp"

using namespace perdure;

namespace {

using Operation = DiskRequest::Operation;
constexpr uint64_t second_ns = 1'000'000'000;

struct Fixture {
  SimulatedDisk disk{Medium(200), 1};
  QuietClient client;
  std::vector<std::byte> probe = std::vector<std::byte>(block_bytes);
  std::vector<std::byte> memory = std::vector<std::byte>(64 * block_bytes);
  IoQueue io;

  Fixture() { io.open(disk, client, probe.data()); }
  void start(IoPurpose purpose, uint64_t block, uint32_t argument = 0) {
    const bool is_write = purpose == IoPurpose::home_write || purpose == IoPurpose::tag_write ||
                          purpose == IoPurpose::segment_write || purpose == IoPurpose::root_write;
    const bool is_flush = purpose == IoPurpose::flush;
    io.start({.operation = is_flush ? Operation::flush : is_write ? Operation::write : Operation::read,
              .block = block,
              .block_count = is_flush ? 0u : 1u,
              .memory = memory.data()},
             purpose, argument);
  }
  // For so long, in steps of a millisecond; or until a result comes.
  std::optional<IoResult> run(uint64_t for_ns) {
    for (const uint64_t end = client.now_ns + for_ns; client.now_ns < end;) {
      io.advance(client.now_ns += 1'000'000);
      if (const auto result = io.next_result()) return result;
    }
    return {};
  }
};

}  // namespace

TEST_CASE("a read, and a write home, are waited for through an outage of ten minutes, and it is told once") {
  for (const IoPurpose purpose : {IoPurpose::body_read_home, IoPurpose::body_read_log, IoPurpose::tag_read,
                                  IoPurpose::log_read, IoPurpose::home_write, IoPurpose::tag_write}) {
    Fixture fixture;
    for (const Operation operation : {Operation::read, Operation::write}) fixture.disk.set_outage(operation, true);
    fixture.start(purpose, 150, 77);
    CHECK_FALSE(fixture.run(600 * second_ns).has_value());
    CHECK(fixture.client.ill == 1);
    CHECK(fixture.client.well == 0);
    CHECK(fixture.disk.counts().errors < 10 * 600);  // a sick disk is not hammered
    fixture.disk.end_outages();
    const auto result = fixture.run(3 * second_ns);
    REQUIRE(result.has_value());
    CHECK_FALSE(result->failed);
    CHECK(result->argument == 77);
    CHECK(fixture.client.well == 1);
    CHECK(fixture.client.ill_for_ns >= 599 * second_ns);
    CHECK(fixture.client.ill_for_ns <= 603 * second_ns);
  }
}

TEST_CASE("a write of a checkpoint in the making, and a flush, fail soon: their caller has other ways") {
  for (const IoPurpose purpose : {IoPurpose::segment_write, IoPurpose::root_write, IoPurpose::flush}) {
    Fixture fixture;
    for (const Operation operation : {Operation::write, Operation::flush}) fixture.disk.set_outage(operation, true);
    fixture.start(purpose, 150);
    const auto result = fixture.run(second_ns);
    REQUIRE(result.has_value());
    CHECK(result->failed);
    CHECK(fixture.disk.counts().errors == (purpose == IoPurpose::flush ? 1 : IoQueue::tries_max));
  }
}

TEST_CASE("a bad place on a disk that gives others is told, and not too soon") {
  const bool others_are_read = GENERATE(false, true);
  Fixture fixture;
  fixture.disk.set_bad(150);
  fixture.start(IoPurpose::body_read_home, 150, 5);
  std::optional<IoResult> bad;
  while (!bad) {
    if (others_are_read) fixture.start(IoPurpose::body_read_home, 151, 6);
    const auto result = fixture.run(second_ns);
    if (result && result->argument == 5) bad = result;
    REQUIRE(fixture.client.now_ns < 300 * second_ns);
  }
  CHECK(bad->failed);
  CHECK(fixture.client.now_ns >= IoQueue::bad_place_ns);
  CHECK(fixture.client.ill == 0);
}

TEST_CASE("a place that is bad for less than half a minute is read in the end") {
  Fixture fixture;
  fixture.disk.set_bad(150);
  fixture.start(IoPurpose::tag_read, 150);
  CHECK_FALSE(fixture.run(20 * second_ns).has_value());
  fixture.disk.set_bad(150, false);
  const auto result = fixture.run(3 * second_ns);
  REQUIRE(result.has_value());
  CHECK_FALSE(result->failed);
}

TEST_CASE("an outage longer than half a minute says nothing about one place, whatever was read before it and after") {
  Fixture fixture;
  fixture.start(IoPurpose::body_read_home, 151);
  REQUIRE(fixture.run(second_ns).has_value());
  fixture.disk.set_outage(Operation::read, true);
  for (uint32_t i = 0; i < IoQueue::fetches_max; ++i) fixture.start(IoPurpose::body_read_home, 100 + i, i);
  CHECK_FALSE(fixture.run(100 * second_ns).has_value());
  fixture.disk.end_outages();
  for (uint32_t i = 0; i < IoQueue::fetches_max; ++i) {
    const auto result = fixture.run(3 * second_ns);
    REQUIRE(result.has_value());
    CHECK_FALSE(result->failed);
  }
}

TEST_CASE("a disk that answers nothing at all is told, and when it does again") {
  Fixture fixture;
  fixture.start(IoPurpose::body_read_home, 151);
  fixture.io.advance(fixture.client.now_ns);
  fixture.disk.hold_waiting();
  CHECK_FALSE(fixture.run(9 * second_ns).has_value());
  CHECK(fixture.client.ill == 0);
  CHECK_FALSE(fixture.run(30 * second_ns).has_value());
  CHECK(fixture.client.ill == 1);
  fixture.disk.release_held();
  CHECK(fixture.run(second_ns).has_value());
  CHECK(fixture.client.well == 1);
}

TEST_CASE("errors that other tries make good are not told") {
  Fixture fixture;
  fixture.disk.set_faults({.read_error_one_in = 2, .write_error_one_in = 2});
  for (unsigned i = 0; i < 300; ++i) {
    fixture.start(i % 2 ? IoPurpose::tag_write : IoPurpose::tag_read, 150);
    const auto result = fixture.run(60 * second_ns);
    REQUIRE(result.has_value());
    CHECK_FALSE(result->failed);
  }
  CHECK(fixture.client.ill == fixture.client.well);
}
