/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC: priorities, messages, modes, the timer. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "arch/x86/msr.h"
#include "tests/unit/mock_board.h"

#define MSI_ADDR	0xfee00000ull
#define X2(reg)		(0x800u + (reg) / 16)
#define ICR_INIT	(DELIVER_INIT << 8 | ICR_ASSERT)
#define ICR_SIPI(v)	(DELIVER_STARTUP << 8 | ICR_ASSERT | (v))

static void send_ipi(unsigned int from, u32 dest, u32 low)
{
	vlapic_write(board_lapic(from), LAPIC_ICR2, dest << 24);
	vlapic_write(board_lapic(from), LAPIC_ICR, low);
}

static void enter_x2apic(unsigned int i)
{
	struct vlapic *apic = board_lapic(i);

	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE,
				      apic->base_msr | APIC_BASE_EXTD), 0);
}

/* ---- Priorities ---- */

static void higher_class_first_and_nested(void **state)
{
	vlapic_post(&board.vcpu[0], 0x31, false);
	vlapic_post(&board.vcpu[0], 0x52, false);
	assert_int_equal(board_take(0), 0x52);
	assert_int_equal(board_take(0), -1);	/* 0x31 waits for the end of 0x52 */
	vlapic_post(&board.vcpu[0], 0x5f, false);
	assert_int_equal(board_take(0), -1);	/* same class */
	vlapic_post(&board.vcpu[0], 0x60, false);
	assert_int_equal(board_take(0), 0x60);
	board_eoi(0);
	assert_int_equal(board_take(0), -1);
	board_eoi(0);
	assert_int_equal(board_take(0), 0x5f);
	board_eoi(0);
	assert_int_equal(board_take(0), 0x31);
	board_eoi(0);
	board_eoi(0);	/* one too many is harmless */
	assert_int_equal(board_take(0), -1);
}

static void task_priority_holds_back(void **state)
{
	struct vlapic *apic = board_lapic(0);

	vlapic_set_cr8(apic, 4);
	assert_int_equal(vlapic_read(apic, LAPIC_TPR), 0x40);
	vlapic_post(&board.vcpu[0], 0x4f, false);
	assert_int_equal(board_take(0), -1);
	assert_int_equal(vlapic_tpr_threshold(apic), 4);
	vlapic_set_cr8(apic, 3);
	assert_int_equal(vlapic_tpr_threshold(apic), 0);
	assert_int_equal(board_take(0), 0x4f);
	assert_int_equal(vlapic_read(apic, LAPIC_PPR), 0x40);
	assert_int_equal(vlapic_get_cr8(apic), 3);
}

static void same_vector_twice_is_once(void **state)
{
	vlapic_post(&board.vcpu[1], 0x40, false);
	vlapic_post(&board.vcpu[1], 0x40, false);
	assert_int_equal(board.kicks[1], 1);
	assert_int_equal(board_take(1), 0x40);
	board_eoi(1);
	assert_int_equal(board_take(1), -1);
}

static void at_home_it_is_requested_at_once(void **state)
{
	struct vlapic *apic = board_lapic(1);

	board_take_on(1);
	vlapic_post(&board.vcpu[1], 0x40, false);
	vlapic_post(&board.vcpu[1], 0x40, false);
	assert_int_equal(board.kicks[1], 1);
	assert_int_equal(apic->posted, 0);
	assert_int_equal(apic->irr_max, 0x40);
	vlapic_post(&board.vcpu[1], 0x51, true);
	assert_int_equal(board.kicks[1], 2);
	assert_int_equal(board_take(1), 0x51);
	assert_true(vlapic_array_test(apic, LAPIC_TMR, 0x51));
	board_eoi(1);
	assert_int_equal(board_take(1), 0x40);
	board_eoi(1);
	assert_int_equal(board_take(1), -1);
}

static void low_vectors_are_dropped_and_counted(void **state)
{
	vlapic_post(&board.vcpu[0], 15, false);
	assert_int_equal(board_lapic(0)->dropped, 1);
	guest_msi(&board.guest, MSI_ADDR, 15);
	assert_int_equal(board.guest.arch.vpc->msi_dropped, 1);
	assert_int_equal(host_log_count("vector below 16"), 1);
	send_ipi(0, 1, 3);
	vlapic_write(board_lapic(0), LAPIC_ESR, 0);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_ESR), ESR_SEND_ILLEGAL);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		assert_int_equal(board_take(i), -1);
}

static void software_disabled_takes_nothing(void **state)
{
	struct vlapic *apic = board_lapic(1);

	vlapic_write(apic, LAPIC_LVT_TIMER, 0x50);
	vlapic_write(apic, LAPIC_SVR, SVR_VECTOR);
	assert_int_equal(vlapic_read(apic, LAPIC_LVT_TIMER), LVT_MASKED | 0x50);
	vlapic_write(apic, LAPIC_LVT_TIMER, 0x50);	/* stays masked */
	assert_int_equal(vlapic_read(apic, LAPIC_LVT_TIMER), LVT_MASKED | 0x50);
	send_ipi(0, 1, 0x41);
	vlapic_write(apic, LAPIC_SVR, SVR_ENABLE | SVR_VECTOR);
	assert_int_equal(board_take(1), -1);
}

static void level_eoi_reaches_the_io_apic(void **state)
{
	ioapic_route_pin(16, 0x44, BIT(15));
	guest_irq_line(&board.guest, 16, true);
	assert_int_equal(board_take(0), 0x44);
	assert_true(board.eoi_exit[0][0x44]);
	assert_true(ioapic_in(0x10 + 32) & BIT(14));
	guest_irq_line(&board.guest, 16, false);
	board_eoi(0);
	assert_false(ioapic_in(0x10 + 32) & BIT(14));
	/* The same vector as an edge: its EOI concerns nobody. */
	vlapic_post(&board.vcpu[0], 0x44, false);
	assert_int_equal(board_take(0), 0x44);
	assert_false(board.eoi_exit[0][0x44]);
}

/* ---- Messages ---- */

static void physical_and_shorthand_ipis(void **state)
{
	send_ipi(0, 2, 0x41);
	assert_int_equal(board_take(2), 0x41);
	send_ipi(0, 9, 0x42);		/* nobody */
	send_ipi(0, 0xff, 0x43);	/* broadcast */
	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		board_eoi(i);
		assert_int_equal(board_take(i), 0x43);
		board_eoi(i);
	}
	send_ipi(1, 0, ICR_SELF | 0x51);
	assert_int_equal(board_take(1), 0x51);
	send_ipi(1, 0, ICR_OTHERS | 0x52);
	board_eoi(1);
	assert_int_equal(board_take(1), -1);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		if (i != 1)
			assert_int_equal(board_take(i), 0x52);
}

static void logical_flat_and_cluster(void **state)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		vlapic_write(board_lapic(i), LAPIC_LDR, BIT(24 + i));
	send_ipi(0, 0x6, ICR_LOGICAL | 0x41);
	assert_int_equal(board_take(0), -1);
	assert_int_equal(board_take(1), 0x41);
	assert_int_equal(board_take(2), 0x41);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		board_eoi(i);
		vlapic_write(board_lapic(i), LAPIC_DFR, 0);
		vlapic_write(board_lapic(i), LAPIC_LDR, (i / 2 << 4 | 1 << i % 2) << 24);
	}
	send_ipi(0, 0x13, ICR_LOGICAL | 0x42);
	assert_int_equal(board_take(1), -1);
	assert_int_equal(board_take(2), 0x42);
	assert_int_equal(board_take(3), 0x42);
}

static void lowest_priority_goes_to_one(void **state)
{
	unsigned int takers = 0;

	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		vlapic_write(board_lapic(i), LAPIC_LDR, BIT(24 + i));
	guest_msi(&board.guest, MSI_ADDR | 0xf << 12 | BIT(2), DELIVER_LOWEST << 8 | 0x61);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		takers += board_take(i) == 0x61;
	assert_int_equal(takers, 1);
}

static void msi_outside_the_range_is_dropped(void **state)
{
	guest_msi(&board.guest, 0xfed00000, 0x50);
	guest_msi(&board.guest, 0xfef00000, 0x50);
	guest_msi(&board.guest, MSI_ADDR | BIT_ULL(32), 0x50);
	guest_msi(&board.guest, UINT64_MAX, 0x50);
	assert_int_equal(board.guest.arch.vpc->msi_dropped, 4);
	assert_int_equal(board_take(0), -1);
	for (unsigned int i = 0; i < 1000; i++)
		guest_msi(&board.guest, 0, 0);
	assert_in_range(host_log_count("MSI dropped"), 1, 20);
	guest_msi(&board.guest, MSI_ADDR | 3 << 12, 0x50);
	assert_int_equal(board_take(3), 0x50);
}

static void init_and_startup(void **state)
{
	struct vlapic *ap = board_lapic(1);

	send_ipi(0, 0, ICR_SIPI(8));	/* a running one ignores it */
	assert_false(board_lapic(0)->sipi_pending);
	send_ipi(0, 1, ICR_INIT);
	assert_true(ap->init_pending);
	send_ipi(0, 1, DELIVER_INIT << 8 | ICR_LEVEL);	/* de-assert: nothing */
	send_ipi(0, 1, ICR_SIPI(0x9a));
	assert_true(ap->sipi_pending);
	assert_int_equal(ap->sipi_vector, 0x9a);
	assert_int_equal(board.vcpu[1].state, VCPU_RUNNABLE);
	assert_int_equal(board.kicks[1], 2);
	ap->init_pending = ap->sipi_pending = 0;	/* the vCPU took both */
	send_ipi(0, 1, ICR_SIPI(0x9b));			/* Linux sends two */
	assert_false(ap->sipi_pending);
}

static void startup_behind_an_init_that_is_being_taken(void **state)
{
	struct vlapic *ap = board_lapic(1);

	WRITE_ONCE(board.vcpu[1].state, VCPU_HALTED);
	send_ipi(0, 1, ICR_INIT);
	ap->init_pending = VLAPIC_INIT_TAKEN;	/* it is still halted */
	send_ipi(0, 1, ICR_SIPI(0x9a));
	assert_true(ap->sipi_pending);
	send_ipi(0, 1, ICR_INIT);		/* an INIT more: the SIPI before it is void */
	assert_int_equal(ap->init_pending, 1);
	assert_false(ap->sipi_pending);
}

static void nmi_is_left_for_the_vcpu(void **state)
{
	send_ipi(0, 2, DELIVER_NMI << 8 | ICR_ASSERT | 2);
	assert_true(board_lapic(2)->nmi_pending);
	assert_int_equal(board_take(2), -1);
}

static void one_that_is_off_takes_nothing(void **state)
{
	struct vlapic *apic = board_lapic(2);

	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, APIC_DEFAULT_BASE), 0);
	send_ipi(0, 2, DELIVER_NMI << 8 | ICR_ASSERT);
	send_ipi(0, 2, ICR_INIT);
	send_ipi(0, XAPIC_BROADCAST, DELIVER_NMI << 8 | ICR_ASSERT);
	send_ipi(0, 0, ICR_OTHERS | DELIVER_NMI << 8 | ICR_ASSERT);
	assert_false(apic->nmi_pending || apic->init_pending);
	assert_true(board_lapic(3)->nmi_pending);
}

/* Each kick of one that does not run is an interrupt for those that share its CPU. */
static void storms_kick_once(void **state)
{
	struct vlapic *ap = board_lapic(1);

	for (unsigned int i = 0; i < 100; i++)
		send_ipi(0, 1, DELIVER_NMI << 8 | ICR_ASSERT);
	assert_int_equal(board.kicks[1], 1);
	ap->nmi_pending = 0;				/* taken */
	send_ipi(0, 1, DELIVER_NMI << 8 | ICR_ASSERT);
	assert_int_equal(board.kicks[1], 2);
	for (unsigned int i = 0; i < 100; i++)
		send_ipi(0, 1, ICR_INIT);
	assert_int_equal(board.kicks[1], 3);
	for (unsigned int i = 0; i < 100; i++)
		send_ipi(0, 1, ICR_SIPI(0x9a));
	assert_int_equal(board.kicks[1], 4);
	ap->init_pending = VLAPIC_INIT_TAKEN;
	send_ipi(0, 1, ICR_INIT);
	assert_int_equal(board.kicks[1], 5);
	ap->init_pending = 0;
	board.vcpu[1].state = VCPU_WAIT_SIPI;
	send_ipi(0, 1, ICR_SIPI(0x9a));			/* the INIT has ended the one before */
	assert_int_equal(board.kicks[1], 6);
}

/* ---- Modes ---- */

static void legal_and_illegal_mode_changes(void **state)
{
	struct vlapic *apic = board_lapic(0);
	u64 base = apic->base_msr, val;
	unsigned int changes;

	assert_int_equal(base, APIC_DEFAULT_BASE | APIC_BASE_EN | APIC_BASE_BSP);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, base + PAGE_SIZE), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, base | BIT(9)), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE,
				      (base & ~(u64)APIC_BASE_EN) | APIC_BASE_EXTD), -EINVAL);
	assert_int_equal(vlapic_rdmsr(apic, X2(LAPIC_ID), &val), -EINVAL);
	changes = board.apic_changes;
	enter_x2apic(0);
	assert_int_equal(board.apic_changes, changes + 1);
	assert_int_equal(vlapic_rdmsr(apic, MSR_IA32_APIC_BASE, &val), 0);
	assert_int_equal(val, base | APIC_BASE_EXTD);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, base), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, base & ~(u64)APIC_BASE_EN), 0);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, base | APIC_BASE_EXTD), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, base), 0);
	assert_int_equal(vlapic_read(apic, LAPIC_SVR), SVR_VECTOR);	/* as after reset */
}

static void x2apic_registers(void **state)
{
	struct vlapic *apic = board_lapic(3);
	u64 val;

	enter_x2apic(3);
	assert_int_equal(vlapic_rdmsr(apic, X2(LAPIC_ID), &val), 0);
	assert_int_equal(val, 3);
	assert_int_equal(vlapic_rdmsr(apic, X2(LAPIC_LDR), &val), 0);
	assert_int_equal(val, BIT(3));
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_LDR), 1), -EINVAL);
	assert_int_equal(vlapic_rdmsr(apic, X2(LAPIC_DFR), &val), -EINVAL);
	assert_int_equal(vlapic_rdmsr(apic, X2(LAPIC_ICR2), &val), -EINVAL);
	assert_int_equal(vlapic_rdmsr(apic, X2(LAPIC_EOI), &val), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_EOI), 1), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_EOI), 0), 0);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_TPR), 0x100), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_TPR), BIT_ULL(32)), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_ISR), 0), -EINVAL);
	assert_int_equal(vlapic_rdmsr(apic, 0x8ff, &val), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_SELF_IPI), 0x77), 0);
	assert_int_equal(board_take(3), 0x77);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_ICR), 2ull << 32 | 0x78), 0);
	assert_int_equal(board_take(2), 0x78);
	assert_int_equal(vlapic_rdmsr(apic, X2(LAPIC_ICR), &val), 0);
	assert_int_equal(val, 2ull << 32 | 0x78);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_ICR), BIT(12) | 0x78), -EINVAL);
	assert_int_equal(vlapic_wrmsr(apic, X2(LAPIC_ICR),
				      0xffffffffull << 32 | ICR_LOGICAL << 0 | 0x79), 0);
}

static void x2apic_logical_destinations(void **state)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		enter_x2apic(i);
	assert_int_equal(vlapic_wrmsr(board_lapic(0), X2(LAPIC_ICR),
				      0x6ull << 32 | ICR_LOGICAL | 0x55), 0);
	assert_int_equal(board_take(0), -1);
	assert_int_equal(board_take(1), 0x55);
	assert_int_equal(board_take(2), 0x55);
	assert_int_equal(board_take(3), -1);
	assert_int_equal(vlapic_wrmsr(board_lapic(0), X2(LAPIC_ICR),
				      0x1000full << 32 | ICR_LOGICAL | 0x56), 0);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		board_eoi(i);
		assert_int_equal(board_take(i), -1);
	}
}

static void page_holds_the_value_already(void **state)
{
	struct vlapic *apic = board_lapic(0);

	apic->regs[LAPIC_ICR2 / 4] = 1u << 24;
	apic->regs[LAPIC_ICR / 4] = 0x66;
	vlapic_write_done(apic, LAPIC_ICR);
	assert_int_equal(board_take(1), 0x66);
	apic->regs[LAPIC_SVR / 4] = UINT32_MAX;		/* reserved bits do not stay */
	vlapic_write_done(apic, LAPIC_SVR);
	assert_int_equal(vlapic_read(apic, LAPIC_SVR), SVR_ENABLE | SVR_VECTOR);
	apic->regs[LAPIC_ID / 4] = UINT32_MAX;		/* read-only ones get their value back */
	vlapic_write_done(apic, LAPIC_ID);
	assert_int_equal(vlapic_read(apic, LAPIC_ID), 0);
	apic->regs[LAPIC_RRD / 4] = UINT32_MAX;
	vlapic_write_done(apic, LAPIC_RRD);
	assert_int_equal(vlapic_read(apic, LAPIC_RRD), 0);
	apic->regs[LAPIC_LVT_TIMER / 4] = LVT_TIMER_DEADLINE | 0x70;
	vlapic_write_done(apic, LAPIC_LVT_TIMER);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_TSC_DEADLINE, 100), 0);
	board_run(200);
	assert_int_equal(board_take(0), 0x70);
}

static void any_offset_is_survived(void **state)
{
	for (u32 off = 0; off < 0x2000; off++) {
		vlapic_write(board_lapic(0), off, UINT32_MAX);
		vlapic_read(board_lapic(0), off);
		vlapic_write_done(board_lapic(1), off);
		vlapic_wrmsr(board_lapic(2), 0x800 + off, UINT64_MAX);
	}
	vlapic_write(board_lapic(0), LAPIC_ESR, 0);
	assert_true(vlapic_read(board_lapic(0), LAPIC_ESR) & ESR_REGISTER);
}

/* ---- Timer: the TSC has 1 GHz, so a count of 1 with divisor 1 takes VLAPIC_TSC_RATIO ns ---- */

#define TDCR_1	0xb
#define TICK	VLAPIC_TSC_RATIO

static void one_shot(void **state)
{
	struct vlapic *apic = board_lapic(0);

	vlapic_write(apic, LAPIC_LVT_TIMER, 0x70);
	vlapic_write(apic, LAPIC_TDCR, TDCR_1);
	vlapic_write(apic, LAPIC_TMICT, 1000);
	board_run(400 * TICK);
	assert_int_equal(vlapic_read(apic, LAPIC_TMCCT), 600);
	assert_int_equal(board_take(0), -1);
	board_run(600 * TICK + 1);
	assert_int_equal(vlapic_read(apic, LAPIC_TMCCT), 0);
	assert_int_equal(board_take(0), 0x70);
	board_eoi(0);
	board_run(NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
	vlapic_write(apic, LAPIC_TMICT, 1000);
	vlapic_write(apic, LAPIC_TMICT, 0);
	board_run(NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
}

static void divisors(void **state)
{
	static const struct { u8 tdcr; u32 by; } d[] = {
		{ 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 }, { 0x8, 32 }, { 0x9, 64 },
		{ 0xa, 128 }, { 0xb, 1 },
	};

	vlapic_write(board_lapic(0), LAPIC_LVT_TIMER, LVT_MASKED | 0x70);
	for (unsigned int i = 0; i < sizeof(d) / sizeof(d[0]); i++) {
		vlapic_write(board_lapic(0), LAPIC_TDCR, d[i].tdcr);
		vlapic_write(board_lapic(0), LAPIC_TMICT, 1000000);
		board_run((u64)1000 * d[i].by * TICK);
		assert_int_equal(vlapic_read(board_lapic(0), LAPIC_TMCCT), 999000);
	}
	/* While it counts, a new divisor changes the pace, not the count. */
	vlapic_write(board_lapic(0), LAPIC_TDCR, 0x0);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_TMCCT), 999000);
	board_run(9000 * 2 * TICK);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_TMCCT), 990000);
}

static void periodic(void **state)
{
	struct vlapic *apic = board_lapic(0);
	unsigned int ticks = 0;

	vlapic_write(apic, LAPIC_TDCR, TDCR_1);
	vlapic_write(apic, LAPIC_LVT_TIMER, LVT_TIMER_PERIODIC | 0x70);
	vlapic_write(apic, LAPIC_TMICT, (u32)(NSEC_PER_MSEC / TICK));
	for (unsigned int i = 0; i < 1000; i++) {
		board_run(NSEC_PER_MSEC);
		if (board_take(0) == 0x70) {
			ticks++;
			board_eoi(0);
		}
	}
	assert_in_range(ticks, 999, 1000);
	/* A CPU that comes late loses ticks, not the beat. */
	host_time_advance(10 * NSEC_PER_MSEC + NSEC_PER_MSEC / 2);
	assert_in_range(vlapic_read(apic, LAPIC_TMCCT), NSEC_PER_MSEC / TICK / 2 - 2,
			NSEC_PER_MSEC / TICK / 2 + 2);
	board_run(0);
	assert_int_equal(board_take(0), 0x70);
	board_eoi(0);
	assert_in_range(vlapic_read(apic, LAPIC_TMCCT), NSEC_PER_MSEC / TICK / 2 - 2,
			NSEC_PER_MSEC / TICK / 2 + 2);
	board_run(0);
	assert_int_equal(board_take(0), -1);
	vlapic_write(apic, LAPIC_TMICT, 0);
}

static void timer_storm_is_bounded(void **state)
{
	struct vlapic *apic = board_lapic(0);
	unsigned int runs = 0;
	u64 end;

	vlapic_write(apic, LAPIC_TDCR, TDCR_1);
	vlapic_write(apic, LAPIC_LVT_TIMER, LVT_TIMER_PERIODIC | 0x70);
	vlapic_write(apic, LAPIC_TMICT, 1);
	end = time_ns() + NSEC_PER_MSEC;
	while (apic->timer.deadline_ns < end) {
		board_run(apic->timer.deadline_ns - time_ns());
		runs++;
	}
	assert_in_range(runs, 5, 25);
	vlapic_write(apic, LAPIC_TMICT, 0);
}

static void tsc_deadline(void **state)
{
	struct vlapic *apic = board_lapic(0);
	u64 tsc, val;

	board.guest.arch.tsc_offset = -500;
	/* In another mode it is ignored. */
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_TSC_DEADLINE, 1), 0);
	assert_int_equal(vlapic_rdmsr(apic, MSR_IA32_TSC_DEADLINE, &val), 0);
	assert_int_equal(val, 0);
	vlapic_write(apic, LAPIC_LVT_TIMER, LVT_TIMER_DEADLINE | 0x70);
	tsc = time_ns() - 500;
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_TSC_DEADLINE, tsc + 10000), 0);
	board_run(9999);
	assert_int_equal(board_take(0), -1);
	board_run(2);
	assert_int_equal(board_take(0), 0x70);
	board_eoi(0);
	assert_int_equal(vlapic_rdmsr(apic, MSR_IA32_TSC_DEADLINE, &val), 0);
	assert_int_equal(val, 0);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_TSC_DEADLINE, 1), 0);	/* past: at once */
	assert_int_equal(board_take(0), 0x70);
	board_eoi(0);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_TSC_DEADLINE, UINT64_MAX), 0);
	board_run(10000 * NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_TSC_DEADLINE, 0), 0);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_TSC_DEADLINE, time_ns() + 1000), 0);
	vlapic_write(apic, LAPIC_LVT_TIMER, 0x70);	/* leaving the mode disarms */
	board_run(NSEC_PER_SEC);
	assert_int_equal(board_take(0), -1);
}

static void timer_masked_or_without_vector(void **state)
{
	struct vlapic *apic = board_lapic(0);

	vlapic_write(apic, LAPIC_LVT_ERROR, 0x90);
	vlapic_write(apic, LAPIC_LVT_TIMER, LVT_MASKED | 0x70);
	vlapic_write(apic, LAPIC_TMICT, 10);
	board_run(NSEC_PER_MSEC);
	assert_int_equal(board_take(0), -1);
	vlapic_write(apic, LAPIC_LVT_TIMER, 3);
	vlapic_write(apic, LAPIC_TMICT, 10);
	board_run(NSEC_PER_MSEC);
	assert_int_equal(board_take(0), 0x90);
	vlapic_write(apic, LAPIC_ESR, 0);
	assert_int_equal(vlapic_read(apic, LAPIC_ESR), ESR_RECV_ILLEGAL);
}

static void reset_forgets(void **state)
{
	struct vlapic *apic = board_lapic(0);

	vlapic_write(apic, LAPIC_LVT_TIMER, LVT_TIMER_PERIODIC | 0x70);
	vlapic_write(apic, LAPIC_TMICT, 1000);
	vlapic_post(&board.vcpu[0], 0x33, true);
	vlapic_sync(apic);
	assert_true(board.eoi_exit[0][0x33]);
	enter_x2apic(0);
	board_reset();
	assert_false(board.eoi_exit[0][0x33]);
	board_run(NSEC_PER_SEC);
	board_enable_apics();
	assert_int_equal(board_take(0), -1);
	assert_int_equal(vlapic_read(apic, LAPIC_LVT_LINT0), DELIVER_EXTINT << 8);
	assert_int_equal(vlapic_read(board_lapic(1), LAPIC_LVT_LINT0), LVT_MASKED);
	assert_int_equal(apic->base_msr, APIC_DEFAULT_BASE | APIC_BASE_EN | APIC_BASE_BSP);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, board_setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(higher_class_first_and_nested), T(task_priority_holds_back),
		T(same_vector_twice_is_once), T(low_vectors_are_dropped_and_counted),
		T(at_home_it_is_requested_at_once),
		T(software_disabled_takes_nothing), T(level_eoi_reaches_the_io_apic),
		T(physical_and_shorthand_ipis), T(logical_flat_and_cluster),
		T(lowest_priority_goes_to_one), T(msi_outside_the_range_is_dropped),
		T(init_and_startup), T(startup_behind_an_init_that_is_being_taken),
		T(nmi_is_left_for_the_vcpu), T(one_that_is_off_takes_nothing), T(storms_kick_once),
		T(legal_and_illegal_mode_changes), T(x2apic_registers),
		T(x2apic_logical_destinations), T(page_holds_the_value_already),
		T(any_offset_is_survived), T(one_shot), T(divisors), T(periodic),
		T(timer_storm_is_bounded), T(tsc_deadline), T(timer_masked_or_without_vector),
		T(reset_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
