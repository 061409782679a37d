/* SPDX-License-Identifier: MIT
 *
 * Programs that fill registers with what they are given and look at them for ever (registers.cpp). One that finds
 * another value runs into an instruction that does not exist. */
        .section .text, "ax", @progbits

/* Leaves every register but rcx alone, which it counts up, and every flag. */
        .globl  count_only
count_only:
        leaq    1(%rcx), %rcx
        jmp     count_only

/* All vector registers become rdi + their number, and stay so. */
        .globl  keep_vectors
keep_vectors:
        xorl    %ecx, %ecx
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        leaq    \n(%rdi), %rax
        movq    %rax, %xmm\n
        punpcklqdq %xmm\n, %xmm\n
        .endr
1:      .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        leaq    \n(%rdi), %rax
        movq    %xmm\n, %rdx
        cmpq    %rax, %rdx
        jne     2f
        movhlps %xmm\n, %xmm\n          /* the high half over the low one: they are equal */
        movq    %xmm\n, %rdx
        cmpq    %rax, %rdx
        jne     2f
        .endr
        incq    %rcx
        jmp     1b
2:      ud2

/* The upper halves of the wide ones. */
        .globl  keep_wide_vectors
keep_wide_vectors:
        xorl    %ecx, %ecx
        .irp    n, 0, 1, 7, 8, 15
        leaq    \n(%rdi), %rax
        vmovq   %rax, %xmm\n
        vinsertf128 $1, %xmm\n, %ymm\n, %ymm\n
        .endr
1:      .irp    n, 0, 1, 7, 8, 15
        leaq    \n(%rdi), %rax
        vextractf128 $1, %ymm\n, %xmm2
        vmovq   %xmm2, %rdx
        cmpq    %rax, %rdx
        jne     2b
        .endr
        incq    %rcx
        jmp     1b

/* The control registers of both units: rdi and rsi. */
        .globl  keep_controls
keep_controls:
        xorl    %ecx, %ecx
        pushq   %rdi
        ldmxcsr (%rsp)
        pushq   %rsi
        fldcw   (%rsp)
        subq    $16, %rsp
1:      stmxcsr (%rsp)
        cmpl    %edi, (%rsp)
        jne     2b
        fnstcw  (%rsp)
        cmpw    %si, (%rsp)
        jne     2b
        incq    %rcx
        jmp     1b

/* The eight registers of the old unit: rdi to rdi + 7. Rotated, and each compared when it is on top. */
        .globl  keep_stack
keep_stack:
        xorl    %ecx, %ecx
        fninit
        subq    $16, %rsp
        .irp    n, 7, 6, 5, 4, 3, 2, 1, 0
        leaq    \n(%rdi), %rax
        movq    %rax, (%rsp)
        fildq   (%rsp)
        .endr
1:      .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        leaq    \n(%rdi), %rax
        fistpq  (%rsp)                  /* taken off, */
        fildq   (%rsp)                  /* put back, */
        fincstp                         /* and the next one is on top */
        cmpq    %rax, (%rsp)
        jne     2b
        .endr
        incq    %rcx
        jmp     1b

/* As a new process finds them: zero, and the controls as after a reset; and stay so. */
        .globl  find_initial
find_initial:
        xorl    %ecx, %ecx
        subq    $16, %rsp
1:      .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movq    %xmm\n, %rdx
        testq   %rdx, %rdx
        jne     2b
        .endr
        stmxcsr (%rsp)
        cmpl    $0x1f80, (%rsp)
        jne     2b
        fnstcw  (%rsp)
        cmpw    $0x37f, (%rsp)
        jne     2b
        incq    %rcx
        jmp     1b

/* What stands at fs:0 and gs:0 are rsi and rdx. */
        .globl  look_through_segments
look_through_segments:
        xorl    %ecx, %ecx
1:      movq    %fs:0, %rax
        cmpq    %rsi, %rax
        jne     2b
        movq    %gs:0, %rax
        cmpq    %rdx, %rax
        jne     2b
        incq    %rcx
        jmp     1b

/* Writes its own segment bases, and reads them back: rsi and rdx. */
        .globl  write_segments
write_segments:
        xorl    %ecx, %ecx
        wrfsbase %rsi
        wrgsbase %rdx
1:      rdfsbase %rax
        cmpq    %rsi, %rax
        jne     2b
        rdgsbase %rax
        cmpq    %rdx, %rax
        jne     2b
        incq    %rcx
        jmp     1b
        .section .note.GNU-stack, "", @progbits
