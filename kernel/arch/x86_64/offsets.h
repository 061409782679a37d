// SPDX-License-Identifier: MIT
//
// Numbers that assembly and C++ must agree on. Macros, because the assembler reads this file
// too; the C++ side of each is asserted in processor.hpp.
#pragma once

// struct Registers (objects/process.hpp)
#define REGISTERS_RAX 0
#define REGISTERS_RBX 8
#define REGISTERS_RCX 16
#define REGISTERS_RDX 24
#define REGISTERS_RSI 32
#define REGISTERS_RDI 40
#define REGISTERS_RBP 48
#define REGISTERS_RSP 56
#define REGISTERS_R8 64
#define REGISTERS_R9 72
#define REGISTERS_R10 80
#define REGISTERS_R11 88
#define REGISTERS_R12 96
#define REGISTERS_R13 104
#define REGISTERS_R14 112
#define REGISTERS_R15 120
#define REGISTERS_RIP 128
#define REGISTERS_RFLAGS 136
#define REGISTERS_FS_BASE 144
#define REGISTERS_GS_BASE 152
#define REGISTERS_ENTERED_BY_SYSTEM_CALL 160

// struct Processor (processor.hpp)
#define ENTRY_STATE_SELF 0
#define ENTRY_STATE_REGISTERS 8
#define ENTRY_STATE_STACK_TOP 16
#define ENTRY_STATE_USER_RSP 24
#define ENTRY_STATE_HAS_FSGSBASE 32

// Segment selectors. SYSRET wants user data, then user code; there is no 32-bit user code.
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TASK_STATE 0x28

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define PAGE_BYTES 4096
#define KERNEL_STACK_BYTES (8 * PAGE_BYTES)
#define EMERGENCY_STACK_BYTES (4 * PAGE_BYTES)
