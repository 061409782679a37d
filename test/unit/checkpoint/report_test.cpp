// SPDX-License-Identifier: MIT
//
// Tries to lose the report of an assertion: to reads of the migration that are under way and end
// late or never, and to a disk that fails for a while. The clock is the test's: it moves at each look,
// and what the disk does happens at a time of it.
#include <catch2/catch.hpp>

#include <functional>

#include "test/unit/checkpoint/small_machine.hpp"

namespace perdure {
namespace {

constexpr std::string_view text = "assertion: the moon is not made of cheese";
constexpr uint64_t second_ns = 1'000'000'000;

uint64_t clock_ns;
std::function<void(uint64_t now_ns)> at_each_look;

uint64_t look_at_clock() {
  clock_ns += 1'000'000;
  if (at_each_look) at_each_look(clock_ns);
  return clock_ns;
}

bool write_report(SmallMachine& machine) {
  clock_ns = 0;
  const bool written = machine.store->write_report(std::as_bytes(std::span(text)), look_at_clock);
  at_each_look = nullptr;
  return written;
}

// What stands on the medium after a power cut that keeps nothing that it need not keep.
std::string report_on(const SmallMachine& machine, uint64_t seed) {
  Random random(seed);
  const Medium medium = machine.disk.cut(random);
  std::vector<std::byte> area(report_blocks * block_bytes);
  for (uint64_t i = 0; i < report_blocks; ++i) {
    const SharedBlock& block = medium[report_start.value + i];
    if (block) std::memcpy(area.data() + i * block_bytes, block->data(), block_bytes);
  }
  const auto found = report_text(area);
  return {reinterpret_cast<const char*>(found.data()), found.size()};
}

// A generation has committed, its migration, behind a restart, has begun to read the log, and the disk
// takes its time.
std::unique_ptr<SmallMachine> with_reads_in_flight(uint64_t seed) {
  SmallMachine before(SmallMachine::geometry());
  REQUIRE(before.opened.has_value());
  for (uint64_t frame = 1; frame < 30 + seed % 8; ++frame) REQUIRE(before.write_page(frame, 'a'));
  before.declare();
  REQUIRE(before.poll_until([&] { return before.store->state() == Store::State::migrating; }));
  auto machine = std::make_unique<SmallMachine>(before.disk.keep_everything());
  REQUIRE(machine->opened.has_value());
  const uint64_t reads = machine->disk.counts().reads;
  REQUIRE(machine->poll_until([&] { return !machine->disk.is_idle(); }));
  machine->disk.hold_waiting();
  CHECK(machine->disk.counts().reads == reads);
  return machine;
}

TEST_CASE("reads that are in flight when the bug strikes end before the report is submitted") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    const auto machine = with_reads_in_flight(seed);
    uint64_t ended_before_report = 0;
    const uint64_t reads = machine->disk.counts().reads;
    at_each_look = [&](uint64_t now_ns) {
      if (now_ns == 5 * second_ns) machine->disk.release_held();
    };
    machine->disk.after_write = [&] {
      if (ended_before_report == 0) ended_before_report = machine->disk.counts().reads - reads;
    };
    CHECK(write_report(*machine));
    CHECK(ended_before_report > 0);
    CHECK(report_on(*machine, seed) == text);
  }
}

TEST_CASE("a report is found whatever the store was doing") {
  for (unsigned polls = 0; polls < 400; polls += 3) {
    INFO(polls << " polls after the declaration");
    SmallMachine machine(SmallMachine::geometry());
    for (uint64_t frame = 1; frame < 30; ++frame) REQUIRE(machine.write_page(frame, 'a'));
    machine.declare();
    for (unsigned i = 0; i < polls; ++i) machine.poll();
    CHECK(write_report(machine));
    CHECK(report_on(machine, polls) == text);
  }
}

TEST_CASE("reads that end while the report is being written do not land in it") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    const auto machine = with_reads_in_flight(seed);
    const uint64_t half = ReportWriter::patience_ns / 2;
    at_each_look = [&](uint64_t now_ns) {
      if (now_ns < half + second_ns) machine->disk.hold_waiting();  // the report's own write, too
      else machine->disk.release_held();
    };
    CHECK(write_report(*machine));
    CHECK(report_on(*machine, seed) == text);
  }
}

TEST_CASE("reads that never end do not cost the report") {
  const auto machine = with_reads_in_flight(1);
  CHECK(write_report(*machine));
  CHECK(clock_ns < ReportWriter::patience_ns);
  CHECK(report_on(*machine, 1) == text);
}

TEST_CASE("a slow disk is waited for by the clock, a dead one not for ever") {
  const auto machine = with_reads_in_flight(1);
  at_each_look = [&](uint64_t now_ns) {
    if (now_ns < 55 * second_ns) machine->disk.hold_waiting();
    else machine->disk.release_held();
  };
  CHECK(write_report(*machine));
  CHECK(clock_ns > 55 * second_ns);
  CHECK(report_on(*machine, 1) == text);

  const auto dead = with_reads_in_flight(2);
  at_each_look = [&](uint64_t) { dead->disk.hold_waiting(); };
  CHECK_FALSE(write_report(*dead));
  CHECK(clock_ns >= ReportWriter::patience_ns);
  CHECK(clock_ns < ReportWriter::patience_ns + second_ns);
}

TEST_CASE("an error of the disk that passes does not cost the report") {
  using Operation = DiskRequest::Operation;
  for (const Operation operation : {Operation::write, Operation::flush}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      INFO("seed " << seed << (operation == Operation::write ? " write" : " flush"));
      SmallMachine machine(SmallMachine::geometry());
      machine.disk.fail_next(operation, 12);
      CHECK(write_report(machine));
      CHECK(report_on(machine, seed) == text);
    }
  }
}

}  // namespace
}  // namespace perdure
