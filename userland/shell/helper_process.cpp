// SPDX-License-Identifier: MIT
#include "userland/shell/helper_process.hpp"

namespace perdure {

Answer<> start_helper(const HelperProcess& helper, void (*entry)(void* argument), void* argument, std::span<uint64_t> stack,
                      std::initializer_list<CapabilityRegister> given) {
  if (const auto own = ScheduleCapability{helper.schedule}.get(); !own) return std::unexpected(own.error());
  const ProcessCapability process = helper.process_into;
  Registers values;
  values.rip = reinterpret_cast<uint64_t>(entry);
  values.rdi = reinterpret_cast<uint64_t>(argument);
  // At a function's first instruction the stack pointer is a word below a multiple of 16.
  values.rsp = reinterpret_cast<uint64_t>(stack.data() + stack.size()) - 24;
  values.rflags = 0x202;  // interrupts on

  Answer<> done = helper.bank.allocate(Kind::process, process.at);
  if (done) done = helper.bank.allocate(Kind::activity, helper.activity_into);
  if (done) done = process.set_registers(values);
  if (done) done = process.store(process_slot::space, helper.space.at);
  if (done) done = process.store(process_slot::schedule, helper.schedule);
  for (const CapabilityRegister one : given) {
    if (done) done = process.store(one.number, one);
  }
  if (done) done = process.start(helper.activity_into);
  return done;
}

}  // namespace perdure
