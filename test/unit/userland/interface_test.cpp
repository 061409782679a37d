// SPDX-License-Identifier: MIT
//
// Tries to make the two sides of a typed interface disagree: a client's call goes through the
// registers, as the kernel would carry them, into the dispatcher of a server, and back. The fake
// below stands in for the system call.
#include "userland/runtime/client.hpp"
#include "userland/runtime/server.hpp"

#include <catch2/catch.hpp>

#include <functional>

using namespace perdure;

namespace {

struct Pair {
  uint64_t first = 0;
  uint64_t second = 0;
  bool operator==(const Pair&) const = default;
};

// What a server that Sample calls could answer, and Sample could pass on.
struct Other {
  static constexpr std::string_view name = "other";
  static constexpr OwnError full{name, "full", "the other one is full"};
  using Methods = MethodList<>;
  using Errors = ErrorList<full>;
};

struct Sample {
  static constexpr std::string_view name = "sample";
  static constexpr Method<uint64_t(uint64_t)> twice{"twice", {"N"}};
  static constexpr Method<Pair(Word, uint32_t, PassedCapability)> mixed{"mixed",
                                                                        {"KEY", "N", "CAPABILITY"}};
  static constexpr Method<void()> fail{"fail"};
  static constexpr Method<PassedCapability(bool)> give{"give", {"WHICH"}};
  static constexpr Method<Word(Pair, Word)> full{"full", {"PAIR", "WORD"}};
  static constexpr Method<void(uint64_t)> refuse{"refuse", {"HOW"}};
  static constexpr OwnError odd{name, "odd", "the number is odd"};
  static constexpr OwnError far{name, "far", "too far -> away: nothing"};
  using Methods = MethodList<twice, mixed, fail, give, full, refuse>;
  using Errors = ErrorList<odd, far>;
};

struct State {
  uint64_t calls = 0;
  Call last;
};

Answer<uint64_t> twice(State& state, const Call& call, uint64_t number) {
  ++state.calls;
  state.last = call;
  return 2 * number;
}
Answer<Pair> mixed(State&, const Call&, Word key, uint32_t number, PassedCapability passed) {
  CHECK(key.view() == "sixteen letters!");
  return Pair{number, passed.at.number};
}
Answer<void> fail(State&, const Call&) { return std::unexpected(Result::limit_reached); }
Answer<PassedCapability> give(State&, const Call&, bool which) {
  return PassedCapability{{which ? uint8_t{21} : uint8_t{20}}};
}
Answer<Word> full(State&, const Call&, Pair pair, Word word) {
  CHECK(pair == Pair{1, ~uint64_t{0}});
  return word;
}

Answer<void> refuse(State&, const Call&, uint64_t how) {
  switch (how) {
    case 0: return std::unexpected(Sample::odd);
    case 1: return std::unexpected(Sample::far);
    default: return std::unexpected(Other::full);
  }
}

State state;
RawInvocation last_request;

// What the kernel does with a call: the server gets words and capabilities, in its own argument
// registers; then the answer's come back.
void carry(RawInvocation* raw) {
  last_request = *raw;
  Message at_server;
  std::copy_n(raw->words, message_word_count, at_server.words);
  for (unsigned i = 0; i < message_capability_count; ++i) at_server.received[i] = registers::argument[i];
  at_server.delivery = Delivery::call;
  at_server.entry_payload = 77;
  answer_request<Sample, twice, mixed, fail, give, full, refuse>(state, at_server);
  const RawInvocation reply =
      encode(Invocation::reply_and_wait, registers::resume, at_server);
  std::copy_n(reply.words, message_word_count, raw->words);
  auto length = static_cast<uint32_t>(std::min(reply.r12 & 0xffff'ffff, raw->r12 >> 32));
  if (length != 0) {
    std::memcpy(reinterpret_cast<void*>(raw->r14), reinterpret_cast<void*>(reply.r13), length);
  }
  raw->rax = static_cast<uint64_t>(Delivery::reply) | uint64_t{length} << 32;
  last_request.r15 = reply.rbx;
}

constexpr Client<Sample> client{CapabilityRegister{9}};

}  // namespace

extern "C" void perdure_invoke(RawInvocation* raw) { carry(raw); }

TEST_CASE("a call with words") {
  CHECK(client.call<Sample::twice>(21u).value() == 42);
  CHECK(last_request.rax == (1 | 9 << 8));
  CHECK(state.last.is_call);
  CHECK(state.last.entry_payload == 77);
}

TEST_CASE("values of several words, and a capability") {
  const auto pair = client.call<Sample::mixed>(Word::of("sixteen letters! and more"), 7u,
                                               PassedCapability{{12}});
  CHECK(pair.value() == Pair{7, registers::argument[0].number});
  CHECK((last_request.rbx & 0xffff'ffff) == 12);
  const Word word = Word::of("answer");
  CHECK(client.call<Sample::full>(Pair{1, ~uint64_t{0}}, word).value() == word);
}

TEST_CASE("an answer that is a capability, and one that is an error") {
  CHECK(client.call_receiving<Sample::give>({13}, true).has_value());
  CHECK(last_request.rbx >> 32 == 13);
  CHECK((last_request.r15 & 0xff) == 21);
  CHECK(client.call<Sample::fail>().error() == Result::limit_reached);
}

TEST_CASE("what arrives as a bool may be any word") {
  Message message{.words = {code_of<Sample, Sample::give>, ~uint64_t{0}}};
  CHECK(call(client.at, message) == Result::ok);
  CHECK((last_request.r15 & 0xff) == 21);
}

TEST_CASE("unknown methods, type and describe") {
  Message message{.words = {method_code("sample.nothing")}};
  CHECK(call(client.at, message) == Result::unknown_method);
  message = {.words = {method::type}};
  CHECK(call(client.at, message) == Result::ok);
  CHECK(message.words[1] == method_code("sample"));
  char text[message_bytes_max];
  message = {.words = {method::describe}};
  message.buffer = std::as_writable_bytes(std::span(text));
  CHECK(call(client.at, message) == Result::ok);
  CHECK(std::string_view(text, message.byte_count) ==
        "sample\ntwice N:number -> number\nmixed KEY:word N:number CAPABILITY:capability -> words\n"
        "fail -> nothing\ngive WHICH:number -> capability\nfull PAIR:words WORD:word -> word\n"
        "refuse HOW:number -> nothing\n!odd the number is odd\n!far too far -> away: nothing\n");
}

TEST_CASE("errors of its own travel, are compared by name, and have their text") {
  const auto refused = [](uint64_t how) { return client.call<Sample::refuse>(how).error(); };
  CHECK(refused(0) == Sample::odd);
  CHECK(refused(1) == Sample::far);
  CHECK(refused(2) == Other::full);
  CHECK(refused(0) != Sample::far);
  CHECK(error_text<Sample>(refused(0)) == "the number is odd");
  CHECK(error_text<Sample>(Result::in_use) == "in use");
  CHECK(error_text<Sample>(refused(2)) == "an error of the program's own");
  CHECK(error_text<Other>(refused(2)) == "the other one is full");
}

TEST_CASE("no error of a server's own is one of the shared vocabulary, or another interface's") {
  static_assert(is_own(Sample::odd) && is_own(Other::full));
  static_assert(Sample::odd == own_result("sample.odd"));
  for (uint64_t number = 0; number < 1000; ++number) CHECK_FALSE(is_own(static_cast<Result>(number)));
  CHECK(own_result("sample.full") != Other::full);
  CHECK(name_of(static_cast<Result>(own_result_bit | 2)) != name_of(Result::void_capability));
}

TEST_CASE("a description's errors, as one reads them who does not know the interface") {
  const std::string_view text = description_of<Sample>();
  const auto odd = find_error(text, Sample::odd);
  REQUIRE(odd);
  CHECK((odd->name == "odd" && odd->text == "the number is odd"));
  CHECK(find_error(text, Sample::far)->text == "too far -> away: nothing");
  CHECK_FALSE(find_error(text, Other::full));
  CHECK_FALSE(find_error(text, Result::ok));
  CHECK_FALSE(find_method(text, "!far"));  // though an arrow stands in it
  CHECK(method_lines(text).ends_with("refuse HOW:number -> nothing\n"));
  std::string_view lines = error_lines(text);
  CHECK(take_error(lines)->name == "odd");
  CHECK(take_error(lines)->name == "far");
  CHECK_FALSE(take_error(lines));
  CHECK(method_lines("x\n").empty());
  CHECK(method_lines("x\n!a b\n").empty());
  CHECK(error_lines("x\nget -> number\n").empty());
}

TEST_CASE("descriptions whose errors are none, and shared results that are given other words") {
  for (const std::string_view text : {"", "!", "x", "x\n!", "x\n!\n", "x\n! \n", "x\n!odd", "x\n!odd ", "x\n! odd\n", "!odd text"}) {
    INFO(text);
    CHECK_FALSE(find_error(text, own_result("x.odd")));
  }
  CHECK_FALSE(find_error("x\n!" + std::string(100, 'n') + " text\n", own_result("x.n")));
  CHECK_FALSE(find_error(std::string(100, 'n') + "\n!odd text\n", own_result("n.odd")));
  CHECK(find_error("x\n!odd " + std::string(1000, 't'), own_result("x.odd"))->text.size() == OwnError::text_length_max);
  for (uint64_t number = 0; number < 30; ++number) CHECK_FALSE(find_error("x\n!odd text\n", static_cast<Result>(number)));
}

TEST_CASE("the method's code is that of its full name") {
  static_assert(code_of<Sample, Sample::twice> == method_code("sample.twice"));
  const auto found = find_method(description_of<Sample>(), "mixed");
  REQUIRE(found);
  CHECK(found->code() == code_of<Sample, Sample::mixed>);
  CHECK(found->argument_count == 3);
  CHECK(found->arguments[1].name == "N");
  CHECK(found->arguments[1].type == "number");
  CHECK(found->answer_type == "words");
  CHECK_FALSE(find_method(description_of<Sample>(), "mix"));
  CHECK_FALSE(find_method(description_of<Sample>(), "sample"));
}

TEST_CASE("descriptions that are none") {
  for (const std::string_view text : {"", "x", "x\n", "x\nget", "x\nget ->", "x\nget a:b c",
                                      "x\nget 1:1 2:2 3:3 4:4 5:5 6:6 -> number\n"}) {
    INFO(text);
    const auto found = find_method(text, "get");
    if (found) CHECK(found->answer_type.empty());
  }
  CHECK_FALSE(find_method(std::string(100, 'n') + "\nget -> number\n", "get"));
  CHECK_FALSE(find_method("x\nget -> number\n", std::string(100, 'g')));
}

TEST_CASE("registers of the system call, both ways") {
  std::byte sent[3];
  std::byte buffer[5];
  Message message{.words = {1, 2, 3, 4, 5, 6},
                  .sent = {{1}, {2}, {3}, {4}},
                  .received = {{5}, {6}, {7}, {8}},
                  .bytes = sent,
                  .buffer = buffer,
                  .deadline_ns = 99};
  const RawInvocation raw = encode(Invocation::send, {30}, message);
  CHECK(raw.rax == (2 | 30 << 8));
  CHECK(raw.rbx == 0x0807'0605'0403'0201);
  CHECK(raw.r12 == (3 | uint64_t{5} << 32));
  CHECK(raw.r15 == 99);
  RawInvocation delivered{.rax = 2 | delivery_flag::truncated | delivery_flag::wrapper_payload |
                                 uint64_t{9} << 32,
                          .r13 = 10,
                          .r14 = 11,
                          .r15 = 12};
  decode(delivered, message);
  CHECK(message.delivery == Delivery::call);
  CHECK(message.truncated);
  CHECK(message.byte_count == 5);
  CHECK((message.endpoint_id == 10 && message.entry_payload == 11 && message.wrapper_payload == 12));
  delivered.rax = 1;
  decode(delivered, message);
  CHECK((message.endpoint_id == 0 && message.wrapper_payload == 0 && !message.truncated));
}
