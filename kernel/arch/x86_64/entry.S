// SPDX-License-Identifier: MIT
//
// The way into the kernel and the way out. A user's registers are saved straight into its
// Registers (processor.hpp: Processor::registers), never on a stack, so nothing of a program is
// ever in the kernel but there.
//
// gs: in user mode the base is the program's and the hidden one is the Processor's; SWAPGS is
// the first instruction of an entry from user mode, and nearly the last one of the way out.
// In the few instructions around it, gs is not what the code segment says: only a non-maskable
// interrupt or a machine check can arrive there. Those have their own stack (IST) and are
// fatal, and what reports them uses no gs.
#include "kernel/arch/x86_64/offsets.h"

// Saves the user's fs and gs base. In the kernel, after SWAPGS. Spoils rax, rcx, rdx.
.macro save_bases registers
    testb $1, %gs:ENTRY_STATE_HAS_FSGSBASE
    jz 1f
    rdfsbase %rax
    movq %rax, REGISTERS_FS_BASE(\registers)
    swapgs
    rdgsbase %rax
    swapgs
    movq %rax, REGISTERS_GS_BASE(\registers)
    jmp 2f
1:  movl $MSR_FS_BASE, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, REGISTERS_FS_BASE(\registers)
    movl $MSR_KERNEL_GS_BASE, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, REGISTERS_GS_BASE(\registers)
2:
.endm

    .text

// SYSCALL: rcx = rip, r11 = rflags, still the user's rsp and gs; interrupts off (FMASK).
    .globl system_call_entry
    .balign 64
system_call_entry:
    swapgs
    movq %rsp, %gs:ENTRY_STATE_USER_RSP
    movq %gs:ENTRY_STATE_REGISTERS, %rsp
    movq %rax, REGISTERS_RAX(%rsp)
    movq %rbx, REGISTERS_RBX(%rsp)
    movq %rdx, REGISTERS_RDX(%rsp)
    movq %rsi, REGISTERS_RSI(%rsp)
    movq %rdi, REGISTERS_RDI(%rsp)
    movq %rbp, REGISTERS_RBP(%rsp)
    movq %r8, REGISTERS_R8(%rsp)
    movq %r9, REGISTERS_R9(%rsp)
    movq %r10, REGISTERS_R10(%rsp)
    movq %r12, REGISTERS_R12(%rsp)
    movq %r13, REGISTERS_R13(%rsp)
    movq %r14, REGISTERS_R14(%rsp)
    movq %r15, REGISTERS_R15(%rsp)
    movq %rcx, REGISTERS_RIP(%rsp)
    movq %r11, REGISTERS_RFLAGS(%rsp)
    movq %gs:ENTRY_STATE_USER_RSP, %rax
    movq %rax, REGISTERS_RSP(%rsp)
    movq $1, REGISTERS_ENTERED_BY_SYSTEM_CALL(%rsp)
    save_bases %rsp
    movq %gs:ENTRY_STATE_STACK_TOP, %rsp
    xorl %ebp, %ebp
    call arch_system_call

// One stub of 16 bytes per vector. All push the same frame:
//   vector, error code (0 if the processor pushes none), rip, cs, rflags, rsp, ss
    .globl interrupt_stubs
    .balign 16
interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    jmp interrupt_entry
    .set vector, vector + 1
    .endr

interrupt_entry:
    testb $3, 24(%rsp)          // cs: from user mode?
    jz interrupt_from_kernel
    swapgs
    lfence                      // nothing is fetched through gs on a guess that went past SWAPGS
    pushq %rax
    movq %gs:ENTRY_STATE_REGISTERS, %rax
    movq %rbx, REGISTERS_RBX(%rax)
    movq %rcx, REGISTERS_RCX(%rax)
    movq %rdx, REGISTERS_RDX(%rax)
    movq %rsi, REGISTERS_RSI(%rax)
    movq %rdi, REGISTERS_RDI(%rax)
    movq %rbp, REGISTERS_RBP(%rax)
    movq %r8, REGISTERS_R8(%rax)
    movq %r9, REGISTERS_R9(%rax)
    movq %r10, REGISTERS_R10(%rax)
    movq %r11, REGISTERS_R11(%rax)
    movq %r12, REGISTERS_R12(%rax)
    movq %r13, REGISTERS_R13(%rax)
    movq %r14, REGISTERS_R14(%rax)
    movq %r15, REGISTERS_R15(%rax)
    popq REGISTERS_RAX(%rax)
    movq 16(%rsp), %rcx
    movq %rcx, REGISTERS_RIP(%rax)
    movq 32(%rsp), %rcx
    movq %rcx, REGISTERS_RFLAGS(%rax)
    movq 40(%rsp), %rcx
    movq %rcx, REGISTERS_RSP(%rax)
    movq $0, REGISTERS_ENTERED_BY_SYSTEM_CALL(%rax)
    movq %rax, %rsi             // Registers&, the second argument
    save_bases %rsi
    movq %rsp, %rdi
    pushq $2                    // AC would switch SMAP off, DF would turn string operations
    popfq
    andq $-16, %rsp
    xorl %ebp, %ebp
    call arch_user_interrupt

// In idle(): a device interrupt, which returns. Anywhere else: an exception, which does not.
interrupt_from_kernel:
    lfence                      // ... nor on one that should have taken it
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    leaq 72(%rsp), %rdi
    call arch_kernel_interrupt
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

// Whatever stands in the registers, loading it must not fault here. A base that is not canonical
// becomes the nearest that is: bit 47 repeated upwards.
.macro load_canonical address, register
    movq \address, \register
    shlq $16, \register
    sarq $16, \register
.endm
// Writes a base to MSR \number. Spoils rax, rcx, rdx.
.macro write_base number, address
    load_canonical \address, %rax
    movq %rax, %rdx
    shrq $32, %rdx
    movl $\number, %ecx
    wrmsr
.endm
// Of rflags, CF, PF, AF, ZF, SF, DF, OF, NT, AC, ID are the program's own. IOPL, RF, VM and the rest become
// 0; IF and the bit that always is 1 are set. TF (a trap behind the next instruction) is the program's own
// until the trap, if an interrupt or a fault took the processor from it. A system call ends it: SYSRET would
// raise the trap at once, also in front of a call that is to be made again.
.macro load_rflags address, register, with_trap_flag
    movl \address, \register
    andl $(0x244cd5 | \with_trap_flag << 8), \register
    orl $0x202, \register
.endm

// [[noreturn]] void arch_leave(const Registers* rdi).
    .globl arch_leave
arch_leave:
    movl %ds, %eax              // all four are 0 unless the program loaded one itself
    movl %es, %ecx
    orl %ecx, %eax
    movl %fs, %ecx
    orl %ecx, %eax
    movl %gs, %ecx
    orl %ecx, %eax
    jnz clear_selectors
selectors_clear:
    testb $1, %gs:ENTRY_STATE_HAS_FSGSBASE
    jz 1f
    movq REGISTERS_RIP(%rdi), %rcx
    movq %rcx, %rax
    shrq $47, %rax              // not below user_address_end
    jnz arch_refuse_instruction_pointer
    load_canonical REGISTERS_FS_BASE(%rdi), %rax
    wrfsbase %rax
    load_canonical REGISTERS_GS_BASE(%rdi), %rax
    swapgs
    wrgsbase %rax
    jmp 2f
1:  movq REGISTERS_RIP(%rdi), %rax
    shrq $47, %rax
    jnz arch_refuse_instruction_pointer
    write_base MSR_FS_BASE, REGISTERS_FS_BASE(%rdi)
    write_base MSR_KERNEL_GS_BASE, REGISTERS_GS_BASE(%rdi)
    movq REGISTERS_RIP(%rdi), %rcx
    swapgs
2:  movq REGISTERS_RAX(%rdi), %rax
    movq REGISTERS_RBX(%rdi), %rbx
    movq REGISTERS_RDX(%rdi), %rdx
    movq REGISTERS_RSI(%rdi), %rsi
    movq REGISTERS_RBP(%rdi), %rbp
    movq REGISTERS_R8(%rdi), %r8
    movq REGISTERS_R9(%rdi), %r9
    movq REGISTERS_R10(%rdi), %r10
    movq REGISTERS_R12(%rdi), %r12
    movq REGISTERS_R13(%rdi), %r13
    movq REGISTERS_R14(%rdi), %r14
    movq REGISTERS_R15(%rdi), %r15
    cmpq $1, REGISTERS_ENTERED_BY_SYSTEM_CALL(%rdi)
    jne 3f
    load_rflags REGISTERS_RFLAGS(%rdi), %r11d, 0
    movq REGISTERS_RSP(%rdi), %rsp
    movq REGISTERS_RDI(%rdi), %rdi
    sysretq
3:  load_rflags REGISTERS_RFLAGS(%rdi), %r11d, 1
    pushq $SELECTOR_USER_DATA
    pushq REGISTERS_RSP(%rdi)
    pushq %r11
    pushq $SELECTOR_USER_CODE
    pushq REGISTERS_RIP(%rdi)
    movq REGISTERS_RCX(%rdi), %rcx
    movq REGISTERS_R11(%rdi), %r11
    movq REGISTERS_RDI(%rdi), %rdi
    iretq

// What one program loads into a selector the next must not be able to read. Loading gs spoils
// the base behind it.
clear_selectors:
    movq %gs:ENTRY_STATE_SELF, %rdx
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl $MSR_GS_BASE, %ecx
    movl %edx, %eax
    shrq $32, %rdx
    wrmsr
    jmp selectors_clear

// [[noreturn]] void arch_restart_stack(void (*rdi)()): calls it on the empty kernel stack.
    .globl arch_restart_stack
arch_restart_stack:
    movq %gs:ENTRY_STATE_STACK_TOP, %rsp
    xorl %ebp, %ebp
    call *%rdi
