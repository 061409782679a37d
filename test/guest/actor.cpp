// SPDX-License-Identifier: MIT
#include "test/guest/actor.hpp"

#include "test/guest/harness.hpp"

namespace perdure::guest {
namespace {

constexpr size_t stack_words = 1024;
alignas(4096) constinit uint64_t stacks[actors_max][stack_words] = {};

}  // namespace

void leave() {
  asm volatile("ud2");
  __builtin_unreachable();
}

Actor::Actor(Body body, uint64_t argument, ScheduleCapability schedule)
    : body_(body), argument_(argument), stack_(next_actor()) {
  process.at = buy(Kind::process);
  // All of its stack is there before it runs: a space of its own has no keeper to fill it in.
  for (volatile uint64_t& word : stacks[stack_]) word = 0;
  done(process.store(process_slot::space, my_space.at));
  done(process.store(process_slot::schedule, schedule.at));
  hold(registers::clock, the_clock.at);
}

Actor::~Actor() {
  if (!outlives_) (void)process.stop();
}

void Actor::hold(CapabilityRegister as, CapabilityRegister from) const { done(process.store(as.number, from)); }
void Actor::live_in(CapabilityRegister space) const { done(process.store(process_slot::space, space)); }
void Actor::tell_faults_to(CapabilityRegister entry) const { done(process.store(process_slot::keeper, entry)); }

CapabilityRegister Actor::receives(uint64_t payload) const {
  const EndpointCapability endpoint = new_endpoint();
  done(endpoint.set_receiver(process));
  hold(registers::endpoint, endpoint.at);
  done(endpoint.entry(payload, endpoint.at));  // in the place of the control
  return endpoint.at;
}

Registers Actor::first_registers() const {
  Registers registers;
  registers.rip = reinterpret_cast<uint64_t>(body_);
  registers.rsp = reinterpret_cast<uint64_t>(stacks[stack_] + stack_words) - 24;
  registers.rdi = argument_;
  return registers;
}

void Actor::start() { start(first_registers()); }

// The activity is bound at the first start; what is in the register later counts for nothing.
void Actor::start(const Registers& registers) {
  if (!has_activity_) done(bank.allocate(Kind::activity, arrived[0]));
  else done(process.stop());
  has_activity_ = true;
  done(process.set_registers(registers));
  done(process.start(arrived[0]));
}

ProcessCapability::Status Actor::status() const { return value_of(process.status()); }

void Actor::await(ProcessState state) const {
  while (true) {
    const auto now = process.status();
    if (!now) return void(done(now));
    if (now->state == state) return;
    rest();
  }
}

ProcessCapability::Status Actor::await_stop() const {
  await(ProcessState::stopped);
  return status();
}

Caller::Caller(CapabilityRegister target, const Message& sends, ScheduleCapability schedule, Invocation kind)
    : message(sends), kind_(kind), actor(make, reinterpret_cast<uint64_t>(this), schedule) {
  actor.hold(caller_target, target);
}

Caller& Caller::start() {
  has_ended_ = false;
  actor.start();
  return *this;
}

Caller& Caller::start(const Message& sends) {
  message = sends;
  return start();
}

void Caller::make(uint64_t address) {
  Caller& caller = *reinterpret_cast<Caller*>(address);
  if (caller.kind_ == Invocation::call) (void)call(caller_target, caller.message);
  else if (caller.kind_ == Invocation::send) (void)send(caller_target, caller.message);
  else reply_and_wait(caller_target, caller.message);
  caller.has_ended_ = true;
  wait_for_ever();
}

Result Caller::finish() {
  while (!has_ended_) rest();
  return message.result();
}

Message receive(std::span<std::byte> buffer) {
  Message message{.received = {arrived[0], arrived[1], arrived[2], arrived[3]}, .buffer = buffer};
  reply_and_wait(nothing, message);
  return message;
}

Result answer(const Message& sent) {
  Message message = sent;
  return send(registers::resume, message);
}

bool receives_call(uint64_t word1, std::string_view file, uint64_t line) {
  const Message message = receive();
  return expect(message.delivery, Delivery::call, file, line) & expect(message.words[1], word1, file, line);
}

}  // namespace perdure::guest
