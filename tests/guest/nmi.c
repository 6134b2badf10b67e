/* SPDX-License-Identifier: BSD-2-Clause */
/* boot: alone */
/* NMIs: past a cleared IF, not one inside the other, held in the shadow of MOV SS. */
#include "lib.h"

const char test_name[] = "nmi";

enum { SELF_NMI = 0x400 };	/* ICR: delivery mode NMI, to APIC id 0 */

static volatile u32 count, depth, nested;
static volatile u64 last_rip;
static volatile bool again;

static void on_nmi(struct frame *f)
{
	if (depth++)
		nested++;
	count++;
	last_rip = f->rip;
	if (again) {
		again = false;
		apic_icr(0, SELF_NMI);		/* waits until this handler's IRET */
		wait_us(200);
		cpuid(0, 0);			/* an exit does not let it in either */
	}
	depth--;
}

static void on_breakpoint(struct frame *f)
{
	(void)f;
}

void test(void)
{
	u64 behind;

	pic_mask();
	irq_handle(NMI, on_nmi);
	irq_handle(BP, on_breakpoint);
	apic_on();
	cli();
	apic_icr(0, SELF_NMI);
	wait_us(200);
	check_eq(count, 1);
	again = true;
	apic_icr(0, SELF_NMI);
	wait_us(500);
	check_eq(count, 3);
	check_eq(nested, 0);
	/* an IRET of another handler unblocks as well: SDM 3A 6.7.1 */
	__asm__ volatile("int3");
	apic_icr(0, SELF_NMI);
	wait_us(200);
	check_eq(count, 4);
	/* the store to the ICR exits in the shadow of MOV SS: delivered one instruction later */
	apic_write(APIC_ICR2, 0);
	__asm__ volatile("mov %%ss, %%eax; mov %%eax, %%ss; movl %1, %2; 1: nop; nop; "
			 "lea 1b(%%rip), %0"
			 : "=r"(behind)
			 : "r"(SELF_NMI), "m"(*(volatile u32 *)(APIC_MMIO + APIC_ICR))
			 : "rax", "memory");
	wait_us(200);
	check_eq(count, 5);
	check(last_rip >= behind, "NMI in the shadow of MOV SS");
}
