// SPDX-License-Identifier: MIT
//
// B6: storage outlives the process that bought it, as long as its bank lives. A worker buys a page
// and a capability page from a bank that it was given, writes into both, hands them over, and is
// destroyed with the bank that it lived from.
#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

constexpr BankCapability store{work_register(0)};    // pays for what the worker makes
constexpr BankCapability workers{work_register(1)};  // pays for the worker
constexpr unsigned worker_registers = 2;
constexpr PageCapability page{work_register(6)};
constexpr CapabilityPageCapability capability_page{work_register(7)};
constexpr CapabilityRegister looked_at{work_register(8)};

constexpr uint64_t written_word = 0x6b65'6570'7320;
constexpr unsigned slot = 77;

uint64_t used_by_store = 0;

struct Worker {
  static constexpr std::string_view name = "worker";
  static constexpr Method<PassedCapability()> make_page{"make_page"};
  // A capability page that holds the page in one slot.
  static constexpr Method<PassedCapability()> make_capability_page{"make_capability_page"};
  using Methods = MethodList<make_page, make_capability_page>;
};

// The worker's registers.
constexpr BankCapability its_store{CapabilityRegister{8}};
constexpr NodeCapability its_space{CapabilityRegister{9}};
constexpr CapabilityRegister its_page{10};
constexpr CapabilityPageCapability its_capability_page{CapabilityRegister{11}};
struct NoState {};

Answer<PassedCapability> make_page(NoState&, const Call&) {
  Answer<> done = its_store.allocate(Kind::page, its_page);
  if (done) done = its_space.store(layout::window_slot, its_page);
  if (!done) return std::unexpected(done.error());
  *reinterpret_cast<volatile uint64_t*>(window()) = written_word;
  if (done = its_space.store(layout::window_slot, registers::nothing); !done) {
    return std::unexpected(done.error());
  }
  return PassedCapability{its_page};
}

Answer<PassedCapability> make_capability_page(NoState&, const Call&) {
  Answer<> done = its_store.allocate(Kind::capability_page, its_capability_page.at);
  if (done) done = its_capability_page.store(slot, its_page);
  if (!done) return std::unexpected(done.error());
  return PassedCapability{its_capability_page.at};
}

[[noreturn]] void play_worker(uint64_t) {
  NoState state;
  serve<Worker, make_page, make_capability_page>(state);
}

constexpr ActorStart worker = actor_in(worker_registers, workers, play_worker);

bool work(Stage& stage) {
  if (!stage.done(own_bank.create_sub_bank(32, store.at), "a bank for the storage") ||
      !stage.done(own_bank.create_sub_bank(32, workers.at), "a bank for the worker")) {
    return false;
  }
  const Given given[] = {{its_store.at, store.at}, {its_space.at, own_space.at}};
  ActorStart start = worker;
  start.given = given;
  const Client<Worker> at{worker.entry};
  return start_actor(stage, start) &&
         stage.done(at.call_receiving<Worker::make_page>(page.at), "the worker makes a page") &&
         stage.done(at.call_receiving<Worker::make_capability_page>(capability_page.at),
                    "the worker makes a capability page") &&
         stage.used_by(store, used_by_store) &&
         stage.require(used_by_store == 2, "the bank uses ", used_by_store, " frames for two pages") &&
         stage.say("a worker bought two frames from the bank it was given, and wrote in both");
}

bool end_worker(Stage& stage) {
  return stage.done(workers.destroy(), "destroying the worker's bank") &&
         stage.require_void(worker.process.at, "the worker") &&
         stage.require_void(worker.entry, "its entry") &&
         stage.require_used(store, used_by_store, "after the worker is gone") &&
         stage.say("the worker is gone, with the bank it lived from");
}

bool read_storage(Stage& stage) {
  if (!stage.refused(ask_type(page.at), Result::ok, "the page of who is gone") || !stage.map(page.at)) return false;
  const uint64_t word = *reinterpret_cast<volatile uint64_t*>(window());
  if (!stage.require(word == written_word, "the page does not hold what was written") ||
      !stage.done(capability_page.fetch(slot, looked_at), "reading the capability page")) {
    return false;
  }
  const auto same = demo_register::discriminator.same(looked_at, page.at);
  return stage.require(same && *same, "the capability page does not hold the page") &&
         stage.map(registers::nothing) && stage.say("what it wrote is there, and can be used");
}

bool destroy_storage(Stage& stage) {
  return stage.done(store.destroy(), "destroying the storage's bank") &&
         stage.require_void(page.at, "the page") &&
         stage.require_void(capability_page.at, "the capability page") &&
         stage.say("the bank destroyed: now the storage is gone, too");
}

constexpr Step steps[] = {work, end_worker, read_storage, destroy_storage};

}  // namespace

Steps steps_of_storage_outlives_its_buyer() { return steps; }

}  // namespace perdure
