/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A test guest's first steps: multiboot 1 header, long mode with the first 4 GiB mapped
 * identically, stack, IDT stubs; then main(). Also the real-mode trampoline of further
 * processors, and the way back from an expected exception.
 */
	.set MAGIC, 0x1badb002
	.set FLAGS, 3			/* modules page aligned, memory information */
	.set CODE64, 0x08
	.set DATA, 0x10
	.set CODE32, 0x18
	.set CODE16, 0x20
	.set DATA16, 0x28

	.section .multiboot, "a"
	.align 4
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)

	.section .text.start, "ax"
	.code32
	.globl _start
_start:
	cld
	mov	%ebx, multiboot_info
	mov	$stack_top, %esp
	call	paging_on
	lgdt	gdt_pointer
	ljmp	$CODE64, $start64

/* PAE, EFER.LME, paging: SDM 3A 10.8.5. One PML4, one PDPT, four directories of 2 MiB pages. */
paging_on:
	movl	$pdpt + 3, pml4
	mov	$pdpt, %edi
	mov	$directories + 3, %eax
1:	mov	%eax, (%edi)
	add	$8, %edi
	add	$4096, %eax
	cmp	$directories + 3 + 4 * 4096, %eax
	jne	1b
	mov	$directories, %edi
	mov	$0x83, %eax
	mov	$0, %edx
2:	mov	%eax, (%edi)
	mov	%edx, 4(%edi)
	add	$8, %edi
	add	$0x200000, %eax
	adc	$0, %edx
	cmp	$directories + 4 * 4096, %edi
	jne	2b
paging_regs:
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x20, %eax
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000001, %eax
	mov	%eax, %cr0
	ret

	.code64
start64:
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_top, %rsp
	call	lib_main
	hlt

/* ---- Further processors: copied to AP_PAGE, entered in real mode by a SIPI ---- */

	.globl ap_code, ap_code_end
	.code16
ap_code:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	gdt_pointer_low - ap_code + 0x8000
	mov	$0x11, %eax
	mov	%eax, %cr0
	ljmpl	$CODE32, $ap32
gdt_pointer_low:
	.word	gdt_end - gdt - 1
	.long	gdt
ap_code_end:
	.code32
ap32:
	mov	$DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	ap_stack, %esp
	call	paging_regs
	ljmp	$CODE64, $ap64
	.code64
ap64:
	mov	ap_stack, %rsp
	call	ap_entry
1:	cli
	hlt
	jmp	1b

/* ---- Exceptions and interrupts ---- */

	.macro	stub n
	.align 16
	.if	(\n == 8) || (\n >= 10 && \n <= 14) || (\n == 17) || (\n == 21)
	.else
	push	$0
	.endif
	push	$\n
	jmp	common
	.endm

	.globl	stubs
	.align 16
stubs:
	.set	n, 0
	.rept	256
	stub	n
	.set	n, n + 1
	.endr

common:
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
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	cld
	call	trap
	mov	%rbp, %rsp
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
	add	$16, %rsp
	iretq

/*
 * int fault_catch(void (*fn)(void *arg), void *arg): -1, or the vector of the exception that fn()
 * met; fault_resume is where trap() goes on then.
 */
	.globl	fault_catch
fault_catch:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, fault_stack
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	mov	$-1, %eax
	jmp	1f
	.globl	fault_resume
fault_resume:
	mov	fault_stack, %rsp
	mov	fault_vector, %eax
1:	movq	$0, fault_stack
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret

	.section .data
	.align 8
	.globl	gdt, gdt_pointer, tss_slot
gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* CODE64 */
	.quad	0x00cf93000000ffff	/* DATA */
	.quad	0x00cf9b000000ffff	/* CODE32 */
	.quad	0x00009b000000ffff	/* CODE16 */
	.quad	0x000093000000ffff	/* DATA16 */
tss_slot:
	.quad	0, 0
	.quad	0, 0			/* room for tests */
gdt_end:
	.word	0, 0, 0
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt
	.globl	multiboot_info, ap_stack
multiboot_info:
	.long	0
	.align 8
ap_stack:
	.quad	0

	.section .bss, "aw", @nobits
	.align 4096
	.globl	pml4, directories
pml4:	.skip	4096
pdpt:	.skip	4096
directories:
	.skip	4 * 4096
	.skip	16384
stack_top:
	.section .note.GNU-stack, "", @progbits
