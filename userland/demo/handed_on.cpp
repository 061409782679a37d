// SPDX-License-Identifier: MIT
//
// B10: copying is the primitive; moving exists, so that a forwarder can hand on and vanish. A
// petitioner calls an office. The clerk at the door hands the call on to a worker: the right to
// answer it, and the page that came with it. If the clerk moves both he holds nothing any more, and
// can be destroyed: the worker answers the petitioner. If he only copies them, his end is the
// petitioner's answer.
#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/requests.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};        // of worker and petitioner
constexpr BankCapability clerks_bank{work_register(1)};
constexpr unsigned worker_registers = 2;
constexpr unsigned clerk_registers = 6;
constexpr unsigned petitioner_registers = 10;
constexpr CapabilityRegister page{work_register(lasting_register_count)};
constexpr CapabilityRegister looked_at{work_register(lasting_register_count + 1)};
constexpr CapabilityRegister worker_page{work_register(lasting_register_count + 2)};

Visit petition;
volatile uint64_t petitions_taken = 0;

// --- worker -----------------------------------------------------------------------------------------

struct Worker {
  static constexpr std::string_view name = "worker";
  static constexpr Method<void(PassedCapability, PassedCapability)> take{"take", {"CALLER", "THING"}};
  // Answers the caller → the Result of trying.
  static constexpr Method<uint64_t(uint64_t)> finish{"finish", {"N"}};
  static constexpr Method<PassedCapability()> thing{"thing"};
  using Methods = MethodList<take, finish, thing>;
};

constexpr CapabilityPageCapability its_page{CapabilityRegister{8}};
constexpr unsigned caller_slot = 0, thing_slot = 1;
constexpr CapabilityRegister fetched{9};
struct NoState {};

Answer<void> take(NoState&, const Call&, PassedCapability caller, PassedCapability thing) {
  Answer<> done = its_page.store(caller_slot, caller.at);
  if (done) done = its_page.store(thing_slot, thing.at);
  petitions_taken = petitions_taken + 1;
  return done;
}

Answer<uint64_t> finish(NoState&, const Call&, uint64_t number) {
  if (auto done = its_page.fetch(caller_slot, fetched); !done) return std::unexpected(done.error());
  Message answer{.words = {0, number, 0, 0, 0, 0}};
  return static_cast<uint64_t>(send(fetched, answer));
}

Answer<PassedCapability> thing(NoState&, const Call&) {
  if (auto done = its_page.fetch(thing_slot, fetched); !done) return std::unexpected(done.error());
  return PassedCapability{fetched};
}

[[noreturn]] void play_worker(uint64_t) {
  NoState state;
  serve<Worker, take, finish, thing>(state);
}

// --- clerk and petitioner -----------------------------------------------------------------------------

constexpr CapabilityRegister clerks_worker{8};
constexpr CapabilityRegister petitioners_page{9};
constexpr CapabilityRegister clerks_thing = registers::argument[0];

// `moved`: which of the two are moved, as Message has it.
[[noreturn]] void play_clerk(uint64_t moved) {
  while (true) {
    Message message;
    message.received[0] = clerks_thing;
    reply_and_wait(registers::nothing, message);
    if (message.delivery != Delivery::call) continue;
    Message on = request(code_of<Worker, Worker::take>);
    on.sent[0] = registers::resume;
    on.sent[1] = clerks_thing;
    on.moved = static_cast<uint8_t>(moved);
    (void)send(clerks_worker, on);
  }
}

// A visitor that brings a page along.
Answer<void> visit_office(Visit& visit, const Call&) {
  ++visit.begun;
  Message message = request(code_of<Host, Host::ask>);
  message.sent[0] = petitioners_page;
  visit.result = call(visitor_holds, message);
  visit.number = message.words[1];
  ++visit.ended;
  return {};
}
Answer<void> ready(Visit&, const Call&) { return {}; }
[[noreturn]] void play_petitioner(uint64_t) { serve<Visitor, visit_office, ready>(petition); }

// --- the row -------------------------------------------------------------------------------------------

constexpr ActorStart worker = actor_in(worker_registers, home, play_worker);

bool set_up(Stage& stage) {
  ActorStart start = worker;
  const Given given[] = {{its_page.at, worker_page}};
  start.given = given;
  return stage.done(own_bank.create_sub_bank(64, home.at), "a bank") &&
         stage.done(home.allocate(Kind::capability_page, worker_page), "buying a page") &&
         start_actor(stage, start) && stage.say("a worker, who answers when he is told to");
}

constexpr ActorStart clerk = actor_in(clerk_registers, clerks_bank, play_clerk);
constexpr ActorStart petitioner = actor_in(petitioner_registers, home, play_petitioner);

bool hire(Stage& stage, uint64_t moved) {
  ActorStart new_clerk = clerk;
  const Given clerks[] = {{clerks_worker, worker.entry}};
  new_clerk.argument = moved;
  new_clerk.given = clerks;
  if (!stage.done(own_bank.create_sub_bank(64, clerks_bank.at), "a bank for the clerk") ||
      !start_actor(stage, new_clerk) || !stage.done(home.allocate(Kind::page, page), "buying a page")) {
    return false;
  }
  ActorStart new_petitioner = petitioner;
  const Given petitioners[] = {{visitor_holds, clerk.entry}, {petitioners_page, page}};
  new_petitioner.given = petitioners;
  return start_actor(stage, new_petitioner);
}

// Sent, taken at the door, handed on, and with the worker.
bool begin_petition(Stage& stage) {
  const uint64_t taken = petitions_taken;
  if (!send_visit(stage, petitioner.entry)) return false;
  while (petitions_taken == taken) {
    if (!stage.done(clerk.process.status(), "looking at the clerk")) return false;
  }
  return true;
}

// Does the clerk still hold what he handed on?
bool clerk_holds(Stage& stage, bool expected) {
  for (const CapabilityRegister one : {registers::resume, clerks_thing}) {
    if (!stage.done(clerk.process.fetch(one.number, looked_at), "looking into the clerk")) return false;
    const auto classified = demo_register::discriminator.classify(looked_at);
    if (!stage.done(classified, "classifying")) return false;
    const bool holds = classified->type != CapabilityType::void_capability;
    if (!stage.require(holds == expected, "the clerk ", holds ? "still holds" : "has lost",
                       " what he handed on")) {
      return false;
    }
  }
  return true;
}

bool finish_petition(Stage& stage, Result expected) {
  const auto result = Client<Worker>{worker.entry}.call<Worker::finish>(33);
  return stage.done(result, "telling the worker to answer") &&
         stage.refused(static_cast<Result>(*result), expected, "the worker's answer");
}

bool petitioner_heard(Stage& stage, Result result, uint64_t number) {
  return await_visitor(stage, petitioner.entry) && stage.refused(petition.result, result, "the petition") &&
         stage.require(result != Result::ok || petition.number == number, "the petitioner heard ",
                       petition.number);
}

bool worker_has_page(Stage& stage) {
  const auto got = Client<Worker>{worker.entry}.call_receiving<Worker::thing>(looked_at);
  const auto same = demo_register::discriminator.same(looked_at, page);
  return stage.done(got, "asking for the page") &&
         stage.require(same && *same, "the worker has not got the page");
}

bool move(Stage& stage) {
  constexpr uint64_t both = 0b11;
  if (!hire(stage, both) || !begin_petition(stage) || !clerk_holds(stage, false) ||
      !stage.done(clerks_bank.destroy(), "destroying the clerk") ||
      !stage.require(petition.begun == petition.ended + 1, "the petitioner does not wait any more")) {
    return false;
  }
  return worker_has_page(stage) && finish_petition(stage, Result::ok) &&
         petitioner_heard(stage, Result::ok, 33) && finish_petition(stage, Result::void_capability) &&
         stage.say("moved: the clerk holds nothing and vanishes, the worker answers, once");
}

bool copy(Stage& stage) {
  if (!hire(stage, 0) || !begin_petition(stage) || !clerk_holds(stage, true) ||
      !stage.done(clerks_bank.destroy(), "destroying the clerk")) {
    return false;
  }
  return petitioner_heard(stage, Result::destroyed, 0) && finish_petition(stage, Result::void_capability) &&
         worker_has_page(stage) &&
         stage.say("copied: the clerk's end is the petitioner's answer, and the worker comes too late");
}

constexpr Step steps[] = {set_up, move, copy};

}  // namespace

Steps steps_of_handed_on() { return steps; }

}  // namespace perdure
