// SPDX-License-Identifier: MIT
//
// B3: objects that need no revocation of their own use the payload of the entry capability: no
// wrapper, no storage. Ten thousand of them are made by their server, each is used, and the bank that pays for the
// server, from which it could buy, has not sold one frame more.
#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/demo/shelf.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/distinguished.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};     // the server's
constexpr BankCapability clients{work_register(1)};  // of the clients, which keep the capabilities
constexpr unsigned server_registers = 2;
constexpr CapabilityRegister facet{work_register(6)};
constexpr CapabilityPageCapability shelf_index{work_register(7)};
constexpr CapabilityPageCapability shelf_page{work_register(8)};

constexpr uint64_t facet_count = 10'000;

struct {
  Shelf shelf{clients, shelf_index, shelf_page};
  uint64_t used = 0;  // by the server's bank
} row;

// The server's object is the payload itself: a number, of which it knows the square.
struct Squares {
  static constexpr std::string_view name = "squares";
  static constexpr Method<PassedCapability(uint64_t)> make{"make", {"N"}};
  static constexpr Method<uint64_t()> square{"square"};
  using Methods = MethodList<make, square>;
};
constexpr CapabilityRegister made{8};  // the server's
struct NoState {};
Answer<PassedCapability> make(NoState&, const Call&, uint64_t number) {
  const auto done = perdure::facet({registers::endpoint}, number, made);
  return done ? Answer<PassedCapability>{PassedCapability{made}} : std::unexpected(done.error());
}
Answer<uint64_t> square(NoState&, const Call& call) {
  return call.entry_payload * call.entry_payload;
}
[[noreturn]] void play_server(uint64_t) {
  NoState state;
  serve<Squares, make, square>(state);
}

constexpr ActorStart server = actor_in(server_registers, home, play_server);

bool set_up(Stage& stage) {
  const Given given[] = {{registers::bank, home.at}};
  ActorStart start = server;
  start.given = given;
  return stage.done(own_bank.create_sub_bank(64, home.at), "a bank for the server") &&
         stage.done(own_bank.create_sub_bank(bank_unlimited, clients.at), "a bank for the clients") &&
         start_actor(stage, start) && row.shelf.set_up(stage) &&
         stage.used_by(home, row.used) && stage.say("a server; its bank uses ", row.used, " frames");
}

template <unsigned from, unsigned to>
bool make_facets(Stage& stage) {
  for (uint64_t i = from; i < to; ++i) {
    if (!stage.done(Client<Squares>{server.entry}.call_receiving<Squares::make>(facet, i), "making a facet") ||
        !row.shelf.put(stage, i, facet)) {
      return false;
    }
  }
  return stage.require_used(home, row.used, "after facets were made") &&
         stage.say(uint64_t{to}, " facets made; the bank uses ", row.used, " frames");
}

template <unsigned from, unsigned to>
bool use_facets(Stage& stage) {
  for (uint64_t i = from; i < to; ++i) {
    if (!row.shelf.take(stage, i, facet)) return false;
    const auto answer = Client<Squares>{facet}.call<Squares::square>();
    if (!stage.done(answer, "using a facet") ||
        !stage.require(*answer == i * i, "facet ", i, " answers ", *answer)) {
      return false;
    }
  }
  return stage.require_used(home, row.used, "after facets were used") &&
         stage.say(uint64_t{to}, " facets used, each its own object; the bank uses ", row.used, " frames");
}

bool destroy(Stage& stage) {
  if (!stage.done(home.destroy(), "destroying the server")) return false;
  for (uint64_t i = 0; i < facet_count; i += 101) {
    if (!row.shelf.take(stage, i, facet) || !stage.require_void(facet, "a facet")) return false;
  }
  return stage.say("the server destroyed: its facets are void");
}

constexpr Step steps[] = {set_up, make_facets<0, 5000>, make_facets<5000, 10'000>, use_facets<0, 5000>,
                          use_facets<5000, 10'000>, destroy};

}  // namespace

Steps steps_of_entry_payload() { return steps; }

}  // namespace perdure
