// SPDX-License-Identifier: MIT
//
// Notices: bits that are posted without waiting and never lost. Breaks if a post is lost because its receiver
// is just about to wait, if one is delivered twice, or if one disturbs what is no open wait.
#include "test/guest/servers.hpp"

namespace perdure::guest {
namespace {

uint64_t take_notices() {
  const Message message = receive();
  expect(message.delivery, Delivery::notices);
  return message.words[0];
}

void bits_arrive(uint64_t row) {
  const uint64_t bits[] = {1, uint64_t{1} << 62, 0x0123'4567'89ab'cdef};
  const NoticeCapability notice = new_notice(bits[row]);
  done(notice.post());
  expect(take_notices(), bits[row]);
}
struct Named {
  std::string_view name;
};
constexpr Named patterns[] = {{"the lowest bit"}, {"a high bit"}, {"many bits"}};

void bits_add_up(uint64_t) {
  const NoticeCapability first = new_notice(1), second = new_notice(6);
  done(first.post());
  done(second.post());
  done(first.post());
  expect(take_notices(), 7);
  done(second.post());
  expect(take_notices(), 6);
}

void words_are_cleared(uint64_t) {
  Caller caller(my_entry(), {.words = {1, 2, 3, 4, 5, 6}});
  caller.start();
  receive();
  answer();
  caller.finish();
  done(new_notice(1).post());
  const Message message = receive();
  expect(message.words[0], 1);
  for (unsigned i = 1; i < message_word_count; ++i) expect(message.words[i], 0);
  expect(type_in(registers::resume), CapabilityType::void_capability);
  for (const CapabilityRegister at : arrived) expect(type_in(at), CapabilityType::void_capability);
}

void before_callers(uint64_t) {
  const NoticeCapability notice = new_notice(16);
  Caller caller(my_entry(), {.words = {0, 1}});
  caller.start();
  rest();
  done(notice.post());
  expect(take_notices(), 16);
  receives_call(1);
  answer();
  results(caller.finish(), Result::ok);
}

// Waits openly, and counts what comes.
struct Listener {
  volatile uint64_t notices = 0, bits = 0, messages = 0;
};
[[noreturn]] void listens(uint64_t address) {
  auto& heard = *reinterpret_cast<Listener*>(address);
  while (true) {
    Message message;
    reply_and_wait(nothing, message);
    if (message.delivery == Delivery::notices) {
      heard.bits = message.words[0];
      heard.notices = heard.notices + 1;
    } else {
      heard.messages = heard.messages + 1;
    }
  }
}

void wakes_who_waits(uint64_t) {
  Listener heard;
  Actor actor(listens, reinterpret_cast<uint64_t>(&heard));
  const NoticeCapability notice = new_notice(3, actor.process);
  actor.start();
  for (uint64_t round = 1; round <= 20; ++round) {
    actor.await(ProcessState::receiving);
    done(notice.post());
    while (heard.notices < round) rest();
    expect(heard.notices, round);
    expect(heard.bits, 3);
  }
}

void kept_for_who_is_stopped(uint64_t) {
  Listener heard;
  Actor actor(listens, reinterpret_cast<uint64_t>(&heard));
  const NoticeCapability notice = new_notice(5, actor.process);
  done(notice.post());
  rest();
  expect(heard.notices, 0);
  actor.start();
  actor.await(ProcessState::receiving);
  expect(heard.notices, 1);
  expect(heard.bits, 5);
}

// A process that waits for an answer hears of a notice when it next waits openly.
struct CallThenListen {
  Listener heard;
  volatile uint64_t answered = 0;
};
[[noreturn]] void calls_then_listens(uint64_t address) {
  auto& all = *reinterpret_cast<CallThenListen*>(address);
  Message message;
  (void)call(caller_target, message);
  all.answered = message.words[1];
  listens(reinterpret_cast<uint64_t>(&all.heard));
}

void leaves_a_call_alone(uint64_t) {
  CallThenListen all;
  Actor actor(calls_then_listens, reinterpret_cast<uint64_t>(&all));
  actor.hold(caller_target, my_entry());
  const NoticeCapability notice = new_notice(9, actor.process);
  actor.start();
  receive();
  done(notice.post());
  rest();
  expect(actor.status().state, ProcessState::waiting);
  expect(all.answered, 0);
  answer(12);
  actor.await(ProcessState::receiving);
  expect(all.answered, 12);
  expect(all.heard.notices, 1);
  expect(all.heard.bits, 9);
}

void asks_nobody(uint64_t) {
  Actor busy(never_listens);
  const NoticeCapability notice = new_notice(1, busy.process);
  busy.start();
  for (unsigned i = 0; i < 100; ++i) done(notice.post());
}

void changed_bits(uint64_t) {
  const NoticeCapability notice = new_notice(1);
  done(notice.set(2, myself));
  done(notice.post());
  expect(take_notices(), 2);
}

void post_only(uint64_t) {
  const NoticeCapability notice = new_notice(32), reduced{{fresh()}};
  done(notice.reduce(reduced.at));
  refused(reduced.set(64, myself), Result::missing_right);
  done(reduced.post());
  expect(take_notices(), 32);
  holds(value_of(reduced.type()).restrictions != 0);
  holds(!is_same(notice.at, reduced.at));
}

void without_receiver(uint64_t) {
  refused(NoticeCapability{{buy(Kind::notice)}}.post(), Result::void_capability);
  Actor actor(never_listens);
  const NoticeCapability notice = new_notice(1, actor.process);
  done(bank.free(actor.process.at));
  refused(notice.post(), Result::void_capability);
}

void to_oneself(uint64_t) {
  const NoticeCapability notice = new_notice(128);
  for (unsigned i = 0; i < 10; ++i) {
    done(notice.post());
    expect(take_notices(), 128);
  }
}

// --- no lost wake-ups -----------------------------------------------------------------------------

// Adds to the counter and posts, again and again, at any moment of the receiver's.
struct Poster {
  volatile uint64_t posted = 0;
  uint64_t last = 0;
};
[[noreturn]] void posts(uint64_t address) {
  auto& poster = *reinterpret_cast<Poster*>(address);
  while (poster.posted < poster.last) {
    poster.posted = poster.posted + 1;
    (void)NoticeCapability{{caller_target}}.post();
  }
  wait_for_ever();
}

struct Rank {
  std::string_view name;
  ScheduleCapability schedule;
};
constexpr Rank ranks[] = {{"less important", lower}, {"as important", ordinary}, {"more important", higher}};

// If one were lost the test would wait for ever.
void no_wake_is_lost(uint64_t row) {
  constexpr uint64_t posts_made = 400;
  Poster poster{.last = posts_made};
  Actor actor(posts, reinterpret_cast<uint64_t>(&poster), ranks[row].schedule);
  actor.hold(caller_target, new_notice(1).at);
  actor.start();
  uint64_t seen = 0;
  while (seen < posts_made) {
    expect(take_notices(), 1);
    holds(poster.posted >= seen);
    seen = poster.posted;
  }
  // One more may be pending: the post behind the count that was seen.
  actor.await(ProcessState::receiving);
  const NoticeCapability last = new_notice(2);
  done(last.post());
  holds(take_notices() >= 2);
}

// Back and forth: each waits for the other's notice.
[[noreturn]] void posts_back(uint64_t) {
  while (true) {
    Message message;
    reply_and_wait(nothing, message);
    (void)NoticeCapability{{caller_target}}.post();
  }
}

void back_and_forth(uint64_t row) {
  Actor actor(posts_back, 0, ranks[row].schedule);
  actor.hold(caller_target, new_notice(1).at);
  const NoticeCapability there = new_notice(1, actor.process);
  actor.start();
  for (unsigned round = 0; round < 200; ++round) {
    done(there.post());
    expect(take_notices(), 1);
  }
}

constexpr Test tests[] = {
    {"bits of several posts add up, and are delivered once", bits_add_up},
    {"a delivery of notices clears words and capabilities", words_are_cleared},
    {"notices come before callers that wait", before_callers},
    {"a post wakes a process that waits openly, each time", wakes_who_waits},
    {"a post to a process that does not run is kept for it", kept_for_who_is_stopped},
    {"a notice leaves alone who waits for an answer, and comes when it waits openly", leaves_a_call_alone},
    {"a post waits for nobody", asks_nobody},
    {"a notice posts the bits that it has now", changed_bits},
    {"a reduced notice posts, and can do nothing else", post_only},
    {"a notice without receiver answers as void", without_receiver},
    {"a process posts to itself", to_oneself},
};
constexpr auto arrive = for_each_row("a post delivers ", patterns, bits_arrive);
constexpr auto races = for_each_row("no post is lost to a receiver by one that is ", ranks, no_wake_is_lost);
constexpr auto rounds = for_each_row("notices go back and forth with one that is ", ranks, back_and_forth);

}  // namespace

constinit const Suite notices{"notices", {{tests, arrive, races, rounds}}};

}  // namespace perdure::guest
