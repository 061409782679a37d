// SPDX-License-Identifier: MIT
//
// B7: selective revocation. A hundred clients, each with a wrapper of its own in front of the same
// server. One is destroyed: exactly its client sees that. Others are blocked: their clients wait,
// until the wrapper is unblocked, stands for another server, or is destroyed; no other client notices.
//
// That they wait without spinning is shown by the process that runs meanwhile: it has the lowest
// priority, and gets the processor only when all others have nothing to do.
#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};
constexpr unsigned host_registers = 1;
constexpr unsigned other_host_registers = 5;
constexpr CapabilityRegister idler{work_register(9)};
constexpr WrapperCapability wrapper{work_register(10)};
constexpr CapabilityRegister visitor{work_register(11)};
constexpr CapabilityPageCapability wrappers{work_register(12)};
constexpr CapabilityPageCapability visitors{work_register(13)};
constexpr unsigned scratch_registers = lasting_register_count;  // of an actor that is being made

constexpr unsigned client_count = 100;
constexpr uint64_t number = 21, other_number = 42;
constexpr unsigned revoked = 37, unblocked = 12, retargeted = 63, destroyed = 88,
                   timed = 5, interrupted = 50;

constexpr ActorStart host = actor_in(host_registers, home, play_host, number);
constexpr ActorStart other = actor_in(other_host_registers, home, play_host, other_number);

constexpr ProcessCapability interrupted_process{host.activity};  // which is needed no more

struct {
  Visit visits[client_count];
  bool is_gone[client_count] = {};
} row;

// --- clients and their wrappers ------------------------------------------------------------------------

bool go_to(Stage& stage, unsigned client) {
  return stage.done(visitors.fetch(client, visitor), "going to a client") &&
         stage.done(wrappers.fetch(client, wrapper.at), "going to a wrapper");
}

bool hire_client(Stage& stage, unsigned i) {
  const CapabilityRegister facet = visitor;  // until the client's entry stands there
  if (!stage.hand_out(home, host.entry, wrapper, facet) ||
      !stage.done(wrappers.store(i, wrapper.at), "keeping a wrapper")) {
    return false;
  }
  const Given given[] = {{visitor_holds, facet}};
  ActorStart start = actor_in(scratch_registers, home, play_visitor,
                              reinterpret_cast<uint64_t>(&row.visits[i]));
  start.entry = visitor;
  start.given = given;
  if (i == interrupted) start.process = interrupted_process;
  return start_actor(stage, start) && stage.done(visitors.store(i, visitor), "keeping a client");
}

bool set_up(Stage& stage) {
  if (!stage.done(own_bank.create_sub_bank(bank_unlimited, home.at), "a bank") || !start_actor(stage, host) ||
      !start_actor(stage, other)) {
    return false;
  }
  for (const CapabilityPageCapability& page : {wrappers, visitors}) {
    if (!stage.done(home.allocate(Kind::capability_page, page.at), "buying a page")) return false;
  }
  if (!hire_idler(stage, home, wrapper.at, idler)) return false;
  for (unsigned i = 0; i < client_count; ++i) {
    if (!hire_client(stage, i)) return false;
  }
  return stage.say(uint64_t{client_count}, " clients, each with a wrapper of its own in front of one server");
}

// Every client visits; a client without its wrapper sees void, all others are served.
bool all_visit(Stage& stage, unsigned except = client_count) {
  for (unsigned i = 0; i < client_count; ++i) {
    if (i == except) continue;
    if (!go_to(stage, i) || !visit(stage, visitor)) return false;
    const Visit& seen = row.visits[i];
    const Result expected = row.is_gone[i] ? Result::void_capability : Result::ok;
    if (!stage.refused(seen.result, expected, "client ", uint64_t{i}) ||
        !stage.require(row.is_gone[i] || seen.number == number, "client ", uint64_t{i},
                       " got another's answer")) {
      return false;
    }
  }
  return true;
}

bool all_are_served(Stage& stage) { return all_visit(stage) && stage.say("all are served"); }

bool revoke_one(Stage& stage) {
  if (!go_to(stage, revoked) || !stage.done(home.free(wrapper.at), "destroying a wrapper")) return false;
  row.is_gone[revoked] = true;
  return all_visit(stage) && stage.say("one revoked: it sees void, the 99 others are served");
}

// The client's call is on its way, and waits.
bool begin_waiting(Stage& stage, unsigned client) {
  const Visit& seen = row.visits[client];
  if (!go_to(stage, client) || !stage.done(wrapper.block(), "blocking a wrapper") ||
      !send_visit(stage, visitor) ||
      !all_visit(stage, client)) {
    return false;
  }
  return nobody_spins(stage, idler) &&
         stage.require(seen.begun == seen.ended + 1, "a blocked client does not wait") &&
         go_to(stage, client);
}

bool end_waiting(Stage& stage, unsigned client, Result result, uint64_t answer) {
  const Visit& seen = row.visits[client];
  return await_visitor(stage, visitor) && stage.refused(seen.result, result, "the client that waited") &&
         stage.require(seen.number == answer, "it was answered ", seen.number, ", and not ", answer);
}

bool block_and_unblock(Stage& stage) {
  return begin_waiting(stage, unblocked) && stage.done(wrapper.unblock(), "unblocking") &&
         end_waiting(stage, unblocked, Result::ok, number) && all_visit(stage) &&
         stage.say("one blocked: it waits, spends no time, and is answered when it is unblocked");
}

bool block_and_retarget(Stage& stage) {
  return begin_waiting(stage, retargeted) && stage.done(wrapper.set_target(other.entry), "another target") &&
         stage.done(wrapper.unblock(), "unblocking") &&
         end_waiting(stage, retargeted, Result::ok, other_number) &&
         stage.done(wrapper.set_target(host.entry), "the first target again") && all_visit(stage) &&
         stage.say("one blocked, given another target, unblocked: the other server answers");
}

bool block_and_destroy(Stage& stage) {
  if (!begin_waiting(stage, destroyed) ||
      !stage.done(home.free(wrapper.at), "destroying a wrapper")) {
    return false;
  }
  row.is_gone[destroyed] = true;
  return end_waiting(stage, destroyed, Result::void_capability, 0) && all_visit(stage) &&
         stage.say("one blocked, then destroyed: it wakes, and is told that its capability is void");
}

// The row's own call this time.
bool wait_until_deadline(Stage& stage) {
  if (!go_to(stage, timed)) return false;
  const auto now = demo_register::clock.now();
  Message message = request(code_of<Host, Host::ask>);
  const CapabilityRegister facet = visitor;
  if (!stage.done(now, "asking the time") || !stage.done(wrapper.block(), "blocking a wrapper") ||
      !stage.done(wrapper.client(facet), "its client capability")) {
    return false;
  }
  message.deadline_ns = now->machine_ns + 2'000'000;
  return stage.refused(call(facet, message), Result::timed_out, "a call with a deadline") &&
         stage.done(wrapper.unblock(), "unblocking") && all_visit(stage) &&
         stage.say("one blocked, called with a deadline: the call ends by itself");
}

bool wait_until_interrupted(Stage& stage) {
  if (!begin_waiting(stage, interrupted)) return false;
  const auto was_waiting = interrupted_process.interrupt();
  return stage.done(was_waiting, "interrupting a client") &&
         stage.require(*was_waiting, "the client was in no call") &&
         end_waiting(stage, interrupted, Result::interrupted, 0) &&
         stage.done(wrapper.unblock(), "unblocking") && all_visit(stage) &&
         stage.say("one blocked, and interrupted from outside: its call ends, the next one is served");
}

constexpr Step steps[] = {set_up,            all_are_served,     revoke_one,
                          block_and_unblock, block_and_retarget, block_and_destroy,
                          wait_until_deadline, wait_until_interrupted};

}  // namespace

Steps steps_of_selective_revocation() { return steps; }

}  // namespace perdure
