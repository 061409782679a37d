// SPDX-License-Identifier: MIT
//
// Instructions that a program may not execute, one for each puppet, and the fault that it has to
// get (objects/process.hpp: FaultCode). Behind each stands an instruction that does not exist: a puppet
// that comes there was let through.
#define INVALID 5
#define DIVIDE 6
#define BREAKPOINT 7
#define PROTECTION 8
#define OTHER 9
#define STACK 109      // other exception (12) on the machine, protection in QEMU's emulation

    .section .rodata
    .globl forbidden_instructions, forbidden_instructions_end
    .balign 8
forbidden_instructions:

.macro forbidden fault, instructions
    .text
1:  \instructions
    xorl %eax, %eax
    ud2
    .section .rodata
    .quad 1b, \fault
.endm

    forbidden PROTECTION, "hlt"
    forbidden PROTECTION, "cli"
    forbidden PROTECTION, "sti"
    forbidden PROTECTION, "movw $0x3f8, %dx; inb %dx, %al"
    forbidden PROTECTION, "movw $0xf4, %dx; outb %al, %dx"
    forbidden PROTECTION, "inb $0x60, %al"
    forbidden PROTECTION, "movw $0x3f8, %dx; outsb"
    forbidden PROTECTION, "movq %cr0, %rax"
    forbidden PROTECTION, "movq %rax, %cr0"
    forbidden PROTECTION, "movq %cr2, %rax"
    forbidden PROTECTION, "movq %cr3, %rax"
    forbidden PROTECTION, "movq %rax, %cr3"
    forbidden PROTECTION, "movq %rax, %cr4"
    forbidden PROTECTION, "movq %rax, %cr8"
    forbidden PROTECTION, "movq %dr0, %rax"
    forbidden PROTECTION, "movq %rax, %dr7"
    forbidden PROTECTION, "lgdt -16(%rsp)"
    forbidden PROTECTION, "lidt -16(%rsp)"
    forbidden PROTECTION, "lldt %ax"
    forbidden PROTECTION, "ltr %ax"
    forbidden PROTECTION, "lmsw %ax"
    forbidden PROTECTION, "clts"
    forbidden PROTECTION, "invd"
    forbidden PROTECTION, "wbinvd"
    forbidden PROTECTION, "invlpg (%rsp)"
    forbidden PROTECTION, "movl $0xc0000082, %ecx; rdmsr"
    forbidden PROTECTION, "movl $0xc0000082, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr"
    forbidden PROTECTION, "movl $0xc0000080, %ecx; wrmsr"
    forbidden PROTECTION, "xorl %ecx, %ecx; movl $7, %eax; xorl %edx, %edx; xsetbv"
    forbidden PROTECTION, "xorl %ecx, %ecx; rdpmc"
    forbidden PROTECTION, "swapgs"
    forbidden PROTECTION, "sysretq"
    forbidden PROTECTION, "movl $0x10, %eax; movl %eax, %ss"
    forbidden PROTECTION, "movl $0x10, %eax; movl %eax, %ds"
    forbidden PROTECTION, "movl $0x28, %eax; movl %eax, %es"
    forbidden PROTECTION, "int $0"
    forbidden PROTECTION, "int $13"
    forbidden PROTECTION, "int $14"
    forbidden PROTECTION, "int $0x20"
    forbidden PROTECTION, "int $0x80"
    forbidden PROTECTION, "int $0xff"
    forbidden INVALID, ".byte 0x0f, 0x01, 0xcb"
    forbidden INVALID, ".byte 0x0f, 0xaa"
    forbidden INVALID, ".byte 0x06"
    forbidden INVALID, "ud2"
    forbidden DIVIDE, "xorl %ecx, %ecx; divl %ecx"
    forbidden BREAKPOINT, "int3"
    forbidden OTHER, "pushfq; orq $0x100, (%rsp); popfq; nop"
    forbidden PROTECTION, "movabsq $0x8000000000000000, %rax; movq (%rax), %rcx"
    forbidden PROTECTION, "movabsq $0x0000800000000000, %rax; jmp *%rax"
    forbidden PROTECTION, "movabsq $0x0000800000000000, %rax; pushq %rax; ret"
    forbidden STACK, "movabsq $0x8000000000000000, %rsp; pushq %rax"
    .section .rodata
forbidden_instructions_end:

// Nothing wrong with it: a system call on the void register, and the end. Touches no memory.
    .text
    .globl harmless
harmless:
    movl $1, %eax
    xorl %ebx, %ebx
    xorl %r12d, %r12d
    xorl %r15d, %r15d
    syscall
    ud2
// The same for ever, and without a system call.
    .globl spin, call_for_ever
spin:
    jmp spin
call_for_ever:
    movl $1, %eax
    xorl %ebx, %ebx
    xorl %r12d, %r12d
    xorl %r15d, %r15d
    syscall
    jmp call_for_ever
// Returns to the kernel's code. On the machine a protection fault; QEMU's emulation reads their frame
// with the rights of the kernel, which SMAP denies, and so they fault for ever.
    .globl return_by_interrupt, return_far
return_by_interrupt:
    pushq $0x10
    pushq %rsp
    pushfq
    pushq $8
    pushq $0
    iretq
return_far:
    pushq $8
    pushq $0
    lretq
// Traps: what raises them is done when it is told, and is not done again.
    .globl trap_by_breakpoint, trap_behind_stack_load, trap_by_single_step
trap_by_breakpoint:
    int3
    ud2
trap_behind_stack_load:
    movl %ss, %eax
    movl %eax, %ss
    int3
    ud2
trap_by_single_step:
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
    ud2
// What rdi says is read, written, or jumped to.
    .globl load_from, store_to, jump_to
load_from:
    movb (%rdi), %al
    ud2
store_to:
    movb %al, (%rdi)
    ud2
jump_to:
    jmp *%rdi

    .section .note.GNU-stack, "", @progbits
