/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions are the guest's own: vectors, error codes, double fault, single steps over exits. */
#include "lib.h"

const char test_name[] = "exceptions";

enum { TF = 1 << 8 };
#define UNMAPPED 0x8000000000ul

static void divide(void *arg)
{
	u32 a = 1, d = 0;

	(void)arg;
	__asm__ volatile("divl %2" : "+a"(a), "+d"(d) : "r"(0u));
}

static void undefined(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

static void breakpoint(void *arg)
{
	(void)arg;
	__asm__ volatile("int3");
}

static void read(void *arg) { read8((u64)arg); }
static void write(void *arg) { write8((u64)arg, 1); }

static void execute(void *arg)
{
	((void (*)(void))arg)();
}

static void load_segment(void *arg)
{
	__asm__ volatile("mov %0, %%ds" :: "r"((u32)(u64)arg));
}

static void int_gate(void *arg)
{
	(void)arg;
	__asm__ volatile("int $0x77");
}

static void plain(void)
{
	check_eq(fault_catch(divide, NULL), DE);
	check_eq(fault_catch(undefined, NULL), UD);
	check_eq(fault_catch(breakpoint, NULL), BP);
	check_eq(fault_catch(read, (void *)UNMAPPED), PF);
	check_eq(fault_error, 0);
	check_eq(read_cr2(), UNMAPPED);
	check_eq(fault_catch(write, (void *)(UNMAPPED + 0x123)), PF);
	check_eq(fault_error, 2);
	check_eq(read_cr2(), UNMAPPED + 0x123);
	check_eq(fault_catch(execute, (void *)UNMAPPED), PF);
	check_eq(fault_catch(read, (void *)0x8000000000000000), GP);
	check_eq(fault_error, 0);
	check_eq(fault_catch(load_segment, (void *)0x1238ul), GP);
	check_eq(fault_error, 0x1238);
}

enum { GATE_TYPE = 5, GATE_PRESENT = 0x80 };	/* byte of a gate, SDM 3A figure 6-8 */

static u8 *gate_of(u32 vector)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	return (u8 *)(idtr.base + 16 * vector);
}

/* A gate that is not present: #NP with the vector in the error code. */
static void gate(void)
{
	gate_of(0x77)[GATE_TYPE] &= ~GATE_PRESENT;
	check_eq(fault_catch(int_gate, NULL), NP);
	check_eq(fault_error, 0x77 * (emulated_by("tcg") ? 16 : 8) + 2);
}

/* #NP while a #GP is delivered: a double fault, with error code 0. */
static void double_fault(void)
{
	u64 val;

	gate_of(GP)[GATE_TYPE] &= ~GATE_PRESENT;
	check_eq(fault_catch(load_segment, (void *)0x1238ul), DF);
	check_eq(fault_error, 0);
	/* the hypervisor's own #GP goes the same way (QEMU forgets it for the second fault) */
	check_eq(rdmsr_fault(0x12345678, &val), emulated_by("tcg") ? NP : DF);
	gate_of(GP)[GATE_TYPE] |= GATE_PRESENT;
	check_eq(rdmsr_fault(0x12345678, &val), GP);
}

static volatile u32 steps;
static volatile u64 step_rip[16], step_dr6[16];

static void on_debug(struct frame *f)
{
	u64 dr6;

	__asm__ volatile("mov %%dr6, %0; mov %1, %%dr6" : "=&r"(dr6) : "r"(0xffff0ff0ul));
	if (steps < 16) {
		step_rip[steps] = f->rip;
		step_dr6[steps] = dr6;
	}
	steps++;
}

/* A trap behind each instruction, also those that are emulated. */
static void single_step(void)
{
	u64 at[4];

	steps = 0;
	__asm__ volatile(
		"lea 1f(%%rip), %%r8\n\t"
		"xor %%eax, %%eax\n\t"
		"pushfq\n\t"
		"orq %1, (%%rsp)\n\t"
		"popfq\n\t"
		"cpuid\n"		/* exits; popfq's own step comes first, behind cpuid */
		"1: nop\n\t"
		"mov $0x3ff, %%edx\n\t"
		"inb %%dx, %%al\n"
		"2: pushfq\n\t"
		"andq %2, (%%rsp)\n\t"
		"popfq\n\t"
		"nop\n\t"
		"mov %%r8, %0\n\t"
		: "=m"(at[0]) : "i"(TF), "i"(~TF) : "rax", "rbx", "rcx", "rdx", "r8", "memory");
	check(steps >= 7, "%u single-step traps", steps);
	check_eq(step_rip[0], at[0]);			/* behind CPUID */
	check_eq(step_rip[1], at[0] + 1);		/* behind NOP */
	check_eq(step_rip[2], at[0] + 6);		/* behind MOV */
	check_eq(step_rip[3], at[0] + 7);		/* behind IN */
	for (u32 i = 0; i < 4; i++)
		check(step_dr6[i] & 1 << 14, "step %u: DR6 %#lx", i, step_dr6[i]);
}

static void breakpoint_registers(void)
{
	static volatile u32 watched;

	steps = 0;
	__asm__ volatile("mov %0, %%dr0" :: "r"(&watched));
	__asm__ volatile("mov %0, %%dr7" :: "r"(0xd0402ul));	/* global, write, 4 bytes */
	watched = 1;
	__asm__ volatile("mov %0, %%dr7" :: "r"(0x400ul));
	watched = 2;
	check_eq(steps, 1);
	check_eq(step_dr6[0] & 0xf, 1);
	if (emulated_by("tcg"))
		return;
	__asm__ volatile(".byte 0xf1");				/* INT1 */
	check_eq(steps, 2);
}

/* MOV SS with TF, then INT1: #DB exits in an interrupt shadow, which VM entry is picky about. */
static void debug_in_shadow(void)
{
	steps = 0;
	__asm__ volatile("mov %%ss, %%eax; pushfq; orq %0, (%%rsp); popfq; mov %%eax, %%ss;"
			 ".byte 0xf1; pushfq; andq %1, (%%rsp); popfq"
			 :: "i"(TF), "i"(~TF) : "eax", "memory");
	check(steps >= 2, "%u debug exceptions", steps);
}

void test(void)
{
	plain();
	gate();
	double_fault();
	irq_handle(DB, on_debug);
	single_step();
	breakpoint_registers();
	if (!emulated_by("tcg"))	/* it has no INT1 */
		debug_in_shadow();
}
