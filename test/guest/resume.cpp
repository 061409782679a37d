// SPDX-License-Identifier: MIT
//
// Resume capabilities: good for one answer to one call, wherever they are. Breaks if an answer is taken twice,
// comes to a later call, or never comes because the server that owed it is gone.
#include "test/guest/servers.hpp"

namespace perdure::guest {
namespace {

CapabilityRegister copy_of_resume(CapabilityPageCapability shelf, unsigned slot) {
  const CapabilityRegister copy = fresh();
  done(shelf.store(slot, registers::resume));
  done(shelf.fetch(slot, copy));
  return copy;
}

Result answer_through(CapabilityRegister resume, uint64_t word) {
  Message message{.words = {0, word}};
  return send(resume, message);
}

void answers_once(uint64_t) {
  Caller caller(my_entry(), {.words = {0, 1}});
  caller.start();
  receives_call(1);
  results(answer(7), Result::ok);
  results(answer(8), Result::void_capability);
  results(caller.finish(), Result::ok);
  expect(caller.message.words[1], 7);
}

void copies_are_void(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  Caller caller(my_entry(), {.words = {0, 1}});
  caller.start();
  receives_call(1);
  const CapabilityRegister copy = copy_of_resume(shelf, 3);
  results(answer_through(copy, 5), Result::ok);
  results(answer(6), Result::void_capability);
  results(answer_through(copy, 6), Result::void_capability);
  done(shelf.fetch(3, copy));
  results(answer_through(copy, 6), Result::void_capability);
  caller.finish();
  expect(caller.message.words[1], 5);
}

void of_the_call_before(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  Caller caller(my_entry(), {});
  CapabilityRegister old = nothing;
  for (uint64_t round = 0; round < 50; ++round) {
    caller.start({.words = {0, round}});
    receives_call(round);
    if (round == 0) old = copy_of_resume(shelf, 0);
    else results(answer_through(old, 1000), Result::void_capability);
    done(shelf.store(0, registers::resume));
    results(answer(round + 1), Result::ok);
    results(caller.finish(), Result::ok);
    expect(caller.message.words[1], round + 1);
    done(shelf.fetch(0, old));
  }
}

void cannot_be_called(uint64_t) {
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  Message message{.words = {0, 9}};
  results(call(registers::resume, message), Result::bad_argument);
  expect(caller.actor.status().state, ProcessState::waiting);
  results(answer(4), Result::ok);
  caller.finish();
  expect(caller.message.words[1], 4);
}

// Answers through the resume capability that it is handed, with the word that came.
[[noreturn]] void answers_for_others(uint64_t) {
  Message message{.received = {arrived[0]}};
  reply_and_wait(nothing, message);
  message = {.words = {0, message.words[1]}, .received = {arrived[0]}};
  (void)send(arrived[0], message);
  wait_for_ever();
}

void handed_on(uint64_t) {
  Actor other(answers_for_others);
  const CapabilityRegister entry = other.receives();
  other.start();
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  Message message{.words = {0, 66}, .sent = {registers::resume}, .moved = 1};
  results(send(entry, message), Result::ok);
  expect(type_in(registers::resume), CapabilityType::void_capability);
  results(caller.finish(), Result::ok);
  expect(caller.message.words[1], 66);
}

void answered_in_any_order(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityRegister entry = my_entry();
  Caller first(entry, {.words = {0, 1}}), second(entry, {.words = {0, 2}}), third(entry, {.words = {0, 3}});
  for (Caller* caller : {&first, &second, &third}) {
    caller->start();
    receives_call(caller->message.words[1]);
    done(shelf.store(static_cast<unsigned>(caller->message.words[1]), registers::resume));
  }
  for (const unsigned number : {2, 3, 1}) {
    done(shelf.fetch(number, registers::resume));
    results(answer(number * 10), Result::ok);
  }
  for (Caller* caller : {&first, &second, &third}) results(caller->finish(), Result::ok);
  expect(first.message.words[1], 10);
  expect(second.message.words[1], 20);
  expect(third.message.words[1], 30);
}

// --- what comes of a call that no server answers -----------------------------------------------------

void server_destroyed(uint64_t) {
  Actor server(takes_one);
  Caller caller(server.receives(), {});
  server.start();
  caller.start();
  caller.actor.await(ProcessState::waiting);
  done(bank.free(server.process.at));
  results(caller.finish(), Result::destroyed);
}

void shelf_destroyed(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  done(shelf.store(127, registers::resume));
  done(bank.free(shelf.at));
  results(caller.finish(), Result::destroyed);
  results(answer(), Result::void_capability);
}

void bank_of_server_destroyed(uint64_t) {
  const BankCapability sub_bank{{fresh()}};
  done(bank.create_sub_bank(bank_unlimited, sub_bank.at));
  const CapabilityPageCapability shelf{{{fresh()}}};
  done(sub_bank.allocate(Kind::capability_page, shelf.at));
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  Message message{.words = {method::store, 1}, .sent = {registers::resume}, .moved = 1};
  results(call(shelf.at, message), Result::ok);
  done(sub_bank.destroy());
  results(caller.finish(), Result::destroyed);
}

void caller_destroyed(uint64_t) {
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  done(bank.free(caller.actor.process.at));
  results(answer(), Result::void_capability);
}

void caller_stopped(uint64_t) {
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  done(caller.actor.process.stop());
  results(answer(), Result::void_capability);
  done(caller.actor.process.start(nothing));
  results(caller.finish(), Result::interrupted);
}

void caller_interrupted(uint64_t) {
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  holds(value_of(caller.actor.process.interrupt()));
  results(answer(3), Result::void_capability);
  results(caller.finish(), Result::interrupted);
}

void overwritten_by_the_next_request(uint64_t) {
  const CapabilityRegister entry = my_entry();
  Caller first(entry, {.words = {0, 1}}), second(entry, {.words = {0, 2}});
  first.start();
  receives_call(1);
  second.start();
  receives_call(2);
  results(answer(22), Result::ok);
  results(second.finish(), Result::ok);
  expect(first.actor.status().state, ProcessState::waiting);
  holds(value_of(first.actor.process.interrupt()));
  results(first.finish(), Result::interrupted);
}

void of_a_caller_that_lives_again(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  Caller caller(my_entry(), {.words = {0, 1}});
  caller.start();
  receives_call(1);
  const CapabilityRegister old = copy_of_resume(shelf, 0);
  caller.start({.words = {0, 2}});  // stopped and started anew, it calls again
  receives_call(2);
  results(answer_through(old, 1), Result::void_capability);
  results(answer(2), Result::ok);
  results(caller.finish(), Result::ok);
  expect(caller.message.words[1], 2);
}

constexpr Test tests[] = {
    {"a resume capability answers once", answers_once},
    {"copies of a resume capability are void behind the answer", copies_are_void},
    {"the resume capability of the call before is void in the next", of_the_call_before},
    {"a resume capability cannot be called, and is as good afterwards", cannot_be_called},
    {"a resume capability is handed on, and its new holder answers", handed_on},
    {"callers are answered in any order, each by its own resume capability", answered_in_any_order},
    {"the destruction of the server answers its caller", server_destroyed},
    {"the destruction of a capability page answers the callers whose resume capabilities it holds", shelf_destroyed},
    {"the destruction of a bank answers the callers whose resume capabilities lie in it", bank_of_server_destroyed},
    {"an answer to a destroyed caller is refused", caller_destroyed},
    {"a caller that was stopped finds its call interrupted when it runs again", caller_stopped},
    {"the answer to an interrupted call is refused", caller_interrupted},
    {"a caller whose resume capability is overwritten waits on, and can be interrupted", overwritten_by_the_next_request},
    {"the old resume capability of a caller that was started anew is void", of_a_caller_that_lives_again},
};

}  // namespace

constinit const Suite resume{"resume", {{tests}}};

}  // namespace perdure::guest
