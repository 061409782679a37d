// SPDX-License-Identifier: MIT
//
// A6: revocation by destroying the wrapper, and no mapping database. One client capability is
// copied a hundred thousand times: into capability pages of eight banks, into registers of other
// processes, into messages. The wrapper is destroyed by one call, and its place is taken by another one for
// the same server; then every single copy is tried. What the copies cost are the capability pages that hold
// them: nothing else records one.
#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/demo/shelf.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};  // of server, wrapper and holders
constexpr WrapperCapability wrapper{work_register(1)};
constexpr CapabilityRegister client{work_register(2)};
constexpr CapabilityPageCapability vault{work_register(3)};  // banks and indexes of the shelves
constexpr CapabilityPageCapability hands{work_register(4)};  // the holders' processes
constexpr CapabilityRegister probe{work_register(5)};
constexpr BankCapability shelf_bank{work_register(6)};
constexpr CapabilityPageCapability shelf_index{work_register(7)};
constexpr CapabilityPageCapability shelf_page{work_register(8)};
constexpr CapabilityPageCapability collection{work_register(9)};
constexpr unsigned host_registers = 10;
constexpr unsigned holder_registers = lasting_register_count;

constexpr uint64_t number = 1'000'003;
constexpr unsigned shelf_count = 8;
constexpr uint64_t copies_per_shelf = 12'500;
constexpr unsigned holder_count = 20;
constexpr unsigned first_held = 8, held_count = 20;  // registers of a holder
constexpr unsigned message_count = capabilities_per_page;

constexpr ActorStart host = actor_in(host_registers, home, play_host, number);

struct {
  Shelf shelves[shelf_count] = {
      {shelf_bank, shelf_index, shelf_page}, {shelf_bank, shelf_index, shelf_page},
      {shelf_bank, shelf_index, shelf_page}, {shelf_bank, shelf_index, shelf_page},
      {shelf_bank, shelf_index, shelf_page}, {shelf_bank, shelf_index, shelf_page},
      {shelf_bank, shelf_index, shelf_page}, {shelf_bank, shelf_index, shelf_page}};
  uint64_t collected = 0;
} row;

// --- a collector: keeps what it is sent ------------------------------------------------------------

struct Collector {
  static constexpr std::string_view name = "collector";
  static constexpr Method<void(PassedCapability)> keep{"keep", {"WHAT"}};
  using Methods = MethodList<keep>;
};
constexpr CapabilityPageCapability collectors_page{CapabilityRegister{8}};

Answer<void> keep(uint64_t& count, const Call&, PassedCapability what) {
  const auto slot = static_cast<unsigned>(count++ % capabilities_per_page);
  return collectors_page.store(slot, what.at);
}

[[noreturn]] void play_collector(uint64_t) { serve<Collector, keep>(row.collected); }

[[noreturn]] void hold(uint64_t) { wait_for_ever(); }

// --- copying -----------------------------------------------------------------------------------------

bool set_up(Stage& stage) {
  return stage.done(own_bank.create_sub_bank(bank_unlimited, home.at), "a bank for the server") &&
         stage.done(home.allocate(Kind::capability_page, vault.at), "buying a page") &&
         start_actor(stage, host) && stage.hand_out(home, host.entry, wrapper, client) &&
         // Keeps the frame of wrappers what it is when the other one is destroyed, so that its place is sold again.
         stage.done(home.allocate(Kind::wrapper, probe), "buying its neighbour") &&
         host_says(stage, client, number) &&
         stage.say("a server, and one client capability to it, through a wrapper");
}

template <unsigned which>
bool copy_to_shelf(Stage& stage) {
  Shelf& shelf = row.shelves[which];
  if (!stage.done(own_bank.create_sub_bank(bank_unlimited, shelf_bank.at), "a bank for copies") ||
      !shelf.set_up(stage) || !stage.done(vault.store(2 * which, shelf_bank.at), "keeping a bank") ||
      !stage.done(vault.store(2 * which + 1, shelf_index.at), "keeping a shelf")) {
    return false;
  }
  for (uint64_t i = 0; i < copies_per_shelf; ++i) {
    if (!shelf.put(stage, i, client)) return false;
  }
  for (uint64_t i = which; i < copies_per_shelf; i += 997) {
    if (!shelf.take(stage, i, probe) || !host_says(stage, probe, number)) return false;
  }
  return stage.require_used(shelf_bank, shelf.frames(), "for its pages") &&
         stage.say((which + 1) * copies_per_shelf, " copies in capability pages, of ", uint64_t{which + 1},
                   which == 0 ? " other bank" : " other banks");
}

// Processes that hold it in their registers, all that they have.
bool copy_to_registers(Stage& stage) {
  Given given[held_count];
  for (unsigned i = 0; i < held_count; ++i) given[i] = {{static_cast<uint8_t>(first_held + i)}, client};
  if (!stage.done(home.allocate(Kind::capability_page, hands.at), "buying a page")) return false;
  ActorStart holder = actor_in(holder_registers, home, hold);
  holder.given = given;
  for (unsigned i = 0; i < holder_count; ++i) {
    if (!start_actor(stage, holder) || !stage.done(hands.store(i, holder.process.at), "keeping a holder")) {
      return false;
    }
  }
  return stage.say(uint64_t{holder_count * held_count}, " copies in registers of ",
                   uint64_t{holder_count}, " processes");
}

bool copy_by_messages(Stage& stage) {
  if (!stage.done(home.allocate(Kind::capability_page, collection.at), "buying a page")) return false;
  const Given given[] = {{collectors_page.at, collection.at}};
  ActorStart collector = actor_in(holder_registers, home, play_collector);
  collector.given = given;
  if (!start_actor(stage, collector)) return false;
  const Client<Collector> at{collector.entry};
  for (unsigned i = 0; i < message_count; ++i) {
    if (!stage.done(at.call<Collector::keep>(PassedCapability{client}), "sending a copy")) return false;
  }
  return stage.say(uint64_t{message_count}, " copies sent in messages, and kept by who received them");
}

// --- one destroy, and every copy tried ----------------------------------------------------------------

bool destroy_wrapper(Stage& stage) {
  return host_says(stage, client, number) && stage.done(home.free(wrapper.at), "destroying the wrapper") &&
         host_says(stage, host.entry, number) &&  // the server is none the worse for it
         stage.require_void(client, "the capability") && stage.say("the wrapper destroyed, by one call");
}

// As many as there are places in a frame of them: so one of them has the old one's. A copy that were taken for
// one of these would reach the server again.
bool take_its_place(Stage& stage) {
  const uint64_t count = info(Kind::wrapper).objects_per_frame;
  for (uint64_t i = 0; i < count; ++i) {
    const WrapperCapability another{probe};
    if (!stage.done(home.allocate(Kind::wrapper, another.at), "buying a wrapper") ||
        !stage.done(another.set_target(host.entry), "its target")) {
      return false;
    }
  }
  return stage.require_void(client, "the capability") &&
         stage.say(count, " wrappers bought for the same server: one has the place of the old one");
}

bool is_void(Stage& stage, const char* where) {
  return stage.refused(ask_type(probe), Result::void_capability, "a copy in ", where);
}

template <unsigned which>
bool try_shelf(Stage& stage) {
  Shelf& shelf = row.shelves[which];
  shelf.forget_page();
  if (!stage.done(vault.fetch(2 * which, shelf_bank.at), "going to a bank") ||
      !stage.done(vault.fetch(2 * which + 1, shelf_index.at), "going to a shelf")) {
    return false;
  }
  for (uint64_t i = 0; i < copies_per_shelf; ++i) {
    if (!shelf.take(stage, i, probe) || !is_void(stage, "a capability page")) return false;
  }
  return stage.say((which + 1) * copies_per_shelf, " copies tried: all void");
}

bool try_the_others(Stage& stage) {
  for (unsigned i = 0; i < holder_count; ++i) {
    const ProcessCapability holder{shelf_page.at};
    if (!stage.done(hands.fetch(i, holder.at), "going to a holder")) return false;
    for (unsigned r = first_held; r < first_held + held_count; ++r) {
      if (!stage.done(holder.fetch(r, probe), "looking into a register") || !is_void(stage, "a register")) {
        return false;
      }
    }
  }
  if (!stage.require(row.collected == message_count, "a message was lost")) return false;
  for (unsigned i = 0; i < message_count; ++i) {
    if (!stage.done(collection.fetch(i, probe), "looking at what was received") ||
        !is_void(stage, "a message")) {
      return false;
    }
  }
  return stage.say(uint64_t{holder_count * held_count + message_count},
                   " copies in registers and from messages tried: all void");
}

constexpr Step steps[] = {
    set_up,           copy_to_shelf<0>, copy_to_shelf<1>,  copy_to_shelf<2>, copy_to_shelf<3>,
    copy_to_shelf<4>, copy_to_shelf<5>, copy_to_shelf<6>,  copy_to_shelf<7>, copy_to_registers,
    copy_by_messages, destroy_wrapper,  take_its_place,    try_shelf<0>,     try_shelf<1>,
    try_shelf<2>,     try_shelf<3>,     try_shelf<4>,      try_shelf<5>,     try_shelf<6>,
    try_shelf<7>,     try_the_others};

}  // namespace

Steps steps_of_revoked_copies() { return steps; }

}  // namespace perdure
