// SPDX-License-Identifier: MIT
#include "userland/runtime/invoke.hpp"

#include <algorithm>
#include <bit>

namespace perdure {

namespace {

static_assert(sizeof(CapabilityRegister) == 1 && std::endian::native == std::endian::little);

// Four register numbers, as they lie in memory. Every call of the system comes by here: no loops,
// and the compiler's own memcpy, which becomes a move.
uint64_t packed(const CapabilityRegister (&numbers)[message_capability_count]) {
  uint32_t word;
  __builtin_memcpy(&word, numbers, sizeof(word));
  return word;
}

// Bit i of `moved` to move_bit of byte i.
constexpr uint64_t move_bits(uint8_t moved) {
  uint64_t word = 0;
  for (unsigned i = 0; i < message_capability_count; ++i) {
    if (moved >> i & 1) word |= uint64_t{move_bit} << (8 * i);
  }
  return word;
}

void invoke(Invocation invocation, CapabilityRegister target, Message& message) {
  RawInvocation raw = encode(invocation, target, message);
  perdure_invoke(&raw);
  decode(raw, message);
}

}  // namespace

RawInvocation encode(Invocation invocation, CapabilityRegister target, const Message& message) {
  const auto& words = message.words;
  return {.rax = static_cast<uint64_t>(invocation) | uint64_t{target.number} << 8,
          .words = {words[0], words[1], words[2], words[3], words[4], words[5]},
          .rbx = packed(message.sent) | packed(message.received) << 32 |
                 (message.moved == 0 ? 0 : move_bits(message.moved)),
          .r12 = message.bytes.size() | uint64_t{message.buffer.size()} << 32,
          .r13 = reinterpret_cast<uint64_t>(message.bytes.data()),
          .r14 = reinterpret_cast<uint64_t>(message.buffer.data()),
          .r15 = message.deadline_ns};
}

void decode(const RawInvocation& raw, Message& message) {
  __builtin_memcpy(message.words, raw.words, sizeof(raw.words));
  message.delivery = static_cast<Delivery>(raw.rax & 0xff);
  message.truncated = (raw.rax & delivery_flag::truncated) != 0;
  message.has_wrapper_payload = (raw.rax & delivery_flag::wrapper_payload) != 0;
  message.has_handed_over = (raw.rax & delivery_flag::handed_over) != 0;
  const auto count = static_cast<uint32_t>(raw.rax >> 32);
  message.byte_count = std::min(count, static_cast<uint32_t>(message.buffer.size()));
  const bool is_request =
      message.delivery == Delivery::call || message.delivery == Delivery::send;
  message.endpoint_id = is_request ? raw.r13 : 0;
  message.entry_payload = is_request ? raw.r14 : 0;
  message.wrapper_payload = message.has_wrapper_payload ? raw.r15 : 0;
}

Result call(CapabilityRegister target, Message& message) {
  invoke(Invocation::call, target, message);
  return message.result();
}

Result call(CapabilityRegister target, WordMessage& message) {
  RawInvocation raw{.rax = static_cast<uint64_t>(Invocation::call) | uint64_t{target.number} << 8,
                    .rbx = packed(message.sent) | packed(message.received) << 32};
  __builtin_memcpy(raw.words, message.words, sizeof(raw.words));
  perdure_invoke(&raw);
  __builtin_memcpy(message.words, raw.words, sizeof(raw.words));
  return static_cast<Result>(raw.words[0]);
}

Result send(CapabilityRegister target, Message& message) {
  invoke(Invocation::send, target, message);
  return message.result();
}

void reply_and_wait(CapabilityRegister target, Message& message) {
  invoke(Invocation::reply_and_wait, target, message);
}

}  // namespace perdure
