// SPDX-License-Identifier: MIT
//
// Tries to break the kernel where two things meet: a frame that goes while a message looks at it, a
// wake that reaches a process that cannot run now, a fault that is given up in the middle. Frames are
// dropped and the cache is crowded at exactly the moment that hurts.
#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <utility>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr uint64_t void_result = static_cast<uint64_t>(Result::void_capability);
constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

// Its frame is not in memory, and comes back without the disk: its tag, which is, says it is all zero.
void forget_empty(KernelWorld& world, const Capability& page) {
  world.page_out({page});
  Store& store = world.kernel().store;
  while (!store.obtain(page.object.frame())) store.poll(fake_machine().now_ns += 1000);
  REQUIRE(store.drop(store.find(page.object.frame())));
}

// A cache so small that one look-up may go all round it in search of a victim.
constexpr WorldSize small_world{.store_pages = 262};

// The cache is full, and only the frame of `victim` can be taken for another.
void crowd(KernelWorld& world, const Capability& victim) {
  Store& store = world.kernel().store;
  REQUIRE(store.slot_count() <= 64);
  world.pins_are_watched = false;
  const CacheSlot spared = store.find(victim.object.frame());
  SystemStatus status;
  store.fill_status(status);
  for (uint64_t i = status.frames_resident; i < store.slot_count(); ++i) REQUIRE(store.obtain(FrameNumber{1000 + i}));
  for (CacheSlot slot = 0; slot < store.slot_count(); ++slot) {
    if (slot != spared) store.pin(slot);
  }
  store.descriptor(spared).flags &= static_cast<uint8_t>(~FrameDescriptor::flag_referenced);
}

}  // namespace

// --- a frame that goes while it is looked at ------------------------------------------------------------

TEST_CASE("the bytes of a message are the sender's, though its page is the only one that can go") {
  KernelWorld world({}, small_world);
  uint64_t flags = 0;
  bool now = false;
  const Capability empty = world.make(Kind::page);  // reads as zero: needs no disk to come back
  const Guest receiver = world.new_guest([&](Process& p) { flags = p.registers.rax; });
  world.object<Node>(receiver.root).slots[2] = empty;
  const Guest sender = world.new_guest([&](Process& p) {
    act_when(now, p, [](Process& q) { KernelWorld::invoke(q, Invocation::call, 5, {}, 0, 0, 8, Guest::memory); });
  });
  world.write(sender.pages[0]);
  std::memcpy(world.bytes(sender.pages[0]), "ABCDEFGH", 8);
  world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
  world.let_receive(receiver);
  world.process(receiver).registers.r12 = uint64_t{8} << 32;
  world.process(receiver).registers.r14 = Guest::memory + 2 * frame_bytes;
  world.start();
  run_checked(world, 20);
  forget_empty(world, empty);
  crowd(world, sender.pages[0]);
  now = true;
  run_checked(world, 20);
  if (flags >> 32 == 8) REQUIRE(std::string(reinterpret_cast<char*>(world.bytes(empty)), 8) == "ABCDEFGH");
  else REQUIRE(std::string(reinterpret_cast<char*>(world.bytes(sender.pages[0])), 8) == "ABCDEFGH");
}

TEST_CASE("a page that is copied into stays in its place until it is") {
  KernelWorld world({}, small_world);
  std::vector<uint64_t> seen;
  bool now = false;
  const Capability empty = world.make(Kind::page);
  const Capability target = world.make(Kind::page);
  const Guest owner = world.new_guest([&](Process& p) {
    if (now) act_when(now, p, call(5, {method::page_copy_from}, 6));
    else if (p.registers.rbx != 0) seen.push_back(p.registers.rdi), p.registers.rbx = 0;
  });
  world.write(target);
  std::memcpy(world.bytes(target), "old", 3);
  world.process(owner).capability_registers[5] = target;
  world.process(owner).capability_registers[6] = empty;
  world.start();
  run_checked(world, 20);
  forget_empty(world, empty);
  crowd(world, target);
  now = true;
  run_checked(world, 20);
  // It waits for room, or it has been done: never answered and not done.
  if (!seen.empty()) {
    REQUIRE(seen == std::vector<uint64_t>{ok});
    REQUIRE(*world.bytes(target) == std::byte{0});
  }
}

// --- wakes ------------------------------------------------------------------------------------------------

TEST_CASE("a caller that is woken while its frame is on the disk does not keep the line from moving") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  bool serve = false;
  const auto answer = server([](Process&) { return 1; });
  const Guest busy = world.new_guest([&](Process& p) {
    if (serve) answer(p);
  });
  const Guest first = world.new_guest(steps({call(5), note(seen)}));
  const Guest second = world.new_guest(steps({call(5), note(seen)}));
  for (const Guest& guest : {first, second}) {
    world.process(guest).capability_registers[5] = KernelWorld::entry(busy);
  }
  world.start();
  run_checked(world, 30);
  world.page_out({first.process});
  serve = true;
  run_checked(world, 300);
  REQUIRE(seen == std::vector<uint64_t>{ok, 1, ok, 1});
}

TEST_CASE("a more important process does not wait for the end of a long slice") {
  KernelWorld world;
  uint64_t turns = 0;
  const Guest hog = world.new_guest({}, 1);
  world.object<Schedule>(world.process(hog).schedule).slice_ns = 1'000'000'000;
  const Guest important = world.new_guest([&](Process& p) {
    ++turns;
    KernelWorld::invoke(p, Invocation::call, 5, {method::console_read});
  }, 9);
  world.process(important).capability_registers[5] = {.type = CapabilityType::console, .payload = 1};
  world.start();
  world.write(important.process);
  world.process(important).capability_registers[5].payload = world.kernel().time.boot_epoch();
  run_checked(world, 50);
  const uint64_t before = turns;
  fake_machine().type("x");
  run_checked(world, 20);
  REQUIRE(turns > before);
}

// Between its calls nothing is to be done but what an interrupt has said.
TEST_CASE("calls that are answered at once keep nobody waiting, nor the checkpointer") {
  KernelWorld world;
  uint64_t calls = 0, spins = 0, sleeps = 0, characters = 0;
  const Guest caller = world.new_guest([&](Process& p) {
    ++calls;
    KernelWorld::invoke(p, Invocation::call, 5, {method::node_get});
  });
  world.process(caller).capability_registers[5] = caller.root;
  world.new_guest([&](Process&) { ++spins; });
  const Guest sleeper = world.new_guest([&](Process& p) {
    ++sleeps;
    KernelWorld::invoke(p, Invocation::call, 5, {method::clock_wait_until, world.kernel().time.now_ns() + 10'000'000});
  }, 2);
  world.process(sleeper).capability_registers[5] = {.type = CapabilityType::clock};
  const Guest reader = world.new_guest([&](Process& p) {
    ++characters;
    KernelWorld::invoke(p, Invocation::call, 5, {method::console_read});
  }, 2);
  world.start();
  world.write(reader.process);
  world.process(reader).capability_registers[5] = {.type = CapabilityType::console, .payload = world.kernel().time.boot_epoch()};
  const uint64_t first_generation = world.kernel().store.committed_generation().value;
  constexpr unsigned milliseconds = 400, calls_per_millisecond = 10;
  for (unsigned i = 0; i < milliseconds * calls_per_millisecond; ++i) {
    fake_machine().advance(1'000'000 / calls_per_millisecond);
    if (i % 100 == 0) fake_machine().type("x");
    if (i % 200 == 0) world.kernel().checkpoints.request();
    REQUIRE(world.step());
  }
  CHECK(calls > 1000);
  CHECK(spins > milliseconds / 5);  // each lasts a millisecond
  CHECK(sleeps > milliseconds / 20);
  CHECK(characters >= milliseconds * calls_per_millisecond / 100 - 1);
  CHECK(world.kernel().store.committed_generation().value > first_generation + 5);
  REQUIRE(!world.kernel().check_state());
}

// --- faults and stops -------------------------------------------------------------------------------------

TEST_CASE("a fault that was given up by a stop leaves nothing behind for the next one") {
  KernelWorld world;
  std::vector<uint64_t> told_space;
  std::vector<uint64_t> told_own;
  bool fault = true;
  const Guest client = world.new_guest([&](Process& p) {
    if (!fault) return;
    fault = false;
    p.registers.rdi = Guest::memory + 5 * frame_bytes;
    p.registers.rip = rip_of_load;
  });
  bool space_refuses = true;
  const Guest space_keeper = world.new_guest([&](Process& p) {
    if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) {
      told_space.push_back(p.registers.rdx);
      CHECK(message_word(p.registers, 4) == 0);
    }
    KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {space_refuses ? uint64_t{4} : 0});
  });
  bool own_answers = false;
  const Guest own_keeper = world.new_guest([&](Process& p) {
    if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) {
      told_own.push_back(p.registers.rdx);
      CHECK(message_word(p.registers, 4) == rip_of_load);  // where; a space's keeper is not told
    }
    if (own_answers) KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {0});
    p.registers.rax = 0;
  });
  bool now = false;
  const Guest owner = world.new_guest([&, stop = true](Process& p) mutable {
    if (!now) return;
    if (stop) KernelWorld::invoke(p, Invocation::call, 5, {method::process_stop});
    else act_when(now, p, call(5, {method::process_start}));
    stop = false;
  });
  world.process(owner).capability_registers[5] = client.process;
  world.process(client).keeper = KernelWorld::entry(own_keeper);
  world.object<Node>(client.root).keeper = KernelWorld::entry(space_keeper);
  world.let_receive(space_keeper);
  world.let_receive(own_keeper);
  world.start();
  run_checked(world, 60);
  REQUIRE(told_space.size() == 1);
  REQUIRE(told_own.size() == 1);  // and it keeps the fault
  now = true;
  run_checked(world, 60);
  REQUIRE(told_space.size() == 2);  // continued: the same access, told anew
  REQUIRE(world.process(client).control.state != ProcessState::stopped);
}

// Only an entry can be set as a keeper, but a wrapper of one can be given any other target afterwards.
TEST_CASE("a keeper whose wrapper has come to lead to something that is no entry is none") {
  for (const Kind kind : {Kind::page, Kind::capability_page, Kind::process, Kind::node, Kind::wrapper, Kind::endpoint,
                          Kind::notice, Kind::schedule, Kind::activity, Kind::empty}) {
    for (const bool of_space : {false, true}) {
      INFO(info(kind).name << (of_space ? ", of the space" : ", its own"));
      KernelWorld world;
      uint64_t told = 0;
      const Guest keeper = world.new_guest([&](Process&) { ++told; });
      const Guest client = world.new_guest([](Process& p) {
        p.registers.rdi = Guest::memory + 5 * frame_bytes;
        p.registers.rip = rip_of_load;
      });
      const Capability wrapper = world.make(Kind::wrapper);
      world.object<Wrapper>(wrapper).target = kind == Kind::empty ? number_capability(7) : world.make(kind);
      Capability& kept = of_space ? world.object<Node>(client.root).keeper : world.process(client).keeper;
      kept = KernelWorld::client_of(wrapper);
      world.let_receive(keeper);
      world.start();
      world.take_checkpoint();
      world.unwritable_is_watched = true;
      run_checked(world, 20);
      REQUIRE(told == 0);
      const ProcessControl& control = world.process(client).control;
      REQUIRE(control.state == ProcessState::stopped);
      REQUIRE(control.fault == FaultCode::no_memory);
    }
  }
}

TEST_CASE("who stops itself is told that the call was given up, when it is continued") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  bool now = false;
  const Guest selfish = world.new_guest(steps({call(5, {method::process_stop}), note(seen)}));
  const Guest owner = world.new_guest([&](Process& p) { act_when(now, p, call(5, {method::process_start})); });
  for (const Guest& guest : {selfish, owner}) world.process(guest).capability_registers[5] = selfish.process;
  world.start();
  run_checked(world, 30);
  REQUIRE(world.process(selfish).control.state == ProcessState::stopped);
  now = true;
  run_checked(world, 30);
  REQUIRE(seen == std::vector<uint64_t>{static_cast<uint64_t>(Result::interrupted), 0});
}

TEST_CASE("a keeper that refused one fault is asked again about another") {
  for (const auto& [first, second] : {std::pair{uint64_t{5}, uint64_t{7}}, {7, 5}}) {
    CAPTURE(first, second);
    KernelWorld world;
    std::vector<uint64_t> told;
    const Capability spare = world.make(Kind::page);
    const Guest client = world.new_guest([step = 0, pages = std::array{first, second}](Process& p) mutable {
      if (step == 2) return;
      p.registers.rdi = Guest::memory + pages[step] * frame_bytes;
      p.registers.rip = rip_of_load;
      ++step;
    });
    // Fills the slot that is missing first, and yet refuses.
    const Guest keeper = world.new_guest([&, slot = first, filled = false](Process& p) mutable {
      const auto delivery = static_cast<Delivery>(p.registers.rax & 0xff);
      if (delivery == Delivery::call) told.push_back(p.registers.rdx);
      if (delivery == Delivery::call && !filled) {
        filled = true;
        KernelWorld::invoke(p, Invocation::call, 9, {method::store, slot}, 6);
        return;
      }
      KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {4}, 0, 9);
    });
    world.process(keeper).capability_registers[6] = spare;
    world.object<Node>(client.root).keeper = KernelWorld::entry(keeper);
    world.let_receive(keeper, 9);
    world.start();
    run_checked(world, 80);
    CHECK(told == std::vector<uint64_t>{first * frame_bytes, second * frame_bytes});
  }
}

// The space's keeper refuses, and the process's own lets it go on, or has it stopped and it is started again:
// what comes then is a new fault, of which the space's keeper is told first, and the own one only if that refuses.
TEST_CASE("what two keepers said of one fault does not count for the next one") {
  for (const bool is_stopped : {false, true}) {
    CAPTURE(is_stopped);
    KernelWorld world;
    std::vector<unsigned> told;  // which keeper
    const auto keeper = [&](unsigned number, uint64_t answer) {
      return world.new_guest([&told, number, answer](Process& p) {
        const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
        if (is_call) told.push_back(number);
        KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {answer});
      });
    };
    const Guest of_space = keeper(1, 4), own = keeper(2, is_stopped ? 4 : 0);
    const Guest client = world.new_guest([has_vectors = false](Process& p) mutable {
      p.registers.rdi = Guest::memory + 5 * frame_bytes;
      p.registers.rip = std::exchange(has_vectors, true) ? rip_of_load : rip_of_fpu;
    });
    const Guest owner = world.new_guest([&](Process& p) {
      if (world.process(client).control.state == ProcessState::stopped) call(5, {method::process_start})(p);
    });
    world.process(owner).capability_registers[5] = client.process;
    world.object<Node>(client.root).keeper = KernelWorld::entry(of_space);
    world.process(client).keeper = KernelWorld::entry(own);
    for (const Guest& guest : {of_space, own}) world.let_receive(guest);
    world.start();
    run_checked(world, 120);
    REQUIRE(told.size() >= 6);
    for (size_t i = 0; i < told.size(); ++i) CHECK(told[i] == 1 + i % 2);
  }
}

// --- what is handed out -------------------------------------------------------------------------------------

TEST_CASE("reducing what a wrapper stands for does not yield what is behind it") {
  for (const bool notice : {false, true}) {
    KernelWorld world;
    std::vector<uint64_t> seen;
    Capability reduced;
    const Capability behind = world.make(notice ? Kind::notice : Kind::page);
    const Capability control = world.make(Kind::wrapper);
    world.object<Wrapper>(control).target = behind;
    const uint64_t method = notice ? method::notice_reduce : method::memory_reduce;
    const Guest client = world.new_guest(steps({
        call(5, {method, notice ? restriction::none : restriction::read_only}, 0, 7),
        note(seen),
        [&](Process& p) { reduced = p.capability_registers[7]; },
        call(6, {method::range_rescind_object, frame_of(control), control.object.index()}),
        call(7, {method::type}),
        note(seen),
    }));
    world.process(client).capability_registers[5] = KernelWorld::client_of(control);
    world.process(client).capability_registers[6] = everything;
    world.start();
    run_checked(world, 40);
    REQUIRE(reduced.restrictions == restriction::read_only);  // of a notice the same bit: may only post
    REQUIRE(seen.size() == 4);
    REQUIRE(seen[0] == ok);
    REQUIRE(seen[2] == void_result);
  }
}

TEST_CASE("a notice reaches who has not been started yet") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Capability notice = world.make(Kind::notice);
  const Capability unborn = world.make(Kind::process);
  world.object<Notice>(notice).receiver = unborn;
  world.object<Notice>(notice).bits = 6;
  const Guest sender = world.new_guest(steps({call(5, {method::notice_post}), note(seen)}));
  world.process(sender).capability_registers[5] = notice;
  world.start();
  run_checked(world, 30);
  REQUIRE(seen == std::vector<uint64_t>{ok, 0});
  REQUIRE(reinterpret_cast<Process*>(world.bytes(unborn))->control.pending_notices == 6);
}

// --- the line before a busy receiver --------------------------------------------------------------------

TEST_CASE("who looks again because another endpoint of the receiver has gone keeps its place in line") {
  KernelWorld world;
  std::vector<uint64_t> order;
  bool serve = false;
  const Guest busy = world.new_guest({});
  world.set_program(busy, [&](Process& p) {
    if (!serve) return;
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) order.push_back(p.registers.rsi);
    KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {ok});
  });
  for (uint64_t i = 1; i <= 4; ++i) {
    const Guest client = world.new_guest(steps({call(5, {1, i})}));
    world.process(client).capability_registers[5] = KernelWorld::entry(busy);
  }
  const Capability other = world.make(Kind::endpoint);
  world.object<Endpoint>(other).receiver = busy.process;
  bool now = false;
  const Guest owner = world.new_guest({});
  world.set_program(owner, [&](Process& p) { act_when(now, p, call(5, {method::endpoint_set_receiver})); });
  world.process(owner).capability_registers[5] = other;
  world.start();
  run_checked(world, 60);
  now = true;
  run_checked(world, 60);
  serve = true;
  run_checked(world, 120);
  REQUIRE(order == std::vector<uint64_t>{1, 2, 3, 4});
}

// The one that was woken has not tried yet; a more important one calls, and others are still in line.
TEST_CASE("nobody passes those in line because the receiver is just free") {
  KernelWorld world;
  std::vector<uint64_t> order;
  constexpr unsigned to_latecomer = 6;
  bool serves = false, has_called = false;
  const Guest server = world.new_guest({}, 3);
  const Guest latecomer = world.new_guest([&](Process& process) {
    if (!std::exchange(has_called, true)) call(5, {1, 9})(process);
  }, 2);
  world.set_program(server, [&](Process& process) {
    if (!serves) {  // busy until all are in line
      KernelWorld::invoke(process, Invocation::call, 5, {method::clock_wait_until, 5'000'000});
      serves = true;
      return;
    }
    const bool is_call = (process.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_call) order.push_back(process.registers.rsi);
    if (order.empty() && world.process(latecomer).control.state == ProcessState::receiving) {
      KernelWorld::invoke(process, Invocation::send, to_latecomer);
    } else {
      KernelWorld::invoke(process, Invocation::reply_and_wait, is_call ? resume_register : 0);
    }
  });
  world.process(server).capability_registers[5] = {.type = CapabilityType::clock};
  world.process(server).capability_registers[to_latecomer] = KernelWorld::entry(latecomer);
  world.process(latecomer).capability_registers[5] = KernelWorld::entry(server);
  world.let_receive(latecomer);
  for (uint64_t i = 1; i <= 2; ++i) {
    const Guest early = world.new_guest(steps({call(5, {1, i})}), 1);
    world.process(early).capability_registers[5] = KernelWorld::entry(server);
  }
  world.start();
  for (unsigned i = 0; i < 200 && order.size() < 3; ++i) {
    if (!world.step()) {
      fake_machine().now_ns += 1'000'000;
      fake_machine().pending.timer = true;
    }
  }
  CHECK(order == std::vector<uint64_t>{1, 2, 9});
}

// --- a process that lost its activity while it could not be read ----------------------------------------

TEST_CASE("a process whose activity is gone can be stopped and destroyed") {
  for (const bool destroy : {false, true}) {
    CAPTURE(destroy);
    KernelWorld world;
    std::vector<uint64_t> seen;
    const Guest orphan = world.new_guest({});
    const Guest owner = world.new_guest(steps({destroy ? call(6, {method::range_rescind, frame_of(orphan.process), 1})
                                                       : call(5, {method::process_stop}),
                                               note(seen)}));
    world.process(owner).capability_registers[5] = orphan.process;
    world.process(owner).capability_registers[6] = everything;
    world.let_receive(orphan);
    world.destroy(orphan.activity);
    world.start();
    world.run(40);
    REQUIRE(!seen.empty());
    REQUIRE(seen[0] == ok);
    if (destroy) REQUIRE(!world.is_alive(orphan.process));
    else REQUIRE(world.process(orphan).control.state == ProcessState::stopped);
  }
}
