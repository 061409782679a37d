// SPDX-License-Identifier: MIT
//
// D1: messages. A table over sizes and numbers of capabilities, there and back; then reply
// capabilities, which work exactly once, also if the power is cut between the two attempts.
#include "userland/demo/actor.hpp"
#include "userland/demo/power_cut.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};
constexpr unsigned echo_registers = 1;
constexpr unsigned visitor_registers = 5;
constexpr unsigned first_sent = 9;      // four different capabilities
constexpr unsigned first_received = 13;

std::byte sent_bytes[message_bytes_max + 1];
std::byte echoed_bytes[message_bytes_max];
std::byte received_bytes[message_bytes_max];
Visit visited;

// --- echo: answers with what it was sent --------------------------------------------------------------

[[noreturn]] void play_echo(uint64_t) {
  Message message;
  bool asked = false;
  while (true) {
    for (unsigned i = 0; i < message_capability_count; ++i) {
      message.sent[i] = registers::argument[i];
      message.received[i] = registers::argument[i];
    }
    message.bytes = std::span(echoed_bytes).first(message.byte_count);
    message.buffer = echoed_bytes;
    message.words[0] = 0;
    reply_and_wait(asked ? registers::resume : registers::nothing, message);
    asked = message.delivery == Delivery::call;
  }
}

constexpr ActorStart server = actor_in(echo_registers, home, play_echo);

bool set_up(Stage& stage) {
  if (!stage.done(own_bank.create_sub_bank(bank_unlimited, home.at), "a bank") ||
      !start_actor(stage, server)) {
    return false;
  }
  for (unsigned i = 0; i < message_capability_count; ++i) {
    if (!stage.done(home.allocate(Kind::page, work_register(first_sent + i)), "buying a page")) return false;
  }
  return stage.say("a server that answers with what it was sent");
}

std::byte byte_at(size_t place, size_t length) {
  return static_cast<std::byte>((place * 31 + length * 7) & 0xff);
}

bool capabilities_came_back(Stage& stage, unsigned count) {
  for (unsigned i = 0; i < message_capability_count; ++i) {
    const CapabilityRegister expected = i < count ? work_register(first_sent + i) : registers::nothing;
    const auto same = demo_register::discriminator.same(expected, work_register(first_received + i));
    if (!stage.require(same && *same, "another capability came back than was sent")) return false;
  }
  return true;
}

bool echo(Stage& stage, size_t length, unsigned count) {
  Message message;
  for (unsigned i = 1; i < message_word_count; ++i) message.words[i] = length * i + count;
  for (size_t i = 0; i < length; ++i) sent_bytes[i] = byte_at(i, length);
  message.bytes = std::span(sent_bytes).first(length);
  message.buffer = std::span(received_bytes).first(length);
  for (unsigned i = 0; i < message_capability_count; ++i) {
    message.sent[i] = i < count ? work_register(first_sent + i) : registers::nothing;
    message.received[i] = work_register(first_received + i);
  }
  if (!stage.done(checked(call(server.entry, message)), "a message of ", length, " bytes")) return false;
  bool is_same = message.byte_count == length && !message.truncated;
  for (unsigned i = 1; i < message_word_count; ++i) {
    is_same = is_same && message.words[i] == length * i + count;
  }
  for (size_t i = 0; i < length; ++i) is_same = is_same && received_bytes[i] == byte_at(i, length);
  return stage.require(is_same, "a message of ", length, " bytes came back as another") &&
         capabilities_came_back(stage, count);
}

bool fill_table(Stage& stage) {
  constexpr size_t lengths[] = {0,    1,    7,    8,    9,    63,
                                64,   65,   511,  1000, 4095, 4096,
                                4097, 8192, message_bytes_max / 2 + 1, message_bytes_max - 1,
                                message_bytes_max};
  uint64_t messages = 0;
  for (const size_t length : lengths) {
    if (length > message_bytes_max) continue;
    for (unsigned count = 0; count <= message_capability_count; ++count, ++messages) {
      if (!echo(stage, length, count)) return false;
    }
  }
  return stage.say(messages, " messages there and back: 0 to ", uint64_t{message_bytes_max},
                   " bytes, 0 to ", uint64_t{message_capability_count}, " capabilities");
}

bool refuse_too_large(Stage& stage) {
  Message message;
  message.bytes = sent_bytes;
  return stage.refused(call(server.entry, message), Result::too_large, "one byte more") &&
         stage.say("one byte more: refused, nothing else happens");
}

// --- a server that answers when it is told to -----------------------------------------------------------

struct Slow {
  static constexpr std::string_view name = "slow";
  // Answers a call that is kept, 0: the newest, 1: the one before it; again and again, if it can
  // → the Result of trying.
  static constexpr Method<uint64_t(uint64_t, uint64_t)> answer{"answer", {"N", "WHICH"}};
  using Methods = MethodList<answer>;
};

// Its registers: the page through which it copies a register, and the reply capabilities it keeps.
constexpr CapabilityPageCapability its_page{CapabilityRegister{8}};
constexpr CapabilityRegister kept_resume[] = {{9}, {10}};

void keep_resume() {
  (void)its_page.store(0, kept_resume[0]);
  (void)its_page.fetch(0, kept_resume[1]);
  (void)its_page.store(0, registers::resume);
  (void)its_page.fetch(0, kept_resume[0]);
}

Result answer_kept(uint64_t number, uint64_t which) {
  Message message{.words = {0, number, 0, 0, 0, 0}};
  return send(kept_resume[which % 2], message);
}

// `answer` is answered at once; every other call is kept.
[[noreturn]] void play_slow(uint64_t) {
  Message message;
  bool answers = false;
  while (true) {
    reply_and_wait(answers ? registers::resume : registers::nothing, message);
    answers = message.words[0] == code_of<Slow, Slow::answer>;
    if (answers) {
      const Result result = answer_kept(message.words[1], message.words[2]);
      message = {.words = {0, static_cast<uint64_t>(result), 0, 0, 0, 0}};
    } else {
      keep_resume();
      message = {};
    }
  }
}

// Their registers; the echo server is no longer needed.
constexpr unsigned slow_registers = 1;
constexpr CapabilityRegister scratch_page{work_register(9)};

constexpr ActorStart slow = actor_in(slow_registers, home, play_slow);
constexpr ActorStart visitor = actor_in(visitor_registers, home, play_visitor);

bool hire(Stage& stage) {
  ActorStart new_slow = slow;
  const Given slows[] = {{its_page.at, scratch_page}};
  new_slow.given = slows;
  if (!stage.done(home.allocate(Kind::capability_page, scratch_page), "buying a page") ||
      !start_actor(stage, new_slow)) {
    return false;
  }
  ActorStart new_visitor = visitor;
  const Given visitors[] = {{visitor_holds, slow.entry}};
  new_visitor.argument = reinterpret_cast<uint64_t>(&visited);
  new_visitor.given = visitors;
  return start_actor(stage, new_visitor);
}

// The visitor's call is with the server. A fault of the visitor's own would be with its keeper.
bool begin_call(Stage& stage) {
  if (!send_visit(stage, visitor.entry)) return false;
  while (true) {
    const auto status = visitor.process.status();
    if (!stage.done(status, "looking at the visitor")) return false;
    if (status->state == ProcessState::waiting && status->fault == FaultCode::none) return true;
  }
}

bool answer(Stage& stage, uint64_t number, Result expected, uint64_t which = 0) {
  const auto result = Client<Slow>{slow.entry}.call<Slow::answer>(number, which);
  return stage.done(result, "telling the server to answer") &&
         stage.refused(static_cast<Result>(*result), expected, "a reply");
}

bool visitor_heard(Stage& stage, uint64_t times, uint64_t number) {
  return await_visitor(stage, visitor.entry) &&
         stage.require(visited.ended == times && visited.number == number && visited.result == Result::ok,
                       "the caller was answered ", visited.ended, " times, last ", visited.number);
}

bool reply_twice(Stage& stage) {
  return hire(stage) && begin_call(stage) && answer(stage, 5, Result::ok) && visitor_heard(stage, 1, 5) &&
         answer(stage, 6, Result::void_capability) && visitor_heard(stage, 1, 5) &&
         stage.say("a reply, and a second one: that is answered void, and the caller hears nothing of it");
}

// The caller waits again, for another answer: the old reply capability is not good for that.
bool reply_over_cut(Stage& stage) {
  return begin_call(stage) && answer(stage, 70, Result::void_capability, 1) && commit_and_cut(stage) &&
         answer(stage, 71, Result::void_capability, 1) && answer(stage, 7, Result::ok) &&
         visitor_heard(stage, 2, 7) && answer(stage, 8, Result::void_capability) &&
         stage.say("called again, power cut, replied: only the new reply capability works, once");
}

bool reply_twice_over_cut(Stage& stage) {
  return begin_call(stage) && answer(stage, 9, Result::ok) && visitor_heard(stage, 3, 9) &&
         commit_and_cut(stage) && answer(stage, 10, Result::void_capability) && visitor_heard(stage, 3, 9) &&
         stage.say("replied, power cut, replied again: void");
}

constexpr Step steps[] = {set_up,      fill_table,     refuse_too_large,
                          reply_twice, reply_over_cut, reply_twice_over_cut};

}  // namespace

Steps steps_of_message_sizes() { return steps; }

}  // namespace perdure
