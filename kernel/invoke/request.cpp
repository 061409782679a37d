// SPDX-License-Identifier: MIT
#include "kernel/invoke/request.hpp"

#include "kernel/run/processor.hpp"

namespace perdure {
namespace {

constexpr unsigned wrapper_depth_max = 8;

}  // namespace

[[gnu::noinline]] Outcome resolve(Request& request, Capability* capability) {
  uint8_t restrictions = 0;
  for (unsigned depth = 0; capability->type == CapabilityType::wrapped; ++depth) {
    if (depth == wrapper_depth_max) return Outcome::refuse(Result::malformed);
    const auto found = request.attempt.find(*capability);
    if (!found) return found.error();
    Wrapper& wrapper = *row_object<Wrapper>(request.attempt.store.bytes(found->slot), found->index);
    if (wrapper.flags & Wrapper::flag_blocked) {
      return Outcome::wait(WaitChannel::of(WaitChannel::Reason::wrapper, capability->object.value));
    }
    restrictions |= capability->restrictions;
    request.is_wrapped = true;
    request.hand_over = wrapper.flags & Wrapper::flag_hand_over;
    request.wrapper_payload = wrapper.payload;
    request.wrapper = capability->object;
    request.wrapper_version = capability->version;
    capability = &wrapper.target;
  }
  // A weak capability stands for memory only: invoking anything else could change something.
  if ((restrictions & restriction::weak) && !capability->is_memory()) {
    return Outcome::refuse(Result::missing_right);
  }
  request.stored = capability;
  request.capability = *capability;
  request.capability.restrictions |= restrictions;
  return Outcome::prepared();
}

void take_moved(Process& sender) {
  for (unsigned i = 0; i < message_capability_count; ++i) {
    if (is_moved(sender.registers, i)) sender.capability_registers[sent_register(sender.registers, i)] = {};
  }
}

// A moved register may be one that receives: it is emptied before it is filled.
void Request::take_moved_once() {
  if (has_taken_moved || !moves_anything(caller.registers)) return;
  has_taken_moved = true;
  take_moved(caller);
}

Outcome Request::answer(const Commit&, uint64_t w1, uint64_t w2, uint64_t w3, uint64_t w4, uint64_t w5,
                        uint32_t byte_count) {
  if (!processor.is_current(caller)) return Outcome::done();  // it destroyed or stopped itself
  Registers& registers = caller.registers;
  take_moved_once();
  if (kind == Invocation::send) {
    registers.rax = static_cast<uint64_t>(Delivery::none);
    registers.rdi = static_cast<uint64_t>(Result::ok);
    return Outcome::done();
  }
  unsigned written = answered;
  for (uint64_t into = registers.rbx >> 32; into != 0; into >>= 8, written >>= 1) {
    if (!(written & 1)) caller.capability_registers[into & 31] = {};  // register 0 is void as it is
  }
  registers.rax = static_cast<uint64_t>(Delivery::reply) | uint64_t{byte_count} << 32;
  set_message_words(registers, {static_cast<uint64_t>(Result::ok), w1, w2, w3, w4, w5});
  return Outcome::done();
}

void Request::answer_capability(const Commit&, unsigned i, const Capability& answer) {
  if (!processor.is_current(caller) || kind == Invocation::send) return;
  take_moved_once();
  const unsigned number = receiving_register(caller.registers, i);
  if (number != 0) caller.capability_registers[number] = answer;
  answered |= 1u << i;
}

}  // namespace perdure
