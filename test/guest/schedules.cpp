// SPDX-License-Identifier: MIT
//
// Which process runs: strictly by priority, which is raised and lowered, lent by waiting clients, and never above the
// ceiling. Breaks if a process runs before a more important one, or waits for one that is less important than itself.
//
// An order shows only processes that were ready at the same time. A disk may delay the one that was to be first; so
// an order may be tried several times, and has to be right once. A kernel that has another order never shows it.
#include "test/guest/servers.hpp"

namespace perdure::guest {
namespace {

constexpr unsigned attempts_max = 8;

// In which order actors came by.
struct Trail {
  volatile unsigned count = 0;
  volatile uint64_t seen[8] = {};
};
Trail trail;

[[noreturn]] void passes(uint64_t number) {
  const unsigned place = trail.count;
  trail.seen[place] = number;
  trail.count = place + 1;
  wait_for_ever();
}

void await_trail(unsigned count) {
  while (trail.count < count) rest();
}

bool trail_is(uint64_t first, uint64_t second, uint64_t third) {
  return trail.seen[0] == first && trail.seen[1] == second && trail.seen[2] == third;
}

// Starts three, which are ready together, and changes something before they run.
template <typename Change>
void come_in_order(const ScheduleCapability (&schedules)[3], const uint64_t (&order)[3], Change change) {
  Actor first(passes, 1, schedules[0]), second(passes, 2, schedules[1]), third(passes, 3, schedules[2]);
  bool was_right = false;
  for (unsigned attempt = 0; attempt < attempts_max && !was_right; ++attempt) {
    for (const unsigned i : {0, 1, 2}) done(schedules[i].set({.priority = i + 1}));
    trail.count = 0;
    for (Actor* actor : {&first, &second, &third}) actor->start();
    change(second);
    await_trail(3);
    was_right = trail_is(order[0], order[1], order[2]);
  }
  holds(was_right);
}

void most_important_first(uint64_t) {
  come_in_order({new_schedule(1), new_schedule(2), new_schedule(3)}, {3, 2, 1}, [](Actor&) {});
}

void raised_while_ready(uint64_t) {
  const ScheduleCapability first = new_schedule(1);
  come_in_order({first, new_schedule(2), new_schedule(3)}, {1, 3, 2}, [&](Actor&) { done(first.set({.priority = 4})); });
}

void lowered_while_ready(uint64_t) {
  const ScheduleCapability third = new_schedule(3);
  come_in_order({new_schedule(1), new_schedule(2), third}, {2, 1, 3}, [&](Actor&) { done(third.set({.priority = 0})); });
}

void given_another_schedule(uint64_t) {
  const ScheduleCapability other = new_schedule(4), second = new_schedule(2);
  come_in_order({new_schedule(1), second, new_schedule(3)}, {2, 3, 1},
                [&](Actor& actor) { done(actor.process.store(process_slot::schedule, other.at)); });
}

void without_schedule_last(uint64_t) {
  const ScheduleCapability second = new_schedule(2);
  come_in_order({new_schedule(1), second, new_schedule(3)}, {3, 1, 2},
                [&](Actor& actor) { done(actor.process.store(process_slot::schedule, nothing)); });
}

void destroyed_schedule_last(uint64_t) {
  const ScheduleCapability first = new_schedule(1), second = new_schedule(2), third = new_schedule(3);
  Actor one(passes, 1, first), two(passes, 2, second), three(passes, 3, third);
  for (Actor* actor : {&one, &two, &three}) actor->start();
  trail.count = 0;
  done(bank.free(third.at));
  await_trail(3);
  // Once only: it is gone. That all come by is what must hold; that it is the last needs no disk in between.
  uint64_t came = 0;
  for (unsigned i = 0; i < 3; ++i) came |= uint64_t{1} << trail.seen[i];
  expect(came, 14);
}

// --- equals -----------------------------------------------------------------------------------------------

[[noreturn]] void counts(uint64_t address) {
  auto& count = *reinterpret_cast<volatile uint64_t*>(address);
  while (true) count = count + 1;
}

void equals_take_turns(uint64_t) {
  volatile uint64_t counted[3] = {};
  Actor first(counts, reinterpret_cast<uint64_t>(&counted[0]), idle), second(counts, reinterpret_cast<uint64_t>(&counted[1]), idle),
      third(counts, reinterpret_cast<uint64_t>(&counted[2]), idle);
  for (Actor* actor : {&first, &second, &third}) actor->start();
  for (unsigned round = 0; round < 3; ++round) {
    const uint64_t before[] = {counted[0], counted[1], counted[2]};
    while (counted[0] == before[0] || counted[1] == before[1] || counted[2] == before[2]) rest();
  }
  holds(counted[0] > 0 && counted[1] > 0 && counted[2] > 0);
}

// --- in line ------------------------------------------------------------------------------------------

// Three callers in line for the tester; the order in which it takes them.
template <typename Change>
void taken_in_order(const ScheduleCapability (&schedules)[3], const uint64_t (&order)[3], Change change) {
  const CapabilityRegister entry = my_entry();
  Caller first(entry, {}, schedules[0]), second(entry, {}, schedules[1]), third(entry, {}, schedules[2]);
  bool was_right = false;
  for (unsigned attempt = 0; attempt < attempts_max && !was_right; ++attempt) {
    uint64_t number = 0;
    for (Caller* caller : {&first, &second, &third}) {
      caller->start({.words = {0, ++number}});
      rest();
    }
    change();
    was_right = true;
    for (const uint64_t expected : order) {
      was_right = (receive().words[1] == expected) && was_right;
      answer();
    }
    for (Caller* caller : {&first, &second, &third}) results(caller->finish(), Result::ok);
  }
  holds(was_right);
}

void equals_in_order_of_coming(uint64_t) { taken_in_order({ordinary, ordinary, ordinary}, {1, 2, 3}, [] {}); }
void important_ones_first(uint64_t) { taken_in_order({lower, ordinary, higher}, {3, 2, 1}, [] {}); }
void mixed_ones(uint64_t) { taken_in_order({ordinary, higher, ordinary}, {2, 1, 3}, [] {}); }

void raised_in_line(uint64_t) {
  const ScheduleCapability third = new_schedule(2);
  taken_in_order({ordinary, ordinary, third}, {3, 1, 2}, [&] { done(third.set({.priority = 5})); });
}

void lowered_in_line(uint64_t) {
  const ScheduleCapability first = new_schedule(5);
  taken_in_order({first, ordinary, ordinary}, {2, 3, 1}, [&] { done(first.set({.priority = 2})); });
}

// --- lending ------------------------------------------------------------------------------------------

// Below `lower`, by which one computes for ever.
constexpr uint64_t low = 1;

// Where one computes the idler does not run.
void sleep() { (void)the_clock.wait_until(value_of(the_clock.now()).machine_ns + 1'000'000); }

// A chain: each calls the next for its client; the last answers itself.
[[noreturn]] void passes_on(uint64_t) {
  constexpr CapabilityRegister next{10};
  Message message;
  CapabilityRegister answer_to = nothing;
  const CapabilityPageCapability shelf{{{{11}}}};
  while (true) {
    reply_and_wait(answer_to, message);
    (void)shelf.store(0, registers::resume);
    (void)call(next, message);
    (void)shelf.fetch(0, registers::resume);
    answer_to = registers::resume;
  }
}

// An important caller calls the first of a chain of servers (`row` + 1), which are less important than a process that
// computes for ever, the spinner. The caller is answered only if the servers are lent its priority.
void lent_through_calls(uint64_t row) {
  volatile uint64_t counted = 0;
  const ScheduleCapability below = new_schedule(low);
  Actor last(echo, 0, below), between(passes_on, 0, below), first(passes_on, 0, below);
  CapabilityRegister entry = nothing;
  unsigned servers = 0;
  for (Actor* server : {&last, &between, &first}) {
    if (servers++ > row) break;
    done(bank.allocate(Kind::capability_page, arrived[3]));
    server->hold({10}, entry);
    server->hold({11}, arrived[3]);
    entry = server->receives();
    server->start();
    server->await(ProcessState::receiving);
  }
  Actor spinner(counts, reinterpret_cast<uint64_t>(&counted), lower);
  Caller caller(entry, {.words = {1}}, higher);
  spinner.start();
  caller.start();
  while (!caller.has_ended()) sleep();
  expect(caller.message.words[0], 2);
}

struct Named {
  std::string_view name;
};
constexpr Named depths[] = {{"1"}, {"2"}, {"3"}};

// The ceiling of the server's schedule is below the one that computes: no client makes it more important than that.
// Where a cut or the disk keeps that one from computing the server has its turn; so this may be tried again, too.
void not_above_the_ceiling(uint64_t) {
  volatile uint64_t counted = 0;
  Actor server(echo, 0, idle), spinner(counts, reinterpret_cast<uint64_t>(&counted), lower);
  Caller caller(server.receives(), {}, higher);
  server.start();
  bool was_right = false;
  for (unsigned attempt = 0; attempt < attempts_max && !was_right; ++attempt) {
    server.await(ProcessState::receiving);
    spinner.start();
    caller.start({.words = {1}});
    const uint64_t before = counted;
    while (counted < before + 100'000) sleep();
    was_right = !caller.has_ended();
    done(spinner.process.stop());
    caller.finish();
    expect(caller.message.words[0], 2);
  }
  holds(was_right);
}

// A client of no importance has been accepted; an important one comes to stand in line. Both are served.
void lent_from_the_line(uint64_t) {
  volatile uint64_t counted = 0;
  const ScheduleCapability below = new_schedule(low);
  Actor server(passes_on, 0, below);
  server.hold({10}, my_entry());
  server.hold({11}, new_shelf().at);
  const CapabilityRegister entry = server.receives();
  server.start();
  Caller humble(entry, {.words = {0, 1}}, below), important(entry, {.words = {0, 2}}, higher);
  humble.start();
  receives_call(1);
  Actor spinner(counts, reinterpret_cast<uint64_t>(&counted), lower);
  spinner.start();
  important.start();
  answer(10);
  receives_call(2);
  answer(20);
  while (!important.has_ended()) sleep();
  expect(important.message.words[1], 20);
  done(spinner.process.stop());
  results(humble.finish(), Result::ok);
  expect(humble.message.words[1], 10);
}

// --- the object -----------------------------------------------------------------------------------------

void keeps_its_settings(uint64_t) {
  const ScheduleCapability schedule = new_schedule(2);
  done(schedule.set({.priority = 5, .slice_ns = 2'000'000}));
  const auto settings = value_of(schedule.get());
  expect(settings.priority, 5);
  expect(settings.slice_ns, 2'000'000);
  expect(settings.ceiling, sold_ceiling);
  refused(schedule.set({.priority = sold_ceiling + 1}), Result::limit_reached);
  expect(value_of(schedule.get()).priority, 5);
}

void ceilings_come_down_only(uint64_t) {
  expect(value_of(idle.get()).ceiling, 0);
  const ScheduleCapability schedule = new_schedule(1);
  const uint64_t ceiling = value_of(schedule.get()).ceiling;
  expect(ceiling, sold_ceiling);
  expect(value_of(schedule.derive(schedule)), ceiling);
  expect(value_of(idle.derive(schedule, 15)), ceiling);
  expect(value_of(ordinary.derive(schedule, 15)), ceiling);
  expect(value_of(ordinary.derive(schedule, 1)), ceiling);
}

constexpr Test tests[] = {
    {"of those who are ready the most important runs first", most_important_first},
    {"who is raised while ready runs at once", raised_while_ready},
    {"who is lowered while ready runs last", lowered_while_ready},
    {"who is given another schedule while ready runs by that", given_another_schedule},
    {"who has no schedule runs last", without_schedule_last},
    {"who runs by a schedule that is destroyed runs nevertheless", destroyed_schedule_last},
    {"equals take turns, however long they compute", equals_take_turns},
    {"equals in line are taken in the order in which they came", equals_in_order_of_coming},
    {"the most important in line is taken first", important_ones_first},
    {"equals behind an important one keep their order", mixed_ones},
    {"who is raised in line is taken first", raised_in_line},
    {"who is lowered in line is taken last", lowered_in_line},
    {"no process is lent more than the ceiling of its schedule", not_above_the_ceiling},
    {"those in line lend to their receiver, whatever client it works for", lent_from_the_line},
    {"a schedule keeps what was set, and no priority above its ceiling", keeps_its_settings},
    {"a ceiling comes from a schedule that has it, and is never lowered", ceilings_come_down_only},
};
constexpr auto lent = for_each_row("a client lends its priority to servers in number ", depths, lent_through_calls);

}  // namespace

constinit const Suite schedules{"schedules", {{tests, lent}}};

}  // namespace perdure::guest
