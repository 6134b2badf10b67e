/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 */
/* HLT: what ends it, the interrupt shadow of STI and MOV SS, and that it really sleeps. */
#include "lib.h"

const char test_name[] = "hlt";

enum { VECTOR = 0x40, DEADLINE = 2 << 17 };

static volatile u32 hits;
static u64 hit_rip;

static void hit(struct frame *f)
{
	hits++;
	hit_rip = f->rip;
	apic_eoi();
}

static void timer(u32 us)
{
	hits = 0;
	apic_write(APIC_LVT_TIMER, DEADLINE | VECTOR);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + (u64)us * tsc_khz() / 1000);
}

static void wakes(void)
{
	u64 start = rdtsc();

	timer(2000);
	sti_hlt_cli();
	check_eq(hits, 1);
	check(rdtsc() - start >= 2ul * tsc_khz(), "HLT ended early");
}

/* An interrupt that is pending already: STI lets HLT begin, and then it ends at once. */
static void shadow(void)
{
	u64 after_hlt, sti_at;

	hits = 0;
	apic_icr(0, 0x40000 | VECTOR);
	__asm__ volatile("lea 1f(%%rip), %0; lea 2f(%%rip), %1; 1: sti; hlt; 2: cli"
			 : "=&r"(sti_at), "=&r"(after_hlt) :: "memory");
	check_eq(hits, 1);
	check(hit_rip == after_hlt, "interrupted %lu bytes after STI, not behind HLT",
	      hit_rip - sti_at);
	/* one instruction behind STI */
	hits = 0;
	apic_icr(0, 0x40000 | VECTOR);
	__asm__ volatile("lea 1f(%%rip), %0; sti; nop; 1: nop; cli" : "=&r"(after_hlt) :: "memory");
	check_eq(hits, 1);
	check_eq(hit_rip, after_hlt);
	/* an instruction that exits, in the shadow */
	hits = 0;
	apic_icr(0, 0x40000 | VECTOR);
	__asm__ volatile("xor %%eax, %%eax; sti; cpuid; 1: nop; cli; lea 1b(%%rip), %0"
			 : "=r"(after_hlt) :: "memory", "eax", "ebx", "ecx", "edx");
	check_eq(hits, 1);
	check_eq(hit_rip, after_hlt);
	/* and behind MOV SS */
	hits = 0;
	apic_icr(0, 0x40000 | VECTOR);
	__asm__ volatile("mov %%ss, %%eax; sti; mov %%eax, %%ss; nop; 1: nop; cli;"
			 "lea 1b(%%rip), %0"
			 : "=r"(after_hlt) :: "memory", "eax");
	check_eq(hits, 1);
	check(hit_rip == after_hlt || hit_rip == after_hlt - 1, "in the shadow of MOV SS");
}

/* With interrupts off only an NMI ends it. */
static volatile u32 nmis;

static void on_nmi(struct frame *f)
{
	(void)f;
	nmis++;
}

static void send_nmi(void)
{
	wait_us(3000);
	apic_on();
	apic_icr(0, 0x400);
	for (;;)
		hlt();
}

static void by_nmi(void)
{
	irq_handle(NMI, on_nmi);
	ap_start(1, send_nmi);
	timer(500);
	hlt();
	check_eq(nmis, 1);
	check_eq(hits, 0);
	check_eq(hits, 0);
	sti();
	wait_us(100);
	cli();
	check_eq(hits, 1);
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, hit);
	apic_on();
	wakes();
	shadow();
	by_nmi();
}
