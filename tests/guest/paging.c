/* SPDX-License-Identifier: BSD-2-Clause */
/* 32-bit and PAE paging: translation, MMIO through it, and what PAE's top entries may hold. */
#include "lib.h"

const char test_name[] = "paging";

enum { P = 1, RW = 2, PS = 0x80 };
enum { WINDOW = 0x40000000, IOAPIC_WINDOW = 0x40001000 };	/* linear */

/* 4 MiB or 2 MiB pages identically below 4 MiB, and two small pages at WINDOW. */
u32 pd32[1024] __attribute__((aligned(4096))), pt32[1024] __attribute__((aligned(4096)));
u64 pdpt_pae[4] __attribute__((aligned(32))), pdpt_bad[4] __attribute__((aligned(32)));
static u64 pd_low[512] __attribute__((aligned(4096))), pd_high[512] __attribute__((aligned(4096))),
	pt_pae[512] __attribute__((aligned(4096)));
static u32 page[1024] __attribute__((aligned(4096)));
u32 results[16];

struct gate32 { u16 low, selector, type, high; } gates[14];
struct { u16 limit; u32 base; } __attribute__((packed)) idt32 = { sizeof(gates) - 1, 0 };

void code32(void), on_gp(void), on_pf(void);
__asm__(
	".pushsection .text\n"
	".code32\n"
"code32:\n"
	"lidt idt32\n"
	/* 32-bit paging */
	"mov $0x10, %eax\n"			/* PSE */
	"mov %eax, %cr4\n"
	"mov $pd32, %eax\n"
	"mov %eax, %cr3\n"
	"mov %cr0, %eax\n"
	"or $0x80000000, %eax\n"
	"mov %eax, %cr0\n"
	"mov 0x40000000, %ecx\n"
	"mov %ecx, results\n"
	"movl $0x11112222, 0x40000004\n"
	"movl $1, 0x40001000\n"			/* I/O APIC: version */
	"mov 0x40001010, %ecx\n"
	"mov %ecx, results + 4\n"
	"and $0x7fffffff, %eax\n"
	"mov %eax, %cr0\n"
	/* PAE with a reserved bit: #GP, and paging stays off */
	"mov $0x20, %ecx\n"
	"mov %ecx, %cr4\n"
	"mov $pdpt_bad, %ecx\n"
	"mov %ecx, %cr3\n"
	"or $0x80000000, %eax\n"
	"movl $1f, resume\n"
	"mov %eax, %cr0\n"
"1:	mov %cr0, %eax\n"
	"mov %eax, results + 8\n"
	/* PAE */
	"mov $pdpt_pae, %ecx\n"
	"mov %ecx, %cr3\n"
	"or $0x80000000, %eax\n"
	"mov %eax, %cr0\n"
	"mov 0x40000004, %ecx\n"
	"mov %ecx, results + 12\n"
	"mov 0x40001010, %ecx\n"
	"mov %ecx, results + 16\n"
	"mov $results + 32, %edi\n"		/* the decoder writes through PAE */
	"mov $0x3ff, %edx\n"
	"insb\n"
	/* MOV to CR3 loads the top entries; a bad one is refused */
	"movl $2f, resume\n"
	"mov $pdpt_bad, %ecx\n"
	"mov %ecx, %cr3\n"
"2:	mov %cr3, %ecx\n"
	"mov %ecx, results + 20\n"
	"and $0x7fffffff, %eax\n"
	"mov %eax, %cr0\n"
	"ret\n"
"on_gp:\n"
	"incl results + 24\n"
	"add $4, %esp\n"
	"push %eax\n"
	"mov resume, %eax\n"
	"mov %eax, 4(%esp)\n"
	"pop %eax\n"
	"iret\n"
	".code64\n"
	".popsection\n"
	".pushsection .data\n"
"resume: .long 0\n"
	".popsection\n");

static void tables(void)
{
	pd32[0] = 0 | PS | RW | P;
	pd32[WINDOW >> 22] = (u32)(u64)pt32 | RW | P;
	pt32[0] = (u32)(u64)page | RW | P;
	pt32[1] = IOAPIC_MMIO | RW | P;
	for (u32 i = 0; i < 4; i++)
		pd_low[i] = i << 21 | PS | RW | P;
	pd_high[0] = (u64)pt_pae | RW | P;
	pt_pae[0] = (u64)page | RW | P;
	pt_pae[1] = IOAPIC_MMIO | RW | P;
	pdpt_pae[0] = (u64)pd_low | P;
	pdpt_pae[1] = (u64)pd_high | P;
	memcpy(pdpt_bad, pdpt_pae, sizeof(pdpt_bad));
	pdpt_bad[2] = RW | P;			/* R/W is reserved there */
}

void test(void)
{
	tables();
	gates[GP] = (struct gate32){ (u64)on_gp, 0x18, 0x8e00, (u64)on_gp >> 16 };
	idt32.base = (u64)gates;
	page[0] = 0x55667788;
	outb(0x3ff, 0x3c);
	mode32(code32);
	check_eq(results[0], 0x55667788);
	check_eq(page[1], 0x11112222);
	check_eq(results[1] >> 16, 23);
	check_eq(results[2] >> 31, 0);
	check_eq(results[3], 0x11112222);
	check_eq(results[4] >> 16, 23);
	/* With nested paging AMD's read them when they are used: APM 2, 15.25.10 */
	if (!on_amd()) {
		check_eq(results[5], (u64)pdpt_pae);
		check_eq(results[6], 2);
	}
	check_eq(results[8], 0x3c);
	check(rdmsr(MSR_EFER) & 1 << 10, "not back in long mode");
}
