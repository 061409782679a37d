// SPDX-License-Identifier: MIT
#include "userland/shell/interrupter.hpp"

#include "userland/runtime/program.hpp"

namespace perdure {

namespace {

// What the interrupter has in its own registers.
constexpr DevicesCapability own_devices{CapabilityRegister{3}};
constexpr ConsoleCapability own_console{CapabilityRegister{4}};
constexpr ProcessCapability own_caller{CapabilityRegister{5}};
constexpr ClockCapability own_clock{CapabilityRegister{6}};

// While the shell itself works, a ^C waits in the input until the shell reads it.
constexpr uint64_t look_again_ns = 20'000'000;
constexpr uint64_t let_it_finish_ns = 1'000'000;

void sleep(ClockCapability clock, uint64_t length_ns) {
  if (const auto now = clock.now()) (void)clock.wait_until(now->machine_ns + length_ns, now->boot_epoch);
}

}  // namespace

Answer<> Interrupter::begin(const Parts& parts) {
  clock_ = parts.clock;
  const ProcessCapability process{parts.scratch[0]};
  const CapabilityRegister activity = parts.scratch[1];
  Registers values;
  values.rip = reinterpret_cast<uint64_t>(&Interrupter::run);
  values.rdi = reinterpret_cast<uint64_t>(this);
  // At a function's first instruction the stack pointer is a word below a multiple of 16.
  values.rsp = reinterpret_cast<uint64_t>(stack_ + stack_words) - 24;
  values.rflags = 0x202;  // interrupts on

  Answer<> done = parts.bank.allocate(Kind::process, process.at);
  if (done) done = parts.bank.allocate(Kind::activity, activity);
  if (done) done = process.set_registers(values);
  if (done) done = process.store(process_slot::space, parts.space.at);
  if (done) done = process.store(process_slot::schedule, parts.schedule);
  if (done) done = process.store(own_devices.at.number, parts.devices.at);
  if (done) done = process.store(own_caller.at.number, parts.caller.at);
  if (done) done = process.store(own_clock.at.number, parts.clock.at);
  if (done) done = process.start(activity);
  return done;
}

Result Interrupter::call(CapabilityRegister target, Message& message) {
  is_in_call_ = true;
  const Result result = perdure::call(target, message);
  is_in_call_ = false;
  while (is_at_work_) sleep(clock_, let_it_finish_ns);
  return result;
}

// → was there a call to end?
bool Interrupter::end_call() {
  is_at_work_ = true;
  const bool is_ended = is_in_call_ && own_caller.interrupt().value_or(false);
  if (is_ended) (void)own_console.take_interrupt();
  is_at_work_ = false;
  return is_ended;
}

void Interrupter::run(Interrupter* self) {
  while (true) {
    if (!own_console.wait_interrupt()) {
      // The capability is of an earlier boot, or not there yet.
      if (!own_devices.console(own_console.at)) wait_for_ever();
    } else if (!self->end_call()) {
      sleep(own_clock, look_again_ns);
    }
  }
}

}  // namespace perdure
