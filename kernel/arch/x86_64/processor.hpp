// SPDX-License-Identifier: MIT
//
// The processor: which features it has, and the state that makes it a machine for one kernel
// and many programs: segments, the system-call registers, control registers.
//
// EntryState is what the gs register points to inside the kernel; entry.S knows its offsets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/arch/x86_64/offsets.h"
#include "objects/process.hpp"

namespace perdure {

struct EntryState {
  EntryState* self = nullptr;        // to find this structure's address through gs
  Registers* registers = nullptr;   // where the next entry from user mode saves
  uint64_t stack_top = 0;           // the one kernel stack, empty
  uint64_t user_rsp = 0;            // for three instructions of system_call_entry
  uint64_t has_fsgsbase = 0;        // 0 or 1
};
static_assert(offsetof(EntryState, self) == ENTRY_STATE_SELF);
static_assert(offsetof(EntryState, registers) == ENTRY_STATE_REGISTERS);
static_assert(offsetof(EntryState, stack_top) == ENTRY_STATE_STACK_TOP);
static_assert(offsetof(EntryState, user_rsp) == ENTRY_STATE_USER_RSP);
static_assert(offsetof(EntryState, has_fsgsbase) == ENTRY_STATE_HAS_FSGSBASE);

static_assert(offsetof(Registers, rax) == REGISTERS_RAX && offsetof(Registers, rbx) == REGISTERS_RBX);
static_assert(offsetof(Registers, rcx) == REGISTERS_RCX && offsetof(Registers, rdx) == REGISTERS_RDX);
static_assert(offsetof(Registers, rsi) == REGISTERS_RSI && offsetof(Registers, rdi) == REGISTERS_RDI);
static_assert(offsetof(Registers, rbp) == REGISTERS_RBP && offsetof(Registers, rsp) == REGISTERS_RSP);
static_assert(offsetof(Registers, r8) == REGISTERS_R8 && offsetof(Registers, r9) == REGISTERS_R9);
static_assert(offsetof(Registers, r10) == REGISTERS_R10 && offsetof(Registers, r11) == REGISTERS_R11);
static_assert(offsetof(Registers, r12) == REGISTERS_R12 && offsetof(Registers, r13) == REGISTERS_R13);
static_assert(offsetof(Registers, r14) == REGISTERS_R14 && offsetof(Registers, r15) == REGISTERS_R15);
static_assert(offsetof(Registers, rip) == REGISTERS_RIP && offsetof(Registers, rflags) == REGISTERS_RFLAGS);
static_assert(offsetof(Registers, fs_base) == REGISTERS_FS_BASE);
static_assert(offsetof(Registers, gs_base) == REGISTERS_GS_BASE);
static_assert(offsetof(Registers, entered_by_system_call) == REGISTERS_ENTERED_BY_SYSTEM_CALL);

// What CPUID said. Without the ones that are not listed here the kernel does not start.
struct ProcessorFeatures {
  bool smep = false;
  bool smap = false;
  bool umip = false;
  bool fsgsbase = false;
  bool avx = false;
  bool rdrand = false;
  bool gigabyte_pages = false;
  bool machine_check = false;
  bool sysenter = false;
  bool keeps_x87_pointers = false;  // XRSTOR leaves those of the last x87 instruction as they were
};

// AMD's design. `vendor`: ebx, edx, ecx of CPUID leaf 0.
constexpr bool is_of_amd(const uint32_t (&vendor)[3]) {
  constexpr uint32_t amd[3] = {0x68747541, 0x69746e65, 0x444d4163};    // "AuthenticAMD"
  constexpr uint32_t hygon[3] = {0x6f677948, 0x6e65476e, 0x656e6975};  // "HygonGenuine"
  const auto is = [&](const uint32_t (&name)[3]) {
    return vendor[0] == name[0] && vendor[1] == name[1] && vendor[2] == name[2];
  };
  return is(amd) || is(hygon);
}

// XRSTOR of AMD's processors before Zen, and of those after it that do not say otherwise, loads the
// pointers to the last x87 instruction only with a pending exception (CVE-2006-1056). `vendor` as
// above; `extended_features`: ebx of leaf 0x80000008.
constexpr bool keeps_x87_pointers(const uint32_t (&vendor)[3], uint32_t extended_features) {
  constexpr uint32_t restores_pointers = 1 << 2;
  return is_of_amd(vendor) && !(extended_features & restores_pointers);
}

// What tells whether a program may read past its page tables: all memory (Meltdown, L1TF), for the
// kernel's is mapped, and nothing else keeps a guess from it; or what the processor has just handled for
// others (MDS, TAA), for its buffers are not overwritten on the way to a program.
struct ReadingPastRights {
  uint32_t vendor[3] = {};           // as above
  uint32_t hypervisor[3] = {};       // ebx, ecx, edx of leaf 0x40000000; 0: none
  uint64_t architecture = 0;         // IA32_ARCH_CAPABILITIES; 0: there is none
  bool has_transactions = false;     // RTM
};
constexpr bool is_affected(const ReadingPastRights& words) {
  constexpr uint32_t emulation = 0x54474354;  // "TCGT", of "TCGTCGTCGTCG": nothing is guessed there
  constexpr uint64_t rdcl_no = 1 << 0, mds_no = 1 << 5, taa_no = 1 << 8;  // RDCL: Meltdown and L1TF
  if (words.hypervisor[0] == emulation || is_of_amd(words.vendor)) return false;
  const uint64_t wanted = rdcl_no | mds_no | (words.has_transactions ? taa_no : 0);
  return (words.architecture & wanted) != wanted;
}

extern EntryState entry_state;
extern ProcessorFeatures processor_features;

// Segments, task state, gs. First of all, so that exceptions can be reported.
void set_up_segments();
// Reads CPUID; refuses to start on a processor that lacks something indispensable.
void check_processor();
// CR4, system-call entry, FPU. After the final page tables are loaded.
void set_up_processor();

// What the XSAVE instructions are asked to treat: a subset of x87, SSE, AVX.
extern uint64_t fpu_components;

}  // namespace perdure
