/* SPDX-License-Identifier: MIT
 *
 * A program that has its whole state in registers, integer and vector, and never makes a system
 * call and never touches memory: a restart must bring this state back exactly, and only a timer
 * interrupt can take the program from the processor. One step, for n = 1, 2, ...:
 *
 *   rbx   n                        xmm1  n, n             (two 64-bit integers)
 *   r12   sum of 1 ... n           xmm2  sum, sum
 *   r13   r13 rotated left by 5, xor n, from seed_word
 *   xmm3  r13 and its complement
 *   r14   n at the last comparison that failed; 0 as long as all agree
 *   r15   spinner_mark: the registers are of this program
 *
 * The integer and the vector half are computed apart, and compared at the end of each step. A test
 * that reads the registers from outside finds them within a step; r14 says whether any step ever
 * failed. rax is used inside a step, xmm4 to xmm6 too. */
        .set    seed_word, 0x0123456789abcdef
        .set    spinner_mark, 0x72656e6e697073      /* "spinner" */
        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        xorl    %ebx, %ebx
        xorl    %r12d, %r12d
        movabsq $seed_word, %r13
        xorl    %r14d, %r14d
        pxor    %xmm1, %xmm1
        pxor    %xmm2, %xmm2
        movq    %r13, %xmm3
        movq    %r13, %rax
        notq    %rax
        movq    %rax, %xmm4
        punpcklqdq %xmm4, %xmm3
        pcmpeqd %xmm0, %xmm0            /* all ones: -1 in both halves, for good */
        movabsq $spinner_mark, %r15     /* last: from here on all of them hold */

step:   incq    %rbx
        addq    %rbx, %r12
        rolq    $5, %r13
        xorq    %rbx, %r13

        psubq   %xmm0, %xmm1            /* n - -1 */
        paddq   %xmm1, %xmm2
        movdqa  %xmm3, %xmm4            /* rotate both halves left by 5 */
        psllq   $5, %xmm3
        psrlq   $59, %xmm4
        por     %xmm4, %xmm3
        pxor    %xmm1, %xmm3            /* the complement of r13, xor n, is the complement again */

        movq    %xmm1, %rax
        cmpq    %rbx, %rax
        jne     failed
        movq    %xmm2, %rax
        cmpq    %r12, %rax
        jne     failed
        movq    %xmm3, %rax
        cmpq    %r13, %rax
        jne     failed
        pshufd  $0x4e, %xmm1, %xmm5     /* the upper halves, too */
        movq    %xmm5, %rax
        cmpq    %rbx, %rax
        jne     failed
        pshufd  $0x4e, %xmm2, %xmm5
        movq    %xmm5, %rax
        cmpq    %r12, %rax
        jne     failed
        pshufd  $0x4e, %xmm3, %xmm6
        movq    %xmm6, %rax
        notq    %rax
        cmpq    %r13, %rax
        je      step
failed: movq    %rbx, %r14
        jmp     step
        .size   _start, . - _start
        .section .note.GNU-stack, "", @progbits
