// SPDX-License-Identifier: MIT
//
// The server itself (world.hpp). It is one process, so that no two of its steps mix; what a power cut may do is to come
// in the middle of one, and then the step goes on.
#include "test/powercut/callers.hpp"
#include "test/powercut/holdings.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

struct WorldState {
  WorldMemory memory;
  WorldCapabilities capabilities;
  WorldGrants grants;
  WorldCallers callers;
  uint64_t step = 0;
  bool is_whole = false;  // all that a step is was bought and done
};

WorldState the_world;  // of bss: its pages are bought when they are touched
std::byte arrived[WorldCall::bytes + 1];

bool begin() {
  Answer<> done = world_register::endpoint.entry(0, world_register::own_entry);
  if (done) done = the_world.capabilities.begin();
  if (done) done = the_world.grants.begin();
  if (done) done = the_world.callers.begin();
  the_world.memory.go_to(0);
  return done.has_value();
}

Answer<uint64_t> stir(WorldState& state, const Call&) {
  if (!state.is_whole) return std::unexpected(World::no_storage);
  if (!state.callers.are_all_held()) return std::unexpected(World::on_their_way);
  const uint64_t step = state.step + 1;
  state.memory.go_to(step);
  Answer<> done = state.capabilities.go_to(step);
  if (done) done = state.grants.go_to(step);
  if (done) done = state.callers.answer_all(step);
  state.is_whole = done.has_value();
  state.step = step;
  if (!done) return std::unexpected(World::no_storage);
  return step;
}

Answer<uint64_t> look(WorldState& state, const Call&) {
  if (!state.is_whole) return std::unexpected(World::no_storage);
  if (!state.callers.are_all_held()) return std::unexpected(World::on_their_way);
  if (!state.memory.is_of(state.step)) return std::unexpected(World::memory_torn);
  if (!state.capabilities.is_of(state.step)) return std::unexpected(World::capabilities_torn);
  if (auto done = state.grants.check(state.step); !done) return std::unexpected(done.error());
  if (auto done = state.callers.check(state.step); !done) return std::unexpected(done.error());
  return state.step;
}

Answer<> spoil(WorldState& state, const Call&, uint64_t what) {
  switch (static_cast<Spoil>(what)) {
    case Spoil::memory: state.memory.spoil(); return {};
    case Spoil::capability: return state.capabilities.spoil(state.step);
    case Spoil::lose_grant: return state.grants.lose_one(state.step);
    case Spoil::revive_grant: return state.grants.revive_one(state.step);
    case Spoil::answer: state.callers.spoil_count(); return {};
    case Spoil::message: state.callers.spoil_message(); return {};
    case Spoil::count: break;
  }
  return std::unexpected(Result::bad_argument);
}

}  // namespace

void program(uint64_t) {
  the_world.is_whole = begin();
  Message message;
  CapabilityRegister answer_to = registers::nothing;
  while (true) {
    for (unsigned i = 0; i < message_capability_count; ++i) message.received[i] = registers::argument[i];
    message.buffer = arrived;
    reply_and_wait(answer_to, message);
    answer_to = registers::nothing;
    if (message.delivery != Delivery::call || the_world.callers.take(message)) {
      message = {};
      continue;
    }
    answer_to = registers::resume;
    answer_request<World, stir, look, spoil>(the_world, message);
  }
}

}  // namespace perdure
