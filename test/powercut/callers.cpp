// SPDX-License-Identifier: MIT
#include "test/powercut/callers.hpp"

#include <algorithm>

#include "test/powercut/holdings.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {

namespace world = world_register;

namespace {

constexpr uint64_t first_payload = 1;  // of the callers' entries; the world's own has 0
// As the programs that a person starts.
constexpr uint64_t priority = 4, slice_ns = 10'000'000;
// In a caller's own registers.
constexpr CapabilityRegister world_entry{3};

std::byte byte_of(uint64_t caller, uint64_t answers) { return static_cast<std::byte>(mixed(answers, caller)); }

}  // namespace

// An answer that is no answer, or the wrong one, is counted twice, so that it is found.
void WorldCallers::play(void* self) {
  Caller& caller = *static_cast<Caller*>(self);
  while (true) {
    std::ranges::fill(caller.bytes, byte_of(caller.number, caller.is_spoilt ? ~caller.answers : caller.answers));
    Message message;
    message.words[0] = WorldCall::wait;
    message.words[1] = caller.answers;
    message.bytes = caller.bytes;
    const bool is_right = call(world_entry, message) == Result::ok && message.words[1] == caller.answers + 1;
    caller.answers += is_right ? 1 : 2;
  }
}

Answer<> WorldCallers::start(Caller& caller) {
  std::ranges::fill(caller.stack, 0);  // all of it is there before it runs
  Registers values;
  values.rip = reinterpret_cast<uint64_t>(&play);
  values.rdi = reinterpret_cast<uint64_t>(&caller);
  // At a function's first instruction the stack pointer is a word below a multiple of 16.
  values.rsp = reinterpret_cast<uint64_t>(caller.stack + stack_words) - 24;
  values.rflags = 0x202;  // interrupts on
  Answer<> done = world::endpoint.entry(first_payload + caller.number, world::scratch);
  if (done) done = world::bank.allocate(Kind::process, world::process.at);
  if (done) done = world::bank.allocate(Kind::activity, world::activity);
  if (done) done = world::process.set_registers(values);
  if (done) done = world::process.store(process_slot::space, registers::space);
  if (done) done = world::process.store(process_slot::schedule, world::schedule.at);
  if (done) done = world::process.store(world_entry.number, world::scratch);
  return done ? world::process.start(world::activity) : done;
}

Answer<> WorldCallers::begin() {
  Answer<> done = world::bank.allocate(Kind::capability_page, world::held.at);
  if (done) done = world::bank.allocate(Kind::schedule, world::schedule.at);
  if (done) done = world::schedule.set({.priority = priority, .slice_ns = slice_ns});
  for (unsigned i = 0; done && i < count; ++i) {
    callers_[i].number = i;
    done = start(callers_[i]);
  }
  return done;
}

bool WorldCallers::take(const Message& message) {
  const uint64_t caller = message.entry_payload - first_payload;
  if (caller >= count || message.words[0] != WorldCall::wait || message.has_wrapper_payload) return false;
  const std::byte expected = byte_of(caller, message.words[1]);
  const auto arrived = message.arrived();
  is_garbled_ |= message.truncated || arrived.size() != WorldCall::bytes ||
                 std::ranges::any_of(arrived, [&](std::byte byte) { return byte != expected; });
  is_garbled_ |= is_held_[caller] || !world::held.store(static_cast<unsigned>(caller), registers::resume);
  is_held_[caller] = true;
  return true;
}

bool WorldCallers::are_all_held() const { return std::ranges::all_of(is_held_, [](bool is_held) { return is_held; }); }

Answer<> WorldCallers::answer_all(uint64_t step) {
  for (unsigned i = 0; i < count; ++i) {
    if (auto done = world::held.fetch(i, world::scratch); !done) return done;
    if (auto done = world::held.store(i, registers::nothing); !done) return done;
    is_held_[i] = false;
    Message message;
    message.words[1] = step;
    if (auto done = checked(send(world::scratch, message)); !done) return done;
  }
  return {};
}

Answer<> WorldCallers::check(uint64_t step) const {
  if (is_garbled_) return std::unexpected(World::message_garbled);
  const bool is_right = std::ranges::all_of(callers_, [&](const Caller& caller) { return caller.answers == step; });
  return is_right ? Answer<>{} : std::unexpected(World::answers_miscounted);
}

}  // namespace perdure
