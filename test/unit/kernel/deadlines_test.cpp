// SPDX-License-Identifier: MIT
//
// Tries to make a caller wait for ever, be answered twice, or be thrown out of a call that it is not
// in: deadlines and interruptions in every place where a call can wait, with power cuts between. The
// state checker runs behind every step.
#include <catch2/catch.hpp>

#include <cstring>
#include <string>

#include "test/unit/kernel/trial.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr uint64_t timed_out = static_cast<uint64_t>(Result::timed_out);
constexpr uint64_t interrupted = static_cast<uint64_t>(Result::interrupted);
constexpr uint64_t void_result = static_cast<uint64_t>(Result::void_capability);
constexpr uint64_t ms = 1'000'000;

// Time passes, and the processes that are ready run.
void run_for(KernelWorld& world, uint64_t duration_ms) {
  const uint64_t end_ns = fake_machine().now_ns + duration_ms * ms;
  while (fake_machine().now_ns < end_ns) {
    fake_machine().now_ns += ms;
    fake_machine().pending.timer = true;
    for (unsigned steps = 0; steps < 20 && world.step(); ++steps) {
      const auto wrong = world.kernel().check_state();
      INFO((wrong ? std::string(wrong->what) : std::string()));
      REQUIRE(!wrong);
    }
  }
}

KernelWorld::Program call_until(KernelWorld& world, unsigned capability_register, uint64_t in_ms,
                                std::array<uint64_t, 6> words = {}) {
  return [&world, capability_register, in_ms, words](Process& process) {
    KernelWorld::invoke(process, Invocation::call, capability_register, words);
    process.registers.r15 = world.kernel().time.now_ns() + in_ms * ms;
  };
}

struct Waiting {
  KernelWorld world;
  std::vector<uint64_t> seen;
  Guest server;
  Guest client;
  Capability wrapper;

  // How the client's call, through register 5, comes to wait.
  enum class At { busy_receiver, blocked_wrapper, no_receiver, answer };

  explicit Waiting(At at) {
    server = world.new_guest([](Process&) {});  // takes a message and spins
    client = world.new_guest([](Process&) {});
    Capability entry = KernelWorld::entry(server, 3);
    if (at == At::blocked_wrapper) {
      wrapper = world.make(Kind::wrapper);
      world.object<Wrapper>(wrapper).target = entry;
      world.object<Wrapper>(wrapper).flags = Wrapper::flag_blocked;
      entry = {.type = CapabilityType::wrapped, .version = wrapper.version, .object = wrapper.object};
    }
    if (at == At::no_receiver) {
      const Capability endpoint = world.make(Kind::endpoint);
      entry = {.type = CapabilityType::entry, .version = endpoint.version, .object = endpoint.object};
    }
    world.write(client.process);
    world.process(client).capability_registers[5] = entry;
    if (at == At::answer) world.let_receive(server);
  }
};

constexpr Waiting::At everywhere[] = {Waiting::At::busy_receiver, Waiting::At::blocked_wrapper,
                                      Waiting::At::no_receiver, Waiting::At::answer};

}  // namespace

TEST_CASE("a call ends at its deadline, wherever it waits, and not before") {
  for (const Waiting::At at : everywhere) {
    for (const bool with_power_cut : {false, true}) {
      CAPTURE(static_cast<int>(at), with_power_cut);
      Waiting w(at);
      w.world.set_program(w.client, steps({call_until(w.world, 5, 40), note(w.seen), call(6), note(w.seen)}));
      w.world.process(w.client).capability_registers[6] = number_capability(9);
      w.world.start();
      run_for(w.world, 10);
      if (with_power_cut) {
        w.world.take_checkpoint();
        w.world.cut_and_boot();
      }
      run_for(w.world, 15);
      REQUIRE(w.seen.empty());
      run_for(w.world, 60);
      REQUIRE(w.seen.size() == 4);
      REQUIRE(w.seen[0] == timed_out);
    }
  }
}

TEST_CASE("a deadline that has passed is told before anything is delivered") {
  Waiting w(Waiting::At::answer);
  w.world.set_program(w.client, steps({[](Process& p) {
                                         KernelWorld::invoke(p, Invocation::call, 5);
                                         p.registers.r15 = 1;
                                       },
                                       note(w.seen)}));
  fake_machine().now_ns += 10 * ms;
  w.world.start();
  run_for(w.world, 5);
  REQUIRE(w.seen == std::vector<uint64_t>{timed_out, 0});
  REQUIRE(w.world.process(w.server).control.state == ProcessState::receiving);
}

TEST_CASE("an answer before the deadline is the answer, and the timer changes nothing afterwards") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Guest echo = world.new_guest(server([](Process&) { return 5; }));
  const Guest silent = world.new_guest([](Process&) {});
  const Guest client = world.new_guest(steps({call_until(world, 5, 20), note(seen), call(6), note(seen)}));
  world.process(client).capability_registers[5] = KernelWorld::entry(echo);
  world.process(client).capability_registers[6] = KernelWorld::entry(silent);
  world.let_receive(echo);
  world.let_receive(silent);
  world.start();
  run_for(world, 100);
  REQUIRE(seen == std::vector<uint64_t>{ok, 5});  // the second call, without a deadline, waits on
}

TEST_CASE("a reply after the deadline is void, also over a power cut between") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  std::vector<uint64_t> replied;
  bool reply_now = false;
  const Guest late = world.new_guest([&](Process& p) {
    if (std::exchange(reply_now, false)) KernelWorld::invoke(p, Invocation::send, resume_register, {0, 1});
    else if ((p.registers.rax & 0xff) == 0) replied.push_back(p.registers.rdi), p.registers.rax = 9;
  });
  const Guest client = world.new_guest(steps({call_until(world, 5, 10), note(seen)}));
  world.process(client).capability_registers[5] = KernelWorld::entry(late);
  world.let_receive(late);
  world.start();
  run_for(world, 30);
  REQUIRE(seen == std::vector<uint64_t>{timed_out, 0});
  world.take_checkpoint();
  world.cut_and_boot();
  reply_now = true;
  run_for(world, 10);
  REQUIRE(replied == std::vector<uint64_t>{void_result});
  REQUIRE(seen.size() == 2);
}

TEST_CASE("a deadline that is far away is awaited after a restart, too") {
  Waiting w(Waiting::At::answer);
  bool answers = false;
  w.world.set_program(w.server, [&](Process& p) {
    if (std::exchange(answers, false)) KernelWorld::invoke(p, Invocation::send, resume_register, {0, 5});
  });
  w.world.set_program(w.client, steps({call_until(w.world, 5, 500), note(w.seen)}));
  w.world.start();
  run_for(w.world, 10);
  REQUIRE(w.world.process(w.client).control.state == ProcessState::waiting);
  w.world.take_checkpoint();
  w.world.cut_and_boot();
  run_for(w.world, 50);
  REQUIRE(w.seen.empty());
  answers = true;
  run_for(w.world, 50);
  CHECK(w.seen == std::vector<uint64_t>{ok, 5});
}

TEST_CASE("who holds the process can end its call, wherever it waits") {
  for (const Waiting::At at : everywhere) {
    CAPTURE(static_cast<int>(at));
    Waiting w(at);
    std::vector<uint64_t> told;
    w.world.set_program(w.client, steps({call(5), note(w.seen), call(6), note(w.seen)}));
    w.world.process(w.client).capability_registers[6] = number_capability(9);
    const Guest owner = w.world.new_guest([](Process&) {});
    w.world.process(owner).capability_registers[5] = w.client.process;
    w.world.start();
    run_for(w.world, 10);
    REQUIRE(w.seen.empty());
    w.world.set_program(owner, steps({call(5, {method::process_interrupt}), note(told),
                                      call(5, {method::process_interrupt}), note(told)}));
    run_for(w.world, 20);
    REQUIRE(w.seen.size() == 4);
    REQUIRE(w.seen[0] == interrupted);
    REQUIRE(told.size() == 4);
    REQUIRE(told[1] == 1);
    REQUIRE(told[3] == 0);  // it is in no call any more
  }
}

// A caller that is handed such a capability by a program that calls it something else can be got out of it.
TEST_CASE("a wait at a clock or a console is ended like one for a program") {
  for (const uint64_t code : {method::clock_wait_until, method::clock_wait_restart, method::console_read}) {
    CAPTURE(code);
    KernelWorld world;
    std::vector<uint64_t> seen, told;
    const Guest waiting = world.new_guest(steps({[&](Process& p) {
      const uint64_t epoch = world.kernel().time.boot_epoch();
      const uint64_t word = code == method::clock_wait_until ? 1'000'000 * ms : code == method::clock_wait_restart ? epoch : 0;
      const CapabilityType type = code == method::console_read ? CapabilityType::console : CapabilityType::clock;
      p.capability_registers[5] = {.type = type, .payload = epoch};
      KernelWorld::invoke(p, Invocation::call, 5, {code, word});
    }, note(seen)}));
    const Guest owner = world.new_guest([](Process&) {});
    world.process(owner).capability_registers[5] = waiting.process;
    world.start();
    run_for(world, 20);
    REQUIRE(seen.empty());
    world.set_program(owner, steps({call(5, {method::process_interrupt}), note(told)}));
    run_for(world, 20);
    CHECK(told == std::vector<uint64_t>{ok, 1});
    CHECK(seen == std::vector<uint64_t>{interrupted, 0});
  }
}

TEST_CASE("who waits in a fault that a busy keeper has is in no call, and not interrupted") {
  KernelWorld world;
  std::vector<uint64_t> told;
  const Guest keeper = world.new_guest([](Process&) {});  // never takes a message
  const Guest faulting = world.new_guest(steps({[](Process& p) {
    p.registers.rdi = 0x7000'0000;
    p.registers.rip = rip_of_load;
  }}));
  world.process(faulting).keeper = KernelWorld::entry(keeper);
  const Guest owner = world.new_guest(steps({[](Process&) {}, [](Process&) {}, call(6, {method::process_interrupt}), note(told)}));
  world.process(owner).capability_registers[6] = faulting.process;
  world.start();
  run_for(world, 20);
  REQUIRE(told == std::vector<uint64_t>{ok, 0});
  REQUIRE(world.process(faulting).registers.rip == rip_of_load);
  REQUIRE(world.process(faulting).control.fault == FaultCode::none);  // until the keeper has it
}

TEST_CASE("who waits for a keeper that has taken its fault is not interrupted either") {
  KernelWorld world;
  std::vector<uint64_t> told;
  const Guest keeper = world.new_guest([](Process&) {});  // never answers
  world.let_receive(keeper);
  const Guest faulting = world.new_guest([](Process& p) {
    p.registers.rdi = 0x7000'0000;
    p.registers.rip = rip_of_load;
  });
  world.process(faulting).keeper = KernelWorld::entry(keeper);
  const Guest owner = world.new_guest([](Process&) {});
  world.process(owner).capability_registers[5] = faulting.process;
  world.start();
  run_for(world, 20);
  const Process& process = world.process(faulting);
  REQUIRE(process.control.state == ProcessState::waiting);
  REQUIRE(process.control.fault != FaultCode::none);
  const uint64_t count = process.control.call_count;
  world.set_program(owner, steps({call(5, {method::process_interrupt}), note(told)}));
  run_for(world, 20);
  CHECK(told == std::vector<uint64_t>{ok, 0});
  CHECK(process.control.state == ProcessState::waiting);
  CHECK(process.control.call_count == count);
  CHECK(process.registers.rip == rip_of_load);
}

TEST_CASE("who is stopped, or waits for messages, is in no call that could be ended") {
  for (const ProcessState state : {ProcessState::stopped, ProcessState::receiving}) {
    CAPTURE(static_cast<int>(state));
    Trial trial;
    const Guest other = trial.world.new_plain_guest({});
    trial.world.let_receive(other);
    if (state == ProcessState::stopped) {  // and its activity was destroyed
      trial.world.process(other).control.state = state;
      trial.world.process(other).control.activity = {};
      trial.world.object<Activity>(other.activity).process = {};
    }
    trial.held(tried) = other.process;
    CHECK(trial.result_of(call(tried, {method::process_interrupt})) == Result::ok);
    CHECK(trial.word(1) == 0);
    CHECK(trial.world.process(other).control.state == state);
  }
}

TEST_CASE("a sleeper wakes at its time, or in another boot") {
  for (const bool with_power_cut : {false, true}) {
    CAPTURE(with_power_cut);
    KernelWorld world;
    std::vector<uint64_t> seen;
    uint64_t epoch = 0;
    const Guest sleeper = world.new_guest(steps({[&](Process& p) {
                                                   KernelWorld::invoke(p, Invocation::call, 5,
                                                                       {method::clock_wait_until, 50 * ms, epoch});
                                                 },
                                                 note(seen)}));
    world.process(sleeper).capability_registers[5] = {.type = CapabilityType::clock};
    world.start();
    epoch = world.kernel().time.boot_epoch();
    run_for(world, 10);
    REQUIRE(seen.empty());
    if (with_power_cut) {
      world.take_checkpoint();
      world.cut_and_boot();
      run_for(world, 3);
      REQUIRE(seen.size() == 2);
      REQUIRE(seen[1] < 50 * ms);
    } else {
      run_for(world, 60);
      REQUIRE(seen.size() == 2);
      REQUIRE(seen[1] >= 50 * ms);
    }
  }
}

TEST_CASE("a power-off that is meant for another boot is refused, and the machine runs on") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  uint64_t epoch = 0;
  const Guest guest = world.new_guest(steps({[&](Process& p) {
                                               KernelWorld::invoke(p, Invocation::call, 5,
                                                                   {method::checkpoint_power_off, power_flag::cut,
                                                                    epoch});
                                             },
                                             note(seen)}));
  world.process(guest).capability_registers[5] = {.type = CapabilityType::checkpoint};
  world.start();
  epoch = world.kernel().time.boot_epoch();
  world.take_checkpoint();
  world.cut_and_boot();
  REQUIRE(world.kernel().time.boot_epoch() != epoch);
  run_for(world, 3);
  REQUIRE(!seen.empty());
  REQUIRE(seen[0] == static_cast<uint64_t>(Result::restarted));
}

TEST_CASE("a power-off takes a checkpoint and ends with the clean mark, and nobody runs after that was begun") {
  const bool for_any_boot = GENERATE(false, true);
  const uint8_t verdict = GENERATE(uint8_t{0}, uint8_t{42});  // of the command line: what a test is to be told
  CAPTURE(for_any_boot, unsigned{verdict});
  KernelWorld world({.verdict = verdict});
  Store& store = world.kernel().store;
  unsigned ran = 0;
  world.new_guest([&](Process& p) {
    ++ran;
    const bool is_mark_begun = !store.can_declare() && store.state() == Store::State::idle;
    CHECK_FALSE(is_mark_begun);
    KernelWorld::invoke(p, Invocation::call, 0);
  });
  const Guest guest = world.new_guest(steps({[&](Process& p) {
    KernelWorld::invoke(p, Invocation::call, 5,
                        {method::checkpoint_power_off, 0, for_any_boot ? 0 : world.kernel().time.boot_epoch()});
  }}));
  world.process(guest).capability_registers[5] = {.type = CapabilityType::checkpoint};
  world.start();
  CHECK(fake_machine().run([&] { run_for(world, 1000); }).exit_code == (verdict == 0 ? machine::exit_code_orderly : verdict));
  CHECK(ran > 0);
  CHECK(store.committed_generation().value == 1);
  CHECK(store.root().clean == 1);
}

TEST_CASE("destroying or stopping a caller that awaits a deadline leaves no timer behind") {
  for (const bool destroy : {false, true}) {
    CAPTURE(destroy);
    Waiting w(Waiting::At::answer);
    w.world.set_program(w.client, steps({call_until(w.world, 5, 40)}));
    const uint64_t frame = w.client.process.object.frame().value;
    const Guest owner = w.world.new_guest([](Process&) {});
    w.world.process(owner).capability_registers[5] = w.client.process;
    w.world.process(owner).capability_registers[6] = {.type = CapabilityType::range, .payload = 500};
    w.world.start();
    run_for(w.world, 10);
    w.world.set_program(owner, steps({destroy ? call(6, {method::range_rescind, frame, 1})
                                              : call(5, {method::process_stop})}));
    run_for(w.world, 60);
    Capability activity = w.client.activity;
    const auto found = look_up(w.world.kernel().store, activity);
    REQUIRE(found);
    const ActivityRef ref = ActivityRef::of(found->slot, found->index);
    REQUIRE(!w.world.kernel().timers.is_armed(ref));
    REQUIRE(w.world.kernel().scheduler.at(ref).awaits_deadline == 0);
  }
}

// Each turn of its server, and its own, run into it as well: a failed read is told once.
TEST_CASE("who asks for a client that cannot be read, or its schedule, is told so") {
  for (const bool is_process : {true, false}) {
    CAPTURE(is_process);
    std::vector<uint64_t> told;
    Waiting w(Waiting::At::answer);
    w.world.open_new_rows();
    const Capability schedule = w.world.make(Kind::schedule);
    w.world.open_new_rows();
    w.world.object<Schedule>(schedule).priority = 1;
    w.world.process(w.client).schedule = schedule;
    w.world.set_program(w.client, steps({call_until(w.world, 5, 200)}));
    const Guest owner = w.world.new_guest([](Process&) {});
    const Capability& damaged = is_process ? w.client.process : schedule;
    w.world.process(owner).capability_registers[5] = damaged;
    w.world.start();
    run_for(w.world, 10);
    w.world.page_out({damaged});
    const Geometry& geometry = w.world.kernel().store.root().geometry;
    std::memset(w.world.disk().block(geometry.home_block(damaged.object.frame())), 0x5a, 64);
    for (const unsigned after_ms : {10, 400}) {  // before its deadline, and behind it
      CAPTURE(after_ms);
      run_for(w.world, after_ms);
      told.clear();
      w.world.set_program(owner, steps({call(5, {is_process ? method::process_stop : method::schedule_set, 1}), note(told)}));
      run_for(w.world, 100);
      REQUIRE(told == std::vector<uint64_t>{static_cast<uint64_t>(Result::unreadable), 0});
    }
  }
}

TEST_CASE("an activity that is taken away from a process that cannot be read leaves no timer behind") {
  Waiting w(Waiting::At::answer);
  w.world.set_program(w.client, steps({call_until(w.world, 5, 40)}));
  const Guest owner = w.world.new_guest([](Process&) {});
  w.world.process(owner).capability_registers[6] = {.type = CapabilityType::range, .payload = 500};
  w.world.start();
  run_for(w.world, 10);
  w.world.page_out({w.client.process});
  const Geometry& geometry = w.world.kernel().store.root().geometry;
  std::memset(w.world.disk().block(geometry.home_block(w.client.process.object.frame())), 0x5a, 64);
  const ObjectId activity = w.client.activity.object;
  w.world.set_program(owner, steps({call(6, {method::range_rescind_object, activity.frame().value, activity.index()})}));
  run_for(w.world, 1000);
  REQUIRE(!w.world.is_alive(w.client.activity));
}

TEST_CASE("what is moved is the receiver's, and no longer the sender's; what is not delivered stays") {
  KernelWorld world;
  Capability arrived;
  const Guest taker = world.new_guest(server([&](Process& p) {
    arrived = p.capability_registers[9];
    return 0;
  }, 9));
  std::vector<uint64_t> seen;
  const uint32_t move_six = 6u | move_bit;
  const Guest client = world.new_guest(steps({call(7, {}, move_six), note(seen), call(5, {}, move_six), note(seen)}));
  world.process(client).capability_registers[5] = KernelWorld::entry(taker);
  world.process(client).capability_registers[6] = number_capability(1234);
  world.let_receive(taker, 9);
  world.start();
  for (int i = 0; i < 40 && seen.size() < 2; ++i) world.step();
  REQUIRE(seen[0] == void_result);
  REQUIRE(same_authority(world.process(client).capability_registers[6], number_capability(1234)));
  run_for(world, 5);
  REQUIRE(seen.size() == 4);
  REQUIRE(same_authority(arrived, number_capability(1234)));
  REQUIRE(world.process(client).capability_registers[6].is_void());
}

TEST_CASE("a forwarder moves the resume capability on: the answer comes from behind it, once") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Guest behind = world.new_guest(steps({[](Process& p) {
    KernelWorld::invoke(p, Invocation::reply_and_wait, 9, {0, 77});
  }}));
  const Guest forwarder = world.new_guest(steps({[](Process& p) {
    KernelWorld::invoke(p, Invocation::send, 5, {1}, resume_register | move_bit);
  }}));
  world.process(forwarder).capability_registers[5] = KernelWorld::entry(behind);
  const Guest client = world.new_guest(steps({call(5), note(seen)}));
  world.process(client).capability_registers[5] = KernelWorld::entry(forwarder);
  world.let_receive(forwarder);
  world.let_receive(behind, 9);
  world.start();
  run_for(world, 5);
  REQUIRE(world.process(forwarder).capability_registers[resume_register].is_void());
  REQUIRE(seen == std::vector<uint64_t>{ok, 77});
}

TEST_CASE("who waits for a commit is not woken by the deadline with which its call had waited before") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Capability control = world.make(Kind::wrapper);
  world.object<Wrapper>(control).target = {.type = CapabilityType::checkpoint};
  world.object<Wrapper>(control).flags = Wrapper::flag_blocked;
  const Guest client = world.new_guest(steps({call_until(world, 5, 100, {method::checkpoint_take}), note(seen)}), 2);
  world.process(client).capability_registers[5] = {
      .type = CapabilityType::wrapped, .version = control.version, .object = control.object};
  const Guest owner = world.new_guest(steps({[](Process&) {}, [](Process&) {}, call(5, {method::wrapper_unblock})}));
  world.process(owner).capability_registers[5] = control;
  for (unsigned i = 0; i < 100; ++i) static_cast<void>(world.make(Kind::node));  // a commit takes many steps
  for (unsigned i = 0; i < 200; ++i) static_cast<void>(world.make(Kind::page));
  world.start();
  Scheduler& scheduler = world.kernel().scheduler;
  Capability activity = client.activity;
  const auto found = look_up(world.kernel().store, activity);
  REQUIRE(found);
  const ActivityRef ref = ActivityRef::of(found->slot, found->index);
  const auto awaits_commit = [&] {
    return scheduler.reason(ref) == WaitChannel::Reason::commit;
  };
  for (unsigned i = 0; i < 100 && !awaits_commit(); ++i) world.step();
  REQUIRE(awaits_commit());
  const Generation before = world.kernel().store.committed_generation();
  fake_machine().now_ns += 100 * ms;
  for (unsigned i = 0; i < 100 && seen.empty(); ++i) {
    fake_machine().pending.timer = true;
    world.step();
  }
  REQUIRE(seen.size() == 2);
  REQUIRE(seen[0] == ok);
  REQUIRE(world.kernel().store.committed_generation() != before);
}
