/* SPDX-License-Identifier: MIT
 *
 * Instructions that raise exceptions, for faults.cpp. `exceptions`: for each the address at which an actor
 * begins, the address of the instruction that raises it, and that of what comes behind it: an instruction that
 * does not exist. In the order of the table in faults.cpp. */
        .section .text, "ax", @progbits

begin_0:
at_0:   ud2
behind_0:
        ud2
begin_1:
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        movl    $1, %eax
at_1:   divl    %ecx
behind_1:
        ud2
begin_2:
        movl    $0x80000000, %eax
        cltd
        movl    $-1, %ecx
at_2:   idivl   %ecx
behind_2:
        ud2
begin_3:
at_3:   int3
behind_3:
        ud2
begin_4:
at_4:   hlt
behind_4:
        ud2
begin_5:
at_5:   cli
behind_5:
        ud2
begin_6:
at_6:   inb     $0x64, %al
behind_6:
        ud2
begin_7:
at_7:   movq    %cr3, %rax
behind_7:
        ud2
begin_8:
        movl    $0xc0000080, %ecx
at_8:   rdmsr
behind_8:
        ud2
begin_9:
at_9:   int     $0x80
behind_9:
        ud2
begin_10:
        pushfq
        orl     $0x100, (%rsp)          /* single step: the trap comes behind the next instruction */
        popfq
at_10:  nop
behind_10:
        ud2
begin_11:
        leaq    1(%rsp), %rax
        andq    $-16, %rax
at_11:  movaps  1(%rax), %xmm0
behind_11:
        ud2
begin_12:
        fninit
        pushq   $0x37b                  /* likewise */
        fldcw   (%rsp)
        fld1
        fldz
        fdivrp  %st, %st(1)
at_12:  fwait
behind_12:
        ud2
begin_13:
        xorl    %eax, %eax
        pushfq
        orl     $0x100, (%rsp)
        popfq
        syscall                         /* ends the single step */
        nop
at_13:  ud2
behind_13:
        ud2

        .section .rodata, "a", @progbits
        .balign 8
        .globl  exceptions
exceptions:
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
        .quad   begin_\n, at_\n, behind_\n
        .endr
        .section .note.GNU-stack, "", @progbits
