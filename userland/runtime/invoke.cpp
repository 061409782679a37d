// SPDX-License-Identifier: MIT
#include "userland/runtime/invoke.hpp"

#include <algorithm>

namespace perdure {

namespace {

constexpr uint64_t packed(const CapabilityRegister (&numbers)[message_capability_count]) {
  uint64_t word = 0;
  for (unsigned i = 0; i < message_capability_count; ++i) {
    word |= uint64_t{numbers[i].number} << (8 * i);
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
  RawInvocation raw;
  raw.rax = static_cast<uint64_t>(invocation) | uint64_t{target.number} << 8;
  std::ranges::copy(message.words, raw.words);
  raw.rbx = packed(message.sent) | packed(message.received) << 32;
  raw.r12 = message.bytes.size() | uint64_t{message.buffer.size()} << 32;
  raw.r13 = reinterpret_cast<uint64_t>(message.bytes.data());
  raw.r14 = reinterpret_cast<uint64_t>(message.buffer.data());
  raw.r15 = message.deadline_ns;
  return raw;
}

void decode(const RawInvocation& raw, Message& message) {
  std::ranges::copy(raw.words, message.words);
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

Result send(CapabilityRegister target, Message& message) {
  invoke(Invocation::send, target, message);
  return message.result();
}

void reply_and_wait(CapabilityRegister target, Message& message) {
  invoke(Invocation::reply_and_wait, target, message);
}

}  // namespace perdure
