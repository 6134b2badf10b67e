/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of an application processor from its SIPI (real mode, CS = page of the vector, IP = 0)
 * into long mode. Copied to a page below 1 MiB by boot/ap.c, so everything is addressed relative
 * to trampoline_begin. SDM 3A §9.4 (multiple-processor initialization), §9.8.5 (IA-32e mode).
 */
#include "asm/layout.h"
#include "boot/x86.h"

#define AT(label)	((label) - trampoline_begin)
/* Selectors in the trampoline's GDT */
#define TR_CODE32	0x08
#define TR_DATA		0x10
#define TR_CODE64	0x18

	.section .rodata.trampoline, "a", @progbits
	.balign 16
	.globl	trampoline_begin, trampoline_params, trampoline_entry32, trampoline_entry64
	.globl	trampoline_gdt, trampoline_end
	.code16
trampoline_begin:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	xor	%ebx, %ebx
	mov	%ax, %bx
	shl	$4, %ebx		/* EBX: the trampoline's own address, to the end */
	lgdtl	AT(params_gdtr)
	mov	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	*AT(params_far32)

	.code32
trampoline_entry32:
	mov	$TR_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$(early_pml4 - KERNEL_VMA), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	mov	AT(params_efer)(%ebx), %eax
	xor	%edx, %edx
	wrmsr
	mov	$(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE), %eax
	mov	%eax, %cr0
	ljmpl	*AT(params_far64)(%ebx)

	.code64
trampoline_entry64:
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	AT(params_cr3)(%rbx), %rax
	mov	%rax, %cr3
	mov	AT(params_stack)(%rbx), %rsp
	mov	AT(params_arg)(%rbx), %rdi
	mov	AT(params_entry)(%rbx), %rax
	xor	%ebp, %ebp		/* the end of every backtrace */
	call	*%rax
	ud2

	.balign 8
trampoline_gdt:
	.quad	0, GDT_CODE32, GDT_DATA, GDT_CODE64
trampoline_gdt_end:

	/* struct trampoline_params of boot/ap.c, which fills in all but selectors and limit. */
	.balign 8
trampoline_params:
params_cr3:	.quad	0
params_stack:	.quad	0
params_arg:	.quad	0
params_entry:	.quad	0
params_efer:	.long	0
params_far32:	.long	0
		.short	TR_CODE32
params_far64:	.long	0
		.short	TR_CODE64
params_gdtr:	.short	trampoline_gdt_end - trampoline_gdt - 1
		.long	0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
