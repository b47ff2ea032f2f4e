/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lab's boot loader: an option ROM. The BIOS calls it at the end of POST, when the ACPI and MP
 * tables are in place and before it looks for a disk. The kernel, its boot_params, command line,
 * initrd and an identity map are in RAM already (labimage.py); what is left is to ask the BIOS for
 * the memory map, to enter long mode and to jump (the kernel's boot protocol, 64-bit entry).
 */
#include "layout.h"

#define E820_SCRATCH	0x8000		/* where the BIOS call puts the map */
#define E820_COUNT	(BOOT_PARAMS + 0x1e8)
#define E820_TABLE	(BOOT_PARAMS + 0x2d0)
#define SMAP		0x534d4150
#define MSR_EFER	0xc0000080

	.code16
	.globl _start
_start:
	.byte	0x55, 0xaa, ROM_BLOCKS
	cli
	cld

	/* The memory map, 20 bytes an entry; bp counts. */
	movw	$(E820_SCRATCH >> 4), %ax
	movw	%ax, %es
	xorw	%di, %di
	xorl	%ebx, %ebx
	xorw	%bp, %bp
next_range:
	movl	$0xe820, %eax
	movl	$SMAP, %edx
	movl	$20, %ecx
	int	$0x15
	jc	have_map
	cmpl	$SMAP, %eax
	jne	have_map
	incw	%bp
	addw	$20, %di
	testl	%ebx, %ebx
	jnz	next_range

have_map:
	cli
	movb	$0xff, %al			/* mask both PICs */
	outb	%al, $0x21
	outb	%al, $0xa1
	inb	$0x92, %al			/* A20 on, no reset */
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
	lgdtl	%cs:(gdtr - _start)
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x08, $(ROM_ADDR + (protected - _start))

	.code32
protected:
	movw	$0x18, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	%ax, %fs
	movw	%ax, %gs
	movl	$STACK_TOP, %esp
	movzwl	%bp, %eax
	movb	%al, E820_COUNT
	imull	$5, %eax, %ecx
	movl	$E820_SCRATCH, %esi
	movl	$E820_TABLE, %edi
	rep movsl

	movl	%cr4, %eax			/* PAE */
	orl	$0x20, %eax
	movl	%eax, %cr4
	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx			/* LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax			/* PG */
	orl	$0x80000001, %eax
	movl	%eax, %cr0
	ljmpl	$0x10, $(ROM_ADDR + (long - _start))

	.code64
long:
	movl	$BOOT_PARAMS, %esi
	xorl	%ebp, %ebp
	xorl	%edi, %edi
	xorl	%ebx, %ebx
	jmp	*ENTRY

	.balign 8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff		/* 08: 32-bit code */
	.quad	0x00af9b000000ffff		/* 10: 64-bit code, as the kernel's __BOOT_CS */
	.quad	0x00cf93000000ffff		/* 18: data, as the kernel's __BOOT_DS */
gdtr:	.word	. - gdt - 1
	.long	ROM_ADDR + (gdt - _start)
