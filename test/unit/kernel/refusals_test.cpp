// SPDX-License-Identifier: MIT
//
// Calls that are refused: told in one word, and nothing else happens. And what stands close beside them
// and is not refused.
#include <catch2/catch.hpp>

#include <string_view>
#include <type_traits>

#include "kernel/invoke/request.hpp"
#include "test/unit/kernel/trial.hpp"

using namespace perdure;

namespace {

// To ask a capability for a restriction that its type does not have does not compile.
template <CapabilityType type, typename Restrictions>
concept CanForbid = requires(const Request& request, Restrictions what) { request.forbids<type>(what); };
static_assert(CanForbid<CapabilityType::notice, restriction::Notice> && CanForbid<CapabilityType::node, restriction::Memory>);
static_assert(!CanForbid<CapabilityType::notice, restriction::Memory> && !CanForbid<CapabilityType::node, restriction::Notice>);
static_assert(!CanForbid<CapabilityType::endpoint, restriction::Memory> && !CanForbid<CapabilityType::node, int>);

// To change the invoked object takes the commit point.
static_assert(std::is_const_v<std::remove_reference_t<decltype(std::declval<Request&>().object_as<Node>())>>);

uint64_t call_of(unsigned number) { return static_cast<uint64_t>(Invocation::call) | uint64_t{number} << 8; }

}  // namespace

TEST_CASE("a malformed call is told so, and no capability register changes") {
  struct Malformed {
    std::string_view what;
    uint64_t rax, rbx;
  };
  constexpr uint64_t receive_into_kept = uint64_t{kept} << 32;
  const Malformed malformed[] = {
      {"no kind of invocation", uint64_t{0} | tried << 8, receive_into_kept},
      {"a kind above all kinds", uint64_t{4} | tried << 8, receive_into_kept},
      {"the last kind there could be", uint64_t{255} | tried << 8, receive_into_kept},
      {"the first register that is none", call_of(capability_register_count), receive_into_kept},
      {"the last register there could be", call_of(255), receive_into_kept},
      {"a register to send that is none", call_of(tried), receive_into_kept | 0x20},
      {"another one", call_of(tried), receive_into_kept | 0x4000'0000},
      {"a register to receive into that is none", call_of(tried), receive_into_kept | uint64_t{0x20} << 32},
      {"one to receive into that is moved", call_of(tried), receive_into_kept | uint64_t{0x80} << 56},
  };
  for (const Malformed& one : malformed) {
    CAPTURE(one.what);
    Trial trial;
    trial.held(tried) = trial.guest.root;
    CHECK(trial.result_of([&](Process& process) {
      KernelWorld::invoke(process, Invocation::call, tried, {method::node_get});
      process.registers.rax = one.rax;
      process.registers.rbx = one.rbx;
    }) == Result::malformed);
    CHECK(same_authority(trial.held(kept), number_capability(77)));
  }
}

TEST_CASE("only a call has a deadline") {
  for (const Invocation kind : {Invocation::send, Invocation::reply_and_wait}) {
    Trial trial;
    trial.held(tried) = number_capability(1);
    CHECK(trial.result_of([&](Process& process) {
      KernelWorld::invoke(process, kind, tried, {method::type});
      process.registers.r15 = trial.world.kernel().time.now_ns() + 1'000'000'000;
    }) == Result::unsupported);
  }
}

TEST_CASE("wrappers stand for each other only so deep") {
  for (const unsigned depth : {8u, 9u}) {
    CAPTURE(depth);
    Trial trial;
    Capability outermost = number_capability(1);
    for (unsigned i = 0; i < depth; ++i) {
      const Capability control = trial.world.make(Kind::wrapper);
      trial.world.object<Wrapper>(control).target = outermost;
      outermost = KernelWorld::client_of(control);
    }
    trial.held(tried) = outermost;
    CHECK(trial.result_of(call(tried, {method::type})) == (depth == 8 ? Result::ok : Result::malformed));
  }
  Trial trial;
  const Capability control = trial.world.make(Kind::wrapper);
  trial.world.object<Wrapper>(control).target = KernelWorld::client_of(control);
  trial.held(tried) = KernelWorld::client_of(control);
  CHECK(trial.result_of(call(tried, {method::type})) == Result::malformed);
}

TEST_CASE("a weak wrapped capability stands for memory only, and any other for anything") {
  constexpr std::pair<bool, uint8_t> tries[] = {{true, restriction::weak}, {false, restriction::weak}, {false, restriction::read_only}};
  for (const auto& [memory, restrictions] : tries) {
    CAPTURE(memory, unsigned{restrictions});
    Trial trial;
    const Capability control = trial.world.make(Kind::wrapper);
    trial.world.object<Wrapper>(control).target = memory ? trial.guest.pages[0] : trial.guest.endpoint;
    trial.held(tried) = KernelWorld::client_of(control);
    trial.held(tried).restrictions = restrictions;
    const bool is_refused = !memory && restrictions == restriction::weak;
    CHECK(trial.result_of(call(tried, {method::type})) == (is_refused ? Result::missing_right : Result::ok));
  }
}

TEST_CASE("who calls itself is told that it is in use") {
  for (const Invocation kind : {Invocation::call, Invocation::send}) {
    Trial trial;
    trial.held(tried) = KernelWorld::entry(trial.guest);
    CHECK(trial.result_of([&](Process& process) { KernelWorld::invoke(process, kind, tried); }) == Result::in_use);
  }
}

TEST_CASE("what is moved into the register that receives the answer is gone, and the answer is there") {
  Trial trial;
  const Capability control = trial.world.make(Kind::wrapper);
  trial.held(tried) = control;
  CHECK(trial.result_of(call(tried, {method::wrapper_client}, kept | move_bit, kept)) == Result::ok);
  CHECK(same_authority(trial.held(kept), KernelWorld::client_of(control)));
}

TEST_CASE("a register for which an answer has nothing is void behind it") {
  constexpr unsigned second = 10;
  for (const uint64_t method : {method::type, method::wrapper_client}) {
    CAPTURE(method);
    Trial trial;
    trial.held(tried) = trial.world.make(Kind::wrapper);
    trial.held(second) = number_capability(78);
    CHECK(trial.result_of(call(tried, {method}, 0, kept | second << 8)) == Result::ok);
    CHECK(trial.held(kept).is_void() == (method == method::type));
    CHECK(trial.held(second).is_void());
  }
}

TEST_CASE("nothing is received from what is only sent to") {
  Trial trial;
  trial.held(tried) = trial.world.make(Kind::wrapper);
  CHECK(trial.result_of([](Process& process) {
    KernelWorld::invoke(process, Invocation::send, tried, {method::wrapper_client}, 0, kept);
  }) == Result::ok);
  CHECK(same_authority(trial.held(kept), number_capability(77)));
}

TEST_CASE("a send that is refused empties no register") {
  Trial trial;
  CHECK(trial.result_of([](Process& process) {
    KernelWorld::invoke(process, Invocation::send, tried, {method::type}, 0, kept);
  }) == Result::void_capability);
  CHECK(same_authority(trial.held(kept), number_capability(77)));
}

TEST_CASE("what a wrapper's client may not do it may not do through the wrapper") {
  for (const uint8_t restrictions : {restriction::read_only, restriction::weak, restriction::none}) {
    CAPTURE(unsigned{restrictions});
    Trial trial;
    const Capability wrapper = trial.world.make(Kind::wrapper);
    trial.world.object<Wrapper>(wrapper).target = trial.world.make(Kind::node);
    trial.held(tried) = KernelWorld::client_of(wrapper);
    trial.held(tried).restrictions = restrictions;
    CHECK(trial.result_of(call(tried, {method::store, 3}, kept)) == (restrictions == 0 ? Result::ok : Result::missing_right));
  }
}

TEST_CASE("what is moved to an object of the kernel is no longer the sender's") {
  Trial trial;
  trial.held(tried) = trial.world.make(Kind::node);
  CHECK(trial.result_of(call(tried, {method::store, 3}, kept | move_bit)) == Result::ok);
  CHECK(trial.held(kept).is_void());
  CHECK(trial.world.object<Node>(trial.held(tried)).slots[3].payload == 77);
}

// What is moved into the same register that receives is gone before that is filled.
TEST_CASE("an answer arrives in the register from which something was moved") {
  Trial trial;
  const Capability node = trial.world.make(Kind::node);
  trial.world.object<Node>(node).slots[3] = number_capability(5);
  trial.held(tried) = node;
  CHECK(trial.result_of(call(tried, {method::fetch, 3}, kept | move_bit, kept)) == Result::ok);
  CHECK(trial.held(kept).payload == 5);
}

TEST_CASE("a buffer that is not a program's to have is its fault, of the kind that an access would be") {
  struct Buffer {
    uint64_t address;
    FaultCode fault;
    uint64_t told;  // the first byte that is not there
  };
  for (const Buffer& buffer : {Buffer{user_address_end, FaultCode::protection, user_address_end},
                               {user_address_end - 8, FaultCode::protection, user_address_end},
                               {~uint64_t{0} - 4095, FaultCode::protection, ~uint64_t{0} - 4095},
                               {0x10'0000'0000, FaultCode::no_memory, 0x10'0000'0000}}) {
    CAPTURE(buffer.address);
    Trial trial;
    trial.held(tried) = {.type = CapabilityType::console};
    CHECK(trial.faults([&](Process& process) {
      process.capability_registers[tried].payload = trial.world.kernel().time.boot_epoch();
      KernelWorld::invoke(process, Invocation::call, tried, {method::console_write}, 0, 0, 16, buffer.address);
    }));
    CHECK(trial.world.process(trial.guest).control.fault == buffer.fault);
    CHECK(trial.world.process(trial.guest).control.fault_address == buffer.told);
  }
}

TEST_CASE("where no bytes go their addresses mean nothing") {
  Trial trial;
  const Guest server = trial.world.new_guest(perdure::server([](Process&) { return 7; }));
  trial.world.let_receive(server);
  trial.held(tried) = KernelWorld::entry(server);
  CHECK(trial.result_of([](Process& process) {
    KernelWorld::invoke(process, Invocation::call, tried, {}, 0, 0, 0, ~uint64_t{0}, 0, ~uint64_t{0});
  }) == Result::ok);
  CHECK(trial.word(1) == 7);
}
