// SPDX-License-Identifier: MIT
//
// The program that arch_test_user.cpp runs in user mode, copied to 0x400000. It makes every
// kind of entry in turn; the system call `report` (rax = step, rdi = seen, rsi = wanted) says
// what it saw of the registers afterwards. Data are at 0x600000 (see arch_test_user.cpp).
#define DATA 0x600000
#define FLAG DATA + 0x10
#define FEATURES DATA + 0x18

.macro report step, wanted
    movq \wanted, %rsi
    movl $\step, %eax
    syscall
.endm

    .section .rodata
    .globl user_program, user_program_end, user_stalled_call, user_spin
    .balign 16
user_program:
    // 1: every register but rcx and r11 survives a system call; rsp too
    movabsq $0x1111111111111111, %rbx
    movabsq $0x2222222222222222, %rbp
    movabsq $0x8888888888888888, %r8
    movabsq $0x9999999999999999, %r9
    movabsq $0xaaaaaaaaaaaaaaaa, %r10
    movabsq $0xcccccccccccccccc, %r12
    movabsq $0xdddddddddddddddd, %r13
    movabsq $0xeeeeeeeeeeeeeeee, %r14
    movabsq $0xffffffffffffffff, %r15
    movabsq $0x7777777777777777, %rdx
    xorl %edi, %edi
    report 1, $0
    movq %rbx, %rdi
    addq %rbp, %rdi
    addq %r8, %rdi
    addq %r9, %rdi
    addq %r10, %rdi
    addq %r12, %rdi
    addq %r13, %rdi
    addq %r14, %rdi
    addq %r15, %rdi
    addq %rdx, %rdi
    movabsq $(0x1111111111111111+0x2222222222222222+0x8888888888888888+0x9999999999999999+0xaaaaaaaaaaaaaaaa+0xcccccccccccccccc+0xdddddddddddddddd+0xeeeeeeeeeeeeeeee+0xffffffffffffffff+0x7777777777777777), %rsi
    movl $2, %eax
    syscall

    // 3, 4: fs and gs bases
    movq %fs:0, %rdi
    report 3, $0xf5
    movq %gs:0, %rdi
    report 4, $0x65

    // a store to an unmapped page; the kernel maps it
    movl $0x1234, %ecx
    movq %rcx, 0x700008
    movq 0x700008, %rdi
    report 5, $0x1234
    // a write to read-only memory and a jump into data: the kernel skips both
    movq $0x400000, %rcx
    movb $0, (%rcx)             // 3 bytes
    leaq 1f(%rip), %r15
    movq $DATA, %rcx
    jmp *%rcx
1:
    // SSE: trap, then the registers are there
    movl $0xabcd, %ecx
    movq %rcx, %xmm5
    movl $6, %eax               // the kernel saves the state, spoils it and loads it again
    syscall
    movq %xmm5, %rdi
    report 7, $0xabcd

    // spins until timer interrupts have come; direction and alignment flags set, odd selectors
    movl $0x1b, %ecx
    movl %ecx, %ds
    movl %ecx, %gs
    pushfq
    orq $((1 << 10) | (1 << 18)), (%rsp)
    popfq
    movabsq $0x0123456789abcdef, %rcx
    movabsq $0xfedcba9876543210, %r11
user_spin:
    cmpq $3, FLAG
    jb user_spin
    pushfq
    popq %rdi
    andl $((1 << 10) | (1 << 18)), %edi
    cld
    addq %rcx, %rdi
    addq %r11, %rdi             // all ones
    report 8, $((1<<10|1<<18)-1)
    movl %gs, %edi
    report 9, $0

    // a call that is made again, as after a stall
    xorl %edi, %edi
    xorl %esi, %esi
    movl $10, %eax
user_stalled_call:
    syscall

    // exceptions; the kernel skips the instruction where the processor does not
    hlt                         // 13
    int3                        // 3
    int $0x31                   // 13: not for user mode
    ud2                         // 6
    xorl %ecx, %ecx
    divl %ecx                   // 0
    movabsq $0x8000000000000000, %rcx
    movq (%rcx), %rdx           // 13: not canonical
    pushfq
    orq $(1 << 8), (%rsp)
    popfq                       // TF: 1 after the next instruction
    nop
    nop
    movabsq $0xffffffff80000000, %rcx
    movq (%rcx), %rdx           // page fault: the kernel half
    movl $0xffff8000, %ecx
    movq %rcx, %cr3             // 13

    // a gs base of the program's own making
    testq $1, FEATURES
    jz 2f
    movq $DATA + 8, %rcx
    wrgsbase %rcx
    movq %gs:0, %rdi
    report 11, $0x66
    movq %gs:0, %rdi
    report 12, $0x66
2:
    // the kernel sends it to an address that is not canonical, then here again
    movl $13, %eax
    syscall
    movl $14, %eax
    syscall
    // a stack pointer that is not canonical: harmless on both ways back
    movq %rsp, %rbx
    movabsq $0x8000000000000000, %rsp
    movq %rsp, %rdi
    movq %rdi, %rsi
    movl $15, %eax
    syscall
    movl $16, %eax              // resumed by IRET
    syscall
    movq %rbx, %rsp
    movl $99, %eax
    syscall
    ud2
user_program_end:
