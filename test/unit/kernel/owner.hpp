// SPDX-License-Identifier: MIT
//
// An owner of all frames, for the tests of frames that the disk has lost.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "test/unit/kernel/scripted_guest.hpp"

namespace perdure {

inline constexpr unsigned range_register = 5, bought = 7;
inline constexpr uint64_t tried_frame = 303;  // KernelWorld does not reach it

// An owner that does what it is told, holds all frames, and tells what it was answered.
struct Owner {
  Owner() {
    guest = world.new_guest([this](Process& p) {
      if (is_asking) results.push_back(result_of(p));
      is_asking = !calls.empty();
      if (!is_asking) return;
      calls.front()(p);
      calls.erase(calls.begin());
    });
    world.process(guest).capability_registers[range_register] = {.type = CapabilityType::range, .payload = 400};
  }

  Result ask(KernelWorld::Program what) {
    results.clear();
    calls.push_back(std::move(what));
    run_checked(world, 1000);
    REQUIRE(results.size() == 1);
    return results[0];
  }
  Result rescind(FrameNumber frame) { return ask(call(range_register, {method::range_rescind, frame.value, 1})); }
  Result make(FrameNumber frame, Kind kind, unsigned index = 0) {
    return ask(call(range_register, {method::range_make, frame.value, static_cast<uint64_t>(kind), 1, index}, 0, bought));
  }
  Capability has_bought() { return world.process(guest).capability_registers[bought]; }

  // Only the disk has it, and not for long.
  void lose(const Capability& object) {
    world.page_out({object});
    turn_bits(object.object.frame());
  }
  // Once more, and they are right again.
  void turn_bits(FrameNumber frame) {
    const Geometry& geometry = world.kernel().store.root().geometry;
    for (unsigned i = 100; i < 164; ++i) world.disk().block(geometry.home_block(frame))[i] ^= std::byte{0x5a};
  }

  // Both copies of the frame's tag, as they stand on the disk now; and there again, as if no write of them had been made since.
  void keep_tags(FrameNumber frame) {
    for (unsigned copy = 0; copy < 2; ++copy) kept_tags[copy].assign(tag_copy(frame, copy), tag_copy(frame, copy) + block_bytes);
  }
  void put_tags_back(FrameNumber frame) {
    for (unsigned copy = 0; copy < 2; ++copy) std::ranges::copy(kept_tags[copy], tag_copy(frame, copy));
  }
  std::byte* tag_copy(FrameNumber frame, unsigned copy) {
    return world.disk().block(world.kernel().store.root().geometry.tag_block(tag_frame_of(frame), copy));
  }
  // Until no log tells of it any more.
  void bring_home() {
    for (unsigned i = 0; i < 2; ++i) {
      world.write(guest.pages[0]);
      world.page_out({});
    }
  }

  KernelWorld world;
  Guest guest;
  std::vector<KernelWorld::Program> calls;
  std::vector<Result> results;
  bool is_asking = false;
  std::vector<std::byte> kept_tags[2];
};

inline bool was_told(std::string_view what) { return fake_machine().console_output.find(what) != std::string::npos; }

}  // namespace perdure
