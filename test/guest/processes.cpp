// SPDX-License-Identifier: MIT
//
// Processes: their states, their slots, and what stops, starts, interrupts and ends them wherever they are. Breaks
// if one runs that was stopped, waits that was interrupted, or is still in line when it has gone.
#include "test/guest/servers.hpp"

namespace perdure::guest {
namespace {

// The ways in which a process can be waiting for a program.
struct Wait {
  std::string_view name;
  CapabilityRegister (*target)();
};
constexpr Wait waits[] = {
    {"a busy receiver", [] { return my_entry(); }},
    {"a blocked wrapper", [] {
       const WrapperCapability wrapper = new_wrapper(my_entry());
       done(wrapper.block());
       return client_of(wrapper);
     }},
    {"an endpoint without receiver", [] { return new_entry(new_endpoint()); }},
    {"an answer", [] {
       Actor server(takes_one);
       server.outlive();
       const CapabilityRegister entry = server.receives();
       server.start();
       return entry;
     }},
};

void interrupted(uint64_t row) {
  Caller caller(waits[row].target(), {.words = {0, 1}});
  for (unsigned round = 0; round < (row == 3 ? 1 : 3); ++round) {
    caller.start({.words = {0, 1}});
    while (!value_of(caller.actor.process.interrupt())) rest();
    results(caller.finish(), Result::interrupted);
  }
}

void stopped_and_started(uint64_t row) {
  Caller caller(waits[row].target(), {.words = {0, 1}});
  caller.start();
  rest();
  if (row == 3) caller.actor.await(ProcessState::waiting);
  done(caller.actor.process.stop());
  expect(caller.actor.status().state, ProcessState::stopped);
  rest();
  holds(!caller.has_ended());
  done(caller.actor.process.start(nothing));
  // A caller that only stood in a line calls again; a caller that had been accepted is told that this call is over.
  if (row == 3) {
    results(caller.finish(), Result::interrupted);
    return;
  }
  while (!value_of(caller.actor.process.interrupt())) rest();
  results(caller.finish(), Result::interrupted);
}

void ends_while_it_waits(uint64_t row) {
  Caller caller(waits[row].target(), {.words = {0, 7}}), next(my_entry(), {.words = {0, 8}});
  caller.start();
  rest();
  if (row == 3) caller.actor.await(ProcessState::waiting);
  done(bank.free(caller.actor.process.at));
  next.start();
  receives_call(8);
  answer();
  results(next.finish(), Result::ok);
}

// --- states -------------------------------------------------------------------------------------------

void states_are_told(uint64_t) {
  Caller caller(my_entry(), {});
  expect(caller.actor.status().state, ProcessState::stopped);
  expect(caller.actor.status().fault, FaultCode::none);
  caller.start();
  expect(caller.actor.status().state, ProcessState::running);
  receive();
  expect(caller.actor.status().state, ProcessState::waiting);
  answer();
  results(caller.finish(), Result::ok);
  caller.actor.await(ProcessState::receiving);
  done(caller.actor.process.stop());
  expect(caller.actor.status().state, ProcessState::stopped);
}

void starts_once(uint64_t) {
  Actor actor(never_listens);
  actor.start();
  refused(actor.process.start(nothing), Result::in_use);
  refused(actor.process.set_registers({}), Result::in_use);
  done(actor.process.stop());
  done(actor.process.stop());
  done(actor.process.start(nothing));
  done(actor.process.stop());
  done(actor.process.set_registers({}));
}

void one_activity_for_one_process(uint64_t) {
  const CapabilityRegister activity = buy(Kind::activity);
  const ProcessCapability first{{buy(Kind::process)}}, second{{buy(Kind::process)}};
  done(first.start(activity));
  refused(second.start(activity), Result::in_use);
  done(bank.free(first.at));
  done(second.start(activity));
}

void nothing_to_interrupt(uint64_t) {
  Actor sleeper(never_listens);
  holds(!value_of(sleeper.process.interrupt()));
  holds(!value_of(myself.interrupt()));
  sleeper.start();
  while (!value_of(sleeper.process.interrupt())) rest();  // until it sleeps
}

// It stays what it is: a wait for a message is no call.
void open_wait_is_not_interrupted(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  server.await(ProcessState::receiving);
  holds(!value_of(server.process.interrupt()));
  Message message{.words = {1}};
  call(entry, message);
  expect(message.words[0], 2);
}

void stopped_receiver_keeps_its_callers(uint64_t) {
  Actor server(echo);
  Caller caller(server.receives(), {.words = {5}});
  server.start();
  server.await(ProcessState::receiving);
  done(server.process.stop());
  caller.start();
  rest();
  holds(!caller.has_ended());
  server.start();
  results(caller.finish(), static_cast<Result>(6));
}

// --- slots --------------------------------------------------------------------------------------------

void every_register_holds(uint64_t) {
  const ProcessCapability process{{buy(Kind::process)}};
  const CapabilityRegister at = fresh();
  for (unsigned slot = 1; slot < 32; ++slot) {
    done(my_endpoint.entry(slot, at));
    done(process.store(slot, at));
  }
  for (unsigned slot = 1; slot < 32; ++slot) {
    done(process.fetch(slot, at));
    expect(value_of(my_endpoint.identify(at)).entry_payload, slot);
  }
  done(process.fetch(0, at));
  expect(type_in(at), CapabilityType::void_capability);
}

void slots_of_its_own(uint64_t) {
  const ProcessCapability process{{buy(Kind::process)}};
  const CapabilityRegister at = fresh(), entry = my_entry();
  done(process.store(process_slot::space, my_space.at));
  done(process.store(process_slot::keeper, entry));
  done(process.store(process_slot::brand, discriminator.at));
  done(process.fetch(process_slot::space, at));
  holds(is_same(at, my_space.at));
  done(process.fetch(process_slot::keeper, at));
  holds(is_same(at, entry));
  done(process.fetch(process_slot::brand, at));
  holds(is_same(at, discriminator.at));
}

void registers_come_back(uint64_t) {
  const ProcessCapability process{{buy(Kind::process)}};
  Registers registers;
  registers.rax = 1, registers.r15 = 2, registers.rip = 3, registers.rsp = 4, registers.fs_base = 5;
  done(process.set_registers(registers));
  const auto seen = value_of(process.get_registers());
  expect(seen.rax, 1);
  expect(seen.r15, 2);
  expect(seen.rip, 3);
  expect(seen.rsp, 4);
  expect(seen.fs_base, 5);
  expect(value_of(process.status()).instruction_pointer, 3);
}

void sees_what_it_is_given(uint64_t) {
  Caller caller(my_entry(), {.sent = {caller_sends[0], caller_sends[1]}});
  const CapabilityRegister page = new_page().at;
  caller.actor.hold(caller_sends[1], page);
  caller.start();
  receive();
  expect(type_in(arrived[0]), CapabilityType::void_capability);
  holds(is_same(arrived[1], page));
  answer();
  results(caller.finish(), Result::ok);
}

// --- what a process does to itself --------------------------------------------------------------------

[[noreturn]] void stops_itself(uint64_t) {
  while (true) {
    (void)ProcessCapability{{caller_target}}.stop();
    Message message;
    (void)call({10}, message);
  }
}

void stops_by_itself(uint64_t) {
  Actor actor(stops_itself);
  actor.hold(caller_target, actor.process.at);
  actor.hold({10}, my_entry());
  actor.start();
  for (unsigned round = 0; round < 3; ++round) {
    actor.await(ProcessState::stopped);
    expect(actor.status().fault, FaultCode::none);
    done(actor.process.start(nothing));
    expect(receive().delivery, Delivery::call);
    answer();
  }
}

[[noreturn]] void frees_itself(uint64_t) {
  (void)BankCapability{{{10}}}.free(caller_target);
  leave();
}

void ends_by_itself(uint64_t) {
  Actor actor(frees_itself);
  actor.hold(caller_target, actor.process.at);
  actor.hold({10}, bank.at);
  actor.start();
  while (actor.process.status()) rest();
  results(actor.process.type().error(), Result::void_capability);
}

[[noreturn]] void stops_its_starter(uint64_t) {
  (void)ProcessCapability{{caller_target}}.stop();
  Message message;
  (void)call({10}, message);
  wait_for_ever();
}

// Two processes, of which one stops the other in the middle of a call to the tester.
void stops_another(uint64_t) {
  Caller victim(my_entry(), {.words = {0, 1}});
  Actor other(stops_its_starter);
  other.hold(caller_target, victim.actor.process.at);
  other.hold({10}, my_entry(2));
  victim.start();
  receives_call(1);
  other.start();
  expect(receive().entry_payload, 2);
  expect(victim.actor.status().state, ProcessState::stopped);
  answer();
}

constexpr Test tests[] = {
    {"the status tells each state", states_are_told},
    {"a process that runs cannot be started, nor given registers", starts_once},
    {"an activity is of one process, until that goes", one_activity_for_one_process},
    {"who is in no call is not interrupted, and who sleeps is", nothing_to_interrupt},
    {"an open wait is not interrupted", open_wait_is_not_interrupted},
    {"callers of a receiver that is stopped wait until it runs again", stopped_receiver_keeps_its_callers},
    {"each capability register holds what was put there", every_register_holds},
    {"space, keeper and brand hold what was put there", slots_of_its_own},
    {"registers come back as they were set", registers_come_back},
    {"a process sends what it was given, and nothing else", sees_what_it_is_given},
    {"a process stops itself, and goes on from there", stops_by_itself},
    {"a process ends itself by its bank", ends_by_itself},
    {"a process that holds another stops it in its call", stops_another},
};
constexpr auto interrupts = for_each_row("it is interrupted in its wait for ", waits, interrupted);
constexpr auto stops = for_each_row("it is stopped in its wait, and started again: for ", waits, stopped_and_started);
constexpr auto ends = for_each_row("it is destroyed in its wait, and others are served: for ", waits, ends_while_it_waits);

}  // namespace

constinit const Suite processes{"processes", {{tests, interrupts, stops, ends}}};

}  // namespace perdure::guest
