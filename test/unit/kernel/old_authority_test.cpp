// SPDX-License-Identifier: MIT
//
// Tries to use what was once a right: the resume capability of a wait that is over, in the place of the
// next one; a page that was writable in its slot; the rights of an inner wrapper past an outer one; a keeper
// seen through a weak node.
#include <catch2/catch.hpp>

#include <functional>
#include <string_view>
#include <utility>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr uint64_t missing = Guest::memory + 5 * frame_bytes;
constexpr unsigned kept = 9;

// A client waits for a holder, by a call or with a fault. That wait ends, in one way or another; then the
// client calls a silent server. The holder has kept its resume capability, and answers once more.
class Scene {
 public:
  Scene(bool faults, uint64_t deadline_ms) {
    holder_ = world_.new_guest([this](Process& p) {
      if (const auto act = std::exchange(holder_acts, nullptr)) act(p);
    });
    const Guest silent = world_.new_guest([](Process&) {});
    client_ = world_.new_guest([this, faults, deadline_ms, step = 0](Process& p) mutable {
      if (step++ > 0) return call(6)(p);
      if (faults) {
        p.registers.rdi = missing;
        p.registers.rip = rip_of_load;
        return;
      }
      call(5)(p);
      if (deadline_ms != 0) p.registers.r15 = world_.kernel().time.now_ns() + deadline_ms * 1'000'000;
    });
    owner_ = world_.new_guest([this](Process& p) {
      if (const auto act = std::exchange(owner_acts, nullptr)) act(p);
    });
    world_.process(client_).keeper = KernelWorld::entry(holder_);
    world_.process(client_).capability_registers[5] = KernelWorld::entry(holder_);
    world_.process(client_).capability_registers[6] = KernelWorld::entry(silent);
    world_.process(owner_).capability_registers[5] = client_.process;
    world_.let_receive(holder_);
    world_.let_receive(silent);
    world_.start();
    run_checked(world_, 40);
    REQUIRE(waits());
    world_.write(holder_.process);
    Process& holder = world_.process(holder_);
    holder.capability_registers[kept] = holder.capability_registers[resume_register];
  }

  bool waits() { return world_.process(client_).control.state == ProcessState::waiting; }

  void map_missing_page() { world_.object<Node>(client_.root).slots[5] = client_.pages[0]; }

  void let_owner(uint64_t method) {
    owner_acts = call(5, {method});
    run_checked(world_, 40);
  }

  void pass_time() {
    fake_machine().now_ns += 100'000'000;
    fake_machine().pending.timer = true;
    run_checked(world_, 40);
  }

  // The old capability is void, and the client waits on.
  void check_old_is_void() {
    run_checked(world_, 40);
    REQUIRE(waits());
    const uint64_t count = world_.process(client_).control.call_count;
    std::vector<uint64_t> told;
    holder_acts = [this, &told](Process& p) {
      KernelWorld::invoke(p, Invocation::send, kept, {ok, 666});
      holder_acts = [&told](Process& q) { told.push_back(q.registers.rdi); };
    };
    run_checked(world_, 60);
    CHECK(told == std::vector<uint64_t>{static_cast<uint64_t>(Result::void_capability)});
    CHECK(waits());
    CHECK(world_.process(client_).control.call_count == count);
  }

  std::function<void(Process&)> holder_acts, owner_acts;  // once

 private:
  KernelWorld world_;
  Guest holder_, client_, owner_;
};

struct Ending {
  std::string_view what;
  bool faults;
  uint64_t deadline_ms;
  std::function<void(Scene&)> end;
};

void answer(Scene& scene) {
  scene.map_missing_page();
  scene.holder_acts = [](Process& p) { KernelWorld::invoke(p, Invocation::send, resume_register, {ok}); };
}

void stop_and_start(Scene& scene) {
  scene.map_missing_page();
  scene.let_owner(method::process_stop);
  scene.let_owner(method::process_start);
}

const Ending endings[] = {
    {"a call is answered", false, 0, answer},
    {"a fault is answered", true, 0, answer},
    {"a caller is stopped, and started again", false, 0, stop_and_start},
    {"one with a fault is stopped, and started again", true, 0, stop_and_start},
    {"a call is interrupted", false, 0, [](Scene& s) { s.let_owner(method::process_interrupt); }},
    {"a deadline passes", false, 20, [](Scene& s) { s.pass_time(); }},
};

}  // namespace

TEST_CASE("what could answer one wait cannot answer the next, however the first one ended") {
  for (const Ending& ending : endings) {
    CAPTURE(ending.what);
    Scene scene(ending.faults, ending.deadline_ms);
    ending.end(scene);
    scene.check_old_is_void();
  }
}

TEST_CASE("a page whose slot is filled with the same page again has the rights of the new capability at once") {
  for (const bool takes_away : {false, true}) {
    CAPTURE(takes_away);
    KernelWorld world;
    unsigned stores = 0;
    bool now = false;
    const Guest user = world.new_guest([&](Process& p) {
      ++stores;
      fake_machine().advance(1'000'000);
      p.registers.rdi = Guest::memory;
      p.registers.rip = rip_of_store;
    });
    const Guest owner = world.new_guest([&](Process& p) { act_when(now, p, call(5, {method::store, 0}, 6)); });
    world.process(owner).capability_registers[5] = user.root;
    world.process(owner).capability_registers[6] = user.pages[0];
    if (takes_away) world.process(owner).capability_registers[6].restrictions = restriction::read_only;
    world.start();
    run_checked(world, 40);
    REQUIRE(stores > 1);
    now = true;
    run_checked(world, 60);
    const ProcessControl& control = world.process(user).control;
    CHECK((control.state == ProcessState::stopped) == takes_away);
    if (takes_away) CHECK(control.fault == FaultCode::access);
  }
}

namespace {

// client -> outer wrapper -> inner wrapper -> server
struct Wrapped {
  Wrapped() {
    server = world.new_guest(perdure::server([this](Process& p) {
      if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) told.push_back(p.registers.rax);
      return 0;
    }));
    inner = world.make(Kind::wrapper);
    outer = world.make(Kind::wrapper);
    world.object<Wrapper>(inner).target = KernelWorld::entry(server);
    world.object<Wrapper>(outer).target = KernelWorld::client_of(inner);
    client = world.new_guest(steps({call(5), note(seen)}));
    world.process(client).capability_registers[5] = KernelWorld::client_of(outer);
    world.let_receive(server);
  }
  void play() {
    world.start();
    run_checked(world, 40);
  }

  KernelWorld world;
  Capability inner, outer;
  Guest server, client;
  std::vector<uint64_t> told, seen;
};

}  // namespace

TEST_CASE("a weak capability to an outer wrapper invokes nothing, though the inner one is not weak") {
  for (const bool outer_is_weak : {false, true}) {
    Wrapped w;
    Capability& weak = outer_is_weak ? w.world.process(w.client).capability_registers[5]
                                     : w.world.object<Wrapper>(w.outer).target;
    weak.restrictions = restriction::weak;
    w.play();
    CHECK(w.told.empty());
    REQUIRE(!w.seen.empty());
    CHECK(w.seen[0] == static_cast<uint64_t>(Result::missing_right));
  }
}

TEST_CASE("only the innermost wrapper hands over its control") {
  for (const bool inner_hands_over : {false, true}) {
    Wrapped w;
    w.world.object<Wrapper>(inner_hands_over ? w.inner : w.outer).flags = Wrapper::flag_hand_over;
    w.play();
    REQUIRE(w.told.size() == 1);
    CHECK(((w.told[0] & delivery_flag::handed_over) != 0) == inner_hands_over);
    const Capability& handed_over = w.world.process(w.server).capability_registers[handed_over_register];
    if (inner_hands_over) CHECK(handed_over.object == w.inner.object);
    else CHECK(handed_over.is_void());
  }
}

TEST_CASE("a node's keeper is not had through a weak capability to the node") {
  for (const bool is_weak : {false, true}) {
    KernelWorld world;
    std::vector<uint64_t> seen;
    const Guest keeper = world.new_guest([](Process&) {});
    const Capability node = world.make(Kind::node);
    world.object<Node>(node).keeper = KernelWorld::entry(keeper, 4);
    const Guest client = world.new_guest(steps({call(5, {method::node_get}, 0, kept), note(seen)}));
    world.process(client).capability_registers[5] = node;
    if (is_weak) world.process(client).capability_registers[5].restrictions = restriction::weak | restriction::read_only;
    world.start();
    run_checked(world, 30);
    REQUIRE(!seen.empty());
    CHECK(seen[0] == ok);
    const Capability& got = world.process(client).capability_registers[kept];
    if (is_weak) CHECK(got.is_void());
    else CHECK(got.type == CapabilityType::entry);
  }
}

// The kernel makes no such capability: an image may say so.
TEST_CASE("who computes is answered nothing") {
  KernelWorld world;
  std::vector<uint64_t> told;
  const Guest other = world.new_guest([](Process&) {});
  const Guest guest = world.new_guest(steps({[](Process& p) { KernelWorld::invoke(p, Invocation::send, 5, {9}); }, note(told)}));
  Capability resume = other.process;
  resume.type = CapabilityType::resume;
  resume.payload = world.process(other).control.call_count;
  world.process(guest).capability_registers[5] = resume;
  world.process(other).registers.rdi = 55;
  world.start();
  run_checked(world, 40);
  REQUIRE(told.size() == 2);
  CHECK(told[0] == static_cast<uint64_t>(Result::void_capability));
  CHECK(world.process(other).registers.rdi == 55);
}
