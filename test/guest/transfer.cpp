// SPDX-License-Identifier: MIT
//
// Bytes of messages: every length, any place in memory, buffers that are too small, absent or forbidden. Breaks if a
// byte is lost or one too many is written, and if a process waits or faults for the memory of another.
#include <cstring>

#include "test/guest/servers.hpp"
#include "test/guest/spaces.hpp"

namespace perdure::guest {
namespace {

alignas(4096) std::byte sent[message_bytes_max + 2 * 4096];
alignas(4096) std::byte received[message_bytes_max + 2 * 4096];
constexpr auto untouched = std::byte{0xee};

void prepare(uint64_t seed) {
  for (size_t i = 0; i < sizeof(sent); ++i) sent[i] = static_cast<std::byte>((i * 31 + seed) % 251);
  std::memset(received, static_cast<int>(untouched), sizeof(received));
}

struct Length {
  std::string_view name;
  size_t bytes;
  size_t place = 0;  // in both buffers, but for the receiver's, which is one byte further
};
constexpr Length lengths[] = {{"1 byte", 1},
                              {"7 bytes", 7},
                              {"8 bytes across a page", 8, 4092},
                              {"4095 bytes", 4095},
                              {"a page", 4096},
                              {"a page and a byte", 4097},
                              {"a page in the middle of two", 4096, 2048},
                              {"10000 bytes, unaligned", 10000, 123},
                              {"64 KiB", message_bytes_max},
                              {"64 KiB, unaligned", message_bytes_max, 4095}};

void check_received(const Length& length) {
  const std::byte* from = sent + length.place;
  const std::byte* to = received + length.place + 1;
  holds(std::memcmp(from, to, length.bytes) == 0);
  holds(to[length.bytes] == untouched && to[-1] == untouched);
}

// As a request, to a receiver that waits.
void goes(uint64_t row) {
  const Length& length = lengths[row];
  prepare(row);
  Caller caller(my_entry(), {.words = {0, 1}, .bytes = {sent + length.place, length.bytes}});
  caller.start();
  const Message request = receive({received + length.place + 1, length.bytes});
  expect(request.byte_count, length.bytes);
  holds(!request.truncated);
  check_received(length);
  answer();
  results(caller.finish(), Result::ok);
}

// As an answer.
void comes(uint64_t row) {
  const Length& length = lengths[row];
  prepare(row + 100);
  Caller caller(my_entry(), {.buffer = {received + length.place + 1, length.bytes}});
  caller.start();
  receive();
  results(answer({.words = {0, 5}, .bytes = {sent + length.place, length.bytes}}), Result::ok);
  results(caller.finish(), Result::ok);
  expect(caller.message.byte_count, length.bytes);
  holds(!caller.message.truncated);
  check_received(length);
}

// --- truncated ------------------------------------------------------------------------------------------

struct Cut {
  std::string_view name;
  size_t sends, room;
};
constexpr Cut cuts[] = {{"of 100 bytes none", 100, 0}, {"of 100 bytes 99", 100, 99}, {"of two pages one", 8192, 4096},
                        {"of 64 KiB 5000 bytes", message_bytes_max, 5000}};

void cut_for_the_receiver(uint64_t row) {
  const Cut& cut = cuts[row];
  prepare(row);
  Caller caller(my_entry(), {.words = {0, 1}, .bytes = {sent, cut.sends}});
  caller.start();
  const Message request = receive({received + 1, cut.room});
  holds(request.truncated);
  expect(request.words[1], 1);
  expect(request.byte_count, cut.room);
  check_received({"", cut.room});
  answer();
  results(caller.finish(), Result::ok);
}

void cut_for_the_caller(uint64_t row) {
  const Cut& cut = cuts[row];
  prepare(row);
  Caller caller(my_entry(), {.buffer = {received + 1, cut.room}});
  caller.start();
  receive();
  results(answer({.bytes = {sent, cut.sends}}), Result::ok);
  results(caller.finish(), Result::ok);
  holds(caller.message.truncated);
  expect(caller.message.byte_count, cut.room);
  check_received({"", cut.room});
}

// --- memory that is not there -----------------------------------------------------------------------------

constexpr uint64_t absent = 0x0500'0000;
std::span<std::byte> memory_at(uint64_t address, size_t length) { return {reinterpret_cast<std::byte*>(address), length}; }


// In a space of its own, with the tester as its keeper: the fault is the caller's, and nothing is delivered.
void fault_of_the_caller(const Message& message, FaultCode code, uint64_t address, uint64_t detail) {
  Caller caller(my_entry(1), message);
  const NodeCapability space = new_space();
  caller.actor.live_in(space.at);
  caller.actor.tell_faults_to(my_entry(2));
  caller.start();
  Message told = receive();
  expect(told.entry_payload, 2);
  expect(told.words[1], code);
  expect(told.words[2], address);
  expect(told.words[3], detail);
  if (code != FaultCode::no_memory) return;
  // It is supplied, and the call made again.
  const PageCapability page = new_page();
  fill(page, 0x4242'4242'4242'4242);
  done(space.store(5, page.at));
  answer();
  std::byte buffer[64] = {};
  told = receive(buffer);
  expect(told.entry_payload, 1);
  if (!message.bytes.empty()) holds(told.byte_count == message.bytes.size() && buffer[0] == std::byte{0x42});
  const std::byte reply[] = {std::byte{7}};
  results(answer({.bytes = reply}), Result::ok);
  results(caller.finish(), Result::ok);
  if (!message.buffer.empty()) expect(caller.message.byte_count, 1);
}

void sends_from_nowhere(uint64_t) { fault_of_the_caller({.bytes = memory_at(absent, 16)}, FaultCode::no_memory, absent, 0); }
void receives_nowhere(uint64_t) { fault_of_the_caller({.buffer = memory_at(absent, 16)}, FaultCode::no_memory, absent, 1); }
void receives_into_text(uint64_t) {
  fault_of_the_caller({.buffer = memory_at(0x40'0000, 16)}, FaultCode::access, 0x40'0000, 1);
}

// A receiver's buffer that has gone: the message is cut, the receiver told, and the sender knows nothing of it.
struct Listener {
  volatile bool has_heard = false, was_truncated = false;
  volatile uint64_t word = 0, count = 0;
};
[[noreturn]] void listens(uint64_t address) {
  auto& heard = *reinterpret_cast<Listener*>(address);
  Message message{.buffer = memory_at(absent, 4096)};
  reply_and_wait(nothing, message);
  heard.word = message.words[1];
  heard.was_truncated = message.truncated;
  heard.count = message.byte_count;
  heard.has_heard = true;
  message = {.words = {0, 3}};
  (void)send(registers::resume, message);
  wait_for_ever();
}

void buffer_that_has_gone(uint64_t) {
  Listener heard;
  Actor actor(listens, reinterpret_cast<uint64_t>(&heard));
  const NodeCapability space = new_space();
  done(space.store(5, new_page().at));
  actor.live_in(space.at);
  const CapabilityRegister entry = actor.receives();
  actor.start();
  actor.await(ProcessState::receiving);
  done(space.store(5, nothing));
  prepare(0);
  Message message{.words = {0, 1}, .bytes = {sent, 200}};
  results(call(entry, message), Result::ok);
  expect(message.words[1], 3);
  holds(heard.has_heard && heard.was_truncated);
  expect(heard.word, 1);
  expect(heard.count, 0);
}

// --- other things ------------------------------------------------------------------------------------------

void nothing_written_without_bytes(uint64_t) {
  prepare(0);
  Caller caller(my_entry(), {.buffer = {received, 100}});
  caller.start();
  receive();
  answer();
  results(caller.finish(), Result::ok);
  expect(caller.message.byte_count, 0);
  holds(received[0] == untouched);
}

void from_where_it_receives(uint64_t) {
  prepare(9);
  Caller caller(my_entry(), {.bytes = {sent, 64}, .buffer = {sent, 64}});
  caller.start();
  std::byte buffer[64];
  expect(receive(buffer).byte_count, 64);
  for (std::byte& one : buffer) one ^= std::byte{0xff};
  answer({.bytes = buffer});
  results(caller.finish(), Result::ok);
  for (size_t i = 0; i < 64; ++i) expect(sent[i], buffer[i]);
}

// Two long messages for one receiver, from senders that take turns: neither gets bytes of the other.
void long_ones_are_not_mixed(uint64_t) {
  prepare(1);
  std::memset(sent, 0x11, 32768);
  std::memset(sent + 32768, 0x22, 32768);
  const CapabilityRegister entry = my_entry();
  Caller first(entry, {.words = {0, 0x11}, .bytes = {sent, 32768}}), second(entry, {.words = {0, 0x22}, .bytes = {sent + 32768, 32768}});
  for (unsigned round = 0; round < 4; ++round) {
    first.start({.words = {0, 0x11}, .bytes = {sent, 32768}});
    second.start({.words = {0, 0x22}, .bytes = {sent + 32768, 32768}});
    for (unsigned i = 0; i < 2; ++i) {
      const Message request = receive({received, 32768});
      expect(request.byte_count, 32768);
      uint64_t wrong = 0;
      for (size_t at = 0; at < 32768; ++at) wrong += static_cast<uint64_t>(received[at]) != request.words[1];
      expect(wrong, 0);
      answer();
    }
    first.finish();
    second.finish();
  }
}

constexpr Test tests[] = {
    {"bytes that are not there are the sender's fault, who sends them when they are", sends_from_nowhere},
    {"a buffer that is not there is the caller's fault, before anything is delivered", receives_nowhere},
    {"a buffer that cannot be written is the caller's fault", receives_into_text},
    {"a receiver's buffer that has gone cuts the message, and nobody waits", buffer_that_has_gone},
    {"an answer without bytes writes nothing", nothing_written_without_bytes},
    {"an answer may arrive where the request was sent from", from_where_it_receives},
    {"long messages of two senders are not mixed", long_ones_are_not_mixed},
};
constexpr auto requests = for_each_row("a request carries ", lengths, goes);
constexpr auto answers = for_each_row("an answer carries ", lengths, comes);
constexpr auto cut_requests = for_each_row("a receiver gets what there is room for, and is told: ", cuts, cut_for_the_receiver);
constexpr auto cut_answers = for_each_row("a caller gets what there is room for, and is told: ", cuts, cut_for_the_caller);

}  // namespace

constinit const Suite transfer{"transfer", {{tests, requests, answers, cut_requests, cut_answers}}};

}  // namespace perdure::guest
