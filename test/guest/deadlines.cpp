// SPDX-License-Identifier: MIT
//
// Deadlines and sleep: a call ends at its deadline wherever it waits, never before, and leaves nothing behind.
// A deadline may pass before its call has come where the test wants it: then the test tries a later one.
#include "test/guest/servers.hpp"

namespace perdure::guest {
namespace {

constexpr uint64_t soon_ns = 3'000'000;
constexpr uint64_t far_ns = 3'600'000'000'000;

uint64_t now() { return value_of(the_clock.now()).machine_ns; }

struct Place {
  std::string_view name;
  CapabilityRegister (*target)();
  Message message;
};

CapabilityRegister behind_blocked_wrapper() {
  const WrapperCapability wrapper = new_wrapper(my_entry());
  done(wrapper.block());
  return client_of(wrapper);
}

constexpr Place waits[] = {
    {"a busy receiver", [] { return my_entry(); }, {}},
    {"a blocked wrapper", behind_blocked_wrapper, {}},
    {"an endpoint without receiver", [] { return new_entry(new_endpoint()); }, {}},
    {"the clock", [] { return the_clock.at; }, {.words = {method::clock_wait_until, ~uint64_t{0}}}},
    {"another boot", [] { return the_clock.at; }, {.words = {method::clock_wait_restart}}},
};

void ends_a_wait(uint64_t row) {
  Caller caller(waits[row].target(), {});
  for (const uint64_t distance : {soon_ns, 2 * soon_ns}) {
    Message message = waits[row].message;
    if (message.words[0] == method::clock_wait_restart) message.words[1] = value_of(the_clock.now()).boot_epoch;
    message.deadline_ns = now() + distance;
    const uint64_t deadline = message.deadline_ns;
    const Result result = caller.start(message).finish();
    // The boot that it waits for may come.
    if (row == 4 && result == Result::ok) continue;
    results(result, Result::timed_out);
    holds(now() >= deadline);
  }
}

// Has its caller wait for an answer until the tester has been told, and then answers it.
[[noreturn]] void answers_late(uint64_t) {
  constexpr CapabilityRegister tester{10}, shelf{11};
  Message message;
  while (true) {
    reply_and_wait(nothing, message);
    (void)CapabilityPageCapability{{{shelf}}}.store(0, registers::resume);
    message = {};
    (void)call(tester, message);
    message = {.words = {0, 5}};
    const Result result = send(registers::resume, message);
    message = {.words = {0, static_cast<uint64_t>(result)}};
    (void)call(tester, message);
  }
}

// → the deadline. The caller's request has come to the server, which waits for the tester to be told.
uint64_t wait_beyond(Caller& caller, const Actor& server) {
  for (uint64_t distance = soon_ns;; distance *= 2) {
    const uint64_t deadline = now() + distance;
    caller.start({.deadline_ns = deadline});
    results(caller.finish(), Result::timed_out);
    if (server.status().state != ProcessState::receiving) return deadline;
  }
}

void ends_wait_for_answer(uint64_t) {
  Actor server(answers_late);
  server.hold({10}, my_entry());
  server.hold({11}, new_shelf().at);
  Caller caller(server.receives(), {});
  server.start();
  server.await(ProcessState::receiving);
  const uint64_t deadline = wait_beyond(caller, server);
  holds(now() >= deadline);
  receive();
  answer();
  const Message told = receive();
  results(static_cast<Result>(told.words[1]), Result::void_capability);
  answer();
}

void in_the_past(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  for (const uint64_t deadline : {uint64_t{1}, now()}) {
    const CapabilityRegister page = new_page().at;
    Message message{.words = {1}, .sent = {page}, .moved = 1, .deadline_ns = deadline};
    results(call(entry, message), Result::timed_out);
    expect(type_in(page), CapabilityType::page);
  }
  Message message{.words = {1}};
  call(entry, message);
  expect(message.words[0], 2);
}

void in_the_past_of_a_kernel_object(uint64_t) {
  const NoticeCapability notice = new_notice(4);
  Message message{.words = {method::notice_post}, .deadline_ns = 1};
  results(call(notice.at, message), Result::timed_out);
}

void answered_in_time(uint64_t) {
  Caller caller(my_entry(), {.words = {0, 1}, .deadline_ns = now() + far_ns});
  caller.start();
  receives_call(1);
  results(answer(2), Result::ok);
  results(caller.finish(), Result::ok);
  expect(caller.message.words[1], 2);
}

// The first call is answered before its deadline; when that passes the caller waits in its second.
[[noreturn]] void calls_twice(uint64_t deadline_address) {
  const auto& deadline = *reinterpret_cast<const uint64_t*>(deadline_address);
  Message message{.words = {0, 1}, .deadline_ns = deadline};
  const Result first = call(caller_target, message);
  message = {.words = {0, 2, static_cast<uint64_t>(first)}};
  (void)call(caller_target, message);
  message = {.words = {0, 3, message.words[1]}};
  (void)call(caller_target, message);
  wait_for_ever();
}

void over_with_its_call(uint64_t) {
  uint64_t deadline = 0;
  Actor actor(calls_twice, reinterpret_cast<uint64_t>(&deadline));
  actor.hold(caller_target, my_entry());
  for (uint64_t distance = soon_ns;; distance *= 2) {
    deadline = now() + distance;
    actor.start();
    Message request = receive();
    if (request.words[1] == 1) {
      answer();
      request = receive();
    }
    expect(request.words[1], 2);
    if (static_cast<Result>(request.words[2]) == Result::ok) break;
  }
  done(the_clock.wait_until(deadline + soon_ns));
  results(answer(77), Result::ok);
  const Message told = receive();
  expect(told.words[1], 3);
  expect(told.words[2], 77);
  answer();
}

void none_for_others(uint64_t row) {
  Message message{.deadline_ns = now() + far_ns};
  if (row == 0) results(send(my_entry(), message), Result::unsupported);
  else reply_and_wait(nothing, message), results(message.result(), Result::unsupported);
}
struct Named {
  std::string_view name;
};
constexpr Named others[] = {{"a send"}, {"a reply and wait"}};

void leaves_the_line(uint64_t) {
  const CapabilityRegister entry = my_entry();
  Caller hurried(entry, {.words = {0, 1}, .deadline_ns = now() + soon_ns}), patient(entry, {.words = {0, 2}});
  hurried.start();
  patient.start();
  results(hurried.finish(), Result::timed_out);
  receives_call(2);
  answer();
  results(patient.finish(), Result::ok);
}

// --- sleep ------------------------------------------------------------------------------------------

void sleeps_not_too_short(uint64_t) {
  for (const uint64_t distance : {uint64_t{1}, uint64_t{1'000'000}, uint64_t{20'000'000}}) {
    const uint64_t until = now() + distance;
    holds(value_of(the_clock.wait_until(until)) >= until);
    holds(now() >= until);
  }
}

void past_wakes_at_once(uint64_t) {
  holds(value_of(the_clock.wait_until(1)) > 1);
  holds(value_of(the_clock.wait_until(0)) > 0);
}

void another_boot_wakes(uint64_t) {
  const uint64_t epoch = value_of(the_clock.now()).boot_epoch;
  holds(value_of(the_clock.wait_restart(epoch + 1)) >= epoch);
  holds(value_of(the_clock.wait_until(~uint64_t{0}, epoch + 1)) < ~uint64_t{0});
}

void time_goes_on(uint64_t) {
  const auto first = value_of(the_clock.now());
  uint64_t last = first.machine_ns;
  for (unsigned i = 0; i < 200; ++i) {
    const uint64_t next = now();
    holds(next >= last);
    last = next;
  }
  holds(last > first.machine_ns);
  holds(first.wall_seconds > 1'700'000'000);
}

constexpr Test tests[] = {
    {"a deadline ends the wait for an answer, which is refused from then on", ends_wait_for_answer},
    {"a deadline in the past delivers nothing and moves nothing", in_the_past},
    {"a deadline in the past keeps a kernel object from acting", in_the_past_of_a_kernel_object},
    {"a call that is answered in time knows nothing of its deadline", answered_in_time},
    {"a deadline is over with its call, and does not end the next", over_with_its_call},
    {"who leaves the line at its deadline is passed by the next", leaves_the_line},
    {"a sleeper does not wake too soon", sleeps_not_too_short},
    {"a sleep until a time that is past is over at once", past_wakes_at_once},
    {"a sleep for another boot than the present one is over at once", another_boot_wakes},
    {"machine time never goes back", time_goes_on},
};
constexpr auto ended = for_each_row("a deadline ends the wait for ", waits, ends_a_wait);
constexpr auto not_taken = for_each_row("no deadline is taken by ", others, none_for_others);

}  // namespace

constinit const Suite deadlines{"deadlines", {{tests, ended, not_taken}}};

}  // namespace perdure::guest
