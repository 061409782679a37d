// SPDX-License-Identifier: MIT
#include "userland/demo/actor.hpp"

#include <atomic>
#include <cstring>

#include "userland/runtime/client.hpp"
#include "userland/runtime/heap.hpp"
#include "userland/runtime/requests.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {

namespace {

constexpr size_t stack_bytes = 4096;

// The stack is never given back: the demonstration ends soon. All of it is there from the beginning:
// an actor in a space of its own could not have it added to all others.
Answer<Registers> first_registers(const ActorStart& start) {
  auto* stack = static_cast<std::byte*>(program_heap().allocate(stack_bytes));
  if (stack == nullptr) return std::unexpected(Result::exhausted);
  std::memset(stack, 0, stack_bytes);
  Registers values;
  values.rip = reinterpret_cast<uint64_t>(start.body);
  // As if it had been called: the return address, zero, ends the chain of frames.
  values.rsp = reinterpret_cast<uint64_t>(stack + stack_bytes - 8);
  values.rdi = start.argument;
  values.rflags = 0x202;  // interrupts on
  return values;
}

Answer<> set_up_registers(const ActorStart& start) {
  const auto values = first_registers(start);
  if (!values) return std::unexpected(values.error());
  Answer<> done = start.process.set_registers(*values);
  if (done) done = start.process.store(process_slot::space, start.space.at);
  if (done) done = start.process.store(process_slot::schedule, start.schedule.at);
  if (done) done = start.process.store(process_slot::keeper, start.keeper);
  if (done) done = start.process.store(registers::endpoint.number, start.endpoint.at);
  for (const Given& one : start.given) {
    if (done) done = start.process.store(one.as.number, one.from);
  }
  return done;
}

Answer<> bring_on(const ActorStart& start) {
  Answer<> done = start.bank.allocate(Kind::process, start.process.at);
  if (done) done = start.bank.allocate(Kind::activity, start.activity);
  if (done) done = start.bank.allocate(Kind::endpoint, start.endpoint.at);
  if (done) done = set_up_registers(start);
  if (done) done = start.endpoint.set_receiver(start.process);
  if (done) done = start.endpoint.entry(0, start.entry);
  if (done) done = start.process.start(start.activity);
  return done;
}

// --- host -----------------------------------------------------------------------------------------

Answer<uint64_t> ask(const uint64_t& number, const Call&) { return number; }

// --- visitor --------------------------------------------------------------------------------------

Answer<void> visit_host(Visit& visit, const Call&) {
  ++visit.begun;
  const auto answer = Client<Host>{visitor_holds}.call<Host::ask>();
  visit.result = answer ? Result::ok : answer.error();
  visit.number = answer ? *answer : 0;
  ++visit.ended;
  return {};
}

Answer<void> ready(Visit&, const Call&) { return {}; }

// --- idler ----------------------------------------------------------------------------------------

struct Idler {
  static constexpr std::string_view name = "idler";
  static constexpr Method<void()> count{"count"};
  using Methods = MethodList<count>;
};
struct NoState {};

std::atomic<uint64_t> rounds_counted = 0;

// While the row rests the processor is the idler's, unless another takes it: in so many rests it would come to its end
// hundreds of times.
constexpr unsigned rests_max = 10'000;

Answer<void> count(NoState&, const Call&) {
  constexpr uint64_t far_enough = 100'000;
  volatile uint64_t counted = 0;
  while (counted < far_enough) counted = counted + 1;
  ++rounds_counted;
  return {};
}

[[noreturn]] void play_idler(uint64_t) {
  NoState state;
  serve<Idler, count>(state);
}

}  // namespace

bool buy_urgent_schedule(Stage& stage, BankCapability bank, ScheduleCapability schedule) {
  const auto programs = demo_register::schedule.get();
  return stage.done(programs, "looking at a schedule") &&
         stage.done(bank.allocate(Kind::schedule, schedule.at), "a schedule") &&
         stage.done(demo_register::schedule.derive(schedule), "its ceiling") &&
         stage.done(schedule.set({.priority = programs->priority + 1}), "its priority");
}

bool start_actor(Stage& stage, const ActorStart& start) {
  return stage.done(bring_on(start), "bringing on an actor");
}

void play_host(uint64_t number) { serve<Host, ask>(std::as_const(number)); }

bool host_says(Stage& stage, CapabilityRegister entry, uint64_t number) {
  const auto answer = Client<Host>{entry}.call<Host::ask>();
  return stage.done(answer, "asking the host") &&
         stage.require(*answer == number, "the host says ", *answer, ", and not ", number);
}

void play_visitor(uint64_t visit) {
  serve<Visitor, visit_host, ready>(*reinterpret_cast<Visit*>(visit));
}

bool send_visit(Stage& stage, CapabilityRegister visitor) {
  Message message = request(code_of<Visitor, Visitor::visit>);
  return stage.done(checked(send(visitor, message)), "sending a visitor");
}

bool visit(Stage& stage, CapabilityRegister visitor) {
  return stage.done(Client<Visitor>{visitor}.call<Visitor::visit>(), "a visit");
}

bool await_visitor(Stage& stage, CapabilityRegister visitor) {
  return stage.done(Client<Visitor>{visitor}.call<Visitor::ready>(), "waiting for a visitor");
}

void sleep_ns(uint64_t nanoseconds) {
  if (const auto now = demo_register::clock.now()) {
    (void)demo_register::clock.wait_until(now->machine_ns + nanoseconds);
  }
}

bool hire_idler(Stage& stage, BankCapability bank, CapabilityRegister schedule, CapabilityRegister entry) {
  ActorStart start = actor_in(lasting_register_count, bank, play_idler);
  start.schedule = {schedule};
  start.entry = entry;
  return stage.done(bank.allocate(Kind::schedule, schedule), "a schedule") &&
         stage.done(start.schedule.set({.priority = 0}), "its priority") && start_actor(stage, start);
}

bool nobody_spins(Stage& stage, CapabilityRegister idler) {
  const uint64_t before = rounds_counted;
  Message message = request(code_of<Idler, Idler::count>);
  if (!stage.done(checked(send(idler, message)), "letting the idler count")) return false;
  for (unsigned rests = 0; rounds_counted == before; ++rests) {
    if (rests == rests_max) return stage.fail("a process that waits takes the idler's time");
    sleep_ns(1'000'000);
  }
  return true;
}

}  // namespace perdure
