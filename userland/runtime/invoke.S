/* SPDX-License-Identifier: MIT
 *
 * void perdure_invoke(RawInvocation*): loads the registers of one invocation, makes the system
 * call, stores them again. The kernel leaves rbp alone, so it keeps the address; a call that is
 * stalled over a power cut returns here after the restart, with everything in registers and on
 * the stack. */
        .section .text, "ax", @progbits
        .globl  perdure_invoke
        .type   perdure_invoke, @function
perdure_invoke:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rdi, %rbp
        movq    0(%rbp), %rax
        movq    8(%rbp), %rdi
        movq    16(%rbp), %rsi
        movq    24(%rbp), %rdx
        movq    32(%rbp), %r8
        movq    40(%rbp), %r9
        movq    48(%rbp), %r10
        movq    56(%rbp), %rbx
        movq    64(%rbp), %r12
        movq    72(%rbp), %r13
        movq    80(%rbp), %r14
        movq    88(%rbp), %r15
        syscall
        movq    %rax, 0(%rbp)
        movq    %rdi, 8(%rbp)
        movq    %rsi, 16(%rbp)
        movq    %rdx, 24(%rbp)
        movq    %r8, 32(%rbp)
        movq    %r9, 40(%rbp)
        movq    %r10, 48(%rbp)
        movq    %rbx, 56(%rbp)
        movq    %r12, 64(%rbp)
        movq    %r13, 72(%rbp)
        movq    %r14, 80(%rbp)
        movq    %r15, 88(%rbp)
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
        .size   perdure_invoke, . - perdure_invoke
        .section .note.GNU-stack, "", @progbits
