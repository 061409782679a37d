// SPDX-License-Identifier: MIT
//
// Attacks by messages: too many, answered twice, never taken, from memory that is not there, by
// senders that are stopped in the middle.
#include "test/hostile/attack_functions.hpp"
#include "test/hostile/puppet.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure::hostile {
namespace {

constexpr CapabilityRegister own(unsigned number) { return {static_cast<uint8_t>(first_free_register + number)}; }

void send_for_ever(uint64_t) {
  while (true) {
    Message message{.words = {code_of<Target, Target::add>, 1}};
    (void)send(object, message);
  }
}

void call_bank_for_ever(uint64_t) {
  for (uint64_t i = 0;; ++i) {
    Message message{.words = {i % 2 ? method::bank_status : i}};
    (void)call(bank.at, message);
  }
}

constexpr NodeCapability own_node{{{own(0)}}};

// Each change of a slot that was used makes all page tables of the machine stale: the process that runs next
// has to be mapped anew.
void empty_tables_for_ever(uint64_t) {
  while (true) {
    (void)own_node.store(0, own_node.at);
    (void)own_node.store(0, registers::nothing);
  }
}

}  // namespace

void flood() {
  constexpr PuppetProgram programs[puppets_max] = {send_for_ever, call_target_for_ever, call_bank_for_ever,
                                                   empty_tables_for_ever};
  require(bank.allocate(Kind::node, own_node.at).has_value());
  for (unsigned i = 0; i < puppets_max; ++i) {
    Puppet puppet(i);
    puppet.buy(equal_schedule);
    puppet.give(bank.at);
    puppet.give(own_node.at);
    puppet.start(programs[i], 0);
  }
  send_for_ever(0);
}

// --- a line before the bank ---------------------------------------------------------------------

namespace {

// While the others stand in line for the bank, they become the least important of all.
void lower_callers(uint64_t) {
  for (unsigned i = 0; i < 200; ++i) {
    Message message{.words = {method::bank_status}};
    (void)call(bank.at, message);
  }
  Message message{.words = {method::schedule_set, 0, 0}};
  (void)call(callers_schedule, message);
  end_puppet();
}

}  // namespace

// They do not run any more, because this program does. The bank serves all others.
void priority_inversion() {
  constexpr PuppetProgram programs[puppets_max] = {call_bank_for_ever, call_bank_for_ever, call_bank_for_ever,
                                                   lower_callers};
  for (unsigned i = 0; i < puppets_max; ++i) {
    Puppet(i).buy(programs[i] == lower_callers ? lowerers_schedule : callers_schedule);
    Puppet(i).give(bank.at);
    Puppet(i).give(callers_schedule);
  }
  for (unsigned i = puppets_max; i-- > 0;) Puppet(i).start(programs[i], 0);
  while (true) burn(1'000'000);
}

// --- priorities ---------------------------------------------------------------------------------

namespace {

void spin(uint64_t) {
  while (true) burn(1'000'000);
}

// Raised by all that is there to derive from, and then as far as it goes.
void buy_most_important(ScheduleCapability schedule) {
  require(bank.allocate(Kind::schedule, schedule.at).has_value());
  const ScheduleCapability held{equal_schedule};
  for (const ScheduleCapability from : {held, schedule, ScheduleCapability{own(0)}}) (void)from.derive(schedule);
  (void)schedule.derive(held);
  uint64_t priority = priority_max;
  while (!schedule.set({.priority = priority, .slice_ns = slice_ns_max})) --priority;
  require(!held.set({.priority = priority + 1}).has_value());
}

// Asks the bank for the calling process, by its resume capability, and then that process for its schedule.
void buy_back_caller(uint64_t) {
  const ProcessCapability caller{own(5)};
  const ScheduleCapability callers{own(6)};
  Message message;
  reply_and_wait(registers::nothing, message);
  const auto bought = bank.recap(registers::resume, caller.at);
  const auto fetched = caller.fetch(process_slot::schedule, callers.at);
  if (fetched) (void)callers.set({.priority = priority_max});
  const auto code = [](const Answer<>& answer) { return static_cast<uint64_t>(answer ? Result::ok : answer.error()); };
  Message answer{.words = {code(bought), code(fetched)}};
  (void)send(registers::resume, answer);
  end_puppet();
}

void fetch_own_schedule(Puppet puppet) {
  puppet.give(bank.at);
  require(endpoint.set_receiver(puppet.process()).has_value());
  require(endpoint.entry(0, own(4)).has_value());
  puppet.start(buy_back_caller, 0);
  Message message;
  require(call(own(4), message) == Result::ok);
  require(message.words[1] == static_cast<uint64_t>(Result::missing_right));
  require(ended(puppet.await_fault()));
}

}  // namespace

// What the bank sells, what we hold and what we run by together get no more of the processor than any other's
// program.
void highest_priority() {
  for (unsigned i = 0; i < puppets_max; ++i) {
    const ScheduleCapability schedule{own(i)};
    buy_most_important(schedule);
    Puppet(i).buy(schedule.at);
  }
  fetch_own_schedule(Puppet(0));
  for (unsigned i = 0; i < puppets_max; ++i) Puppet(i).start(spin, 0);
  spin(0);
}

// --- replies --------------------------------------------------------------------------------

namespace {

volatile uint64_t answers[2];

// Calls us twice, and notes what it is answered.
void call_twice(uint64_t) {
  for (volatile uint64_t& answer : answers) {
    Message message;
    (void)call(naked_entry, message);
    answer = message.words[1];
  }
  end_puppet();
}

Result reply_through(CapabilityRegister resume, uint64_t word) {
  Message message{.words = {0, word}};
  return send(resume, message);
}

}  // namespace

void reply_twice() {
  const CapabilityPageCapability page{{{own(0)}}};
  const CapabilityRegister copy = own(1);
  require(bank.allocate(Kind::capability_page, page.at).has_value());
  Puppet puppet(0);
  puppet.buy(equal_schedule);
  require(endpoint.entry(0, own(2)).has_value());
  require(puppet.process().store(naked_entry.number, own(2)).has_value());
  puppet.start(call_twice, 0);

  Message message;
  reply_and_wait(registers::nothing, message);
  require(message.delivery == Delivery::call);
  require(page.store(5, registers::resume).has_value() && page.fetch(5, copy).has_value());
  Message as_call;
  require(call(copy, as_call) == Result::bad_argument);
  require(reply_through(copy, 11) == Result::ok);
  require(reply_through(registers::resume, 12) == Result::void_capability);
  require(reply_through(copy, 13) == Result::void_capability);

  message = {.words = {0, 14}};
  reply_and_wait(copy, message);  // drops the reply, and brings the second call
  require(message.delivery == Delivery::call);
  require(page.fetch(5, copy).has_value());
  require(reply_through(copy, 15) == Result::void_capability);
  require(answers[1] == 0);
  require(reply_through(registers::resume, 16) == Result::ok);
  require(ended(puppet.await_fault()));
  require(answers[0] == 11 && answers[1] == 16);
}

// --- what never answers -------------------------------------------------------------------------

// Entries of an endpoint from which no process ever receives are given to the bank and to the target in
// every place that takes a capability: neither waits for them.
void never_receives() {
  const EndpointCapability nobody{{{own(0)}}};
  const CapabilityRegister own_entry = own(1), nobodys_entry = own(2), result = own(3);
  const BankCapability sub_bank{{own(4)}};
  require(bank.allocate(Kind::endpoint, nobody.at).has_value());
  require(nobody.entry(bank_entry_payload, nobodys_entry).has_value());
  require(endpoint.entry(bank_entry_payload, own_entry).has_value());
  require(bank.create_sub_bank(50, sub_bank.at).has_value());
  for (const CapabilityRegister entry : {own_entry, nobodys_entry}) {
    require(is_refused(sub_bank.destroy_and_answer(entry), Result::wrong_type));
    require(!bank.verify(entry)->is_genuine);
    require(is_refused(bank.free(entry), Result::wrong_type));
    require(bank.identify(entry).has_value());
    require(is_refused(sub_bank.recap(entry, result), Result::not_found));
    for (unsigned i = 0; i < 100; ++i) {
      Message message{.words = {code_of<Target, Target::whose>}};
      for (CapabilityRegister& sent : message.sent) sent = entry;
      require(call(object, message) == Result::ok && message.words[1] == attackers_object);
    }
  }
  require(sub_bank.status().has_value());
  // And a client of ours that waits for ever does so alone.
  Puppet puppet(0);
  puppet.buy(equal_schedule);
  require(puppet.process().store(naked_entry.number, own_entry).has_value());
  puppet.start(call_twice, 0);
  burn(10'000'000);
}

// --- memory with a keeper that never answers ------------------------------------------------------

namespace {

constexpr uint64_t silent_address = layout::slot_start(5);
constexpr uint64_t coming_and_going = layout::slot_start(6);

// A root like ours, with a node in slot 5 that has as keeper an endpoint from which no process receives.
NodeCapability make_silent_space() {
  const NodeCapability root{{{own(0)}}}, silent{{{own(1)}}};
  const EndpointCapability nobody{{{own(2)}}};
  const CapabilityRegister passed = own(3);
  require(bank.allocate(Kind::node, root.at).has_value());
  require(bank.allocate(Kind::node, silent.at).has_value());
  require(bank.allocate(Kind::endpoint, nobody.at).has_value());
  require(nobody.entry(0, passed).has_value());
  require(silent.set({.slot_size = 0}).has_value() && silent.set_keeper(passed).has_value());
  require(root.set({.slot_size = layout::root_slot_size}).has_value());
  for (unsigned slot = 0; slot < layout::pocket_slot; ++slot) {
    require(space.fetch(slot, passed).has_value() && root.store(slot, passed).has_value());
  }
  require(root.store(layout::slot_of(silent_address), silent.at).has_value());
  return root;
}

RawInvocation from_silence, into_silence, into_nothing;

bool is_stuck(const Puppet& puppet) {
  const auto status = puppet.process().status();
  return status && status->state != ProcessState::stopped;
}

// The buffer that a puppet calls with is there at one moment and gone at the next: its answer is
// whole, or cut off, or the call faults; the target never notices.
void take_buffer_away(Puppet& puppet, NodeCapability root, CapabilityRegister page) {
  for (unsigned i = 0; i < 300; ++i) {
    const bool is_there = i % 2 == 0;
    const CapabilityRegister put = is_there ? page : registers::nothing;
    require(root.store(layout::slot_of(coming_and_going), put).has_value());
    burn(1000 + i * 100);
    if (!is_stuck(puppet)) puppet.start(invoke_puppet, reinterpret_cast<uint64_t>(&into_nothing));
  }
}

}  // namespace

void silent_keeper() {
  const CapabilityRegister page = own(4);
  require(bank.allocate(Kind::page, page).has_value());
  Puppet puppets[] = {Puppet(0), Puppet(1), Puppet(2)};
  // Two that have come as far as they can before we go on; and one that we interrupt.
  puppets[0].buy(higher_schedule);
  puppets[1].buy(higher_schedule);
  puppets[2].buy(equal_schedule);
  from_silence = into_silence = into_nothing = raw_call(object, method::describe);
  from_silence.r12 = 64;
  from_silence.r13 = silent_address;
  into_silence.r12 = uint64_t{64} << 32;
  into_silence.r14 = silent_address + 100;
  into_nothing.r12 = uint64_t{4000} << 32;
  into_nothing.r14 = coming_and_going;
  // Only now: all our memory that the puppets use is filled in.
  const NodeCapability root = make_silent_space();
  for (const Puppet& puppet : puppets) {
    require(puppet.process().store(process_slot::space, root.at).has_value());
  }
  puppets[0].start(invoke_puppet, reinterpret_cast<uint64_t>(&from_silence));
  puppets[1].start(invoke_puppet, reinterpret_cast<uint64_t>(&into_silence));
  puppets[2].start(invoke_puppet, reinterpret_cast<uint64_t>(&into_nothing));
  take_buffer_away(puppets[2], root, page);
  // Before us the target answers whatever it has been called with.
  require(Client<Target>{object}.call<Target::whose>() == attackers_object);
  require(is_stuck(puppets[0]));
  require(is_stuck(puppets[1]));
}

// --- senders that are stopped ------------------------------------------------------------------

namespace {

// One that is stopped in our line has not called.
void stop_in_line() {
  Puppet first(0), second(1);
  uint64_t word = 0;
  for (Puppet* puppet : {&first, &second}) {
    puppet->buy(higher_schedule);  // it has come to our line before we go on
    puppet->lead_to_us(own(0));
    puppet->start(call_us, ++word);
  }
  require(first.process().stop().has_value());
  Message message;
  reply_and_wait(registers::nothing, message);
  require(message.delivery == Delivery::call && message.words[1] == word);
  const auto status = first.process().status();
  require(status && status->state == ProcessState::stopped && status->fault == FaultCode::none);
  require(reply_through(registers::resume, 0) == Result::ok);
  require(ended(second.await_fault()));
}

}  // namespace

void stopped_sender() {
  stop_in_line();
  Puppet puppets[] = {Puppet(0), Puppet(1), Puppet(2)};
  constexpr PuppetProgram programs[] = {send_for_ever, call_target_for_ever, call_bank_for_ever};
  for (unsigned i = 0; i < 3; ++i) {
    puppets[i].buy(equal_schedule);
    puppets[i].give(bank.at);
    puppets[i].start(programs[i], 0);
  }
  for (unsigned i = 0; i < 400; ++i) {
    const ProcessCapability process = puppets[i % 3].process();
    burn(i * 50);
    require(process.stop().has_value());
    burn(i * 30);
    if (i < 390) require(process.start(registers::nothing).has_value());  // at last they stay stopped
  }
}

}  // namespace perdure::hostile
