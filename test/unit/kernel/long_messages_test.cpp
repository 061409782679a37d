// SPDX-License-Identifier: MIT
//
// Tries to break messages of up to 64 KiB: bytes that get lost or mixed, a sender that cannot be
// interrupted, one that is interrupted and never arrives, a hole in a buffer that harms another process.
#include <catch2/catch.hpp>

#include <cstring>
#include <string>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint32_t all_bytes = 16 * frame_bytes;

// A guest with all 16 pages of its space, filled from `first` on.
Guest with_memory(KernelWorld& world, KernelWorld::Program program, uint64_t first, unsigned pages = 16) {
  const Guest guest = world.new_guest(std::move(program));
  for (unsigned i = 0; i < pages; ++i) {
    const Capability page = world.make(Kind::page);
    world.write(page);
    auto* words = reinterpret_cast<uint64_t*>(world.bytes(page));
    for (unsigned k = 0; k < frame_bytes / 8; ++k) words[k] = first == 0 ? 0 : first + i * 512 + k;
    world.object<Node>(guest.root).slots[i] = page;
  }
  for (unsigned i = pages; i < 16; ++i) world.object<Node>(guest.root).slots[i] = {};
  return guest;
}

std::string memory_of(KernelWorld& world, const Guest& guest, unsigned pages = 16) {
  std::string text;
  for (unsigned i = 0; i < pages; ++i) {
    const Capability page = world.object<Node>(guest.root).slots[i];
    text.append(reinterpret_cast<const char*>(world.bytes(page)), frame_bytes);
  }
  return text;
}

void offer_buffer(KernelWorld& world, const Guest& receiver, uint32_t offset, uint32_t length) {
  world.let_receive(receiver);
  world.process(receiver).registers.r12 = uint64_t{length} << 32;
  world.process(receiver).registers.r14 = Guest::memory + offset;
}

KernelWorld::Program send_all(uint32_t offset, uint32_t length) {
  return steps({[=](Process& p) {
    KernelWorld::invoke(p, Invocation::call, 5, {1}, 0, 0, length, Guest::memory + offset);
  }});
}

constexpr WorldSize large{.table_pages = 64, .store_pages = 1200};

}  // namespace

TEST_CASE("64 KiB arrive, however the two buffers lie") {
  for (const auto& [from, to, length] : {std::tuple{0u, 0u, all_bytes}, {1u, 4095u, all_bytes - frame_bytes},
                                         {4095u, 1u, all_bytes - frame_bytes}, {8u, 0u, 4097u}, {0u, 4095u, 4098u}}) {
    CAPTURE(from, to, length);
    KernelWorld world({}, large);
    uint64_t told = 0;
    const Guest receiver = with_memory(world, [&](Process& p) { told = p.registers.rax; }, 0);
    const Guest sender = with_memory(world, send_all(from, length), 1);
    world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
    offer_buffer(world, receiver, to, length);
    world.start();
    run_checked(world, 200);
    REQUIRE(told >> 32 == length);
    REQUIRE((told & delivery_flag::truncated) == 0);
    REQUIRE((memory_of(world, receiver).substr(to, length) == memory_of(world, sender).substr(from, length)));
  }
}

TEST_CASE("one byte more than 64 KiB is refused") {
  KernelWorld world({}, large);
  std::vector<uint64_t> seen;
  const Guest receiver = with_memory(world, [](Process&) {}, 0);
  const Guest sender = with_memory(world, steps({[](Process& p) {
                                                   KernelWorld::invoke(p, Invocation::call, 5, {1}, 0, 0,
                                                                       message_bytes_max + 1, Guest::memory);
                                                 },
                                                 note(seen)}),
                                   1);
  world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
  offer_buffer(world, receiver, 0, all_bytes);
  world.start();
  run_checked(world, 100);
  REQUIRE(seen[0] == static_cast<uint64_t>(Result::too_large));
}

TEST_CASE("a long message gives way to an equal when its slice is over, and arrives whole in its turn") {
  KernelWorld world({}, large);
  uint64_t told = 0, turns_in_the_midst = 0, windows = 0;
  const Guest receiver = with_memory(world, [&](Process& p) { told = p.registers.rax; }, 0);
  const Guest sender = with_memory(world, send_all(0, all_bytes), 1);
  world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
  offer_buffer(world, receiver, 0, all_bytes);
  world.new_guest([&](Process&) {
    const std::string received = memory_of(world, receiver), empty(sizeof(uint64_t), '\0');
    turns_in_the_midst += !received.starts_with(empty) && received.ends_with(empty);
  });
  world.start();
  // In the first attempts the slice ends in mid-transfer.
  fake_machine().on_interrupt_window = [&] {
    if (++windows % 8 != 0 || windows > 40) return;
    fake_machine().now_ns += 2 * default_slice_ns;
    fake_machine().pending.timer = true;
  };
  run_checked(world, 400);
  REQUIRE(windows > 40);
  REQUIRE(turns_in_the_midst > 0);
  REQUIRE(told >> 32 == all_bytes);
  REQUIRE((memory_of(world, receiver) == memory_of(world, sender)));
}

// That one sleeps: it is in no line, and becomes ready only when the timers strike. One of the same priority is not
// worth it.
TEST_CASE("a long message gives way to who is more important and whose time comes in its midst") {
  for (const uint8_t priority : {uint8_t{2}, uint8_t{1}}) {
    CAPTURE(priority);
    KernelWorld world({}, large);
    uint64_t told = 0, turns_in_the_midst = 0, turns = 0;
    const Guest receiver = with_memory(world, [&](Process& p) { told = p.registers.rax; }, 0);
    bool now = false;
    const Guest sender = with_memory(world, [&](Process& p) { act_when(now, p, send_all(0, all_bytes)); }, 1);
    world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
    offer_buffer(world, receiver, 0, all_bytes);
    const uint64_t wake_ns = fake_machine().now_ns + 50'000'000;
    const Guest sleeper = world.new_guest([&](Process& p) {
      if (world.kernel().time.now_ns() >= wake_ns) {
        const std::string received = memory_of(world, receiver), empty(sizeof(uint64_t), '\0');
        turns_in_the_midst += !received.starts_with(empty) && received.ends_with(empty);
        ++turns;
      }
      KernelWorld::invoke(p, Invocation::call, 5, {method::clock_wait_until, turns == 0 ? wake_ns : ~uint64_t{0} >> 1});
    }, priority);
    world.process(sleeper).capability_registers[5] = {.type = CapabilityType::clock};
    world.start();
    run_checked(world, 20);
    unsigned windows = 0;
    fake_machine().on_interrupt_window = [&] {
      if (++windows != 24) return;  // in mid-transfer: the pages of both buffers have been found
      fake_machine().now_ns = wake_ns + 10'000'000;
      fake_machine().pending.timer = true;
    };
    now = true;
    run_checked(world, 100);
    REQUIRE(windows > 24);
    REQUIRE(turns == 1);
    REQUIRE(turns_in_the_midst == (priority == 2 ? 1 : 0));
    REQUIRE(told >> 32 == all_bytes);
    REQUIRE((memory_of(world, receiver) == memory_of(world, sender)));
  }
}

// A sender that becomes less important by its own call runs on until the next tick.
TEST_CASE("a long message gives way to who is more important than its sender is now") {
  KernelWorld world({}, large);
  uint64_t told = 0, turns_in_the_midst = 0;
  const Guest receiver = with_memory(world, [&](Process& p) { told = p.registers.rax; }, 0);
  const Guest sender = with_memory(world, steps({call(6, {method::schedule_set, 1, 0}), send_all(0, all_bytes)}), 1);
  world.object<Schedule>(world.process(sender).schedule).priority = 5;
  world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
  world.process(sender).capability_registers[6] = world.process(sender).schedule;
  offer_buffer(world, receiver, 0, all_bytes);
  const Guest between = world.new_guest([&](Process& p) {
    const std::string received = memory_of(world, receiver), empty(sizeof(uint64_t), '\0');
    turns_in_the_midst += !received.starts_with(empty) && received.ends_with(empty);
    KernelWorld::invoke(p, Invocation::call, 5, {method::clock_wait_until, ~uint64_t{0} >> 1});
  }, 3);
  world.process(between).capability_registers[5] = {.type = CapabilityType::clock};
  world.start();
  unsigned windows = 0;
  fake_machine().on_interrupt_window = [&] {
    if (++windows == 24) fake_machine().pending.timer = true;  // in mid-transfer, and long before the end of the slice
  };
  run_checked(world, 100);
  REQUIRE(windows > 24);
  REQUIRE(turns_in_the_midst == 1);
  REQUIRE(told >> 32 == all_bytes);
}

// An answer, given as the wait for the next call begins or by a send, and a message that is only sent.
TEST_CASE("whatever way a long message takes, it gives way in its midst and arrives whole") {
  for (const unsigned how : {0u, 1u, 2u}) {
    CAPTURE(how);
    KernelWorld world({}, large);
    uint64_t told = 0;
    unsigned windows = 0;
    const bool is_answer = how != 2;
    const Guest receiver = with_memory(world, is_answer ? steps({[](Process& p) {
                                                                    KernelWorld::invoke(p, Invocation::call, 5, {}, 0, 0, 0, 0, all_bytes,
                                                                                        Guest::memory);
                                                                  },
                                                                  [&](Process& p) { told = p.registers.rax; }})
                                                        : KernelWorld::Program([&](Process& p) { told = p.registers.rax; }), 0);
    bool now = false;
    const Guest sender = with_memory(world, [&](Process& p) {
      act_when(now, p, [&](Process& q) {
        const Invocation kind = how == 0 ? Invocation::reply_and_wait : Invocation::send;
        KernelWorld::invoke(q, kind, is_answer ? resume_register : 5, {1}, 0, 0, all_bytes, Guest::memory);
      });
    }, 1);
    world.process(receiver).capability_registers[5] = KernelWorld::entry(sender);
    world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
    if (is_answer) world.let_receive(sender);
    else offer_buffer(world, receiver, 0, all_bytes);
    world.new_guest([](Process&) {});
    world.start();
    run_checked(world, 20);
    fake_machine().on_interrupt_window = [&] {
      if (++windows % 8 != 0 || windows > 40) return;
      fake_machine().now_ns += 2 * default_slice_ns;
      fake_machine().pending.timer = true;
    };
    now = true;
    run_checked(world, 200);
    REQUIRE(windows > 40);
    REQUIRE(told >> 32 == all_bytes);
    REQUIRE((memory_of(world, receiver) == memory_of(world, sender)));
  }
}

TEST_CASE("a hole in the receiver's buffer truncates; one in the sender's is the sender's fault") {
  for (const bool hole_is_senders : {false, true}) {
    CAPTURE(hole_is_senders);
    KernelWorld world({}, large);
    uint64_t told = 0;
    const Guest receiver = with_memory(world, [&](Process& p) { told = p.registers.rax; }, 0, hole_is_senders ? 16 : 9);
    const Guest sender = with_memory(world, send_all(0, all_bytes), 1, hole_is_senders ? 9 : 16);
    world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
    offer_buffer(world, receiver, 0, all_bytes);
    world.start();
    run_checked(world, 200);
    if (hole_is_senders) {
      REQUIRE(world.process(receiver).control.state == ProcessState::receiving);
      REQUIRE(world.process(sender).control.state == ProcessState::stopped);
      REQUIRE(world.process(sender).control.fault == FaultCode::no_memory);
    } else {
      REQUIRE(told >> 32 == 9 * frame_bytes);
      REQUIRE((told & delivery_flag::truncated) != 0);
      REQUIRE((memory_of(world, receiver, 9) == memory_of(world, sender).substr(0, 9 * frame_bytes)));
    }
  }
}

// Once it keeps its place; oftener it would hold up the others.
TEST_CASE("the first in line that has to give way in mid-message is still the first, once") {
  for (const bool once : {true, false}) {
    CAPTURE(once);
    KernelWorld world({}, large);
    std::vector<uint64_t> order;
    bool serve = false, interrupt = true;
    unsigned turns = 0;
    const Guest busy = with_memory(world, {}, 0);
    world.set_program(busy, [&](Process& p) {
      if (!serve) return;
      const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
      if (is_call && ++turns % 8 != 0) {  // others have their turns before it answers
        fake_machine().now_ns += default_slice_ns;
        fake_machine().pending.timer = true;
        return;
      }
      if (is_call) order.push_back(p.registers.rsi);
      KernelWorld::invoke(p, Invocation::reply_and_wait, is_call ? resume_register : 0, {}, 0, 0, 0, 0, all_bytes,
                          Guest::memory);
    });
    std::vector<Guest> clients;
    for (uint64_t i = 1; i <= 3; ++i) {
      const Guest client = with_memory(world, steps({[=](Process& p) {
        KernelWorld::invoke(p, Invocation::call, 5, {1, i}, 0, 0, all_bytes, Guest::memory);
      }}), i);
      world.process(client).capability_registers[5] = KernelWorld::entry(busy);
      clients.push_back(client);
    }
    world.new_guest([](Process&) {});
    world.start();
    run_checked(world, 100);
    fake_machine().on_interrupt_window = [&] {
      Kernel& kernel = world.kernel();
      const bool copies = kernel.processor.has_current() && kernel.processor.is_current(world.process(clients[0]));
      if (!copies || !interrupt || !serve) return;
      interrupt = !once;
      fake_machine().now_ns += 2 * default_slice_ns;
      fake_machine().pending.timer = true;
    };
    serve = true;
    run_checked(world, 600);
    CHECK(fake_machine().console_output.find("makes no sense") == std::string::npos);
    REQUIRE(interrupt != once);
    if (once) REQUIRE(order == std::vector<uint64_t>{1, 2, 3});
    else REQUIRE(order == std::vector<uint64_t>{2, 3});
  }
}
