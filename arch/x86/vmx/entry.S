/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into the guest and back (SDM 3C 27, 28). The guest's RSP, RIP and RFLAGS are in the VMCS; its
 * other general registers are loaded and saved here, from and to an array in encoding order.
 */

#define HOST_RSP_FIELD 0x6c14	/* VMCS_HOST_RSP */
#define GPR(n) (8 * n)

	.section .text.vmx_enter, "ax"

/*
 * int vmx_enter(u64 gpr[16] (rdi), bool resume (esi), u64 *host_rsp (rdx))
 * Returns VMX_ENTERED after an exit, VMX_FAIL_VALID or VMX_FAIL_INVALID if there was no entry.
 */
	.globl vmx_enter
	.type vmx_enter, @function
vmx_enter:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	/* The loop comes here from the same depth each time: written once, as a rule. */
	cmp	%rsp, (%rdx)
	je	1f
	mov	$HOST_RSP_FIELD, %eax
	vmwrite	%rsp, %rax
	jbe	vmx_enter_failed
	mov	%rsp, (%rdx)
1:
	test	%esi, %esi
	mov	GPR(0)(%rdi), %rax
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
	jnz	2f
	vmlaunch
	jmp	vmx_enter_failed
2:
	vmresume

/* CF: VMfailInvalid; else ZF: VMfailValid. Registers hold the guest's values, RSP is ours. */
vmx_enter_failed:
	mov	$2, %eax
	mov	$1, %ecx
	cmovnc	%ecx, %eax
	pop	%rdi
	jmp	vmx_leave

/* VMCS_HOST_RIP: RSP is as vmx_enter() left it. */
	.globl vmx_exit_point
	.type vmx_exit_point, @function
vmx_exit_point:
	push	%rdi
	mov	8(%rsp), %rdi
	mov	%rax, GPR(0)(%rdi)
	mov	%rcx, GPR(1)(%rdi)
	mov	%rdx, GPR(2)(%rdi)
	mov	%rbx, GPR(3)(%rdi)
	mov	%rbp, GPR(5)(%rdi)
	mov	%rsi, GPR(6)(%rdi)
	mov	%r8, GPR(8)(%rdi)
	mov	%r9, GPR(9)(%rdi)
	mov	%r10, GPR(10)(%rdi)
	mov	%r11, GPR(11)(%rdi)
	mov	%r12, GPR(12)(%rdi)
	mov	%r13, GPR(13)(%rdi)
	mov	%r14, GPR(14)(%rdi)
	mov	%r15, GPR(15)(%rdi)
	pop	%rax
	mov	%rax, GPR(7)(%rdi)
	pop	%rdi
	/* No guest value stays where a mispredicted branch could use it as an address. */
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
vmx_leave:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size vmx_enter, . - vmx_enter
