/* SPDX-License-Identifier: MIT
 *
 * The first instruction of every program: no frame above it, a stack that is 16-byte aligned at
 * the call, rdi as its starter has set it. Runs once in a program's life; after
 * a restart of the machine a program goes on where it was. */
        .section .text.start, "ax", @progbits
        .globl  _start
        .type   _start, @function
_start:
        xorl    %ebp, %ebp
        andq    $-16, %rsp
        call    program_begins
1:      ud2
        jmp     1b
        .size   _start, . - _start
        .section .note.GNU-stack, "", @progbits
