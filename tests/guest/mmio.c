/* SPDX-License-Identifier: BSD-2-Clause */
/* Device registers in memory, by many instructions: I/O APIC, local APIC, ECAM. */
#include "lib.h"

const char test_name[] = "mmio";

enum { IOREGSEL = 0, IOWIN = 0x10, RTE0_LOW = 0x10 };
#define ECAM 0xe0000000ul

static void select(u32 reg)
{
	write32(IOAPIC_MMIO + IOREGSEL, reg);
}

/* IOWIN holds the low half of pin 0's entry: vector, mask and so on can be changed freely. */
static void moves(void)
{
	volatile u32 *win = (void *)(IOAPIC_MMIO + IOWIN);
	u64 reg = 0x1122334455667788;

	select(RTE0_LOW);
	__asm__ volatile("movl $0x10031, %0" : "=m"(*win));
	check_eq(*win, 0x10031);
	__asm__ volatile("movl %1, %0" : "=m"(*win) : "r"(0x10032));
	__asm__ volatile("movl %1, %k0" : "+r"(reg) : "m"(*win));
	check_eq(reg, 0x10032);
	__asm__ volatile("movq %1, %%rax; movl %%eax, %0" : "=m"(*win) : "r"(0x10033ul) : "rax");
	__asm__ volatile("movzbl %1, %k0" : "=r"(reg) : "m"(*win));
	check_eq(reg, 0x33);
	__asm__ volatile("movl $0x100f0, %0" : "=m"(*win));
	__asm__ volatile("movsbq %1, %0" : "=r"(reg) : "m"(*win));
	check_eq(reg, 0xfffffffffffffff0);
	__asm__ volatile("movl %1, %%r15d; mov %%r15, %0" : "=r"(reg) : "m"(*win) : "r15");
	check_eq(reg, 0x100f0);
	__asm__ volatile("movabs %%eax, 0xfec00010" :: "a"(0x10044) : "memory");
	__asm__ volatile("movabs 0xfec00010, %%eax" : "=a"(reg));
	check_eq(reg, 0x10044);
}

static void arithmetic(void)
{
	volatile u32 *win = (void *)(IOAPIC_MMIO + IOWIN);
	u32 reg = 0x10066;
	u64 flags;

	select(RTE0_LOW);
	*win = 0x10040;
	__asm__ volatile("orl $0x05, %0" : "+m"(*win));
	check_eq(*win, 0x10045);
	__asm__ volatile("andl %1, %0" : "+m"(*win) : "r"(0xfffffff0));
	check_eq(*win, 0x10040);
	__asm__ volatile("addl $0x11, %0" : "+m"(*win));
	check_eq(*win, 0x10051);
	__asm__ volatile("incl %0" : "+m"(*win));
	check_eq(*win, 0x10052);
	__asm__ volatile("xorl %0, %1" : "+m"(*win), "+r"(reg));
	check_eq(reg, 0x34);
	__asm__ volatile("cmpl $0x10052, %1; pushfq; pop %0" : "=r"(flags) : "m"(*win));
	check(flags & 1 << 6, "CMP: not equal");
	__asm__ volatile("testl $1, %1; pushfq; pop %0" : "=r"(flags) : "m"(*win));
	check(flags & 1 << 6, "TEST: not zero");
	__asm__ volatile("btl $16, %1; pushfq; pop %0" : "=r"(flags) : "m"(*win));
	check(flags & 1, "BT: bit is clear");
	__asm__ volatile("lock btrl $4, %0" : "+m"(*win));
	check_eq(*win, 0x10042);
	reg = 0x10077;
	__asm__ volatile("xchgl %0, %1" : "+m"(*win), "+r"(reg));
	check_eq(reg, 0x10042);
	check_eq(*win, 0x10077);
	reg = 0x10088;
	__asm__ volatile("lock cmpxchgl %1, %0" : "+m"(*win) : "r"(reg), "a"(0x10077));
	check_eq(*win, 0x10088);
}

static void stack(void)
{
	volatile u32 *win = (void *)(IOAPIC_MMIO + IOWIN);
	u64 before, after;

	select(RTE0_LOW);
	*win = 0x10099;
	__asm__ volatile("mov %%rsp, %0; pushq %2; mov %%rsp, %1; mov %0, %%rsp"
			 : "=&b"(before), "=&a"(after) : "m"(*win) : "memory");
	check_eq(before - after, 8);
	check_eq(*(u32 *)after, 0x10099);
}

static u32 words[64] __attribute__((aligned(64)));

static void strings(void)
{
	u32 *to = words;
	u64 from = ECAM, n = 16;

	__asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) :: "memory");
	check_eq(n, 0);
	check_eq(from, ECAM + 64);
	for (u32 i = 0; i < 16; i++)
		check_eq(words[i], pci_read(0, 4 * i));
	to = words;
	__asm__ volatile("lodsl" : "=a"(n), "+S"(to));
	check_eq((u32)n, words[0]);
}

/* Configuration space by ECAM: 1, 2 and 4 bytes. */
static void widths(void)
{
	u32 id = pci_read(0, 0);

	check_eq(read32(ECAM), id);
	check_eq(read16(ECAM), id & 0xffff);
	check_eq(read16(ECAM + 2), id >> 16);
	for (u32 i = 0; i < 4; i++)
		check_eq(read8(ECAM + i), id >> 8 * i & 0xff);
	check_eq(read32(ECAM + (31 << 15)), 0xffffffff);
	check_eq(read8(0xd0000000), 0xff);
	check_eq(read64(0xdfe00000), 0xffffffffffffffff);
	write64(0xdfe00000, 0);
}

static void local_apic(void)
{
	check_eq(read32(APIC_MMIO + APIC_VERSION) & 0xf0, 0x10);
	apic_on();
	__asm__ volatile("orl $0x10, %0" : "+m"(*(volatile u32 *)(APIC_MMIO + APIC_TPR)));
	check_eq(read32(APIC_MMIO + APIC_TPR), 0x10);
	check_eq(read_cr8(), 1);
	check_eq(read32(APIC_MMIO + APIC_PPR), 0x10);
	__asm__ volatile("movl $0, %0" : "=m"(*(volatile u32 *)(APIC_MMIO + APIC_TPR)));
	check_eq(read_cr8(), 0);
}

/* Over a page boundary: RAM on one side would be another test; both pages are holes. */
static void crossing(void)
{
	check_eq(read32(0xd0000ffe), 0xffffffff);
	write32(0xd0000ffe, 1);
}

void test(void)
{
	moves();
	arithmetic();
	stack();
	strings();
	widths();
	local_apic();
	crossing();
}
