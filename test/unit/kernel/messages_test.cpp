// SPDX-License-Identifier: MIT
//
// Tries to break messages: a reply that works twice, a caller that hangs or is woken without an
// answer, an order that is not kept, a payload that a client chose. Scripted guests on the whole
// generic kernel, with the state checker run behind every step.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ok = static_cast<uint64_t>(Result::ok);
constexpr uint64_t void_result = static_cast<uint64_t>(Result::void_capability);

}  // namespace

TEST_CASE("a call is answered, and its resume capability works once") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Guest served = world.new_guest(steps({}));
  // The server replies by send, keeps the resume capability, and sends through it again.
  const Guest server_guest = world.new_guest(steps({
      [](Process& p) { KernelWorld::invoke(p, Invocation::send, resume_register, {0, 77}); },
      [](Process& p) { KernelWorld::invoke(p, Invocation::send, resume_register, {0, 88}); },
      [&](Process& p) { seen.push_back(p.registers.rdi); },
  }));
  world.set_program(served, steps({call(5, {1, 2, 3}), note(seen)}));
  world.process(served).capability_registers[5] = KernelWorld::entry(server_guest, 42);
  world.let_receive(server_guest);
  world.start();
  run_checked(world);
  // The server goes on first, and finds its second reply void.
  REQUIRE(seen == std::vector<uint64_t>{void_result, ok, 77});
}

TEST_CASE("the receiver is told endpoint id, entry payload and words; capabilities arrive") {
  KernelWorld world;
  Registers told;
  Capability arrived;
  const Guest server_guest = world.new_guest(server([&](Process& p) {
    told = p.registers;
    arrived = p.capability_registers[9];
    return 0;
  }, 9));
  world.object<Endpoint>(server_guest.endpoint).id = 99;
  const Guest client = world.new_guest(steps({call(5, {11, 12, 13, 14, 15, 16}, 6)}));
  world.process(client).capability_registers[5] = KernelWorld::entry(server_guest, 42);
  world.process(client).capability_registers[6] = number_capability(1234);
  world.let_receive(server_guest, 9);
  world.start();
  run_checked(world);
  REQUIRE(told.r13 == 99);
  REQUIRE(told.r14 == 42);
  REQUIRE((told.rax & delivery_flag::wrapper_payload) == 0);
  REQUIRE(told.rdi == 11);
  REQUIRE(told.r10 == 16);
  REQUIRE(same_authority(arrived, number_capability(1234)));
}

TEST_CASE("callers of a busy server are served in the order in which they came") {
  KernelWorld world;
  std::vector<uint64_t> order;
  const Guest server_guest = world.new_guest(steps({}));
  std::vector<Guest> clients;
  for (uint64_t i = 0; i < 8; ++i) {
    clients.push_back(world.new_guest(steps({call(5, {1, i})})));
    world.process(clients.back()).capability_registers[5] = KernelWorld::entry(server_guest);
  }
  // Busy at first: the server spins while all of them come.
  unsigned spins = 100;
  const auto serve = server([&](Process& p) {
    if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) order.push_back(p.registers.rsi);
    return 0;
  });
  world.set_program(server_guest, [&](Process& p) {
    if (spins > 0) --spins;
    else serve(p);
  });
  world.start();
  run_checked(world, 2000);
  REQUIRE(order == std::vector<uint64_t>{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("a destroyed server answers those who wait for it") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Guest server_guest = world.new_guest(steps({}));  // accepts one call, then only spins
  const Guest client = world.new_guest(steps({call(5), note(seen)}));
  const Guest second = world.new_guest(steps({call(5), note(seen)}));
  for (const Guest& guest : {client, second}) {
    world.process(guest).capability_registers[5] = KernelWorld::entry(server_guest);
  }
  const uint64_t frame = server_guest.process.object.frame().value;
  const auto pause = [](Process&) {};
  const Guest killer = world.new_guest(steps({pause, pause, pause, call(6, {method::range_rescind, frame, 1})}));
  world.process(killer).capability_registers[6] = {.type = CapabilityType::range, .payload = 500};
  world.let_receive(server_guest);
  world.start();
  run_checked(world, 400);
  // The caller that was accepted is told `destroyed`, the caller in line finds the entry void.
  REQUIRE(seen.size() == 4);
  std::vector<uint64_t> results{seen[0], seen[2]};
  std::sort(results.begin(), results.end());
  REQUIRE(results == std::vector<uint64_t>{void_result, static_cast<uint64_t>(Result::destroyed)});
}

TEST_CASE("callers wait at a blocked wrapper, and wake when it is unblocked or destroyed") {
  for (const uint64_t ending : {method::wrapper_unblock, uint64_t{0}}) {
    KernelWorld world;
    std::vector<uint64_t> seen;
    const Guest server_guest = world.new_guest(server([](Process& p) { return p.registers.r15; }));
    const Capability control = world.make(Kind::wrapper);
    Wrapper& wrapper = world.object<Wrapper>(control);
    wrapper.target = KernelWorld::entry(server_guest, 7);
    wrapper.payload = 4711;
    wrapper.flags = Wrapper::flag_blocked;
    const Capability client_facet{.type = CapabilityType::wrapped, .version = control.version, .object = control.object};
    const Guest client = world.new_guest(steps({call(5), note(seen)}));
    world.process(client).capability_registers[5] = client_facet;
    world.let_receive(server_guest);
    const Guest owner = world.new_guest(steps({}), 0);
    world.process(owner).capability_registers[5] = control;
    world.start();
    run_checked(world, 50);
    REQUIRE(seen.empty());
    if (ending != 0) {
      world.set_program(owner, steps({call(5, {ending})}));
    } else {
      world.set_program(owner, steps({call(6, {method::range_rescind_object, control.object.frame().value,
                                               control.object.index()})}));
      world.write(owner.process);
      world.process(owner).capability_registers[6] = {.type = CapabilityType::range, .payload = 500};
    }
    run_checked(world, 100);
    REQUIRE(seen == (ending != 0 ? std::vector<uint64_t>{ok, 4711} : std::vector<uint64_t>{void_result, 0}));
  }
}

TEST_CASE("only the innermost wrapper's payload is delivered") {
  KernelWorld world;
  uint64_t payload = 0;
  const Guest server_guest = world.new_guest(server([&](Process& p) {
    payload = p.registers.r15;
    return 0;
  }));
  const Capability inner = world.make(Kind::wrapper);
  const Capability outer = world.make(Kind::wrapper);
  world.object<Wrapper>(inner).target = KernelWorld::entry(server_guest);
  world.object<Wrapper>(inner).payload = 1000;
  world.object<Wrapper>(outer).target = {.type = CapabilityType::wrapped, .version = inner.version, .object = inner.object};
  world.object<Wrapper>(outer).payload = 666;
  const Guest client = world.new_guest(steps({call(5)}));
  world.process(client).capability_registers[5] = {.type = CapabilityType::wrapped, .version = outer.version, .object = outer.object};
  world.let_receive(server_guest);
  world.start();
  run_checked(world);
  REQUIRE(payload == 1000);
}

TEST_CASE("a notice never waits, and is delivered at the next open wait") {
  KernelWorld world;
  std::vector<uint64_t> told;
  const Capability notice = world.make(Kind::notice);
  const Guest receiver = world.new_guest([&, busy = 40](Process& p) mutable {
    if (busy-- > 0) return;
    if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::notices)) told.push_back(p.registers.rdi);
    KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
  });
  world.object<Notice>(notice).receiver = receiver.process;
  world.object<Notice>(notice).bits = 0b101;
  const Guest sender = world.new_guest(steps({call(5, {method::notice_post}), call(5, {method::notice_post})}));
  world.process(sender).capability_registers[5] = notice;
  world.start();
  run_checked(world, 400);
  REQUIRE(told == std::vector<uint64_t>{0b101});
}

TEST_CASE("bytes cross page borders, and a buffer that is too small truncates") {
  KernelWorld world;
  std::string received;
  uint64_t flags = 0;
  const Guest server_guest = world.new_guest([&](Process& p) {
    flags = p.registers.rax;
  });
  const Guest client = world.new_guest(steps({[](Process& p) {
    KernelWorld::invoke(p, Invocation::call, 5, {}, 0, 0, 8, Guest::memory + frame_bytes - 4);
  }}));
  world.process(client).capability_registers[5] = KernelWorld::entry(server_guest);
  world.write(client.pages[0]);
  world.write(client.pages[1]);
  std::memcpy(world.bytes(client.pages[0]) + frame_bytes - 4, "ABCD", 4);
  std::memcpy(world.bytes(client.pages[1]), "EFGH", 4);
  world.let_receive(server_guest);
  world.write(server_guest.process);
  world.process(server_guest).registers.r12 = uint64_t{6} << 32;
  world.process(server_guest).registers.r14 = Guest::memory + frame_bytes - 3;
  world.start();
  run_checked(world, 100);
  REQUIRE((flags & delivery_flag::truncated) != 0);
  REQUIRE(flags >> 32 == 6);
  received.assign(reinterpret_cast<char*>(world.bytes(server_guest.pages[0])) + frame_bytes - 3, 3);
  received.append(reinterpret_cast<char*>(world.bytes(server_guest.pages[1])), 3);
  REQUIRE(received == "ABCDEF");
}

TEST_CASE("a call accepted before a power cut is answered after it, once") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  bool answer_now = false;
  const Guest server_guest = world.new_guest([&](Process& p) {
    if (answer_now && (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call)) {
      KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {0, 5});
    }
  });
  const Guest client = world.new_guest(steps({call(5), note(seen)}));
  world.process(client).capability_registers[5] = KernelWorld::entry(server_guest);
  world.let_receive(server_guest);
  world.start();
  run_checked(world, 20);
  world.take_checkpoint();
  world.cut_and_boot();
  run_checked(world, 20);
  REQUIRE(seen.empty());
  answer_now = true;
  run_checked(world, 100);
  REQUIRE(seen == std::vector<uint64_t>{ok, 5});
}

TEST_CASE("while a server is stopped its callers wait, and all else runs; continued, all proceed") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  uint64_t others = 0;
  bool start_now = false;
  const Guest server_guest = world.new_guest(server([](Process&) { return 1; }));
  for (int i = 0; i < 3; ++i) {
    const Guest client = world.new_guest(steps({call(5), note(seen)}));
    world.process(client).capability_registers[5] = KernelWorld::entry(server_guest);
  }
  const Guest owner = world.new_guest([&](Process& p) {
    ++others;
    if (std::exchange(start_now, false)) KernelWorld::invoke(p, Invocation::call, 5, {method::process_start});
  });
  world.process(owner).capability_registers[5] = server_guest.process;
  world.let_receive(server_guest);
  world.process(server_guest).control.state = ProcessState::stopped;
  world.process(server_guest).registers.rip -= system_call_instruction_bytes;
  world.start();
  run_checked(world, 300);
  REQUIRE(seen.empty());
  REQUIRE(others > 100);
  start_now = true;
  run_checked(world, 300);
  REQUIRE(seen == std::vector<uint64_t>{ok, 1, ok, 1, ok, 1});
}

// The schedule of the important process is still on the disk when all processes are looked at.
TEST_CASE("after a restart a busy program does not keep a more important one from being looked at") {
  KernelWorld world;
  uint64_t important_ran = 0;
  world.new_guest([](Process&) {}, 3);
  const Guest important = world.new_guest([&](Process&) { ++important_ran; }, 7);
  // Its schedule stands in a row of its own, which no other process fetches.
  const Capability lonely = world.make_in_new_row(Kind::schedule);
  world.object<Schedule>(lonely).priority = 7;
  world.write(important.process);
  world.process(important).schedule = lonely;
  world.start();
  world.take_checkpoint();
  world.cut_and_boot();
  important_ran = 0;
  run_checked(world, 60);
  REQUIRE(important_ran > 0);
}

// All time passes in a server that is more important than its client: no tick ever finds the client.
TEST_CASE("who calls a more important server without pause does not keep its equals waiting") {
  KernelWorld world;
  unsigned answered = 0, turns = 0;
  bool has_spun = false;
  const Guest server_guest = world.new_guest(
      [&](Process& p) {
        has_spun = !has_spun;
        if (has_spun) {
          fake_machine().advance(3 * default_slice_ns);
          return;  // and one entry by the tick
        }
        KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register);
      },
      2);
  world.let_receive(server_guest);
  const Guest client = world.new_guest([&](Process& p) {
    ++answered;
    KernelWorld::invoke(p, Invocation::call, 3);
  });
  world.process(client).capability_registers[3] = KernelWorld::entry(server_guest);
  world.new_guest([&](Process&) { ++turns; });  // the equal
  world.start();
  run_checked(world, 400);
  CHECK(answered > 20);
  CHECK(turns > 10);
}

TEST_CASE("callers in line are received although each has to map its memory before it can try") {
  KernelWorld world;
  unsigned received = 0;
  const Guest server_guest = world.new_guest(server([&](Process&) { return ++received; }));
  world.let_receive(server_guest);
  for (int i = 0; i < 5; ++i) {
    const Guest caller = world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::send, 3); });
    world.process(caller).capability_registers[3] = KernelWorld::entry(server_guest);
  }
  world.tables_are_emptied = true;
  world.start();
  run_checked(world, 600);
  CHECK(received > 50);
}

TEST_CASE("a message whose bytes are not there is not delivered without them, nor a call that has nowhere to take its answer") {
  for (const auto& [kind, is_buffer] : {std::pair{Invocation::call, false}, {Invocation::send, false}, {Invocation::call, true}}) {
    CAPTURE(static_cast<unsigned>(kind), is_buffer);
    KernelWorld world;
    unsigned heard = 0;
    const Guest receiver = world.new_guest([&](Process&) { ++heard; });
    const Guest sender = world.new_guest(steps({[&, how = kind, wants_answer = is_buffer](Process& process) {
      KernelWorld::invoke(process, how, 5, {}, 0, 0, wants_answer ? 0 : 8, 0, wants_answer ? 8 : 0, 0);  // at address 0
    }}));
    world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
    world.let_receive(receiver);
    world.start();
    world.run(20);
    CHECK(heard == 0);
    CHECK(world.process(sender).control.state == ProcessState::stopped);
    CHECK(world.process(receiver).control.state == ProcessState::receiving);
  }
}

// The server has been called, and answers with bytes, or waits for more, where it has no memory; or where that
// has to come from the disk first.
TEST_CASE("an answer whose bytes are not there, or whose next buffer is not, is not given without them") {
  for (const Invocation kind : {Invocation::send, Invocation::reply_and_wait}) {
    for (const bool is_buffer : {false, true}) {
      if (is_buffer && kind == Invocation::send) continue;  // it waits for nothing
      for (const bool is_absent : {false, true}) {
        CAPTURE(static_cast<unsigned>(kind), is_buffer, is_absent);
        KernelWorld world;
        bool now = false;
        std::vector<uint64_t> told;
        const Guest client = world.new_guest(steps({[](Process& p) {
                                                      KernelWorld::invoke(p, Invocation::call, 5, {}, 0, 0, 0, 0, 8, Guest::memory);
                                                    },
                                                    [&](Process& p) { told.push_back(p.registers.rax >> 32); }}));
        const Guest answering = world.new_guest([&](Process& p) {
          const uint64_t there = Guest::memory, asked = is_absent ? Guest::memory + frame_bytes : 0;
          act_when(now, p, [&](Process& q) {
            KernelWorld::invoke(q, kind, resume_register, {}, 0, 0, 8, is_buffer ? there : asked, is_buffer ? 8 : 0, asked);
          });
        });
        world.process(client).capability_registers[5] = KernelWorld::entry(answering);
        for (const Capability& page : answering.pages) {
          world.write(page);
          std::memcpy(world.bytes(page), "ABCDEFGH", 8);
        }
        world.let_receive(answering);
        world.start();
        run_checked(world, 20);
        if (is_absent) world.page_out({answering.pages[1], client.process, client.pages[0]});
        now = true;
        run_checked(world, 40);
        const ProcessControl& control = world.process(answering).control;
        if (is_absent) {
          CHECK(told == std::vector<uint64_t>{8});
          CHECK(std::memcmp(world.bytes(client.pages[0]), "ABCDEFGH", 8) == 0);
          CHECK(control.state == (kind == Invocation::send ? ProcessState::running : ProcessState::receiving));
        } else {
          CHECK(told.empty());
          CHECK(world.process(client).control.state == ProcessState::waiting);
          CHECK(control.state == ProcessState::stopped);
          CHECK(control.fault == FaultCode::no_memory);
        }
      }
    }
  }
}

TEST_CASE("who waits open is told the bits of a notice, and nothing of what was there before") {
  KernelWorld world;
  std::vector<uint64_t> told;
  const Guest receiver = world.new_guest(steps({note(told)}));
  world.process(receiver).capability_registers[9] = number_capability(5);
  world.process(receiver).capability_registers[resume_register] = number_capability(6);
  const Capability notice = world.make(Kind::notice);
  world.object<Notice>(notice).receiver = receiver.process;
  world.object<Notice>(notice).bits = 6;
  const Guest sender = world.new_guest(steps({call(5, {method::notice_post})}));
  world.process(sender).capability_registers[5] = notice;
  world.let_receive(receiver, 9);
  world.start();
  run_checked(world, 20);
  CHECK(told == std::vector<uint64_t>{6, 0});
  for (const unsigned number : {9u, resume_register}) {
    CHECK(world.process(receiver).capability_registers[number].is_void());
  }
}

TEST_CASE("who only sends has nothing left in the registers of what it sent") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  const Guest receiver = world.new_guest([](Process&) {});
  const Guest sender = world.new_guest(steps({[](Process& p) { KernelWorld::invoke(p, Invocation::send, 5, {8, 9}); }, note(seen)}));
  world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
  world.let_receive(receiver);
  world.start();
  run_checked(world, 20);
  CHECK(seen == std::vector<uint64_t>{ok, 0});
}

// The resume capability that the server holds answers no call any more when the server goes.
TEST_CASE("a server that is destroyed answers nobody whose call has ended before") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  unsigned step = 0;
  const Guest server_guest = world.new_guest([](Process&) {});  // accepts one call, then only spins
  const Guest client = world.new_guest(steps({call(5), note(seen)}));
  world.process(client).capability_registers[5] = KernelWorld::entry(server_guest);
  const Guest owner = world.new_guest([&](Process& p) {
    if (world.process(client).control.state == ProcessState::waiting) call(5, {method::process_interrupt})(p);
    else if (!seen.empty() && step++ == 0) call(6, {method::range_rescind, frame_of(server_guest.process), 1})(p);
  });
  world.process(owner).capability_registers[5] = client.process;
  world.process(owner).capability_registers[6] = {.type = CapabilityType::range, .payload = 500};
  world.let_receive(server_guest);
  world.start();
  run_checked(world, 100);
  CHECK(!world.is_alive(server_guest.process));
  CHECK(seen == std::vector<uint64_t>{static_cast<uint64_t>(Result::interrupted), 0});
  CHECK(world.process(client).control.state == ProcessState::running);
}

TEST_CASE("a message waits for the pages of the receiver's buffer, and all of it arrives") {
  for (const Invocation kind : {Invocation::call, Invocation::send}) {
    for (const bool fast : {false, true}) {
      CAPTURE(static_cast<int>(kind), fast);
      constexpr uint32_t length = 100;
      KernelWorld world;
      world.use_fast_path = fast;
      uint64_t received = 0;
      const Guest receiver = world.new_guest([&](Process& p) {
        received = p.registers.rax;
        KernelWorld::invoke(p, Invocation::reply_and_wait, 0, {}, 0, 0, 0, 0, length, Guest::memory);
      });
      bool now = false;
      const Guest sender = world.new_guest([&](Process& p) {
        act_when(now, p, [kind](Process& q) { KernelWorld::invoke(q, kind, 5, {}, 0, 0, length, Guest::memory); });
      });
      world.process(sender).capability_registers[5] = KernelWorld::entry(receiver);
      world.write(sender.pages[0]);
      std::memset(world.bytes(sender.pages[0]), 0x5a, length);
      world.start();
      run_checked(world, 40);
      REQUIRE(world.process(receiver).control.state == ProcessState::receiving);
      world.page_out({receiver.pages[0]});
      now = true;
      received = 0;
      run_checked(world, 60);
      CHECK((received & delivery_flag::truncated) == 0);
      CHECK(std::memcmp(world.bytes(receiver.pages[0]), world.bytes(sender.pages[0]), length) == 0);
    }
  }
}
