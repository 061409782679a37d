// SPDX-License-Identifier: MIT
//
// The process: one frame that holds all there is of a program in execution but its memory.
//
//   0            256               384                512                1536        2368   4096
//   | Registers  | ProcessControl  | 4 capabilities   | 32 capability    | XSAVE     | spare  |
//   |            |                 | space keeper ... | registers        | area      |        |
//
// The kernel saves the registers straight into this frame at every entry: so the frame is
// dirty, its log space reserved, before its process runs (invariant CURRENT-WHILE-RUNNING).
#pragma once

#include <cstddef>
#include <cstdint>

#include "objects/capability.hpp"
#include "objects/ids.hpp"
#include "objects/line.hpp"

namespace perdure {

// Saved at each entry in this order; kernel/arch/x86_64/entry.S knows the offsets.
struct Registers {
  uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0;
  uint64_t rsi = 0, rdi = 0, rbp = 0, rsp = 0;
  uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0;
  uint64_t r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  uint64_t rip = 0, rflags = 0;
  uint64_t fs_base = 0, gs_base = 0;
  // 1: entered by SYSCALL, rcx and r11 are dead and the way back may use SYSRET.
  // 0: entered by an interrupt or exception, every register counts, IRET.
  uint64_t entered_by_system_call = 0;
  uint64_t spare[11] = {};
};
static_assert(sizeof(Registers) == 256 && offsetof(Registers, rip) == 128 &&
              offsetof(Registers, fs_base) == 144 &&
              offsetof(Registers, entered_by_system_call) == 160);

enum class ProcessState : uint32_t {
  stopped = 0,    // never started, stopped by its owner, or faulted without a keeper
  running = 1,    // on the processor, ready, or stalled: has an activity that is runnable
  receiving = 2,  // waits open for a message
  waiting = 3,    // has called and waits for the reply
};

// Why a process is stopped, or what its keeper is told.
enum class FaultCode : uint32_t {
  none = 0,
  no_memory = 1,           // the address is not mapped
  access = 2,              // mapped, but not for this kind of access
  unreadable = 3,          // the frame's only copy cannot be read
  malformed_space = 4,     // the space is too deep, or holds what is not memory
  invalid_instruction = 5,
  divide_error = 6,
  breakpoint = 7,
  protection = 8,          // privileged instruction, non-canonical address, …
  other_exception = 9,     // fault_address: the processor's vector number
};

// Events of the processor that are no faults: breakpoint, single step, overflow. What raised them is done,
// and is not done again when the process goes on. By their vector number.
constexpr bool is_trap(uint32_t vector) { return vector == 1 || vector == 3 || vector == 4; }

struct ProcessControl {
  static constexpr uint32_t flag_fpu = 1 << 0;  // the XSAVE area is valid
  // Which keeper is told the present fault: first the space's keeper; if that refuses, the process's own.
  static constexpr uint32_t flag_space_keeper_refused = 1 << 1;
  static constexpr uint32_t flag_with_own_keeper = 1 << 2;
  static constexpr uint32_t all_flags = flag_fpu | flag_space_keeper_refused | flag_with_own_keeper;
  ProcessState state = ProcessState::stopped;
  uint32_t flags = 0;
  uint64_t call_count = 0;       // a resume capability with another count is void
  FaultCode fault = FaultCode::none;  // of the last fault that no keeper took, or that is with a keeper
  uint32_t fault_detail = 0;     // bit 0 write, bit 1 execute
  uint64_t fault_address = 0;
  uint64_t pending_notices = 0;  // bits posted and not yet delivered
  // Volatile, not stored (normalize() clears them): where the page tables of its space were last, and
  // which ones they were. Code that changes the space clears the identity.
  uint64_t root_identity = 0;
  uint32_t root_hint = 0;
  // Volatile, too: bit p: callers of priority p wait for the process (Process::callers).
  uint16_t callers_map = 0;
  uint8_t priority = 0;            // its schedule's, as of priority_stamp (kernel/run/scheduler.hpp)
  // The trap with which the process waits for a keeper (kernel/run/lines.cpp), read only while it does. Stored: its
  // frame may go to the disk meanwhile.
  uint8_t waiting_fault = 0;
  uint32_t priority_stamp = 0;     // volatile
  // Vector number of a trap of the processor that no keeper has been told of yet (is_trap); 0: none. Stored. The
  // program counter stands behind the instruction that raised it, so it would not be raised again.
  uint32_t untold_trap = 0;
  uint64_t waiting_address = 0;
  uint64_t waiting_detail = 0;
  uint32_t lost_schedule_stamp = 0;  // volatile: as of this stamp its schedule cannot be read; 0: it can
  uint8_t ceiling = 0;               // volatile: its schedule's, as of priority_stamp
  uint8_t line_priority = 0;         // volatile: of the line in which it is ready, or waits for a receiver
  uint8_t spare[2] = {};
  uint32_t callee = 0;               // volatile: while it waits, a hint: its server (Priorities::client_of)
  uint8_t spare_2[4] = {};
  Capability activity;           // bound when it is started, for as long as it lives; or void
};
static_assert(sizeof(ProcessControl) == 128 && offsetof(ProcessControl, activity) == 96);

inline constexpr size_t capability_register_count = 32;
inline constexpr size_t fpu_area_bytes = 832;

struct Process {
  Registers registers;
  ProcessControl control;
  Capability space;     // memory: what addresses mean
  Capability keeper;    // told of faults that no keeper of the space answers; entry or void
  Capability schedule;
  Capability brand;     // whatever its creator wrote there, to recognize it by
  Capability capability_registers[capability_register_count];
  std::byte fpu_area[fpu_area_bytes];
  LineEnds callers[priority_count];  // volatile: the lines of callers for it, by priority
  uint8_t spare[1600] = {};
};
static_assert(sizeof(Process) == frame_bytes);
static_assert(offsetof(Process, control) == 256 && offsetof(Process, space) == 384 &&
              offsetof(Process, capability_registers) == 512 &&
              offsetof(Process, fpu_area) == 1536 && offsetof(Process, fpu_area) % 64 == 0);

}  // namespace perdure
