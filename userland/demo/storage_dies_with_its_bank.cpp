// SPDX-License-Identifier: MIT
//
// B5: no reference counting anywhere; storage dies with its bank, not with its last user. A
// thousand clients share pages of one bank, use them, and vanish without a word. The
// bank has noticed neither; when it is destroyed its frames are back, whatever the clients still hold.
#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

constexpr BankCapability shared{work_register(0)};   // the pages, the server, the wrapper
constexpr BankCapability clients{work_register(1)};  // the clients
constexpr CapabilityRegister page{work_register(2)};
constexpr CapabilityPageCapability shelf{work_register(3)};
constexpr WrapperCapability wrapper{work_register(4)};
constexpr CapabilityRegister client_facet{work_register(5)};
constexpr unsigned host_registers = 6;
constexpr CapabilityPageCapability kept{work_register(10)};  // what the row itself keeps
constexpr unsigned client_registers = lasting_register_count;

constexpr unsigned client_count = 1000;
constexpr unsigned page_count = 40;
constexpr uint64_t number = 55;

constexpr ActorStart host = actor_in(host_registers, shared, play_host, number);

struct {
  Visit visits[client_count];
  uint64_t used_shared = 0;
} row;

bool set_up(Stage& stage) {
  if (!stage.done(own_bank.allocate(Kind::capability_page, kept.at), "buying a page") ||
      !stage.done(own_bank.create_sub_bank(128, shared.at), "a bank to share") ||
      !stage.done(shared.allocate(Kind::capability_page, shelf.at), "buying a page")) {
    return false;
  }
  for (unsigned i = 0; i < page_count; ++i) {
    if (!stage.done(shared.allocate(Kind::page, page), "buying a page") ||
        !stage.done(shelf.store(i, page), "sharing a page") ||
        !stage.done(kept.store(i, page), "keeping a page")) {
      return false;
    }
  }
  return start_actor(stage, host) && stage.hand_out(shared, host.entry, wrapper, client_facet) &&
         stage.done(kept.store(page_count, client_facet), "keeping it") &&
         stage.used_by(shared, row.used_shared) &&
         stage.say(row.used_shared, " frames in a bank: ", uint64_t{page_count},
                   " pages, a server, a wrapper");
}

bool hire(Stage& stage, unsigned i) {
  const Given given[] = {{visitor_holds, client_facet}, {{9}, shelf.at}, {{10}, page}};
  ActorStart start = actor_in(client_registers, clients, play_visitor,
                              reinterpret_cast<uint64_t>(&row.visits[i]));
  start.given = given;
  return start_actor(stage, start) && visit(stage, start.entry) &&
         stage.require(row.visits[i].result == Result::ok && row.visits[i].number == number,
                       "a client was not served");
}

template <unsigned from, unsigned to>
bool hire_clients(Stage& stage) {
  if (from == 0 &&
      !stage.done(own_bank.create_sub_bank(bank_unlimited, clients.at), "a bank for the clients")) {
    return false;
  }
  for (unsigned i = from; i < to; ++i) {
    if (!hire(stage, i)) return false;
  }
  return stage.require_used(shared, row.used_shared, "while clients share it") &&
         stage.say(uint64_t{to}, " clients hold it, each has used it");
}

// What no client holds any more is there all the same.
bool pages_are_there(Stage& stage) {
  for (unsigned i = 0; i < page_count; ++i) {
    if (!stage.done(kept.fetch(i, page), "looking at what was kept") ||
        !stage.refused(ask_type(page), Result::ok, "a page whose users are gone")) {
      return false;
    }
  }
  return true;
}

bool vanish(Stage& stage) {
  uint64_t before = 0, theirs = 0;
  return stage.used_by(own_bank, before) && stage.used_by(clients, theirs) &&
         stage.done(clients.destroy(), "the clients") &&
         stage.require_used(own_bank, before - theirs - 2, "after the clients are gone") &&
         stage.require_used(shared, row.used_shared, "after its last user is gone") &&
         pages_are_there(stage) &&
         host_says(stage, host.entry, number) && host_says(stage, client_facet, number) &&
         stage.say("all clients gone, ", theirs,
                   " frames of theirs back; nobody told the bank that was shared");
}

bool destroy(Stage& stage) {
  uint64_t before = 0;
  if (!stage.used_by(own_bank, before) || !stage.done(shared.destroy(), "destroying the shared bank") ||
      !stage.require_used(own_bank, before - row.used_shared - 2, "after the shared bank is gone")) {
    return false;
  }
  for (unsigned i = 0; i <= page_count; ++i) {
    if (!stage.require_void_at(kept, i, page, "what was kept")) return false;
  }
  return stage.say("the shared bank destroyed: ", row.used_shared, " frames back, every copy void");
}

constexpr Step steps[] = {set_up, hire_clients<0, 250>, hire_clients<250, 500>, hire_clients<500, 750>,
                          hire_clients<750, 1000>, vanish, destroy};

}  // namespace

Steps steps_of_storage_dies_with_its_bank() { return steps; }

}  // namespace perdure
