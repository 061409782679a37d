// SPDX-License-Identifier: MIT
//
// Tries to lose a trap of the processor, or to have it told twice (TOLD-ONCE): to a keeper that is busy,
// has to be fetched, refuses or is not there; over a checkpoint with a power cut, or a stop and a start,
// in between.
#include <catch2/catch.hpp>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint32_t traps[] = {1, 3, 4};  // single step, breakpoint, overflow

FaultCode code_of(uint32_t vector) { return vector == 3 ? FaultCode::breakpoint : FaultCode::other_exception; }

// A program that raises one trap and then counts, its keeper, and an owner; all take turns.
class TrapWorld {
 public:
  explicit TrapWorld(uint32_t vector, bool with_keeper = true, KernelOptions options = {})
      : world(options), vector_(vector) {
    victim = world.new_guest([this](Process& p) { count_or_trap(p); });
    keeper = world.new_guest([this](Process& p) { keep(p); });
    owner = world.new_guest([this](Process& p) { own(p); });
    if (with_keeper) world.process(victim).keeper = KernelWorld::entry(keeper);
    world.process(victim).capability_registers[5] = number_capability(3);
    world.process(owner).capability_registers[5] = victim.process;
    world.start();
  }

  // The victim runs first: an idle keeper waits already.
  void set_trap() { to_trap_ = true; }
  void run(unsigned count = 300) {
    for (unsigned i = 0; i < count && world.step(); ++i) {
      const auto wrong = world.kernel().check_state();
      INFO((wrong ? std::string(wrong->what) : std::string()));
      REQUIRE(!wrong);
      if (i % 4 == 0) fake_machine().advance(2 * default_slice_ns);
    }
  }
  void run_until_raised() {
    for (unsigned i = 0; i < 500 && raised == 0; ++i) run(1);
    REQUIRE(raised == 1);
    run(2);
  }
  bool has_gone_on() {
    counted = 0;
    run();
    return counted > 10;
  }
  // What its status says, told to its owner.
  FaultCode fault() { return world.process(victim).control.fault; }
  ProcessState state() { return world.process(victim).control.state; }
  Result call_by_owner(uint64_t method_of_process) {
    to_call_ = method_of_process;
    result_ = Result::unsupported;
    run(100);
    REQUIRE(to_call_ == 0);
    return result_;
  }

  KernelWorld world;
  Guest victim, keeper, owner;
  unsigned raised = 0, told = 0, counted = 0;
  bool is_busy = false;             // the keeper does not listen
  Result verdict = Result::ok;      // what it answers
  uint64_t told_code = 0, told_address = 0;

 private:
  void count_or_trap(Process& p) {
    if (to_trap_) {
      to_trap_ = false;
      ++raised;
      p.registers.rdi = vector_;
      p.registers.rip = rip_of_trap;
      return;
    }
    ++counted;
    KernelWorld::invoke(p, Invocation::call, 5, {method::type});
  }
  void keep(Process& p) {
    const auto delivery = static_cast<Delivery>(p.registers.rax & 0xff);
    const bool is_fault = delivery == Delivery::call && message_word(p.registers, 0) == method::keeper_fault;
    if (is_fault && !is_answered_) {
      ++told;
      told_code = message_word(p.registers, 1);
      told_address = message_word(p.registers, 2);
      is_answered_ = true;
    }
    if (is_busy) return;  // it spins
    const unsigned reply_to = is_answered_ ? resume_register : 0;
    is_answered_ = false;
    KernelWorld::invoke(p, Invocation::reply_and_wait, reply_to, {static_cast<uint64_t>(verdict)});
  }
  void own(Process& p) {
    if (has_called_) result_ = result_of(p);
    has_called_ = to_call_ != 0;
    if (has_called_) KernelWorld::invoke(p, Invocation::call, 5, {std::exchange(to_call_, 0)});
  }

  uint32_t vector_;
  bool to_trap_ = false;
  bool is_answered_ = false;  // a fault has been taken and is to be answered
  uint64_t to_call_ = 0;
  bool has_called_ = false;
  Result result_ = Result::ok;
};

}  // namespace

TEST_CASE("a trap is told once, and the program goes on behind it") {
  for (const uint32_t vector : traps) {
    TrapWorld world(vector);
    world.run(50);
    world.set_trap();
    CHECK(world.has_gone_on());
    CHECK(world.raised == 1);
    CHECK(world.told == 1);
    CHECK(world.told_code == static_cast<uint64_t>(code_of(vector)));
    CHECK(world.told_address == (vector == 3 ? 0 : vector));
  }
}

TEST_CASE("a trap waits for a keeper that is busy") {
  for (const uint32_t vector : traps) {
    TrapWorld world(vector);
    world.is_busy = true;
    world.set_trap();
    world.run_until_raised();
    CHECK_FALSE(world.has_gone_on());
    CHECK(world.told == 0);
    world.is_busy = false;
    CHECK(world.has_gone_on());
    CHECK(world.told == 1);
    CHECK(world.told_code == static_cast<uint64_t>(code_of(vector)));
  }
}

TEST_CASE("a trap waits for a keeper that has to be fetched") {
  for (const uint32_t vector : traps) {
    for (unsigned absent = 1; absent < 4; ++absent) {
      TrapWorld world(vector);
      world.run(50);
      if (absent & 1) world.world.page_out({world.keeper.process});
      if (absent & 2) world.world.page_out({world.keeper.endpoint});
      world.set_trap();
      CHECK(world.has_gone_on());
      CHECK(world.told == 1);
    }
  }
}

TEST_CASE("a trap that nobody has been told of is told after a restart") {
  for (const uint32_t vector : traps) {
    for (unsigned cuts = 1; cuts < 4; ++cuts) {
      TrapWorld world(vector);
      world.is_busy = true;
      world.set_trap();
      world.run_until_raised();
      world.world.take_checkpoint();
      for (unsigned i = 0; i < cuts; ++i) {
        world.world.cut_and_boot();
        world.run(50);
        CHECK(world.told == 0);
      }
      world.is_busy = false;
      CHECK(world.has_gone_on());
      CHECK(world.told == 1);
      // A restart that finds it told does not tell it again.
      world.world.take_checkpoint();
      world.world.cut_and_boot();
      CHECK(world.has_gone_on());
      CHECK(world.told == 1);
    }
  }
}

TEST_CASE("a trap is told once although its program is stopped and started in between") {
  for (const uint32_t vector : traps) {
    TrapWorld world(vector);
    world.is_busy = true;
    world.set_trap();
    world.run_until_raised();
    CHECK(world.call_by_owner(method::process_stop) == Result::ok);
    CHECK(world.state() == ProcessState::stopped);
    world.is_busy = false;
    CHECK_FALSE(world.has_gone_on());
    CHECK(world.told == 0);
    CHECK(world.call_by_owner(method::process_start) == Result::ok);
    CHECK(world.has_gone_on());
    CHECK(world.told == 1);
  }
}

TEST_CASE("a trap that the keeper refuses stops the program, once") {
  for (const uint32_t vector : traps) {
    for (const bool busy_first : {false, true}) {
      TrapWorld world(vector);
      world.verdict = Result::bad_argument;
      world.is_busy = busy_first;
      world.set_trap();
      world.run_until_raised();
      world.is_busy = false;
      CHECK_FALSE(world.has_gone_on());
      CHECK(world.told == 1);
      CHECK(world.state() == ProcessState::stopped);
      CHECK(world.fault() == code_of(vector));
      CHECK(world.call_by_owner(method::process_start) == Result::ok);
      CHECK(world.has_gone_on());
      CHECK(world.told == 1);
    }
  }
}

TEST_CASE("a trap without a keeper stops the program, once") {
  for (const uint32_t vector : traps) {
    TrapWorld world(vector, false);
    world.set_trap();
    CHECK_FALSE(world.has_gone_on());
    CHECK(world.state() == ProcessState::stopped);
    CHECK(world.fault() == code_of(vector));
    CHECK(world.call_by_owner(method::process_start) == Result::ok);
    CHECK(world.has_gone_on());
  }
}

TEST_CASE("a trap whose keeper is destroyed while it waits stops the program") {
  for (const uint32_t vector : traps) {
    TrapWorld world(vector);
    world.is_busy = true;
    world.set_trap();
    world.run_until_raised();
    world.world.destroy(world.keeper.endpoint);
    world.world.kernel().scheduler.wake_callers(world.keeper.process);  // as its destruction by a program does
    CHECK_FALSE(world.has_gone_on());
    CHECK(world.told == 0);
    CHECK(world.fault() == code_of(vector));
  }
}

TEST_CASE("a trap is told once while caches are dropped at random") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    TrapWorld world(traps[seed % 3], true, {.chaos_seed = seed});
    world.is_busy = seed % 2 != 0;
    world.run(static_cast<unsigned>(seed));
    world.set_trap();
    world.run_until_raised();
    if (seed % 3 == 0) world.world.take_checkpoint();
    if (seed % 6 == 0) world.world.cut_and_boot();
    world.is_busy = false;
    CHECK(world.has_gone_on());
    CHECK(world.told == 1);
  }
}
