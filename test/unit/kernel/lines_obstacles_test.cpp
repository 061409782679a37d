// SPDX-License-Identifier: MIT
//
// Tries to have the attempt go wrong that is made for a caller while it stands in line: its frames are on the
// disk, or cannot be read; what it called through has changed; or the power was off meanwhile. A caller
// that is starved shows it best: what it does not get in line it never gets.
#include <catch2/catch.hpp>

#include <cstring>
#include <utility>

#include "test/unit/kernel/line.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);

// Its callers call once, and then wait for ever. A timer strikes now and then.
struct Receiver : Line {
  Receiver() {
    is_done_idle = true;
    world.open_new_rows();
  }

  void raise(uint8_t priority) { set_priority(busy, priority); }
  void run(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      fake_machine().pending.timer = fake_machine().pending.timer || i % 4 == 0;
      run_checked(world, 1);
    }
  }
};

bool was_told(std::string_view what) { return fake_machine().console_output.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("a caller that is starved is received although its frame has to come from the disk first") {
  Receiver receiver;
  const Guest starved = receiver.add_caller(1);
  receiver.add_spinner(5);
  receiver.world.start();
  receiver.run(60);
  receiver.spins = true;
  receiver.raise(8);
  receiver.run(20);
  receiver.world.page_out({starved.process});
  receiver.serves = true;
  Scheduler& scheduler = receiver.world.kernel().scheduler;
  unsigned waited = 0;
  for (unsigned i = 0; i < 100; ++i) {
    receiver.run(1);
    waited += scheduler.is_waiting(scheduler.priorities.activity_of(receiver.world.process(receiver.busy)));
  }
  CHECK(receiver.order == std::vector<uint64_t>{1});
  CHECK(waited > 0);  // instead of looking again and again
}

TEST_CASE("one whose frame is on the way keeps nobody back, nor those who are less important") {
  Receiver receiver;
  const Guest first = receiver.add_caller(1);
  receiver.add_caller(2);
  receiver.world.start();
  receiver.run(60);
  receiver.set_priority(first, 3);
  receiver.run(20);
  REQUIRE(receiver.world.process(receiver.busy).control.callers_map == (1u << 3 | 1u << 1));
  receiver.world.page_out({first.process});
  receiver.serves = true;
  receiver.run(100);
  CHECK(receiver.order == std::vector<uint64_t>{2, 1});
}

TEST_CASE("a caller that cannot be read leaves the line, and is not lost; the next one is taken") {
  Receiver receiver;
  const Guest unread = receiver.add_caller(1);
  receiver.add_caller(2);
  receiver.world.start();
  receiver.run(60);
  receiver.world.page_out({unread.process});
  const Geometry& geometry = receiver.world.kernel().store.root().geometry;
  std::memset(receiver.world.disk().block(geometry.home_block(unread.process.object.frame())), 0x5a, 64);
  receiver.serves = true;
  receiver.run(100);
  CHECK(receiver.order == std::vector<uint64_t>{2});
  CHECK(was_told("a process cannot be read"));
}

TEST_CASE("a caller that cannot be read and is destroyed while it stands in line leaves it, and the receiver takes the next") {
  for (const bool is_sold : {false, true}) {  // its frame, to another process
    CAPTURE(is_sold);
    Receiver receiver;
    const Guest unread = receiver.add_caller(1);
    receiver.add_caller(2);
    bool now = false;
    const uint64_t frame = frame_of(unread.process);
    const Guest owner = receiver.world.new_guest([&](Process& p) {
      act_when(now, p, is_sold ? call(5, {method::range_make, frame, static_cast<uint64_t>(Kind::process), 1, 0}, 0, 7)
                               : call(5, {method::range_rescind, frame, 1}));
    });
    receiver.world.process(owner).capability_registers[5] = {.type = CapabilityType::range, .payload = 500};
    receiver.world.start();
    receiver.run(60);
    receiver.world.page_out({unread.process});
    const Geometry& geometry = receiver.world.kernel().store.root().geometry;
    std::memset(receiver.world.disk().block(geometry.home_block({frame})), 0x5a, 64);
    now = true;
    receiver.run(60);
    receiver.raise(3);  // the processes that stand in line by a schedule are looked at
    receiver.set_priority(unread, 2);
    REQUIRE_FALSE(receiver.world.is_alive(unread.process));
    receiver.serves = true;
    receiver.run(100);
    CHECK(receiver.order == std::vector<uint64_t>{2});
    CHECK(was_told("a process that was to run is gone"));
    CHECK(receiver.world.object<Activity>(unread.activity).process.value == 0);
    const auto& wait = receiver.world.process(receiver.busy).control;
    CHECK(wait.state == ProcessState::receiving);
    CHECK(wait.callers_map == 0);
  }
}

TEST_CASE("a caller whose wrapper is blocked while it stands in line waits there instead") {
  Receiver receiver;
  const Capability control = receiver.world.make(Kind::wrapper);
  receiver.world.object<Wrapper>(control).target = KernelWorld::entry(receiver.busy);
  const Guest caller = receiver.add_caller(1);
  receiver.world.process(caller).capability_registers[5] = KernelWorld::client_of(control);
  receiver.add_caller(2);
  bool now = false;
  uint64_t what = method::wrapper_block;
  const Guest owner = receiver.world.new_guest([&](Process& p) { act_when(now, p, call(5, {what})); });
  receiver.world.process(owner).capability_registers[5] = control;
  receiver.world.start();
  receiver.run(60);
  now = true;
  receiver.run(20);
  receiver.serves = true;
  receiver.run(60);
  CHECK(receiver.order == std::vector<uint64_t>{2});
  CHECK(receiver.world.process(receiver.busy).control.callers_map == 0);
  what = method::wrapper_unblock;
  now = true;
  receiver.run(60);
  CHECK(receiver.order == std::vector<uint64_t>{2, 1});
}

TEST_CASE("a caller whose wrapper leads elsewhere by now gets its answer there, and the next in line is taken") {
  for (const bool is_server : {false, true}) {
    CAPTURE(is_server);
    Receiver receiver;
    const Capability control = receiver.world.make(Kind::wrapper);
    receiver.world.object<Wrapper>(control).target = KernelWorld::entry(receiver.busy);
    std::vector<uint64_t> told;
    const Guest caller = receiver.world.new_guest(steps({call(5, {method::number_get}), note(told), call(6)}));
    receiver.world.process(caller).capability_registers[5] = KernelWorld::client_of(control);
    receiver.world.process(caller).capability_registers[6] = receiver.nowhere;
    for (const uint64_t number : {2, 3}) receiver.add_caller(number);
    const Guest other = receiver.world.new_guest(server([](Process&) { return 7; }));
    receiver.world.let_receive(other);
    receiver.world.start();
    receiver.run(60);
    receiver.world.object<Wrapper>(control).target = is_server ? KernelWorld::entry(other) : number_capability(7);
    receiver.serves = true;
    receiver.run(60);
    CHECK(told == std::vector<uint64_t>{ok, 7});
    CHECK(receiver.order == std::vector<uint64_t>{2, 3});
  }
}

// Its program counter is at the access, not behind a call.
TEST_CASE("one that stood in line with a fault before the restart runs into it again, and makes no call") {
  KernelWorld world;
  constexpr uint64_t address = 0x7000'0000;
  bool serves = false;
  std::vector<uint64_t> faults;
  unsigned went_on = 0;
  const Guest keeper = world.new_guest([&](Process& p) {
    if (!serves) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) faults.push_back(p.registers.rdx);
    KernelWorld::invoke(p, Invocation::reply_and_wait, 0, {ok});  // and never answers
  });
  const Guest faulting = world.new_guest([&](Process& p) {
    ++went_on;
    p.registers.rdi = address;
    p.registers.rip = rip_of_load;
  });
  world.process(faulting).keeper = KernelWorld::entry(keeper);
  world.start();
  run_checked(world, 60);
  REQUIRE(world.object<Activity>(faulting.activity).stood_in != 0);
  REQUIRE(went_on == 1);
  world.take_checkpoint();
  world.cut_and_boot();
  serves = true;
  run_checked(world, 100);
  CHECK(went_on == 1);
  CHECK(faults == std::vector<uint64_t>{address});
  CHECK(world.process(faulting).registers.rip == rip_of_load);
  CHECK(world.process(faulting).registers.rdi == address);
}

TEST_CASE("a line does not wait for one that stood in it before the restart and now stands in another") {
  Receiver receiver;
  KernelWorld& world = receiver.world;
  const Capability endpoint = world.make_in_new_row(Kind::endpoint);
  world.object<Endpoint>(endpoint).receiver = receiver.busy.process;
  const Guest marked = receiver.add_caller(1);
  world.process(marked).capability_registers[5] = {.type = CapabilityType::entry, .version = endpoint.version, .object = endpoint.object};
  world.open_new_rows();
  const Guest second = receiver.add_caller(2);
  const Guest other = world.new_guest([](Process&) {});
  world.start();
  receiver.run(60);
  world.object<Endpoint>(endpoint).receiver = other.process;
  world.take_checkpoint();
  world.cut_and_boot();
  receiver.serves = true;
  world.bring_in({receiver.busy, second});  // these come first
  receiver.run(100);
  CHECK(receiver.order == std::vector<uint64_t>{2});
}

// Their attempts are made one behind the other, and no program runs in between.
TEST_CASE("one that has come back to its line and got its answer keeps nobody out of it any more") {
  Receiver receiver;
  bool calls = false;
  const Guest first = receiver.world.new_guest(steps({call(5, {1, 1})}));  // and computes
  receiver.world.open_new_rows();
  const Guest latecomer = receiver.world.new_guest([&](Process& p) {
    if (std::exchange(calls, false)) call(5, {1, 9})(p);
  });
  for (const Guest& guest : {first, latecomer}) {
    receiver.world.process(guest).capability_registers[5] = KernelWorld::entry(receiver.busy);
  }
  receiver.world.start();
  receiver.run(60);
  receiver.world.take_checkpoint();
  receiver.world.cut_and_boot();
  receiver.serves = true;
  receiver.run(200);
  REQUIRE(receiver.order == std::vector<uint64_t>{1});
  calls = true;
  receiver.run(200);
  CHECK(receiver.order == std::vector<uint64_t>{1, 9});
}

TEST_CASE("as many as there are come back to their line after a restart, each in its turn") {
  constexpr uint64_t callers = 30;
  Receiver receiver;
  std::vector<uint64_t> all;
  for (uint64_t i = 1; i <= callers; ++i) {
    receiver.add_caller(i);
    all.push_back(i);
  }
  receiver.world.start();
  receiver.run(200);
  receiver.world.take_checkpoint();
  receiver.world.cut_and_boot();
  receiver.serves = true;
  receiver.run(600);
  CHECK(receiver.order == all);
}

// It waits open, one that stood in its line is still on its way, and the row of its own activity is on the
// disk again.
TEST_CASE("who calls one that waits open, before its line has come back, finds its row first") {
  Receiver receiver;
  KernelWorld& world = receiver.world;
  receiver.add_caller(1);
  world.open_new_rows();
  bool calls = false;
  const Guest latecomer = world.new_guest([&](Process& p) {
    if (std::exchange(calls, false)) call(5, {1, 9})(p);
  });
  world.process(latecomer).capability_registers[5] = KernelWorld::entry(receiver.busy);
  world.start();
  receiver.run(60);
  world.take_checkpoint();
  world.boot(world.disk());
  world.let_receive(receiver.busy);
  Store& store = world.kernel().store;
  const auto poll = [&] { world.kernel().store.poll(fake_machine().now_ns += 1000); };
  while (!store.can_declare()) poll();
  const Generation before = store.committed_generation();
  store.declare(fake_machine().now_ns, 0);
  while (store.committed_generation() == before || !store.can_declare()) poll();
  world.cut_and_boot();
  for (const Capability& needed : {latecomer.process, latecomer.activity, world.process(latecomer).schedule,
                                   receiver.busy.endpoint, receiver.busy.process}) {
    static_cast<void>(world.bytes(needed));
  }
  const CacheSlot row = world.kernel().store.find(receiver.busy.activity.object.frame());
  world.kernel().store.descriptor(row).flags &= static_cast<uint8_t>(~FrameDescriptor::flag_awaited);
  REQUIRE(world.kernel().store.drop(row));
  calls = receiver.serves = true;
  receiver.run(100);
  CHECK(receiver.order == std::vector<uint64_t>{1, 9});
}

TEST_CASE("the frames of the process that runs do not go, whatever becomes of them") {
  KernelWorld world;
  world.new_guest([](Process&) {});
  world.start();
  run_checked(world, 10);
  Store& store = world.kernel().store;
  REQUIRE(world.kernel().processor.has_current());
  const CacheSlot slots[] = {world.kernel().processor.slot(), world.kernel().processor.ref().slot()};
  const Generation before = store.committed_generation();
  while (!store.can_declare()) store.poll(fake_machine().now_ns += 1000);
  store.declare(fake_machine().now_ns, 0);
  while (store.committed_generation() == before || !store.can_declare()) store.poll(fake_machine().now_ns += 1000);
  for (const CacheSlot slot : slots) {
    store.descriptor(slot).flags &= static_cast<uint8_t>(~FrameDescriptor::flag_awaited);
    CHECK(!store.drop(slot));
  }
  run_checked(world, 10);
}
