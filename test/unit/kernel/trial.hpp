// SPDX-License-Identifier: MIT
//
// One guest that makes one call, and what it has afterwards.
#pragma once

#include <catch2/catch.hpp>

#include <functional>
#include <utility>

#include "test/unit/kernel/scripted_guest.hpp"

namespace perdure {

// Its capability registers: what it calls, and one that holds the number 77 before the call.
inline constexpr unsigned tried = 5, kept = 9;

class Trial {
 public:
  Trial() { guest = world.new_guest([this](Process& process) { act(process); }); }

  Capability& held(unsigned number) { return world.process(guest).capability_registers[number]; }

  Result result_of(std::function<void(Process&)> thing) {
    play(std::move(thing));
    REQUIRE(has_result_);
    return result_;
  }

  // It was stopped by a fault instead of being told anything.
  bool faults(std::function<void(Process&)> thing) {
    play(std::move(thing));
    const ProcessControl& control = world.process(guest).control;
    return !has_result_ && control.state == ProcessState::stopped && control.fault != FaultCode::none;
  }

  uint64_t word(unsigned i) { return message_word(world.process(guest).registers, i); }  // of the answer

  KernelWorld world;
  Guest guest;

 private:
  void play(std::function<void(Process&)> thing) {
    held(kept) = number_capability(77);
    thing_ = std::move(thing);
    world.start();
    world.take_checkpoint();  // so that whatever the call changes it has to make writable first
    world.unwritable_is_watched = true;
    for (unsigned i = 0; i < 40 && !has_result_; ++i) world.step();
  }

  void act(Process& process) {
    if (thing_) {
      std::exchange(thing_, nullptr)(process);
      return;
    }
    if (has_result_) return;
    result_ = perdure::result_of(process);
    has_result_ = true;
  }

  std::function<void(Process&)> thing_;
  Result result_ = Result::ok;
  bool has_result_ = false;
};

}  // namespace perdure
