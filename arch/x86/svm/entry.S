/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into the guest and back (APM volume 2, 15.5, 15.6). RAX, RSP, RIP and RFLAGS of the guest are in
 * the VMCB; its other general registers are loaded and saved here, from and to an array in
 * encoding order.
 */

#define GPR(n) (8 * n)

	.section .text.svm_enter, "ax"

/*
 * void svm_enter(u64 gpr[16] (rdi), u64 vmcb_phys (rsi), u64 host_vmcb_phys (rdx))
 *
 * With V_INTR_MASKING the host's RFLAGS.IF decides whether a physical interrupt ends guest mode
 * (15.21.1), so it is set at VMRUN, with GIF clear so that nothing is taken before. After #VMEXIT
 * GIF is clear again: an NMI waits for STGI, when TR is the host's, and an interrupt for IF.
 */
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	push	%rdx
	clgi
	sti
	mov	%rsi, %rax
	mov	GPR(1)(%rdi), %rcx
	mov	GPR(2)(%rdi), %rdx
	mov	GPR(3)(%rdi), %rbx
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(6)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(7)(%rdi), %rdi
	vmload	%rax
	vmrun	%rax
	/* RAX and RSP are the host's again. FS, GS, TR, LDTR are not. */
	vmsave	%rax
	pop	%rax
	vmload	%rax
	pop	%rax
	mov	%rcx, GPR(1)(%rax)
	mov	%rdx, GPR(2)(%rax)
	mov	%rbx, GPR(3)(%rax)
	mov	%rbp, GPR(5)(%rax)
	mov	%rsi, GPR(6)(%rax)
	mov	%rdi, GPR(7)(%rax)
	mov	%r8, GPR(8)(%rax)
	mov	%r9, GPR(9)(%rax)
	mov	%r10, GPR(10)(%rax)
	mov	%r11, GPR(11)(%rax)
	mov	%r12, GPR(12)(%rax)
	mov	%r13, GPR(13)(%rax)
	mov	%r14, GPR(14)(%rax)
	mov	%r15, GPR(15)(%rax)
	/* No guest value stays where a mispredicted branch could use it as an address. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	cli
	stgi
	ret
	.size svm_enter, . - svm_enter
