// SPDX-License-Identifier: MIT
//
// Tries to lose one's place in line over a power cut, to be passed there by others, and to be kept waiting by one
// that does not come back. Scripted guests on the whole generic kernel, with the state checker run behind every step.
#include <catch2/catch.hpp>

#include <utility>

#include "test/unit/kernel/line.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ms = 1'000'000;
constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

// When the power is cut, `absent` stands in the line of a busy server, and `early` in another one; `latecomer` calls the
// server from when `calls` is true on. Activities that are to come back at different times have rows of their own.
struct TwoLines {
  TwoLines() {
    line.is_done_idle = true;
    elsewhere = line.world.new_guest(call(6));
    line.world.process(elsewhere).capability_registers[6] = line.nowhere;
    early = line.add_caller(2, 5);
    line.world.process(early).capability_registers[5] = KernelWorld::entry(elsewhere);
    line.world.open_new_rows();
    absent = line.add_caller(1);
    line.world.open_new_rows();
    latecomer = line.world.new_guest([this](Process& p) {
      if (calls) call(5, {1, 9})(p);
    });
    line.world.process(latecomer).capability_registers[5] = KernelWorld::entry(line.busy);
  }

  void cut() {
    line.world.start();
    run_until(line, 1, 60);
    line.world.take_checkpoint();
    line.world.cut_and_boot();
    line.serves = true;
  }

  Line line;
  Guest elsewhere, early, absent, latecomer;
  bool calls = false;
};

}  // namespace

TEST_CASE("a line keeps its order over a power cut, whatever order the frames come in") {
  for (unsigned absent = 0; absent < 8; ++absent) {
    CAPTURE(absent);
    Line line;
    line.is_done_idle = true;
    std::vector<Guest> callers;
    for (uint64_t i = 1; i <= 8; ++i) {
      line.world.open_new_rows();
      callers.push_back(line.add_caller(i));
    }
    line.world.start();
    run_until(line, 1, 100);
    line.world.take_checkpoint();
    line.world.cut_and_boot();
    line.serves = true;
    // All but one are in memory already.
    for (unsigned i = 0; i < 8; ++i) {
      if (i != absent) static_cast<void>(line.world.bytes(callers[i].process));
    }
    run_until(line, 8);
    CHECK(line.order == std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 8});
  }
}

// The receiver waits open at once after the restart, and one that stood in its line comes from the disk.
TEST_CASE("nobody passes those who stood in line before the restart and have not come back") {
  for (const bool stands_in_line : {false, true}) {  // the latecomer too, behind the absent one
    CAPTURE(stands_in_line);
    TwoLines lines;
    lines.calls = stands_in_line;
    lines.cut();
    lines.calls = true;
    lines.line.world.bring_in({lines.line.busy, lines.latecomer});
    run_until(lines.line, 2);
    REQUIRE(lines.line.order.size() == 2);
    CHECK(lines.line.order[0] == 1);
  }
}

// Nor by the fast path, which has to be closed for as long as one of them is missing, in whichever line.
TEST_CASE("nobody passes one who is still to come when another one has come back") {
  TwoLines lines;
  lines.cut();
  Line& line = lines.line;
  line.world.bring_in({line.busy, lines.latecomer, lines.early, lines.elsewhere});
  const auto slot_of = [&](const Capability& of) { return line.world.kernel().store.find(of.object.frame()); };
  const auto is_back = [&](const Guest& guest) {
    return slot_of(guest.activity) != no_slot && line.world.object<Activity>(guest.activity).is_awaited == 0;
  };
  for (unsigned i = 0; i < 100 && !is_back(lines.early); ++i) line.world.step();
  REQUIRE(is_back(lines.early));
  REQUIRE_FALSE(is_back(lines.absent));
  lines.calls = true;
  line.world.use_fast_path = true;  // all hints are right
  line.world.process(lines.latecomer).capability_registers[5].hint = slot_of(line.busy.endpoint);
  line.world.object<Endpoint>(line.busy.endpoint).receiver.hint = slot_of(line.busy.process);
  line.world.process(line.busy).control.activity.hint = slot_of(line.busy.activity);
  run_until(line, 2);
  REQUIRE(line.order.size() == 2);
  CHECK(line.order[0] == 1);
}

// Unless their priority is not known: then they are looked at first.
TEST_CASE("who is more important does not wait for those who stood in line before the restart") {
  for (const bool is_known : {true, false}) {
    CAPTURE(is_known);
    Line line;
    line.is_done_idle = true;
    bool calls = false;
    line.world.open_new_rows();
    const Guest absent = line.add_caller(1);
    line.world.open_new_rows();
    const Guest latecomer = line.world.new_guest([&](Process& p) {
      if (std::exchange(calls, false)) call(5, {1, 9})(p);
      else call(6, {method::clock_wait_restart, line.world.kernel().time.boot_epoch()})(p);
    }, 4);
    line.world.process(latecomer).capability_registers[5] = KernelWorld::entry(line.busy);
    line.world.process(latecomer).capability_registers[6] = {.type = CapabilityType::clock};
    line.world.start();
    run_until(line, 1, 60);
    line.world.write(absent.activity);
    if (!is_known) line.world.object<Activity>(absent.activity).priority = 0;
    line.world.take_checkpoint();
    line.world.cut_and_boot();
    line.serves = calls = true;
    line.world.bring_in({line.busy, latecomer});
    run_until(line, 1);
    const bool has_come_back = line.world.kernel().store.find(absent.process.object.frame()) != no_slot;
    CHECK(has_come_back == !is_known);
    run_until(line, 2);
    CHECK(line.order == std::vector<uint64_t>{9, 1});
  }
}

// The one that others have to wait for is stopped, or taken away, before it comes back.
TEST_CASE("a line opens when the last one that it waited for after a restart does not come back") {
  for (const uint64_t how : {method::process_stop, method::range_rescind, method::range_rescind_object}) {
    CAPTURE(how);
    Line line;
    line.is_done_idle = true;
    line.world.open_new_rows();
    const Guest marked = line.add_caller(1, 1, 2);
    line.world.open_new_rows();
    bool calls = false, acts = false;
    const Guest latecomer = line.world.new_guest([&](Process& p) {
      if (std::exchange(calls, false)) call(5, {1, 9})(p);
    });
    line.world.process(latecomer).capability_registers[5] = KernelWorld::entry(line.busy);
    const Guest owner = line.world.new_guest([&](Process& p) {
      if (!std::exchange(acts, false)) return call(7, {method::clock_wait_restart, line.world.kernel().time.boot_epoch()})(p);
      if (how == method::process_stop) call(5, {how})(p);
      else if (how == method::range_rescind) call(6, {how, frame_of(marked.process), 1})(p);
      else call(6, {how, frame_of(marked.activity), marked.activity.object.index()})(p);
    }, 4);
    line.world.process(owner).capability_registers[5] = marked.process;
    line.world.process(owner).capability_registers[6] = everything;
    line.world.process(owner).capability_registers[7] = {.type = CapabilityType::clock};
    line.world.start();
    run_until(line, 1, 60);
    line.world.take_checkpoint();
    line.world.cut_and_boot();
    line.serves = calls = acts = true;
    line.world.bring_in({line.busy, latecomer, owner});
    run_until(line, 1);
    CHECK(line.order == std::vector<uint64_t>{9});
  }
}

// Raised, and the power went before it ran: what was last known of it is not true any more.
TEST_CASE("after a restart a busy program does not keep one from being looked at that was raised before") {
  Line line;
  unsigned ran = 0;
  const Guest raised = line.world.new_guest([&](Process&) { ++ran; }, 1);
  line.add_spinner(2);
  line.world.start();
  run_until(line, 1, 60);
  line.spins = true;
  run_until(line, 1, 20);
  line.schedule_of(raised).priority = 3;
  line.world.take_checkpoint();
  line.world.cut_and_boot();
  ran = 0;
  run_until(line, 1, 100);
  CHECK(ran > 0);
}

TEST_CASE("after a restart the important one does not wait until all others have been looked at") {
  constexpr unsigned sleepers = 150;
  KernelWorld world;
  std::vector<Guest> least;
  for (unsigned i = 0; i < sleepers; ++i) {
    least.push_back(world.new_plain_guest(call(5, {method::clock_wait_until, 1'000'000 * ms, 0})));
    world.process(least.back()).capability_registers[5] = {.type = CapabilityType::clock};
  }
  unsigned ran = 0;
  const Guest important = world.new_guest([&](Process& p) {
    ++ran;
    call(5, {method::clock_wait_until, world.kernel().time.now_ns() + ms, 0})(p);
  }, 4);
  world.process(important).capability_registers[5] = {.type = CapabilityType::clock};
  world.start();
  for (unsigned i = 0; i < 1000; ++i) {
    fake_machine().now_ns += ms;
    fake_machine().pending.timer = true;
    world.step();
  }
  world.take_checkpoint();
  world.cut_and_boot();
  fake_machine().now_ns += 2 * ms;  // it has slept enough
  ran = 0;
  while (ran == 0) REQUIRE(world.step());
  unsigned looked_at = 0;
  for (const Guest& guest : least) looked_at += world.kernel().store.find(guest.process.object.frame()) != no_slot;
  CHECK(looked_at < sleepers / 2);
}

// What stood in line is gone when the machine comes back, or wants something else now.
TEST_CASE("a mark that has lost its sense keeps nobody waiting for ever") {
  enum class Marked { calls_another, is_destroyed, is_stopped };
  for (const Marked now : {Marked::calls_another, Marked::is_destroyed, Marked::is_stopped}) {
    CAPTURE(static_cast<int>(now));
    Line line;
    line.is_done_idle = true;
    line.world.open_new_rows();
    const Guest marked = line.add_caller(1);
    line.world.open_new_rows();
    const Guest second = line.add_caller(2);
    line.world.start();
    run_until(line, 1, 60);
    REQUIRE(line.world.object<Activity>(marked.activity).stood_in != 0);
    line.world.write(marked.process);
    if (now == Marked::is_destroyed) {
      line.world.destroy(marked.process);
    } else if (now == Marked::is_stopped) {
      line.world.process(marked).control.state = ProcessState::stopped;
      line.world.object<Activity>(marked.activity).runnable = 0;
    } else {
      line.world.process(marked).capability_registers[5] = number_capability(3);
    }
    line.world.take_checkpoint();
    line.world.cut_and_boot();
    line.serves = true;
    line.world.bring_in({line.busy, second});  // these come first
    run_until(line, 1);
    CHECK(line.order == std::vector<uint64_t>{2});
  }
}
