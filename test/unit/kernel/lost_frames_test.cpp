// SPDX-License-Identifier: MIT
//
// Frames of which the disk does not give the contents any more are taken away like others: every capability to what
// was there is void, over restarts, and the frame is used again.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

#include "test/unit/kernel/owner.hpp"

using namespace perdure;

namespace {

constexpr Kind kinds_with_contents[] = {Kind::capability_page, Kind::process, Kind::node,     Kind::wrapper,
                                        Kind::endpoint,        Kind::notice,  Kind::schedule, Kind::activity};

}  // namespace

TEST_CASE("a lost frame of each kind is rescinded: what was there stays void, over restarts and for all who come after") {
  for (const Kind kind : kinds_with_contents) {
    for (const bool by_making : {false, true}) {  // range.make rescinds what is of another kind
      CAPTURE(info(kind).name, by_making);
      Owner owner;
      owner.world.start();
      const FrameNumber frame{tried_frame};
      REQUIRE(owner.make(frame, kind) == Result::ok);
      const Capability old_one = owner.has_bought();
      REQUIRE(old_one.object.frame() == frame);
      // Not zero all over: then the tag says it all, and there is nothing to lose.
      owner.world.write(old_one);
      if (kind == Kind::process) reinterpret_cast<Process*>(owner.world.bytes(old_one))->registers.rip = 1;
      if (kind == Kind::capability_page) reinterpret_cast<Capability*>(owner.world.bytes(old_one))[0] = number_capability(1);
      owner.lose(old_one);
      const Kind next = kind == Kind::process ? Kind::node : Kind::process;
      REQUIRE((by_making ? owner.make(frame, next) : owner.rescind(frame)) == Result::ok);
      CHECK(was_told("a frame is damaged"));
      owner.world.take_checkpoint();
      owner.world.cut_and_boot();
      REQUIRE_FALSE(owner.world.is_alive(old_one));
      REQUIRE(owner.make(frame, kind) == Result::ok);
      REQUIRE(owner.world.is_alive(owner.has_bought()));
      REQUIRE_FALSE(owner.world.is_alive(old_one));
      CHECK(owner.has_bought().version.value > old_one.version.value);
    }
  }
}

TEST_CASE("nothing is made in a row that cannot be read: who asks is told so, each time, and until the disk gives it again") {
  for (const Kind kind : kinds_with_contents) {
    if (!is_row(kind)) continue;
    CAPTURE(info(kind).name);
    Owner owner;
    owner.world.start();
    const FrameNumber frame{tried_frame};
    REQUIRE(owner.make(frame, kind, 0) == Result::ok);
    const Capability first = owner.has_bought();
    owner.lose(first);
    for (unsigned i = 0; i < 3; ++i) REQUIRE(owner.make(frame, kind, 1) == Result::unreadable);
    CHECK(was_told("a frame is damaged"));
    owner.turn_bits(frame);
    REQUIRE(owner.make(frame, kind, 1) == Result::ok);
    CHECK(owner.world.is_alive(owner.has_bought()));
    CHECK(owner.world.is_alive(first));
  }
}

TEST_CASE("what a translation went by is lost and rescinded: the next access faults") {
  Owner owner;
  uint64_t loads = 0;
  bool reads = true;
  const Guest reader = owner.world.new_guest([&](Process& p) {
    if (!reads) return;
    ++loads;
    p.registers.rdi = Guest::memory;
    p.registers.rip = rip_of_load;
  });
  owner.world.start();
  run_checked(owner.world, 60);
  owner.lose(reader.root);
  loads = 0;
  run_checked(owner.world, 60);
  REQUIRE(loads > 10);  // translated as before
  reads = false;
  REQUIRE(owner.rescind(reader.root.object.frame()) == Result::ok);
  reads = true;
  loads = 0;
  run_checked(owner.world, 60);
  CHECK(loads <= 1);
  CHECK(owner.world.process(reader).control.state == ProcessState::stopped);
}

TEST_CASE("a lost schedule that is rescinded gives nobody its priority any more") {
  Owner owner;
  owner.world.open_new_rows();
  const Guest important = owner.world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); }, 9);
  owner.world.start();
  run_checked(owner.world, 60);
  Process& process = owner.world.process(important);
  const Capability schedule = process.schedule;
  REQUIRE(owner.world.kernel().scheduler.priorities.standing(process).priority == 9);
  owner.lose(schedule);
  REQUIRE(owner.world.kernel().scheduler.priorities.standing(owner.world.process(important)).priority == 9);
  REQUIRE(owner.rescind(schedule.object.frame()) == Result::ok);
  CHECK(owner.world.kernel().scheduler.priorities.standing(owner.world.process(important)).priority == 0);
}

TEST_CASE("a process whose schedule is lost runs at the lowest priority, and is asked no more about it") {
  Owner owner;
  owner.world.open_new_rows();
  uint64_t steps_of_important = 0;
  const Guest important = owner.world.new_guest([&](Process&) { ++steps_of_important; }, 9);
  owner.world.start();
  run_checked(owner.world, 60);
  REQUIRE(steps_of_important > 50);
  owner.lose(owner.world.process(important).schedule);
  owner.world.cut_and_boot();
  run_checked(owner.world, 60);
  steps_of_important = 0;
  run_checked(owner.world, 60);  // the owner computes, which is more important
  CHECK(steps_of_important == 0);
  const Standing now = owner.world.kernel().scheduler.priorities.standing(owner.world.process(important));
  CHECK(now.is_known);
  CHECK(now.priority == 0);
}

TEST_CASE("a lost process is destroyed, and its activity finds that it has nobody to run, and can be bound again") {
  Owner owner;
  uint64_t count = 0;
  owner.world.open_new_rows();
  const Guest lost = owner.world.new_guest([&](Process&) { ++count; });
  const Guest lost_too = owner.world.new_guest([&](Process&) { ++count; });
  REQUIRE(frame_of(lost_too.process) > frame_of(lost.process));
  owner.world.start();
  run_checked(owner.world, 60);
  for (const Guest& one : {lost, lost_too}) owner.lose(one.process);
  owner.world.cut_and_boot();
  run_checked(owner.world, 60);
  CHECK(was_told("a process cannot be read and does not run"));
  fake_machine().console_output.clear();
  REQUIRE(owner.rescind(lost.process.object.frame()) == Result::ok);
  run_checked(owner.world, 60);
  CHECK(was_told("a process that was to run is gone"));
  CHECK_FALSE(was_told("a process cannot be read and does not run"));  // the other one is left in peace
  const Activity& activity = owner.world.object<Activity>(lost.activity);
  CHECK_FALSE(activity.runnable);
  CHECK(activity.process.value == 0);
  owner.world.take_checkpoint();
  owner.world.cut_and_boot();
  count = 0;
  run_checked(owner.world, 60);
  CHECK(count == 0);
  CHECK_FALSE(was_told("a process that was to run is gone"));
}

TEST_CASE("a lost process that waited for a message is destroyed, and its activity can be bound again, as it could not before") {
  Owner owner;
  owner.world.open_new_rows();
  const Guest lost = owner.world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); });
  owner.world.start();
  run_checked(owner.world, 60);
  REQUIRE(owner.make({tried_frame}, Kind::process) == Result::ok);
  const Capability other = owner.has_bought();
  owner.world.process(owner.guest).capability_registers[8] = lost.activity;
  const auto start_other = [&] { return owner.ask(call(bought, {method::process_start}, 8)); };
  CHECK(start_other() == Result::in_use);
  owner.lose(lost.process);
  CHECK(start_other() == Result::in_use);  // it may be read again
  REQUIRE(owner.rescind(lost.process.object.frame()) == Result::ok);
  owner.world.page_out({lost.process});  // whether it is there has to be fetched
  REQUIRE(start_other() == Result::ok);
  CHECK(owner.world.object<Activity>(lost.activity).process == other.object);
}

// Else it would be taken for one that stands at its call, which is made again for it after a restart.
TEST_CASE("a process that is started by the activity of a lost one does not have that one's place in a line") {
  Owner owner;
  const Guest busy = owner.world.new_guest([](Process&) {});
  const Guest silent = owner.world.new_guest({});
  owner.world.let_receive(silent);
  owner.world.open_new_rows();
  const Guest in_line = owner.world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::call, 1); });
  owner.world.open_new_rows();
  std::vector<std::pair<uint64_t, Result>> seen;
  const Guest started = owner.world.new_guest([&, has_called = false](Process& p) mutable {
    if (has_called) return seen.push_back({p.registers.rip, result_of(p)});
    has_called = true;
    KernelWorld::invoke(p, Invocation::call, 1);
  });
  owner.world.process(in_line).capability_registers[1] = KernelWorld::entry(busy);
  owner.world.process(started).capability_registers[1] = KernelWorld::entry(silent);
  owner.world.start();
  run_checked(owner.world, 200);
  REQUIRE(owner.world.object<Activity>(in_line.activity).stood_in != 0);
  REQUIRE(owner.world.process(started).control.state == ProcessState::waiting);
  const FrameNumber row = started.activity.object.frame();
  REQUIRE(owner.ask(call(range_register, {method::range_rescind_object, row.value, started.activity.object.index()})) == Result::ok);
  owner.world.process(owner.guest).capability_registers[bought] = started.process;
  owner.world.process(owner.guest).capability_registers[8] = in_line.activity;
  owner.lose(in_line.process);
  owner.world.cut_and_boot();
  run_checked(owner.world, 200);
  REQUIRE(was_told("a process cannot be read and does not run"));
  // One behind the other, before the activity has its turn.
  owner.results.clear();
  owner.calls.push_back(call(range_register, {method::range_rescind, in_line.process.object.frame().value, 1}));
  owner.calls.push_back(call(bought, {method::process_start}, 8));
  while (owner.results.size() < 2) run_checked(owner.world, 1);
  REQUIRE(owner.results == std::vector{Result::ok, Result::ok});
  REQUIRE(seen.empty());
  owner.world.take_checkpoint();
  owner.world.cut_and_boot();
  run_checked(owner.world, 200);
  REQUIRE_FALSE(seen.empty());
  CHECK(seen[0].first == rip_of_call + system_call_instruction_bytes);
  CHECK(seen[0].second == Result::interrupted);
}

TEST_CASE("a process whose activity was lost and destroyed while it was stopped is started with another one") {
  Owner owner;
  owner.world.open_new_rows();
  unsigned turns = 0;
  const Guest stopped = owner.world.new_guest([&](Process&) { ++turns; });
  owner.world.open_new_rows();
  const Capability other = owner.world.make(Kind::activity);
  owner.world.start();
  run_checked(owner.world, 60);
  owner.world.process(owner.guest).capability_registers[bought] = stopped.process;
  owner.world.process(owner.guest).capability_registers[8] = other;
  REQUIRE(owner.ask(call(bought, {method::process_stop})) == Result::ok);
  const auto start = [&] { return owner.ask(call(bought, {method::process_start}, 8)); };
  owner.lose(stopped.activity);
  CHECK(start() == Result::unreadable);  // it may be read again
  REQUIRE(owner.rescind(stopped.activity.object.frame()) == Result::ok);
  turns = 0;
  REQUIRE(start() == Result::ok);
  run_checked(owner.world, 60);
  CHECK(turns > 0);
  CHECK(owner.world.object<Activity>(other).process == stopped.process.object);
}

TEST_CASE("a process that is stopped while its activity cannot be read is started with it again when the disk gives it") {
  Owner owner;
  owner.world.open_new_rows();
  unsigned answers = 0;
  const Guest stopped = owner.world.new_guest([&, has_waited = false](Process& p) mutable {
    answers += has_waited;
    has_waited = true;
    KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
  });
  owner.world.open_new_rows();
  const Guest other = owner.world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); });
  owner.world.start();
  run_checked(owner.world, 60);
  owner.world.process(owner.guest).capability_registers[8] = stopped.activity;
  const auto ask = [&](const Guest& of, uint64_t method) {
    owner.world.process(owner.guest).capability_registers[bought] = of.process;
    return owner.ask(call(bought, {method}, 8));
  };
  owner.lose(stopped.activity);
  REQUIRE(ask(stopped, method::process_stop) == Result::ok);
  CHECK(was_told("a frame is damaged"));
  owner.turn_bits(stopped.activity.object.frame());
  forget_what_was_told(owner.world);
  REQUIRE(ask(stopped, method::process_start) == Result::ok);
  run_checked(owner.world, 60);
  CHECK(owner.world.process(stopped).control.state == ProcessState::receiving);
  REQUIRE(ask(other, method::process_stop) == Result::ok);
  CHECK(ask(other, method::process_start) == Result::ok);  // by the one that it has
  CHECK(owner.world.object<Activity>(stopped.activity).process == stopped.process.object);
}

// It was put to rest while the process could not be had.
TEST_CASE("a process whose activity has forgotten it is bound to it anew when it is started with it") {
  Owner owner;
  unsigned ran = 0;
  const Guest stopped = owner.world.new_guest([&](Process&) { ++ran; });
  owner.world.process(stopped).control.state = ProcessState::stopped;
  Activity& activity = owner.world.object<Activity>(stopped.activity);
  activity.process = {};
  activity.process_version = {};
  activity.runnable = 0;
  owner.world.start();
  owner.world.process(owner.guest).capability_registers[bought] = stopped.process;
  owner.world.process(owner.guest).capability_registers[8] = stopped.activity;
  CHECK(owner.ask(call(bought, {method::process_start}, 8)) == Result::ok);
  run_checked(owner.world, 20);
  CHECK(ran > 0);
  CHECK(owner.world.object<Activity>(stopped.activity).process == stopped.process.object);
}

TEST_CASE("what the disk gives wrongly is read again, three times, before it counts as lost") {
  for (unsigned misreads = 1; misreads <= body_reads_max; ++misreads) {
    CAPTURE(misreads);
    Owner owner;
    owner.world.start();
    const FrameNumber frame{tried_frame};
    REQUIRE(owner.make(frame, Kind::page) == Result::ok);
    const Capability page = owner.has_bought();
    owner.world.write(page);
    owner.world.bytes(page)[7] = std::byte{77};
    owner.world.page_out({page});
    owner.world.disk().spoil_reads(owner.world.kernel().store.root().geometry.home_block(frame), misreads);
    const Result told = owner.ask(call(range_register, {method::range_set_account, frame.value, 1, 3}));
    CHECK(told == (misreads < body_reads_max ? Result::ok : Result::unreadable));
    CHECK(was_told("a frame is damaged") == (misreads == body_reads_max));
    CHECK(owner.world.bytes(page)[7] == std::byte{77});
  }
}

// That one cannot be read is told once, and a process that asks again, for the sake of another one, would read it again.
TEST_CASE("what holds the calls of many processes that are lost is destroyed, and every caller that can be is answered") {
  constexpr unsigned lost_count = 12, first_register = 8;
  for (const bool is_page : {false, true}) {
    CAPTURE(is_page);
    Owner owner;
    unsigned accepted = 0;
    const Guest server = owner.world.new_guest([&](Process& p) {
      Capability& resume = p.capability_registers[resume_register];
      if (!resume.is_void()) p.capability_registers[first_register + accepted++] = resume;
      resume = {};
      KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
    });
    uint64_t told = 0;
    std::vector<Guest> clients;
    for (unsigned i = 0; i <= lost_count; ++i) {
      clients.push_back(owner.world.new_guest(steps({call(5), [&](Process& p) { told = p.registers.rdi; }})));
      owner.world.process(clients[i]).capability_registers[5] = KernelWorld::entry(server);
    }
    const Capability page = owner.world.make(Kind::capability_page);
    owner.world.start();
    run_checked(owner.world, 400);
    REQUIRE(accepted == lost_count + 1);
    Capability* held = owner.world.process(server).capability_registers + first_register;
    const Guest& there = clients.back();  // behind all others
    for (unsigned i = 0; i < accepted; ++i) {
      if (held[i].object == there.process.object) std::swap(held[i], held[lost_count]);
    }
    owner.world.write(server.process);
    owner.world.write(page);
    if (is_page) std::swap_ranges(held, held + accepted, reinterpret_cast<Capability*>(owner.world.bytes(page)));
    for (unsigned i = 0; i < lost_count; ++i) owner.lose(clients[i].process);
    REQUIRE(owner.rescind((is_page ? page : server.process).object.frame()) == Result::ok);
    run_checked(owner.world, 60);
    CHECK(static_cast<Result>(told) == Result::destroyed);
  }
}

TEST_CASE("a process whose activity is lost is stopped and destroyed all the same") {
  Owner owner;
  owner.world.open_new_rows();
  const Guest lost = owner.world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); });
  owner.world.start();
  run_checked(owner.world, 60);
  owner.lose(lost.activity);
  owner.world.process(owner.guest).capability_registers[bought] = lost.process;
  REQUIRE(owner.ask(call(bought, {method::process_stop})) == Result::ok);
  CHECK(owner.world.process(lost).control.state == ProcessState::stopped);
  REQUIRE(owner.rescind(lost.process.object.frame()) == Result::ok);
  CHECK_FALSE(owner.world.is_alive(lost.process));
}

TEST_CASE("a run of frames is taken away, or gets another account, up to the first of which nothing is known; the answer says how many") {
  constexpr uint64_t unknown = 3 * tags_per_frame, first = unknown - 2;
  for (const uint64_t method : {method::range_rescind, method::range_set_account}) {
    CAPTURE(method);
    Owner owner;
    owner.world.start();
    std::vector<Capability> made;
    for (uint64_t frame = first; frame <= unknown; ++frame) {
      REQUIRE(owner.make({frame}, Kind::page) == Result::ok);
      made.push_back(owner.has_bought());
    }
    owner.bring_home();
    for (unsigned copy = 0; copy < 2; ++copy) owner.tag_copy({unknown}, copy)[100] ^= std::byte{1};
    owner.world.cut_and_boot();
    REQUIRE(owner.ask(call(range_register, {method, first, 3, 7})) == Result::ok);
    CHECK(message_word(owner.world.process(owner.guest).registers, 1) == unknown - first);
    CHECK(owner.ask(call(range_register, {method, unknown, 1, 7})) == Result::unreadable);
    for (uint64_t frame = first; frame < unknown; ++frame) {
      if (method == method::range_rescind) CHECK_FALSE(owner.world.is_alive(made[frame - first]));
      else CHECK(owner.world.kernel().store.descriptor(*owner.world.kernel().store.obtain({frame})).identity.account.value == 7);
    }
  }
}

// Its translation is there still: a node on the path has left memory, and the page has not.
TEST_CASE("a buffer whose space cannot be walked any more faults its caller, whatever the page tables say") {
  Owner owner;
  enum { writes, waits, calls } what = writes;
  const Guest caller = owner.world.new_guest([&](Process& p) {
    if (what == writes) {
      p.registers.rip = rip_of_store;
      p.registers.rdi = Guest::memory;
      what = waits;
    } else if (what == calls) {
      KernelWorld::invoke(p, Invocation::call, 5, {method::type}, 0, 0, 0, 0, 16, Guest::memory);
      p.capability_registers[5] = KernelWorld::entry(owner.guest);
    }
  });
  owner.world.start();
  run_checked(owner.world, 60);
  REQUIRE(what == waits);
  owner.lose(caller.root);
  owner.world.bring_in({owner.guest});
  what = calls;
  run_checked(owner.world, 300);
  const ProcessControl& control = owner.world.process(caller).control;
  CHECK(control.state == ProcessState::stopped);
  CHECK(control.fault == FaultCode::unreadable);
  CHECK(control.fault_address == Guest::memory);
}
