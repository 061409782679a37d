// SPDX-License-Identifier: MIT
//
// A line of callers for a server, for the tests of lines.
#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "test/unit/kernel/scripted_guest.hpp"

namespace perdure {

// A server that is busy until it is told to serve, and callers with numbers.
struct Line {
  static constexpr uint64_t ms = 1'000'000;

  explicit Line(uint8_t server_priority = 1, KernelOptions options = {}) : world(options) {
    busy = world.new_guest([this](Process& p) { serve(p); }, server_priority);
    const Capability endpoint = world.make(Kind::endpoint);
    nowhere = {.type = CapabilityType::entry, .version = endpoint.version, .object = endpoint.object};
  }

  // It calls `times` times; what it calls with is (1, number).
  Guest add_caller(uint64_t number, uint8_t priority = 1, unsigned times = 1) {
    const Guest caller = world.new_guest([this, number, left = times](Process& p) mutable {
      if (left == 0) {
        if (is_done_idle) call(6)(p);
        return;
      }
      --left;
      call(5, {1, number})(p);
    }, priority);
    world.process(caller).capability_registers[5] = KernelWorld::entry(busy);
    world.process(caller).capability_registers[6] = nowhere;
    return caller;
  }

  // Sleeps until `spins`.
  void add_spinner(uint8_t priority) {
    const Guest spinner = world.new_guest([this](Process& p) {
      if (!spins) call(6, {method::clock_wait_until, world.kernel().time.now_ns() + 2 * ms})(p);
    }, priority);
    world.process(spinner).capability_registers[6] = {.type = CapabilityType::clock};
  }

  void serve(Process& p) {
    if (!serves) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) order.push_back(p.registers.rsi);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {static_cast<uint64_t>(Result::ok)});
  }

  Schedule& schedule_of(const Guest& guest) { return world.object<Schedule>(world.process(guest).schedule); }
  // As schedule.set does it.
  void set_priority(const Guest& guest, uint8_t priority) {
    Capability schedule = world.process(guest).schedule;
    schedule_of(guest).priority = priority;
    world.kernel().scheduler.schedule_changed(world.kernel().store.find(schedule.object.frame()),
                                              schedule.object.index(), false);
  }

  KernelWorld world;
  Guest busy;
  Capability nowhere;  // an entry from which no process receives
  bool serves = false;
  bool spins = false;
  bool is_done_idle = false;  // a caller that is done waits for ever, instead of spinning
  std::vector<uint64_t> order;
};

// Runs until so many have been received, or too long.
inline void run_until(Line& line, size_t received, unsigned steps = 2000) {
  for (unsigned i = 0; i < steps && line.order.size() < received; ++i) {
    if (!line.world.step()) {
      fake_machine().now_ns += Line::ms;
      fake_machine().pending.timer = true;
    }
    const auto wrong = line.world.kernel().check_state();
    INFO((wrong ? std::string(wrong->what) : std::string()));
    REQUIRE(!wrong);
  }
}

}  // namespace perdure
