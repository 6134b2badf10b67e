/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From 64-bit mode to 32-bit protected mode without paging, and back.
 *
 * void mode32(void (*fn)(void)): fn is 32-bit code at an address below 4 GiB; it is called with
 * paging and EFER.LME off, flat segments, interrupts off, and must leave paging off, EBP and ESP
 * as they were. CR3, CR4 and the IDT are put back here.
 */
	.section .text
	.code64
	.globl	mode32
	.type	mode32, @function
mode32:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sidt	saved_idt
	mov	%cr4, %rax
	mov	%rax, saved_cr4
	mov	%edi, %ebx
	mov	%rsp, %rbp
	push	$0x18			/* CODE32 */
	lea	1f(%rip), %rax
	push	%rax
	lretq
	.code32
1:	mov	%cr0, %eax
	and	$0x7fffffff, %eax
	mov	%eax, %cr0
	mov	$0xc0000080, %ecx
	rdmsr
	and	$~0x100, %eax
	wrmsr
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	push	%ebp
	call	*%ebx
	pop	%ebp
	mov	saved_cr4, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	ljmp	$0x08, $2f
	.code64
2:	mov	%ebp, %esp
	lidt	saved_idt
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .bss, "aw", @nobits
	.align	8
saved_cr4:
	.skip	8
saved_idt:
	.skip	16
	.section .note.GNU-stack, "", @progbits
