/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image's two entries, both in 32-bit protected mode with paging off, and the way from there
 * into long mode at KERNEL_VMA. Nothing here returns.
 */
#include "asm/layout.h"
#include "boot/multiboot2.h"
#include "boot/pvh.h"
#include "boot/x86.h"

#define PHYS(symbol)	((symbol) - KERNEL_VMA)
#define BOOT_CODE64	0x08	/* selectors in boot_gdt */
#define BOOT_DATA	0x10
#define BOOT_STACK_SIZE	16384
/* A transmitter that never becomes empty is waited for this long, in reads of its status. */
#define UART_PATIENCE	100000
#define GOLDEN_RATIO_64	0x9e3779b97f4a7c15

/* Set the UART up, send the zero-terminated line at (E/R)SI, halt. The same in both modes. */
	.macro	send_and_halt
	mov	$(CONFIG_SERIAL_PORT + UART_LCR), %dx
	mov	$(UART_LCR_DLAB | UART_LCR_8N1), %al
	out	%al, %dx
	mov	$(CONFIG_SERIAL_PORT + UART_DLL), %dx
	mov	$((UART_CLOCK_BAUD / CONFIG_SERIAL_BAUD) & 0xff), %al
	out	%al, %dx
	mov	$(CONFIG_SERIAL_PORT + UART_DLM), %dx
	mov	$((UART_CLOCK_BAUD / CONFIG_SERIAL_BAUD) >> 8), %al
	out	%al, %dx
	mov	$(CONFIG_SERIAL_PORT + UART_LCR), %dx
	mov	$UART_LCR_8N1, %al
	out	%al, %dx
	mov	$(CONFIG_SERIAL_PORT + UART_FCR), %dx
	mov	$UART_FCR_ENABLE, %al
	out	%al, %dx
1:	mov	$UART_PATIENCE, %ecx
	mov	$(CONFIG_SERIAL_PORT + UART_LSR), %dx
2:	in	%dx, %al
	test	$UART_LSR_THRE, %al
	jnz	3f
	dec	%ecx
	jnz	2b
3:	lodsb
	test	%al, %al
	jz	4f
	mov	$(CONFIG_SERIAL_PORT + UART_THR), %dx
	out	%al, %dx
	jmp	1b
4:	hlt
	jmp	4b
	.endm

#ifdef CONFIG_MULTIBOOT2
	.section .boot.header, "a", @progbits
	.balign 8
header:
	.long	MULTIBOOT2_HEADER_MAGIC
	.long	MULTIBOOT2_ARCHITECTURE_I386
	.long	header_end - header
	.long	-(MULTIBOOT2_HEADER_MAGIC + MULTIBOOT2_ARCHITECTURE_I386 + (header_end - header))
	/* Optional: a loader without a memory map shall start us, so that we can say so. */
	.balign 8
request:
	.short	MULTIBOOT2_HEADER_TAG_INFORMATION_REQUEST, MULTIBOOT2_HEADER_TAG_OPTIONAL
	.long	request_end - request
	.long	MULTIBOOT2_TAG_CMDLINE, MULTIBOOT2_TAG_MODULE, MULTIBOOT2_TAG_MMAP
	.long	MULTIBOOT2_TAG_ACPI_OLD, MULTIBOOT2_TAG_ACPI_NEW
request_end:
	.balign 8
	.short	MULTIBOOT2_HEADER_TAG_MODULE_ALIGN, MULTIBOOT2_HEADER_TAG_OPTIONAL
	.long	8
	.balign 8
	.short	MULTIBOOT2_HEADER_TAG_END, 0
	.long	8
header_end:
#endif

#ifdef CONFIG_PVH
	.section .note.pvh, "a", @note
	.balign 4
	.long	2f - 1f, 4f - 3f, XEN_ELFNOTE_PHYS32_ENTRY
1:	.asciz	"Xen"
2:	.balign 4
3:	.quad	pvh_entry
4:	.balign 4
#endif

	.section .boot.text, "ax", @progbits
	.code32

/* Multiboot2 §3.5: EAX the magic, EBX the boot information. */
	.globl	multiboot2_entry
multiboot2_entry:
	mov	%eax, %ebp
	jmp	entry

/* PVH: EBX the start_info. boot_main() knows it by a magic of 0. */
	.globl	pvh_entry
pvh_entry:
	xor	%ebp, %ebp
entry:
	cli
	cld
	mov	$PHYS(boot_stack_top), %esp
	mov	%ebx, %edi

	/* Long mode, or a line that says it is missing. A 486 has no CPUID to ask. */
	pushfl
	pop	%eax
	mov	%eax, %ecx
	xor	$RFLAGS_ID, %eax
	push	%eax
	popfl
	pushfl
	pop	%eax
	cmp	%ecx, %eax
	je	no_long_mode
	mov	$CPUID_EXTENDED_MAX, %eax
	cpuid
	cmp	$CPUID_EXTENDED, %eax
	jb	no_long_mode
	mov	$CPUID_EXTENDED, %eax
	cpuid
	bt	$CPUID_EXTENDED_EDX_LM, %edx
	jnc	no_long_mode

	/* Page directories: physical 0 upwards in 2 MiB pages. */
	xor	%ecx, %ecx
1:	mov	%ecx, %eax
	shl	$LARGE_PAGE_SHIFT, %eax
	or	$(PTE_P | PTE_W | PTE_PS), %eax
	mov	%eax, PHYS(early_pd)(,%ecx,8)
	inc	%ecx
	cmp	$(EARLY_MAP_GIB * PT_ENTRIES), %ecx
	jb	1b

	/* Identity: all of them. At KERNEL_VMA, the last 2 GiB: the first two. */
	movl	$(PHYS(early_pdpt_low) + PTE_P + PTE_W), PHYS(early_pml4)
	movl	$(PHYS(early_pdpt_high) + PTE_P + PTE_W), PHYS(early_pml4) + (PT_ENTRIES - 1) * 8
	mov	$(PHYS(early_pd) + PTE_P + PTE_W), %eax
	xor	%ecx, %ecx
1:	mov	%eax, PHYS(early_pdpt_low)(,%ecx,8)
	add	$PAGE_BYTES, %eax
	inc	%ecx
	cmp	$EARLY_MAP_GIB, %ecx
	jb	1b
	movl	$(PHYS(early_pd) + PTE_P + PTE_W), PHYS(early_pdpt_high) + (PT_ENTRIES - 2) * 8
	movl	$(PHYS(early_pd) + PAGE_BYTES + PTE_P + PTE_W), \
		PHYS(early_pdpt_high) + (PT_ENTRIES - 1) * 8

	/* SDM 3A §9.8.5: PAE, CR3, LME, then paging. */
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$PHYS(early_pml4), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	$(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE), %eax
	mov	%eax, %cr0
	lgdtl	boot_gdtr
	ljmpl	$BOOT_CODE64, $entry64

no_long_mode:
	mov	$no_long_mode_line, %esi
	send_and_halt

	.code64
entry64:
	mov	$BOOT_DATA, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	movabs	$entry_high, %rax
	jmp	*%rax

	.section .boot.rodata, "a", @progbits
	.balign 8
boot_gdt:
	.quad	0, GDT_CODE64, GDT_DATA
boot_gdtr:
	.short	. - boot_gdt - 1
	.long	boot_gdt
no_long_mode_line:
	.asciz	"boot: processor: no long mode (CPUID.80000001H:EDX.LM[29] is 0), halted\r\n"

	.text
entry_high:
	mov	$boot_stack_top, %rsp
	mov	%edi, %esi		/* info, magic: boot_main()'s arguments */
	mov	%ebp, %edi

	/* The guard of -fstack-protector: random if RDRAND has it, its lowest byte 0. */
	mov	$CPUID_FEATURES, %eax
	cpuid
	bt	$CPUID_FEATURES_ECX_RDRAND, %ecx
	jnc	1f
	rdrand	%rax
	jc	2f
1:	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	movabs	$GOLDEN_RATIO_64, %rdx	/* spreads the few bits that differ */
	imul	%rdx, %rax
2:	xor	%al, %al
	mov	%rax, __stack_chk_guard

	xor	%ebp, %ebp		/* the end of every backtrace */
	call	boot_main
	ud2

	.globl	boot_fail
boot_fail:
	mov	%rdi, %rsi
	send_and_halt

	.section .bss.page_aligned, "aw", @nobits
	.balign	PAGE_BYTES
	.globl	early_pml4
early_pml4:
	.fill	PAGE_BYTES
early_pdpt_low:
	.fill	PAGE_BYTES
early_pdpt_high:
	.fill	PAGE_BYTES
early_pd:
	.fill	EARLY_MAP_GIB * PAGE_BYTES
	.fill	BOOT_STACK_SIZE
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
