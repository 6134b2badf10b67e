/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of the IDT: one stub a vector, all into trap_dispatch() with a struct trap_frame. The
 * hypervisor has no user mode, so GS needs no swapping and the stack alignment is the processor's
 * (SDM 3A 6.14.2). And the MSR accesses that may fault.
 */

	/* Exceptions that push an error code: SDM 3A table 6-1. */
#define HAS_ERROR(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || \
	(v) == 29 || (v) == 30)
#define STUB_SIZE	16
#define VECTORS		256

	.text
	.balign STUB_SIZE
	.globl trap_stubs
trap_stubs:
	vector = 0
	.rept VECTORS
	.balign STUB_SIZE
	.if !HAS_ERROR(vector)
	push	$0
	.endif
	push	$vector
	jmp	trap_common
	vector = vector + 1
	.endr

	.balign 16
trap_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	call	trap_dispatch
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp		/* vector, error */
	iretq

	/* int rdmsr_safe(u32 msr, u64 *val): a #GP goes on at msr_fault, with the error in RAX. */
	.globl rdmsr_safe, rdmsr_safe_insn
rdmsr_safe:
	mov	%edi, %ecx
rdmsr_safe_insn:
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, (%rsi)
	xor	%eax, %eax
	ret

	/* int wrmsr_safe(u32 msr, u64 val) */
	.globl wrmsr_safe, wrmsr_safe_insn
wrmsr_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
wrmsr_safe_insn:
	wrmsr
	xor	%eax, %eax
	.globl msr_fault
msr_fault:
	ret

	/* void gdt_load(const struct desc_ptr *gdtr, u16 code, u16 data, u16 tss) */
	.globl gdt_load
gdt_load:
	lgdt	(%rdi)
	mov	%edx, %ds
	mov	%edx, %es
	mov	%edx, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	ltr	%cx
	pop	%rax
	push	%rsi
	push	%rax
	lretq

	/* void stack_switch(void *top, void (*fn)(void *arg), void *arg): never returns. */
	.globl stack_switch
stack_switch:
	mov	%rdi, %rsp
	mov	%rdx, %rdi
	xor	%ebp, %ebp		/* the end of every backtrace */
	call	*%rsi
	ud2

	.section .note.GNU-stack, "", @progbits
