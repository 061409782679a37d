// SPDX-License-Identifier: MIT
//
// Guests that do a list of steps, one after the other; then they only spin.
#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "test/support/kernel_world.hpp"

namespace perdure {

inline KernelWorld::Program steps(std::vector<KernelWorld::Program> list) {
  return [list = std::move(list), next = size_t{0}](Process& process) mutable {
    if (next < list.size()) list[next++](process);
  };
}

// Serves for ever: answers the call in register 1 with word 0 ok and word 1 as `answer` says.
inline KernelWorld::Program server(std::function<uint64_t(Process&)> answer, uint32_t receive_into = 0) {
  return [answer = std::move(answer), receive_into](Process& process) {
    const auto delivery = static_cast<Delivery>(process.registers.rax & 0xff);
    const uint64_t word = answer(process);
    const unsigned reply_to = delivery == Delivery::call ? resume_register : 0;
    KernelWorld::invoke(process, Invocation::reply_and_wait, reply_to, {0, word}, 0, receive_into);
  };
}

inline KernelWorld::Program call(unsigned capability_register, std::array<uint64_t, 6> words = {},
                                 uint32_t send = 0, uint32_t receive = 0) {
  return [=](Process& process) {
    KernelWorld::invoke(process, Invocation::call, capability_register, words, send, receive);
  };
}

inline KernelWorld::Program note(std::vector<uint64_t>& words) {
  return [&words](Process& process) {
    for (unsigned i = 0; i < 2; ++i) words.push_back(message_word(process.registers, i));
  };
}

inline Result result_of(const Process& process) { return static_cast<Result>(process.registers.rdi); }

// Once, when the test says so.
inline void act_when(bool& now, Process& process, const KernelWorld::Program& action) {
  if (!now) return;
  now = false;
  action(process);
}

inline uint64_t frame_of(const Capability& capability) { return capability.object.frame().value; }

// The whole state is checked behind every step.
inline void run_checked(KernelWorld& world, unsigned count = 200) {
  for (unsigned i = 0; i < count && world.step(); ++i) {
    const auto wrong = world.kernel().check_state();
    INFO((wrong ? std::string(wrong->what) : std::string()));
    REQUIRE(!wrong);
  }
}

// What could not be read is told from memory for a second; then it is read again.
inline void forget_what_was_told(KernelWorld& world) {
  fake_machine().now_ns += 2'000'000'000;
  run_checked(world, 20);
}

}  // namespace perdure
