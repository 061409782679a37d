// SPDX-License-Identifier: MIT
//
// Tries to keep a capability alive that should be void, and to reach memory that is not there:
// objects are made, copied, destroyed and made again through a range, in registers, capability
// pages, node slots and wrapper targets, over power cuts.
#include <catch2/catch.hpp>

#include <cstring>

#include "test/unit/kernel/trial.hpp"

using namespace perdure;

namespace {

constexpr uint64_t first_free = 300;  // frames that KernelWorld does not reach

Capability range() {
  return {.type = CapabilityType::range, .object = ObjectId::of({first_free}), .payload = 64};
}

// What is in the register after a call that received into it.
KernelWorld::Program take(Capability& into, unsigned capability_register) {
  return [&into, capability_register](Process& p) { into = p.capability_registers[capability_register]; };
}

constexpr Kind all_kinds[] = {Kind::page,     Kind::capability_page, Kind::process,  Kind::node,    Kind::wrapper,
                              Kind::endpoint, Kind::notice,          Kind::schedule, Kind::activity};

}  // namespace

TEST_CASE("a capability to a destroyed object stays void after its storage is reused as any kind") {
  for (const Kind before : all_kinds) {
    for (const Kind after : all_kinds) {
      KernelWorld world;
      Capability old_one;
      Capability new_one;
      const Guest buyer = world.new_guest(steps({
          call(5, {method::range_make, 3, static_cast<uint64_t>(before), 9, 0}, 0, 7),
          take(old_one, 7),
          call(5, is_row(before) ? std::array<uint64_t, 6>{method::range_rescind_object, 3, 0}
                                 : std::array<uint64_t, 6>{method::range_rescind, 3, 1}),
          call(5, {method::range_make, 3, static_cast<uint64_t>(after), 9, 0}, 0, 8),
          take(new_one, 8),
      }));
      world.process(buyer).capability_registers[5] = range();
      world.start();
      run_checked(world, 40);
      INFO(info(before).name << " then " << info(after).name);
      REQUIRE(info(old_one.type).object_kind == before);
      REQUIRE(info(new_one.type).object_kind == after);
      REQUIRE(!world.is_alive(old_one));
      REQUIRE(world.is_alive(new_one));
      world.take_checkpoint();
      world.cut_and_boot();
      REQUIRE(!world.is_alive(old_one));
      REQUIRE(world.is_alive(new_one));
    }
  }
}

TEST_CASE("a destruction after the cut does not reach the older generation") {
  KernelWorld world;
  Capability bought;
  bool destroy_now = false;
  const Guest buyer = world.new_guest([&, step = 0](Process& p) mutable {
    if (step == 0) {
      KernelWorld::invoke(p, Invocation::call, 5, {method::range_make, 3, static_cast<uint64_t>(Kind::page), 9}, 0, 7);
      step = 1;
    } else if (step == 1) {
      bought = p.capability_registers[7];
      step = 2;
    } else if (destroy_now) {
      KernelWorld::invoke(p, Invocation::call, 5, {method::range_rescind, 3, 1});
      destroy_now = false;
    }
  });
  world.process(buyer).capability_registers[5] = range();
  world.start();
  run_checked(world, 20);
  REQUIRE(world.is_alive(bought));
  world.take_checkpoint();
  destroy_now = true;
  run_checked(world, 20);
  REQUIRE(!world.is_alive(bought));
  world.cut_and_boot();
  REQUIRE(world.is_alive(bought));
}

TEST_CASE("copies in a capability page, a node slot and a wrapper are void with the object") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Capability box = world.make(Kind::capability_page);
  const Capability wrapper = world.make(Kind::wrapper);
  const Capability node = world.make(Kind::node);
  const Guest buyer = world.new_guest(steps({
      call(5, {method::range_make, 3, static_cast<uint64_t>(Kind::page), 9}, 0, 7),
      call(8, {method::store, 17}, 7),                 // capability page
      call(9, {method::wrapper_set_target}, 7),        // wrapper
      call(10, {method::store, 4}, 7),                 // node
      call(5, {method::range_rescind, 3, 1}),
      call(5, {method::range_make, 3, static_cast<uint64_t>(Kind::page), 9}, 0, 11),
      call(8, {method::fetch, 17}, 0, 12),
      call(12, {method::type}), note(seen),
      call(10, {method::fetch, 4}, 0, 12),
      call(12, {method::type}), note(seen),
      call(13, {method::type}), note(seen),            // through the wrapper
      call(7, {method::type}), note(seen),             // the register itself
  }));
  Process& process = world.process(buyer);
  process.capability_registers[5] = range();
  process.capability_registers[8] = box;
  process.capability_registers[9] = wrapper;
  process.capability_registers[10] = node;
  process.capability_registers[13] = {.type = CapabilityType::wrapped, .version = wrapper.version, .object = wrapper.object};
  world.start();
  run_checked(world, 60);
  REQUIRE(seen.size() == 8);
  for (size_t i = 0; i < seen.size(); i += 2) REQUIRE(seen[i] == static_cast<uint64_t>(Result::void_capability));
}

TEST_CASE("a fault goes to the space's keeper with its node; the access is made again") {
  KernelWorld world;
  std::vector<uint64_t> told;
  const Capability spare = world.make(Kind::page);
  world.write(spare);
  *world.bytes(spare) = std::byte{0x5a};
  // The keeper stores the spare page into the slot that is missing, then replies ok.
  const Guest keeper = world.new_guest([&, step = 0](Process& p) mutable {
    if (step == 0) {
      told = {p.registers.rdi, p.registers.rsi, p.registers.rdx, p.registers.r8};
      KernelWorld::invoke(p, Invocation::call, 9, {method::store, 5}, 6);
    } else if (step == 1) {
      KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {0}, 0, 9);
    }
    ++step;
  });
  uint64_t loaded = 0;
  const Guest client = world.new_guest([&, step = 0](Process& p) mutable {
    if (step++ == 0) {
      p.registers.rdi = Guest::memory + 5 * frame_bytes;
      p.registers.rip = rip_of_load;
    } else {
      loaded = p.registers.rax;
    }
  });
  world.process(keeper).capability_registers[6] = spare;
  world.object<Node>(client.root).keeper = KernelWorld::entry(keeper);
  world.let_receive(keeper, 9);
  world.start();
  run_checked(world, 60);
  REQUIRE(told == std::vector<uint64_t>{method::keeper_fault, static_cast<uint64_t>(FaultCode::no_memory),
                                        5 * frame_bytes, 0});
  REQUIRE(loaded == 0x5a);
}

TEST_CASE("a fault waits while the way to its keeper is blocked") {
  KernelWorld world;
  unsigned told = 0;
  bool unblocks = false;
  const Capability control = world.make(Kind::wrapper);
  const Guest keeper = world.new_guest([&](Process&) { ++told; });
  world.object<Wrapper>(control).target = KernelWorld::entry(keeper);
  world.object<Wrapper>(control).flags = Wrapper::flag_blocked;
  const Guest client = world.new_guest([](Process& p) {
    p.registers.rdi = 0x7000'0000;
    p.registers.rip = rip_of_store;
  });
  world.process(client).keeper = KernelWorld::client_of(control);
  const Guest owner = world.new_guest([&](Process& p) { act_when(unblocks, p, call(5, {method::wrapper_unblock})); });
  world.process(owner).capability_registers[5] = control;
  world.let_receive(keeper);
  world.start();
  run_checked(world, 30);
  REQUIRE(told == 0);
  REQUIRE(world.process(client).control.state == ProcessState::running);
  unblocks = true;
  run_checked(world, 30);
  REQUIRE(told > 0);
  REQUIRE(world.process(client).control.state == ProcessState::waiting);
}

TEST_CASE("who reaches for the kernel's half of the addresses is stopped, and it is said why") {
  KernelWorld world;
  const Guest client = world.new_guest({});
  world.start();
  run_checked(world, 4);
  REQUIRE(world.kernel().processor.slot() == world.kernel().store.find(client.process.object.frame()));
  world.kernel().entered({.reason = Trap::Reason::page_fault, .address = {~uint64_t{0xfff}}, .write = true});
  const ProcessControl& control = world.process(client).control;
  REQUIRE(control.state == ProcessState::stopped);
  REQUIRE(control.fault == FaultCode::protection);
  REQUIRE(control.fault_address == ~uint64_t{0xfff});
}

TEST_CASE("an endpoint whose receiver turns out to be no process is destroyed like any other") {
  KernelWorld world;
  bool now = false;
  const Capability page = world.make(Kind::page);
  world.write(page);
  std::memset(world.bytes(page), 0x5a, frame_bytes);
  const Capability endpoint = world.make(Kind::endpoint);
  world.object<Endpoint>(endpoint).receiver = page;  // as a disk may say
  world.object<Endpoint>(endpoint).receiver.type = CapabilityType::process;
  const Guest owner = world.new_guest([&](Process& p) {
    act_when(now, p, call(5, {method::range_rescind_object, frame_of(endpoint), endpoint.object.index()}));
  });
  world.process(owner).capability_registers[5] = {.type = CapabilityType::range, .payload = 300};
  world.start();
  run_checked(world, 10);
  now = true;
  REQUIRE_NOTHROW(world.run(20));
  REQUIRE(!world.is_alive(endpoint));
}

TEST_CASE("without a keeper a faulting process stops, and says why") {
  KernelWorld world;
  const Guest client = world.new_guest([](Process& p) {
    p.registers.rdi = 0x7000'0000;
    p.registers.rip = rip_of_store;
  });
  world.start();
  run_checked(world, 20);
  const ProcessControl& control = world.process(client).control;
  REQUIRE(control.state == ProcessState::stopped);
  REQUIRE(control.fault == FaultCode::no_memory);
  REQUIRE(control.fault_address == 0x7000'0000);
  REQUIRE(control.fault_detail == 1);
}

// It may write there, but since the checkpoint has not done so: only for a write that is all there is to do.
TEST_CASE("who jumps to memory that is not to be executed is stopped, also where it may write") {
  KernelWorld world;
  bool jumps = false;
  const Guest client = world.new_guest([&, turn = 0u](Process& p) mutable {
    p.registers.rdi = Guest::memory;
    if (jumps) p.registers.rip = rip_of_jump;
    else if (++turn % 2 == 0) p.registers.rip = rip_of_store;
  });
  world.object<Node>(client.root).slots[0].restrictions |= restriction::no_execute;
  world.start();
  run_checked(world, 40);
  REQUIRE(world.process(client).control.state == ProcessState::running);
  world.take_checkpoint();
  jumps = true;
  run_checked(world, 40);
  const ProcessControl& control = world.process(client).control;
  CHECK(control.state == ProcessState::stopped);
  CHECK(control.fault == FaultCode::access);
  CHECK(control.fault_detail == 2);
}

TEST_CASE("a page that is taken away is gone from every mapping at once") {
  KernelWorld world;
  const Guest client = world.new_guest([](Process& p) {
    p.registers.rdi = Guest::memory;
    p.registers.rip = rip_of_store;
  });
  world.start();
  run_checked(world, 10);
  REQUIRE(world.process(client).control.state == ProcessState::running);
  world.kernel().tables.unmap(world.kernel().store.find(client.pages[0].object.frame()));
  world.write(client.root);
  world.object<Node>(client.root).slots[0] = {};
  world.kernel().tables.forget_all();
  run_checked(world, 10);
  REQUIRE(world.process(client).control.state == ProcessState::stopped);
}

TEST_CASE("who uses memory that is destroyed is stopped at the next access") {
  enum class What { page, node, row_of_nodes };
  for (const What what : {What::page, What::node, What::row_of_nodes}) {
    CAPTURE(static_cast<int>(what));
    KernelWorld world;
    bool now = false;
    const Guest client = world.new_guest([turn = 0u](Process& p) mutable {
      if (++turn % 2 == 0) return;  // time passes
      p.registers.rdi = Guest::memory;
      p.registers.rip = rip_of_store;
    });
    const Capability doomed = what == What::page ? client.pages[0] : client.root;
    const Guest owner = world.new_guest([&](Process& p) {
      act_when(now, p, what == What::node ? call(5, {method::range_rescind_object, frame_of(doomed), doomed.object.index()})
                                          : call(5, {method::range_rescind, frame_of(doomed), 1}));
    });
    world.process(owner).capability_registers[5] = {.type = CapabilityType::range, .payload = 300};
    world.start();
    run_checked(world, 40);
    REQUIRE(world.process(client).control.state == ProcessState::running);
    now = true;
    run_checked(world, 100);
    REQUIRE(!world.is_alive(doomed));
    REQUIRE(world.process(client).control.state == ProcessState::stopped);
    REQUIRE(world.process(client).control.fault == FaultCode::no_memory);
  }
}

TEST_CASE("who waits at a wrapper is told when that is destroyed, or another one made in its place, wherever in its row it stands") {
  for (unsigned variant = 0; variant < 6; ++variant) {
    const unsigned index = variant / 2 * 2 + (variant > 3);  // 0, 2 or 5
    const bool is_made_again = variant % 2;
    CAPTURE(index, is_made_again);
    KernelWorld world;
    std::vector<uint64_t> told;
    bool now = false;
    world.open_new_rows();
    Capability wrapper = world.make(Kind::wrapper);
    while (wrapper.object.index() != index) wrapper = world.make(Kind::wrapper);
    if (index > 0) {  // it is the only one
      auto& header = *reinterpret_cast<RowHeader*>(world.bytes(wrapper));
      header.allocated = uint64_t{1} << index;
    }
    world.object<Wrapper>(wrapper).flags = Wrapper::flag_blocked;
    const Guest caller = world.new_guest(steps({call(5, {1}), note(told)}));
    const uint64_t account = world.kernel().store.descriptor(world.kernel().store.find(wrapper.object.frame())).identity.account.value;
    const Guest owner = world.new_guest([&](Process& p) {
      act_when(now, p, is_made_again
                           ? call(6, {method::range_make, frame_of(wrapper), static_cast<uint64_t>(Kind::wrapper), account, index})
                           : call(6, {method::range_rescind, frame_of(wrapper), 1}));
    });
    world.object<Wrapper>(wrapper).target = KernelWorld::entry(owner);
    world.process(caller).capability_registers[5] = KernelWorld::client_of(wrapper);
    world.process(owner).capability_registers[6] = {.type = CapabilityType::range, .payload = 500};
    world.start();
    run_checked(world, 20);
    REQUIRE(told.empty());
    now = true;
    run_checked(world, 40);
    REQUIRE(told.size() == 2);
    CHECK(told[0] == static_cast<uint64_t>(Result::void_capability));
  }
}

TEST_CASE("a store after the cut is not in the generation that was cut") {
  KernelWorld world;
  const Guest writer = world.new_guest([](Process& p) {
    ++p.registers.rbp;
    p.registers.rax = p.registers.rbp;
    p.registers.rdi = Guest::memory + p.registers.rbp % 64;
    p.registers.rip = rip_of_store;
  });
  world.start();
  for (int round = 0; round < 20; ++round) {
    run_checked(world, 37);
    // At the cut the register and the memory agree; steps go on while it is written.
    Kernel& kernel = world.kernel();
    kernel.checkpoints.request();
    const Generation before = kernel.store.committed_generation();
    while (kernel.store.committed_generation() == before) {
      fake_machine().pending.timer = true;
      REQUIRE(world.step());
    }
    world.cut_and_boot();
    const uint64_t count = world.process(writer).registers.rbp;
    REQUIRE(count > 0);
    const std::byte* bytes = world.bytes(writer.pages[0]);
    // The last store is done, or is still to be made: nothing newer than the count is there.
    for (uint64_t i = 0; i < 64 && i < count; ++i) {
      const uint64_t last = count - i;
      const auto found = static_cast<uint64_t>(bytes[last % 64]);
      if (i == 0 && world.process(writer).registers.rip == rip_of_store) continue;
      REQUIRE(found == (last & 0xff));
    }
  }
}

TEST_CASE("a stopped process whose activity is destroyed has none any more, and that is written") {
  Trial trial;
  trial.world.open_new_rows();
  const Guest other = trial.world.new_plain_guest({});
  trial.world.process(other).control.state = ProcessState::stopped;
  trial.world.object<Activity>(other.activity).runnable = 0;
  trial.held(tried) = {.type = CapabilityType::range, .payload = 300};
  CHECK(trial.result_of(call(tried, {method::range_rescind_object, other.activity.object.frame().value,
                                     other.activity.object.index()})) == Result::ok);
  CHECK(trial.world.process(other).control.activity.is_void());
  trial.world.take_checkpoint();
  trial.world.cut_and_boot();
  CHECK(trial.world.process(other).control.activity.is_void());
}

TEST_CASE("a destroyed row of activities is gone from the list, and that is written in the rows beside it") {
  Trial trial;
  const Capability middle = trial.world.make_in_new_row(Kind::activity);
  const Capability head = trial.world.make_in_new_row(Kind::activity);
  trial.held(tried) = {.type = CapabilityType::range, .payload = 300};
  CHECK(trial.result_of(call(tried, {method::range_rescind, middle.object.frame().value, 1})) == Result::ok);
  trial.world.take_checkpoint();
  trial.world.cut_and_boot();
  const auto header_of = [&](const Capability& row) { return *reinterpret_cast<RowHeader*>(trial.world.bytes(row)); };
  CHECK(trial.world.kernel().store.system().first_activity_row == head.object.frame());
  CHECK(header_of(head).next == trial.guest.activity.object.frame());
  CHECK(header_of(trial.guest.activity).previous == head.object.frame());
}
