// SPDX-License-Identifier: MIT
//
// A7: single-client servers, each with its own space bank, exclusive to its client. A hundred are
// started from a recipe, filled with a number and with pages, and destroyed in random order; each
// time exactly what the server had comes back, and in the end the bank has what it had before.
//
// That no other process can reach a server is looked at from the other side: what does each server
// hold? Only what is its own, by the word of its bank, and no capability that leads to another; and another
// server's bank knows nothing of it.
#include "userland/demo/instance.hpp"
#include "userland/demo/rows.hpp"
#include "userland/demo/shelf.hpp"
#include "userland/interfaces/counter.hpp"
#include "userland/runtime/client.hpp"

namespace perdure {

namespace {

// Starting a server needs nearly all registers; the shelf's pages, which are among them, are found
// again through its index.
constexpr BankCapability server_bank = instance_bank;
constexpr CapabilityRegister server_entry = instance_entry;
constexpr ProcessCapability server_process = instance_process;
constexpr CapabilityPageCapability shelf_index{registers::handed_over};  // no message hands over here
constexpr CapabilityPageCapability shelf_page{work_register(first_register_after_instance)};
constexpr CapabilityRegister looked_at{work_register(first_register_after_instance + 1)};
constexpr BankCapability other_bank{work_register(first_register_after_instance + 2)};

constexpr unsigned server_count = 100;
constexpr uint64_t limit = 64;
constexpr uint64_t frames_of_a_bank = 2;

struct {
  Shelf shelf{own_bank, shelf_index, shelf_page};
  uint64_t used_before = 0;
  uint64_t seed = 0;
  bool is_destroyed[server_count] = {};
} row;

constexpr uint64_t number_of(unsigned server) { return 1000 + 7 * uint64_t{server}; }

bool go_to_server(Stage& stage, unsigned server) {
  row.shelf.forget_page();
  return row.shelf.take(stage, 3 * server, server_bank.at) &&
         row.shelf.take(stage, 3 * server + 1, server_entry) &&
         row.shelf.take(stage, 3 * server + 2, server_process.at);
}

bool keep_server(Stage& stage, unsigned server) {
  row.shelf.forget_page();
  return row.shelf.put(stage, 3 * server, server_bank.at) &&
         row.shelf.put(stage, 3 * server + 1, server_entry) &&
         row.shelf.put(stage, 3 * server + 2, server_process.at);
}

// One server started and destroyed before anything is counted: so that this program's own memory
// has grown as far as it will.
bool rehearse(Stage& stage) {
  const auto now = demo_register::clock.now();
  if (!stage.done(now, "asking the time")) return false;
  row.seed = now->machine_ns;
  if (!find_recipe(stage, "counter") || !row.shelf.set_up(stage)) return false;
  for (unsigned i = 0; i < 3 * server_count; ++i) {  // buys the pages of the shelf
    if (!row.shelf.put(stage, i, registers::nothing)) return false;
  }
  return start_instance(stage, limit) && stage.done(server_bank.destroy(), "destroying a server") &&
         stage.used_by(own_bank, row.used_before) &&
         stage.say("the bank uses ", row.used_before, " frames; the order will be that of seed ", row.seed);
}

bool fill_server(Stage& stage, unsigned server) {
  const auto sum = Client<Counter>{server_entry}.call<Counter::add>(number_of(server));
  if (!stage.done(sum, "filling a server") ||
      !stage.require(*sum == number_of(server), "a new server is not new")) {
    return false;
  }
  for (unsigned i = 0; i < server % 6; ++i) {
    if (!stage.done(server_bank.allocate(Kind::page, looked_at), "filling a server's bank")) return false;
  }
  return true;
}

template <unsigned from, unsigned to>
bool start_servers(Stage& stage) {
  for (unsigned i = from; i < to; ++i) {
    if (!start_instance(stage, limit) || !keep_server(stage, i) || !fill_server(stage, i)) return false;
  }
  return stage.say(uint64_t{to}, " servers, each in its own bank, each filled");
}

// --- what each server can reach ----------------------------------------------------------------------

// What a starter gives to every program: its own bank, endpoint and space; clock and discriminator,
// which lead to no process. Register 1 has the resume capability of the last call, which is used up.
bool may_hold(unsigned number, CapabilityType type) {
  switch (number) {
    case resume_register: return type == CapabilityType::resume;
    case registers::bank.number: return type == CapabilityType::wrapped;
    case registers::endpoint.number: return type == CapabilityType::endpoint;
    case registers::clock.number: return type == CapabilityType::clock;
    case registers::space.number: return type == CapabilityType::node;
    case registers::discriminator.number: return type == CapabilityType::discriminator;
    default: return false;
  }
}

bool look_into_registers(Stage& stage) {
  for (unsigned number = 1; number < 32; ++number) {
    if (!stage.done(server_process.fetch(number, looked_at), "looking into a server")) return false;
    const auto classified = demo_register::discriminator.classify(looked_at);
    if (!stage.done(classified, "classifying")) return false;
    if (classified->type != CapabilityType::void_capability && !may_hold(number, classified->type)) {
      return stage.fail("a server holds a ", info(classified->type).name, " in register ", uint64_t{number});
    }
  }
  return true;
}

// Its bank is the one that was made for it, and what else it holds was bought there.
bool has_its_own(Stage& stage) {
  const auto its = server_bank.status();
  if (!stage.done(its, "asking a server's bank") ||
      !stage.done(server_process.fetch(registers::bank.number, looked_at), "looking into a server")) {
    return false;
  }
  const auto verified = own_bank.verify(looked_at);
  if (!stage.done(verified, "verifying a bank") ||
      !stage.require(verified->is_genuine && verified->account == its->account, "a server holds another's bank")) {
    return false;
  }
  constexpr unsigned slots[] = {registers::endpoint.number, registers::space.number, process_slot::space};
  for (const unsigned slot : slots) {
    if (!stage.done(server_process.fetch(slot, looked_at), "looking into a server")) return false;
    const auto account = server_bank.identify(looked_at);
    if (!stage.require(account && *account == its->account, "what a server has in slot ", uint64_t{slot}, " is not its own")) {
      return false;
    }
  }
  if (!stage.done(server_process.fetch(process_slot::keeper, looked_at), "looking at a server's keeper")) return false;
  return stage.require_void(looked_at, "a server's own keeper, which nobody gave it,");
}

bool is_unknown_to(Stage& stage, BankCapability bank) {
  const auto identified = bank.identify(server_process.at);
  const auto freed = bank.free(server_process.at);
  return stage.require(!identified && identified.error() == Result::not_found,
                       "another server's bank knows this server") &&
         stage.require(!freed && freed.error() == Result::not_found,
                       "another server's bank frees this server");
}

bool look_from_the_others(Stage& stage) {
  for (unsigned i = 0; i < server_count; ++i) {
    const unsigned other = (i + 1) % server_count;
    if (!go_to_server(stage, i) || !row.shelf.take(stage, 3 * other, other_bank.at) ||
        !is_unknown_to(stage, other_bank) || !look_into_registers(stage) || !has_its_own(stage)) {
      return false;
    }
  }
  return stage.say("each holds what is its own and nothing that leads to another; no other's bank knows it");
}

// --- destroying ---------------------------------------------------------------------------------------

unsigned pick(Dice& dice) {
  unsigned server = static_cast<unsigned>(dice.below(server_count));
  while (row.is_destroyed[server]) server = (server + 1) % server_count;
  return server;
}

bool destroy_server(Stage& stage, unsigned server) {
  uint64_t before = 0, its = 0;
  if (!go_to_server(stage, server)) return false;
  const auto number = Client<Counter>{server_entry}.call<Counter::get>();
  if (!stage.done(number, "asking a server") ||
      !stage.require(*number == number_of(server), "another program was at a server") ||
      !stage.used_by(own_bank, before) || !stage.used_by(server_bank, its) ||
      !stage.done(server_bank.destroy(), "destroying a server")) {
    return false;
  }
  row.is_destroyed[server] = true;
  return stage.require_used(own_bank, before - its - frames_of_a_bank, "after a server is gone") &&
         stage.require_void(server_entry, "a destroyed server's entry") &&
         stage.require_void(server_process.at, "a destroyed server's process");
}

template <unsigned from, unsigned to>
bool destroy_servers(Stage& stage) {
  Dice dice(row.seed + from);
  for (unsigned i = from; i < to; ++i) {
    if (!destroy_server(stage, pick(dice))) return false;
  }
  return stage.say(uint64_t{to}, " destroyed, in random order, and exactly what they had is back");
}

bool compare(Stage& stage) {
  return stage.require_used(own_bank, row.used_before, "after all of them") &&
         stage.say("the bank uses ", row.used_before, " frames, as before");
}

constexpr Step steps[] = {rehearse,
                          start_servers<0, 25>,
                          start_servers<25, 50>,
                          start_servers<50, 75>,
                          start_servers<75, 100>,
                          look_from_the_others,
                          destroy_servers<0, 50>,
                          destroy_servers<50, 100>,
                          compare};

}  // namespace

Steps steps_of_own_bank_each() { return steps; }

}  // namespace perdure
