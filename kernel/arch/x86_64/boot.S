// SPDX-License-Identifier: MIT
//
// From the boot loader to C++. GRUB finds the multiboot2 header, QEMU's -kernel the PVH note;
// both enter boot_start in 32-bit protected mode, paging off, with all of low memory flat:
//
//   multiboot2   eax = 0x36d76289   ebx = physical address of the boot information
//   PVH          eax = anything     ebx = physical address of hvm_start_info
//
// The tables made here map the first 4 GiB three times: at 0 for the switch itself, at the
// start of the direct map and, the first GiB, at kernel_base. They are writable and executable
// throughout, and live only until paging.cpp has built the real ones.
#include "kernel/arch/x86_64/offsets.h"

#define MULTIBOOT2_MAGIC 0xe85250d6
#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define COM1 0x3f8
#define DEBUG_EXIT_PORT 0xf4
#define TABLE_ROOT 0
#define TABLE_LOW 0x1000        /* identity map and direct map: 4 entries, 4 GiB */
#define TABLE_HIGH 0x2000       /* kernel_base is in its entry 510 */
#define TABLE_DIRECTORIES 0x3000  /* 4 tables of 2 MiB pages */
#define TABLE_BYTES 0x7000

    .section .multiboot, "a"
    .balign 8
multiboot_header:
    .long MULTIBOOT2_MAGIC, 0, multiboot_end - multiboot_header
    .long -(MULTIBOOT2_MAGIC + (multiboot_end - multiboot_header))
    .short 0, 0                 // end of the tags
    .long 8
multiboot_end:

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad boot_start

    .section .boot.text, "ax"
    .code32
    .globl boot_start
boot_start:
    cli
    cld
    movl %eax, %esi             // kept until arch_start
    movl %ebx, %ebp

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    testl $(1 << 29), %edx
    jz no_long_mode
    testl $(1 << 20), %edx
    jz no_no_execute

    movl $bss_start_physical, %edi   // not every loader clears it, least so on a warm reset
    movl $bss_end_physical, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl

    movl $boot_tables_physical, %ebx
    leal TABLE_DIRECTORIES(%ebx), %edi
    movl $0x83, %eax            // present, writable, large
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b

    leal TABLE_DIRECTORIES+3(%ebx), %eax
    movl %eax, TABLE_HIGH+510*8(%ebx)
    leal TABLE_LOW(%ebx), %edi
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 2b
    leal TABLE_LOW+3(%ebx), %eax
    movl %eax, TABLE_ROOT+0*8(%ebx)
    movl %eax, TABLE_ROOT+256*8(%ebx)
    leal TABLE_HIGH+3(%ebx), %eax
    movl %eax, TABLE_ROOT+511*8(%ebx)

    movl $(1 << 5), %eax        // CR4: PAE, and nothing that CPUID has not been asked about
    movl %eax, %cr4
    movl %ebx, %cr3
    movl $0xc0000080, %ecx      // EFER: NXE, LME
    rdmsr
    orl $((1 << 11) | (1 << 8)), %eax
    wrmsr
    movl $0x80010033, %eax      // CR0: PG, WP, NE, ET, MP, PE
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $SELECTOR_KERNEL_CODE, $boot_long_mode

no_long_mode:
    movl $message_long_mode, %esi
    jmp boot_refuse
no_no_execute:
    movl $message_no_execute, %esi
boot_refuse:                    // prints the line at esi and ends with status 3
    lodsb
    testb %al, %al
    jz 2f
    movb %al, %bl
    movw $(COM1 + 5), %dx
1:  inb %dx, %al
    testb $0x20, %al
    jz 1b
    movw $COM1, %dx
    movb %bl, %al
    outb %al, %dx
    jmp boot_refuse
2:  movw $DEBUG_EXIT_PORT, %dx
    movl $1, %eax
    outl %eax, %dx
3:  cli
    hlt
    jmp 3b

    .code64
boot_long_mode:
    movabsq $boot_high_half, %rax
    jmp *%rax

    .section .boot.data, "a"
message_long_mode: .asciz "perdure: this processor has no 64-bit mode\r\n"
message_no_execute: .asciz "perdure: this processor cannot forbid execution (NX)\r\n"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff    // 64-bit code
    .quad 0x00cf92000000ffff    // data
boot_gdt_pointer:
    .short . - boot_gdt - 1
    .long boot_gdt

    .section .text.boot, "ax"
boot_high_half:
    movw $SELECTOR_KERNEL_DATA, %ax
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movq $kernel_stack_top, %rsp
    movl %esi, %edi
    movl %ebp, %esi
    xorl %ebp, %ebp
    call arch_start

    // Stacks grow down into pages that paging.cpp leaves out of the tables.
    .section .bss.stacks, "aw", @nobits
    .balign PAGE_BYTES
    .globl kernel_stack_guard, kernel_stack_top, emergency_stack_guard, emergency_stack_top
kernel_stack_guard:
    .skip PAGE_BYTES
    .skip KERNEL_STACK_BYTES
kernel_stack_top:
emergency_stack_guard:
    .skip PAGE_BYTES
    .skip EMERGENCY_STACK_BYTES
emergency_stack_top:
    .globl boot_tables
boot_tables:
    .skip TABLE_BYTES
