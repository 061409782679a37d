// SPDX-License-Identifier: MIT
//
// B11: what was revoked, and committed, stays revoked over a power cut; mappings are built anew
// when they are used. And the negative: what was revoked and not committed is there again, and so is a page that was
// destroyed since, with what was in it; a bank that was made since never was. The checkpoint status says from when the
// machine goes on.
//
// What is void must be so by its version, too: the place of what was revoked is sold again, and the copies are tried once
// more. And what is destroyed has been on the disk before, so that it would be there again if its end were not written.
//
// The row cuts the power itself, twice. It says which generation the revocation is in before it does; the script that leads it
// from outside can see that the machine goes on from that one, or a later one.
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
constexpr BankCapability late{work_register(12)};  // a bank that is made and lost
constexpr CapabilityRegister doomed{work_register(13)};

constexpr uint64_t number = 7;
constexpr uint64_t word = 0x1234'5678'9abc;

constexpr ActorStart host = actor_in(host_registers, home, play_host, number);

uint64_t used = 0;        // by the bank, at the last commit
uint64_t revoked_in = 0;  // boot

bool make_wrapper(Stage& stage, WrapperCapability wrapper, CapabilityRegister client) {
  return stage.hand_out(home, host.entry, wrapper, client) && host_says(stage, client, number);
}

volatile uint64_t& mapped_word() { return *reinterpret_cast<volatile uint64_t*>(window()); }

bool set_up(Stage& stage) {
  if (!stage.done(own_bank.create_sub_bank(96, home.at), "a bank") || !start_actor(stage, host) ||
      !make_wrapper(stage, first, first_client) || !make_wrapper(stage, second, second_client) ||
      !stage.done(home.allocate(Kind::capability_page, copies.at), "buying a page") ||
      !stage.done(home.allocate(Kind::page, page), "buying a page") || !stage.map(page) ||
      !stage.done(home.allocate(Kind::page, doomed), "buying a page")) {
    return false;
  }
  mapped_word() = word;
  for (unsigned i = 0; i < capabilities_per_page; ++i) {
    if (!stage.done(copies.store(i, i % 2 ? doomed : first_client), "copying")) return false;
  }
  return stage.say("two wrappers in front of a server, a page, ", uint64_t{capabilities_per_page},
                   " copies of the page and of the first, another page that is mapped");
}

bool revoke(Stage& stage) {
  revoked_in = boot_epoch(stage);
  if (revoked_in == 0 || !stage.done(demo_register::checkpoint.take(), "a checkpoint") ||
      !stage.done(home.free(first.at), "destroying the first wrapper") ||
      !stage.done(home.free(doomed), "destroying a page")) {
    return false;
  }
  const auto generation = demo_register::checkpoint.take();
  return stage.done(generation, "a checkpoint") &&
         stage.say("the first wrapper and the page destroyed: committed in generation ", *generation);
}

// As many wrappers as a frame of them has places, and so many pages.
bool sell_places_again(Stage& stage) {
  for (unsigned i = 0; i < info(Kind::wrapper).objects_per_frame; ++i) {
    const WrapperCapability another{looked_at};
    if (!stage.done(home.allocate(Kind::wrapper, another.at), "buying a wrapper") ||
        !stage.done(another.set_target(host.entry), "its target")) {
      return false;
    }
  }
  for (unsigned i = 0; i < 32; ++i) {
    if (!stage.done(home.allocate(Kind::page, looked_at), "buying a page")) return false;
  }
  return true;
}

bool every_copy_is_void(Stage& stage, std::string_view which) {
  for (unsigned i = 0; i < capabilities_per_page; ++i) {
    if (!stage.require_void_at(copies, i, looked_at, which)) return false;
  }
  return true;
}

bool stays_revoked(Stage& stage) {
  if (!cut_power(stage, revoked_in) || !every_copy_is_void(stage, "a copy of what was destroyed") ||
      !sell_places_again(stage) || !every_copy_is_void(stage, "a copy of what had this place before")) {
    return false;
  }
  const auto status = demo_register::checkpoint.status();
  return stage.require_void(first_client, "what was revoked") && stage.done(status, "the status") &&
         host_says(stage, second_client, number) &&
         stage.say("power cut, and their places sold again: still void in generation ", status->resumed_generation,
                   ", every copy");
}

// No mapping is stored: the first access after the restart builds it from the space.
bool use_mapping(Stage& stage) {
  if (!stage.require(mapped_word() == word, "the mapped page does not hold what it held")) return false;
  mapped_word() = ~word;
  return stage.require(mapped_word() == ~word, "the mapped page cannot be written") &&
         stage.say("the page is mapped as before, by the first access");
}

// A wrapper and the page that is mapped destroyed, and a bank made.
bool change(Stage& stage) {
  return stage.done(home.free(second.at), "destroying the second wrapper") &&
         stage.done(home.free(page), "destroying the page") &&
         stage.done(home.create_sub_bank(8, late.at), "a late bank") &&
         stage.require_void(second_client, "what was just revoked") && stage.require_void(page, "the page");
}

// It came into a checkpoint: all is as before, but for other objects.
bool change_back(Stage& stage) {
  if (!stage.done(late.destroy(), "destroying the late bank") || !make_wrapper(stage, second, second_client) ||
      !stage.done(home.allocate(Kind::page, page), "buying a page") || !stage.map(page)) {
    return false;
  }
  mapped_word() = ~word;
  return stage.used_by(home, used);
}

bool revoke_and_lose(Stage& stage) {
  if (!stage.used_by(home, used) ||
      !commit_and_lose(stage, [&] { return change(stage); }, [&] { return change_back(stage); })) {
    return false;
  }
  const auto status = demo_register::checkpoint.status();
  return stage.done(status, "the status") && host_says(stage, second_client, number) &&
         stage.require(mapped_word() == ~word, "the page that is there again does not hold what it held") &&
         stage.require_used(home, used, "after a bank was made and lost") &&
         stage.say("revoked, a page destroyed, a bank made, not committed, power cut: wrapper and page are there again, ",
                   "the bank never was\nthe machine goes on from generation ", status->resumed_generation, " of ",
                   UtcTime{status->resumed_at_wall_seconds},
                   ": what came after that is lost");
}

bool revoke_for_good(Stage& stage) {
  return stage.done(home.free(second.at), "destroying the second wrapper") &&
         stage.require_void(second_client, "what was revoked") && stage.map(registers::nothing) &&
         stage.done(home.destroy(), "destroying the bank") && stage.require_void(page, "the page") &&
         stage.say("revoked again, and the rest with it");
}

constexpr Step steps[] = {set_up, revoke, stays_revoked, use_mapping, revoke_and_lose, revoke_for_good};

}  // namespace

Steps steps_of_revoked_over_a_cut() { return steps; }

}  // namespace perdure
