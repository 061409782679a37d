// SPDX-License-Identifier: MIT
#include "userland/shell/fault_watcher.hpp"

#include "userland/shell/helper_process.hpp"

namespace perdure {

namespace {

constexpr uint64_t detail_write = 1 << 0;
constexpr uint64_t detail_execute = 1 << 1;

std::string_view access_of(const ProgramFault& fault) {
  return fault.is_execute ? "jumped to" : fault.is_write ? "wrote to" : "read";
}

}  // namespace

Answer<> FaultWatcher::begin(const Parts& parts) {
  parts_ = parts;
  const ProcessCapability process{parts.scratch[0]};
  Answer<> done = start_helper({.bank = parts.bank,
                                .space = parts.space,
                                .schedule = parts.schedule,
                                .process_into = process,
                                .activity_into = parts.scratch[1]},
                               &FaultWatcher::run, this, stack_,
                               {parts.devices.at, parts.caller.at, parts.clock.at, parts.checkpoint.at});
  if (done) done = parts.bank.allocate(Kind::endpoint, parts.endpoint_into.at);
  if (done) done = parts.endpoint_into.set_receiver(process);
  return done;
}

Answer<> FaultWatcher::watch(EndpointCapability endpoint, ProcessCapability program, uint64_t start, CapabilityRegister scratch) {
  Answer<> done = endpoint.entry(start, scratch);
  if (done) done = program.store(process_slot::keeper, scratch);
  return done;
}

void FaultWatcher::run(void* self) {
  while (true) static_cast<FaultWatcher*>(self)->serve();
}

// The answer is sent, and not left to the next wait: what has_stopped() does is right only when the program has stopped.
void FaultWatcher::serve() {
  Message message;
  reply_and_wait(registers::nothing, message);
  const bool is_fault = message.delivery == Delivery::call && message.words[0] == method::keeper_fault;
  const uint64_t start = message.entry_payload;
  if (is_fault) {
    ProgramFault fault = fault_of({.fault = static_cast<FaultCode>(message.words[1]),
                                   .fault_address = message.words[2],
                                   .fault_detail = message.words[3],
                                   .instruction_pointer = message.words[4]});
    fault.start = start;
    parts_.tell(parts_.context, fault);
  }
  message = {.words = {static_cast<uint64_t>(Result::unsupported)}};
  (void)send(registers::resume, message);
  if (is_fault) parts_.has_stopped(parts_.context, start);
}

ProgramFault fault_of(const ProcessCapability::Status& status) {
  return {.code = status.fault,
          .address = status.fault_address,
          .is_write = (status.fault_detail & detail_write) != 0,
          .is_execute = (status.fault_detail & detail_execute) != 0,
          .instruction = status.instruction_pointer};
}

void write_fault(TextWriter& out, const ProgramFault& fault) {
  const auto at_address = [&](std::string_view how) {
    out << "it " << access_of(fault) << " address 0x" << Hexadecimal{fault.address} << how;
  };
  switch (fault.code) {
    case FaultCode::no_memory: at_address(", where nothing is"); break;
    case FaultCode::access: at_address(", where it may not"); break;
    case FaultCode::unreadable: at_address(", which the disk does not give"); break;
    case FaultCode::malformed_space: at_address(", where its space makes no sense"); break;
    case FaultCode::invalid_instruction: out << "an invalid instruction (a trap, or a program that returned)"; break;
    case FaultCode::divide_error: out << "a division by zero, or whose result is too large"; break;
    case FaultCode::breakpoint: out << "a breakpoint"; break;
    case FaultCode::protection: out << "a protected instruction or address"; break;
    default: out << "exception " << fault.address << " of the processor"; break;
  }
  out << "; instruction 0x" << Hexadecimal{fault.instruction};
}

}  // namespace perdure
