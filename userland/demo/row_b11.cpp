// SPDX-License-Identifier: MIT
//
// B11: what was revoked, and committed, stays revoked over a power cut; mappings are built anew
// when they are used. And the negative: what was revoked and not committed is there again, with
// everything else that was done since, and the checkpoint status says from when the machine goes on.
//
// The row cuts the power itself, twice.
#include "userland/demo/actor.hpp"
#include "userland/demo/power_cut.hpp"
#include "userland/demo/rows.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};
constexpr unsigned host_registers = 1;
constexpr WrapperCapability first{work_register(5)};
constexpr CapabilityRegister first_client{work_register(6)};
constexpr WrapperCapability second{work_register(7)};
constexpr CapabilityRegister second_client{work_register(8)};
constexpr CapabilityRegister page{work_register(9)};
constexpr CapabilityPageCapability copies{work_register(10)};
constexpr CapabilityRegister looked_at{work_register(11)};

constexpr uint64_t number = 7;
constexpr uint64_t word = 0x1234'5678'9abc;

constexpr ActorStart host = actor_in(host_registers, home, play_host, number);

bool make_wrapper(Stage& stage, WrapperCapability wrapper, CapabilityRegister client) {
  return stage.hand_out(home, host.entry, wrapper, client) && host_says(stage, client, number);
}

volatile uint64_t& mapped_word() { return *reinterpret_cast<volatile uint64_t*>(window()); }

bool set_up(Stage& stage) {
  if (!stage.done(own_bank.create_sub_bank(64, home.at), "a bank") || !start_actor(stage, host) ||
      !make_wrapper(stage, first, first_client) || !make_wrapper(stage, second, second_client) ||
      !stage.done(home.allocate(Kind::capability_page, copies.at), "buying a page") ||
      !stage.done(home.allocate(Kind::page, page), "buying a page") || !stage.map(page)) {
    return false;
  }
  mapped_word() = word;
  for (unsigned i = 0; i < capabilities_per_page; ++i) {
    if (!stage.done(copies.store(i, first_client), "copying")) return false;
  }
  return stage.say("two wrappers in front of a server, ", uint64_t{capabilities_per_page},
                   " copies of the first, a page that is mapped");
}

bool revoke_and_commit(Stage& stage) {
  if (!stage.done(home.free(first.at), "destroying the first wrapper") ||
      !commit_and_cut(stage)) {
    return false;
  }
  for (unsigned i = 0; i < capabilities_per_page; ++i) {
    if (!stage.require_void_at(copies, i, looked_at, "a copy of what was revoked")) return false;
  }
  const auto status = demo_register::checkpoint.status();
  return stage.require_void(first_client, "what was revoked") && stage.done(status, "the status") &&
         host_says(stage, second_client, number) &&
         stage.say("revoked, committed, power cut: still void in generation ", status->resumed_generation,
                   ", every copy");
}

// No mapping is stored: the first access after the restart builds it from the space.
bool use_mapping(Stage& stage) {
  if (!stage.require(mapped_word() == word, "the mapped page does not hold what it held")) return false;
  mapped_word() = ~word;
  return stage.require(mapped_word() == ~word, "the mapped page cannot be written") &&
         stage.say("the page is mapped as before, by the first access");
}

bool revoke_and_lose(Stage& stage) {
  const auto revoke = [&] {
    return stage.done(home.free(second.at), "destroying the second wrapper") &&
           stage.require_void(second_client, "what was just revoked");
  };
  const auto anew = [&] { return make_wrapper(stage, second, second_client); };
  if (!commit_and_lose(stage, revoke, anew)) return false;
  const auto status = demo_register::checkpoint.status();
  return stage.done(status, "the status") && host_says(stage, second_client, number) &&
         stage.say("revoked, not committed, power cut: it is there again. ",
                   "The machine goes on from generation ", status->resumed_generation, " of ",
                   UtcTime{status->resumed_at_wall_seconds},
                   ": what came after that is lost");
}

bool revoke_for_good(Stage& stage) {
  return stage.done(home.free(second.at), "destroying the second wrapper") &&
         stage.require_void(second_client, "what was revoked") && stage.map(registers::nothing) &&
         stage.done(home.destroy(), "destroying the bank") && stage.require_void(page, "the page") &&
         stage.say("revoked again, and the rest with it");
}

constexpr Step steps[] = {set_up, revoke_and_commit, use_mapping, revoke_and_lose, revoke_for_good};

}  // namespace

Steps steps_of_b11() { return steps; }

}  // namespace perdure
