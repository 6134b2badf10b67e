/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's bits on the way to long mode, for assembly: SDM volume 3A, chapters 2 to 4. */
#ifndef BOOT_X86_H
#define BOOT_X86_H

/* §2.5 Control registers */
#define CR0_PE		(1 << 0)
#define CR0_ET		(1 << 4)
#define CR0_NE		(1 << 5)
#define CR0_WP		(1 << 16)
#define CR0_PG		(1 << 31)
#define CR4_PAE		(1 << 5)

/* §2.2.1 Extended feature enable register */
#define MSR_EFER	0xc0000080
#define EFER_LME	(1 << 8)
#define EFER_NXE	(1 << 11)

/* §4.5 4-level paging: entries */
#define PTE_P		(1 << 0)
#define PTE_W		(1 << 1)
#define PTE_PS		(1 << 7)
#define PT_ENTRIES	512
#define LARGE_PAGE_SHIFT 21

/* §3.4.5 Segment descriptors: flat, present, ring 0, accessed */
#define GDT_CODE32	0x00cf9b000000ffff
#define GDT_CODE64	0x00af9b000000ffff
#define GDT_DATA	0x00cf93000000ffff

/* CPUID leaves and bits: SDM volume 2A, CPUID */
#define RFLAGS_ID		(1 << 21)
#define CPUID_EXTENDED_MAX	0x80000000
#define CPUID_EXTENDED		0x80000001
#define CPUID_EXTENDED_EDX_LM	29
#define CPUID_FEATURES		1
#define CPUID_FEATURES_ECX_RDRAND 30

/* 16550 registers (National Semiconductor PC16550D, §8), as offsets from the port */
#define UART_THR	0
#define UART_DLL	0
#define UART_DLM	1
#define UART_FCR	2
#define UART_LCR	3
#define UART_LSR	5
#define UART_LCR_8N1	0x03
#define UART_LCR_DLAB	0x80
#define UART_FCR_ENABLE	0x07	/* FIFOs on and cleared */
#define UART_LSR_THRE	(1 << 5)
#define UART_CLOCK_BAUD	115200	/* divisor 1 */

#endif
