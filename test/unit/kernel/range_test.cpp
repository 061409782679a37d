// SPDX-License-Identifier: MIT
//
// Tries to get from a range what is not in it. A range is all that a bank has over frames: what lies
// outside of it is another bank's. And by destroying itself with it, to write what it must not.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>

#include "test/unit/kernel/trial.hpp"

using namespace perdure;

TEST_CASE("a range gives nothing that is not in it") {
  constexpr uint64_t first = 300, frames = 24, all = ~uint64_t{0};
  constexpr auto row = static_cast<uint64_t>(Kind::wrapper), page = static_cast<uint64_t>(Kind::page);
  constexpr uint64_t in_a_row = info(Kind::wrapper).objects_per_frame;
  struct Asked {
    std::array<uint64_t, 6> words;
    Result told;
  };
  const Asked table[] = {
      {{method::range_make, frames - 1, page, 1}, Result::ok},
      {{method::range_make, frames, page, 1}, Result::bad_argument},
      {{method::range_make, all, page, 1}, Result::bad_argument},
      {{method::range_make, 0, 0, 1}, Result::bad_argument},
      {{method::range_make, 0, kind_count - 1, 1}, Result::ok},
      {{method::range_make, 0, kind_count, 1}, Result::bad_argument},
      {{method::range_make, 0, page | 256, 1}, Result::bad_argument},
      {{method::range_make, 0, page, 0xffff'ffff}, Result::ok},
      {{method::range_make, 0, page, 0x1'0000'0000}, Result::bad_argument},
      {{method::range_make, 0, page, 1, 1}, Result::bad_argument},
      {{method::range_make, 0, row, 1, in_a_row - 1}, Result::ok},
      {{method::range_make, 0, row, 1, in_a_row}, Result::bad_argument},
      {{method::range_make, 0, row, 1, uint64_t{1} << 32}, Result::bad_argument},
      {{method::range_recap, frames - 1, 0}, Result::not_found},
      {{method::range_recap, frames, 0}, Result::bad_argument},
      {{method::range_recap, frames - 1, all}, Result::not_found},
      {{method::range_rescind, 0, frames}, Result::ok},
      {{method::range_rescind, 0, frames + 1}, Result::bad_argument},
      {{method::range_rescind, 1, frames}, Result::bad_argument},
      {{method::range_rescind, 1, all}, Result::bad_argument},
      {{method::range_rescind, frames, 0}, Result::bad_argument},
      {{method::range_rescind, frames, 1}, Result::bad_argument},
      {{method::range_rescind, all, 1}, Result::bad_argument},
      {{method::range_rescind_object, frames, 0}, Result::bad_argument},
      {{method::range_rescind_object, 0, 0}, Result::not_found},
      {{method::range_set_account, 0, frames, 1}, Result::ok},
      {{method::range_set_account, 1, frames, 1}, Result::bad_argument},
      {{method::range_set_account, frames, 0, 1}, Result::bad_argument},
      {{method::range_set_account, frames, 1, 1}, Result::bad_argument},
      {{method::range_set_account, all, 1, 1}, Result::bad_argument},
      {{method::range_set_account, 0, 1, 0x1'0000'0000}, Result::bad_argument},
      {{method::range_sub, 0, frames}, Result::ok},
      {{method::range_sub, 1, frames}, Result::bad_argument},
      {{method::range_sub, 2, all}, Result::bad_argument},
      {{method::range_sub, frames + 1, 0}, Result::bad_argument},
  };
  for (const Asked& asked : table) {
    CAPTURE(asked.words[0], asked.words[1], asked.words[2], asked.words[3], asked.words[4]);
    Trial trial;
    trial.held(tried) = {.type = CapabilityType::range, .object = ObjectId::of({first}), .payload = frames};
    CHECK(trial.result_of(call(tried, asked.words)) == asked.told);
  }
}

TEST_CASE("who makes something of its own place is gone, and nothing of the answer stands there") {
  const Kind kind = GENERATE(Kind::page, Kind::wrapper);
  CAPTURE(kind);
  KernelWorld world;
  const Guest maker = world.new_guest(call(5, {method::range_make, 0, static_cast<uint64_t>(kind), 1}, 0, 9));
  const FrameNumber own = maker.process.object.frame();
  world.process(maker).capability_registers[5] = {.type = CapabilityType::range, .object = ObjectId::of(own), .payload = 1};
  world.start();
  run_checked(world, 10);
  REQUIRE_FALSE(world.is_alive(maker.process));
  const std::byte* frame = world.bytes({.type = CapabilityType::page, .object = ObjectId::of(own)});
  const std::byte* behind_the_first_object = frame + row_header_bytes + sizeof(Wrapper);
  CHECK(std::all_of(behind_the_first_object, frame + frame_bytes, [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST_CASE("who makes something where its own activity is stops, and is told nothing of it") {
  KernelWorld world;
  const Guest maker = world.new_guest(call(5, {method::range_make, 0, static_cast<uint64_t>(Kind::page), 1}, 0, 9));
  const FrameNumber row = maker.activity.object.frame();
  world.process(maker).capability_registers[5] = {.type = CapabilityType::range, .object = ObjectId::of(row), .payload = 1};
  world.start();
  run_checked(world, 10);
  CHECK(world.process(maker).control.state == ProcessState::stopped);
  CHECK(result_of(world.process(maker)) == Result::interrupted);
  CHECK(world.process(maker).capability_registers[9].is_void());
}

// Another one of the row has to be fetched: its own comes when nothing can stall any more.
TEST_CASE("who destroys a row in which its own activity is destroys all of it") {
  KernelWorld world;
  const Guest caller = world.new_guest(call(5, {method::range_rescind, 0, 1}));
  const Guest other = world.new_guest([](Process&) {});
  const FrameNumber row = caller.activity.object.frame();
  REQUIRE(other.activity.object.frame() == row);
  world.process(other).control.state = ProcessState::stopped;
  world.object<Activity>(other.activity).runnable = 0;
  world.process(caller).capability_registers[5] = {.type = CapabilityType::range, .object = ObjectId::of(row), .payload = 1};
  world.start();
  world.page_out({other.process});
  run_checked(world, 10);
  CHECK_FALSE(world.process(caller).control.state == ProcessState::running);
  CHECK_FALSE(world.is_alive(caller.activity));
  CHECK_FALSE(world.is_alive(other.activity));
}

TEST_CASE("a range identifies what is in it, and nothing else") {
  for (const int beside : {-1, 0, 1}) {
    CAPTURE(beside);
    Trial trial;
    const uint64_t frame = trial.guest.pages[0].object.frame().value;
    trial.held(tried) = {.type = CapabilityType::range, .object = ObjectId::of({frame + beside}), .payload = 1};
    trial.held(kept + 1) = trial.guest.pages[0];
    CHECK(trial.result_of(call(tried, {method::range_identify}, kept + 1)) ==
          (beside == 0 ? Result::ok : Result::not_found));
  }
}

TEST_CASE("a range identifies nothing that is no object") {
  for (const Capability& asked : {number_capability(1), Capability{.type = CapabilityType::discriminator}, Capability{}}) {
    CAPTURE(static_cast<int>(asked.type));
    Trial trial;
    trial.held(tried) = {.type = CapabilityType::range, .payload = 500};  // from frame 0 on
    trial.held(kept + 1) = asked;
    CHECK(trial.result_of(call(tried, {method::range_identify}, kept + 1)) == Result::not_found);
  }
}

TEST_CASE("a row belongs to one account: an object for another makes all that was in it void") {
  KernelWorld world;
  constexpr auto row = static_cast<uint64_t>(Kind::wrapper);
  const Guest bank = world.new_guest(steps({call(tried, {method::range_make, 0, row, 1, 0}, 0, kept),
                                            call(tried, {method::range_make, 0, row, 1, 1}, 0, kept + 1),
                                            call(tried, {method::range_make, 0, row, 2, 2}, 0, kept + 2)}));
  world.process(bank).capability_registers[tried] = {
      .type = CapabilityType::range, .object = ObjectId::of({300}), .payload = 1};
  const auto is_alive = [&](unsigned number) {
    return world.is_alive(world.process(bank).capability_registers[number]);
  };
  world.start();
  while (world.process(bank).capability_registers[kept + 1].is_void()) REQUIRE(world.step());
  CHECK((is_alive(kept) && is_alive(kept + 1)));
  while (world.process(bank).capability_registers[kept + 2].is_void()) REQUIRE(world.step());
  CHECK((!is_alive(kept) && !is_alive(kept + 1) && is_alive(kept + 2)));
}
