// SPDX-License-Identifier: MIT
//
// Frames whose contents the disk does not give any more are taken away like others: every capability to what was
// there is void, over restarts, and the frame is used again.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr unsigned range_register = 5, bought = 7;
constexpr uint64_t tried_frame = 303;  // KernelWorld does not reach it

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

  KernelWorld world;
  Guest guest;
  std::vector<KernelWorld::Program> calls;
  std::vector<Result> results;
  bool is_asking = false;
};

bool was_told(std::string_view what) { return fake_machine().console_output.find(what) != std::string::npos; }

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
  REQUIRE(owner.world.kernel().scheduler.standing(process).priority == 9);
  owner.lose(schedule);
  REQUIRE(owner.world.kernel().scheduler.standing(owner.world.process(important)).priority == 9);
  REQUIRE(owner.rescind(schedule.object.frame()) == Result::ok);
  CHECK(owner.world.kernel().scheduler.standing(owner.world.process(important)).priority == 0);
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
  const Standing now = owner.world.kernel().scheduler.standing(owner.world.process(important));
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

// Both writes of its tags were acknowledged and never made; that its body belongs to no such tag is all that tells. Of a
// page not even that is looked at.
TEST_CASE("no version of a frame comes again although the tag that is left is older than it was destroyed and sold") {
  const bool is_passed_over_lost = GENERATE(false, true);  // the tag that stays has a source that was itself passed over to
  for (const Kind kind : {Kind::page, Kind::process, Kind::capability_page, Kind::node}) {
    CAPTURE(info(kind).name, is_passed_over_lost);
    Owner owner;
    owner.world.start();
    const FrameNumber frame{tried_frame};
    const Geometry geometry = owner.world.kernel().store.root().geometry;
    const auto tag_copy = [&](unsigned copy) {
      return owner.world.disk().block(geometry.tag_block(tag_frame_of(frame), copy));
    };
    const auto make = [&] {
      REQUIRE(owner.make(frame, kind) == Result::ok);
      const Capability made = owner.has_bought();
      owner.world.write(made);
      std::byte* bytes = owner.world.bytes(made);
      if (kind == Kind::page) bytes[0] = static_cast<std::byte>(made.version.value);
      if (kind == Kind::process) reinterpret_cast<Process*>(bytes)->registers.rip = made.version.value;
      if (kind == Kind::capability_page) reinterpret_cast<Capability*>(bytes)[0] = number_capability(made.version.value);
      owner.world.page_out({made});
      return made;
    };
    make();
    std::vector<std::byte> old[2];
    const auto keep_tags = [&] {
      for (unsigned copy = 0; copy < 2; ++copy) old[copy].assign(tag_copy(copy), tag_copy(copy) + block_bytes);
    };
    keep_tags();
    std::vector<Capability> kept;
    for (unsigned i = 0; i < 3; ++i) {
      REQUIRE(owner.rescind(frame) == Result::ok);
      kept.push_back(make());
    }
    for (const unsigned loss : {1u, 2u, 3u}) {  // each of what was done behind the one before
      CAPTURE(loss);
      for (unsigned i = 0; i < 2; ++i) {  // until no log tells of it any more
        owner.world.write(owner.guest.pages[0]);
        owner.world.page_out({});
      }
      for (unsigned copy = 0; copy < 2; ++copy) std::memcpy(tag_copy(copy), old[copy].data(), block_bytes);
      owner.world.cut_and_boot();
      REQUIRE(owner.rescind(frame) == Result::ok);
      CHECK(was_told("a frame is damaged") == (kind != Kind::page));
      for (unsigned i = 0; i < 6; ++i) {
        const Capability made = make();
        for (const Capability& gone : kept) REQUIRE_FALSE(owner.world.is_alive(gone));
        kept.push_back(made);
        if (loss == 1 && i == 0 && is_passed_over_lost) keep_tags();
        REQUIRE(owner.rescind(frame) == Result::ok);
      }
    }
  }
}

// As above, but what stands at home, if anything does, belongs to the old tag as well as to the lost one.
TEST_CASE("no version of a frame comes again although its tag is older and what is left belongs to that one") {
  enum class Before : uint8_t { empty, zero, same };
  const Before before = GENERATE(Before::empty, Before::zero, Before::same);
  for (const Kind kind : {Kind::page, Kind::process, Kind::capability_page, Kind::wrapper, Kind::node, Kind::activity}) {
    if (is_row(kind) && before == Before::zero) continue;  // it has a header
    CAPTURE(info(kind).name, static_cast<unsigned>(before));
    Owner owner;
    owner.world.start();
    const FrameNumber frame{tried_frame};
    const Geometry geometry = owner.world.kernel().store.root().geometry;
    const auto tag_copy = [&](unsigned copy) {
      return owner.world.disk().block(geometry.tag_block(tag_frame_of(frame), copy));
    };
    const auto settle = [&] {  // until no log tells of it any more
      for (unsigned i = 0; i < 2; ++i) {
        owner.world.write(owner.guest.pages[0]);
        owner.world.page_out({});
      }
    };
    const auto make = [&](unsigned index) {
      REQUIRE(owner.make(frame, kind, index) == Result::ok);
      const Capability made = owner.has_bought();
      if (before == Before::same && !is_row(kind)) {
        owner.world.write(made);
        owner.world.bytes(made)[0] = std::byte{1};
      }
      owner.world.page_out({made});
      return made;
    };
    const auto take_away = [&](unsigned index) {
      return is_row(kind) && before == Before::same
                 ? owner.ask(call(range_register, {method::range_rescind_object, frame.value, index}))
                 : owner.rescind(frame);
    };
    make(0);
    if (before == Before::empty) REQUIRE(owner.rescind(frame) == Result::ok);
    settle();
    std::vector<std::byte> old[2];
    for (unsigned copy = 0; copy < 2; ++copy) old[copy].assign(tag_copy(copy), tag_copy(copy) + block_bytes);
    std::vector<Capability> kept;
    const unsigned index = is_row(kind) && before == Before::same ? 1 : 0;
    for (unsigned i = 0; i < 3; ++i) {
      if (before != Before::empty && !is_row(kind)) REQUIRE(owner.rescind(frame) == Result::ok);
      kept.push_back(make(index));
      if (before == Before::empty || is_row(kind)) REQUIRE(take_away(index) == Result::ok);
    }
    settle();
    for (unsigned copy = 0; copy < 2; ++copy) std::memcpy(tag_copy(copy), old[copy].data(), block_bytes);
    owner.world.cut_and_boot();
    if (!is_row(kind)) REQUIRE(owner.rescind(frame) == Result::ok);
    for (unsigned i = 0; i < 6; ++i) {
      const Capability made = make(index);
      CHECK(owner.world.is_alive(made));
      for (const Capability& gone : kept) CHECK_FALSE(owner.world.is_alive(gone));
      REQUIRE(take_away(index) == Result::ok);
    }
    CHECK_FALSE(was_told("a frame is damaged"));
  }
}

// As between two checkpoints that are far apart: the number of the generation leaves room for 2^24 of them.
TEST_CASE("no version of a frame comes again although one generation has seen more of them than there is room for") {
  constexpr uint64_t room = uint64_t{1} << versions_of_generation_bits;
  const bool is_later = GENERATE(false, true);  // or in later generations
  Owner owner;
  owner.world.start();
  const FrameNumber frame{tried_frame};
  const Geometry geometry = owner.world.kernel().store.root().geometry;
  const auto tag_copy = [&](unsigned copy) {
    return owner.world.disk().block(geometry.tag_block(tag_frame_of(frame), copy));
  };
  const auto settle = [&] {  // until no log tells of it any more
    for (unsigned i = 0; i < 2; ++i) {
      owner.world.write(owner.guest.pages[0]);
      owner.world.page_out({});
    }
  };
  REQUIRE(owner.make(frame, Kind::page) == Result::ok);
  REQUIRE(owner.rescind(frame) == Result::ok);
  settle();
  std::vector<std::byte> old[2];
  for (unsigned copy = 0; copy < 2; ++copy) old[copy].assign(tag_copy(copy), tag_copy(copy) + block_bytes);
  std::vector<Capability> kept;
  for (unsigned i = 0; i < 16; ++i) {
    REQUIRE(owner.make(frame, Kind::page) == Result::ok);
    kept.push_back(owner.has_bought());
    Store& store = owner.world.kernel().store;
    store.descriptor(store.find(frame)).identity.source.value += room - 2;  // made and rescinded half as often
    REQUIRE(owner.rescind(frame) == Result::ok);
  }
  REQUIRE(kept.back().version.value > kept.front().version.value + 15 * (room - 1));
  settle();
  for (unsigned copy = 0; copy < 2; ++copy) std::memcpy(tag_copy(copy), old[copy].data(), block_bytes);
  owner.world.cut_and_boot();
  for (unsigned i = 0; i < 20; ++i) {
    REQUIRE(owner.make(frame, Kind::page) == Result::ok);
    REQUIRE(owner.world.is_alive(owner.has_bought()));
    for (const Capability& gone : kept) REQUIRE_FALSE(owner.world.is_alive(gone));
    REQUIRE(owner.rescind(frame) == Result::ok);
    if (is_later) settle();
  }
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
