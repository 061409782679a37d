// SPDX-License-Identifier: MIT
#include "test/hostile/puppet.hpp"

namespace perdure::hostile {
namespace {

constexpr size_t stack_words = 1024;
alignas(16) constinit uint64_t stacks[puppets_max][stack_words] = {};

constexpr uint64_t patience = 300'000;

}  // namespace

void finish(uint64_t line) {
  asm volatile("ud2" : : "a"(verdict_magic), "D"(line));
  __builtin_unreachable();
}

void burn(uint64_t rounds) {
  for (uint64_t i = 0; i < rounds; ++i) asm volatile("");
}

void end_puppet() {
  asm volatile("ud2");
  __builtin_unreachable();
}

void Puppet::buy(CapabilityRegister schedule, BankCapability payer) {
  // The puppet's stack is there before it runs: in another space than ours it is not filled in on demand.
  for (volatile uint64_t& word : stacks[number_]) word = 0;
  require(payer.allocate(Kind::process, process_.at).has_value());
  require(payer.allocate(Kind::activity, activity_).has_value());
  require(process_.store(process_slot::space, space.at).has_value());
  require(process_.store(process_slot::schedule, schedule).has_value());
  give(naked_entry);
  give(object);
}

void Puppet::lead_to_us(CapabilityRegister passing) {
  require(endpoint.entry(0, passing).has_value());
  require(process_.store(naked_entry.number, passing).has_value());
}

void Puppet::give(CapabilityRegister held) { require(process_.store(held.number, held).has_value()); }

Registers Puppet::initial(PuppetProgram program, uint64_t argument) const {
  Registers registers;
  registers.rip = reinterpret_cast<uint64_t>(program);
  registers.rsp = reinterpret_cast<uint64_t>(stacks[number_] + stack_words) - 24;
  registers.rdi = argument;
  return registers;
}

void Puppet::start(PuppetProgram program, uint64_t argument) { start(initial(program, argument)); }

// The activity is bound at the first start; later it counts for nothing.
void Puppet::start(const Registers& registers) {
  require(process_.set_registers(registers).has_value());
  require(process_.start(activity_).has_value());
}

ProcessCapability::Status Puppet::await_fault(uint64_t line) const {
  for (uint64_t i = 0; i < patience; ++i) {
    const auto status = process_.status();
    require(status.has_value());
    if (status->state == ProcessState::stopped) return *status;
  }
  finish(line);
}

ProcessCapability::Status Puppet::run(PuppetProgram program, uint64_t argument,
                                      uint64_t line) {
  return run(initial(program, argument), line);
}

ProcessCapability::Status Puppet::run(const Registers& registers, uint64_t line) {
  start(registers);
  return await_fault(line);
}

bool has_own_fault(const ProcessCapability::Status& status) {
  return status.fault == FaultCode::no_memory || status.fault == FaultCode::access ||
         status.fault == FaultCode::protection;
}

void call_us(uint64_t word) {
  Message message{.words = {0, word}};
  (void)call(naked_entry, message);
  end_puppet();
}

void invoke_puppet(uint64_t raw_address) {
  perdure_invoke(reinterpret_cast<RawInvocation*>(raw_address));
  end_puppet();
}

RawInvocation raw_call(CapabilityRegister target, uint64_t word0) {
  RawInvocation raw;
  raw.rax = static_cast<uint64_t>(Invocation::call) | uint64_t{target.number} << 8;
  raw.words[0] = word0;
  return raw;
}

void call_target_for_ever(uint64_t) {
  static std::byte buffer[512];
  while (true) {
    Message message{.words = {method::describe}};
    message.buffer = buffer;
    (void)call(object, message);
  }
}

}  // namespace perdure::hostile
