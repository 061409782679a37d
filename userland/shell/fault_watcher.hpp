// SPDX-License-Identifier: MIT
//
// What a person is told when a program stops by a fault. The shell starts programs, and is their keeper: a third
// small process in its address space, the *fault watcher*, is called by the kernel on behalf of the process that
// faulted. It writes one line, refuses the fault, so that the program stops, as it would without a keeper, and then
// ends the shell's call if that waits for this very program (no other process can call it).
#pragma once

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/format.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

struct ProgramFault {
  uint64_t start = 0;  // of the program (Named)
  FaultCode code = FaultCode::none;
  uint64_t address = 0;  // of memory: what was accessed; else what the processor says of it
  bool is_write = false;
  bool is_execute = false;
  uint64_t instruction = 0;
};

class FaultWatcher {
 public:
  // The watcher has what it is given in registers of the same numbers, so that `tell` and `has_stopped` can use it as the
  // shell does.
  struct Parts {
    BankCapability bank;          // pays
    NodeCapability space;         // of both
    ProcessCapability caller;     // the shell
    CapabilityRegister schedule;  // its priority is above the shell's
    DevicesCapability devices;
    ClockCapability clock;
    CheckpointCapability checkpoint;
    void (*tell)(void* context, const ProgramFault&);
    void (*has_stopped)(void* context, uint64_t start);  // then
    void* context;
    CapabilityRegister scratch[2];
    EndpointCapability endpoint_into;  // for watch()
  };
  // Once. Without it programs stop as they do, and the person is not told.
  Answer<> begin(const Parts&);

  // The faults of this program are told from now on. `endpoint`: what begin() gave.
  static Answer<> watch(EndpointCapability endpoint, ProcessCapability program, uint64_t start, CapabilityRegister scratch);

 private:
  static constexpr size_t stack_words = 2048;

  Parts parts_;
  alignas(16) uint64_t stack_[stack_words] = {};

  [[noreturn]] static void run(void* self);
  void serve();
};

// Of a program that is stopped by one.
ProgramFault fault_of(const ProcessCapability::Status&);
// "it read address 0x0, where nothing is; instruction 0x400123"
void write_fault(TextWriter& out, const ProgramFault&);

}  // namespace perdure
