/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports, device memory, APIC registers and MSRs of the virtual PC in any order, with interrupts
 * and time in between. No device may overflow, arm a timer without end or stay broken: after a
 * reset an interrupt must still arrive.
 */
#include "tests/unit/unit.h"

#include "arch/x86/guest/pv_eoi.h"
#include "arch/x86/msr.h"
#include "kernel/cpu.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/mock_board.h"

#define TIMER_RUNS_MAX	1000	/* in 17 ms: PIT at 50 us, four APIC timers at 200 us */

static const struct { u16 base, ports; } ports[] = {
	{ 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 }, { 0x40, 4 }, { 0x61, 1 }, { 0x70, 2 },
	{ 0x3f8, 8 }, { 0x600, 2 }, { 0x64, 1 }, { 0x92, 1 }, { 0xcf8, 8 },
};

static const struct { u64 base, size; } areas[] = {
	{ VPC_IOAPIC_BASE, 0x50 }, { APIC_DEFAULT_BASE, PAGE_SIZE }, { VPC_ECAM_BASE, 0x1100 },
};

static u16 port_of(struct input *in)
{
	u8 i = (u8)take(in, 1) % ARRAY_SIZE(ports);

	return ports[i].base + (u8)take(in, 1) % ports[i].ports;
}

static u64 gpa_of(struct input *in)
{
	u8 i = (u8)take(in, 1) % ARRAY_SIZE(areas);

	return areas[i].base + take(in, 2) % areas[i].size;
}

static u32 msr_of(struct input *in)
{
	u8 i = (u8)take(in, 1);

	if (i < 0xf0)
		return 0x800 + i % 0x40;
	if (i >= 0xfc)
		return MSR_KVM_PV_EOI_EN;
	return i & 1 ? MSR_IA32_APIC_BASE : MSR_IA32_TSC_DEADLINE;
}

/* Like board_run(), but no device may keep the CPU for itself. */
static void run_bounded(u64 ns)
{
	u64 end = time_ns() + ns;
	unsigned int runs = 0;

	while (timer_next(this_cpu()) <= end) {
		check(++runs < TIMER_RUNS_MAX);
		host_time_set(MAX(timer_next(this_cpu()), time_ns()));
		timer_run(this_cpu());
	}
	host_time_set(end);
}

static void access_op(struct input *in, u8 op, struct vcpu *vcpu)
{
	unsigned int size = 1u << (op >> 4 & 3);
	u64 val;

	spin_lock(&board.guest.lock);
	switch (op & 3) {
	case 0:
		vpc_pio_read(&board.guest, port_of(in), MIN(size, 4u));
		break;
	case 1:
		val = port_of(in);
		vpc_pio_write(&board.guest, (u16)val, MIN(size, 4u), take(in, MIN(size, 4u)));
		break;
	case 2:
		vpc_mmio_read(vcpu, gpa_of(in), size);
		break;
	case 3:
		val = gpa_of(in);
		vpc_mmio_write(vcpu, val, size, take(in, size));
		break;
	}
	spin_unlock(&board.guest.lock);
}

static void msr_op(struct input *in, u8 op, struct vlapic *apic)
{
	u32 msr = msr_of(in);
	u64 val;

	if (msr == MSR_KVM_PV_EOI_EN)
		pv_eoi_wrmsr(apic, op & BIT(4) ? take(in, 8) : take(in, 2));
	else if (op & BIT(4))
		vlapic_wrmsr(apic, msr, take(in, 8));
	else
		vlapic_rdmsr(apic, msr, &val);
}

static void time_op(struct input *in, u8 op)
{
	if (op & BIT(4))
		host_time_advance(1ull << take(in, 1) % 40);	/* the CPU was away */
	run_bounded(1ull << take(in, 1) % 25);
}

/* An entry, in which the guest writes what it likes to the word, and the exit. */
static void entry_op(struct input *in, struct vlapic *apic)
{
	int shown;

	vlapic_sync(apic);
	shown = vlapic_pending(apic);
	check(shown < 256);
	pv_eoi_offer(apic, shown);
	if (apic->pv_eoi.word)
		*apic->pv_eoi.word = (u32)take(in, 1);
	vlapic_ran(apic, shown >= 0 && take(in, 1) & 1 ? shown : -1, pv_eoi_take(apic));
}

static void one_op(struct input *in)
{
	u8 op = (u8)take(in, 1);
	unsigned int i = op >> 6;
	struct vcpu *vcpu = &board.vcpu[i];

	board.console_len = 0;
	switch (op & 0xf) {
	case 0 ... 7:
		access_op(in, op, vcpu);
		break;
	case 8: case 9:
		msr_op(in, op, vcpu->arch.lapic);
		break;
	case 10:
		time_op(in, op);
		break;
	case 11:
		guest_irq_line(&board.guest, take(in, 1) % 26, op & BIT(4));
		break;
	case 12:
		guest_msi(&board.guest, take(in, 8), (u32)take(in, 4));
		break;
	case 13:
		if (op & BIT(4))
			entry_op(in, vcpu->arch.lapic);
		else
			check(board_take(i) < 256);
		break;
	case 14:
		board_eoi(i);
		break;
	case 15:
		vcpu->arch.lapic->regs[take(in, 2) % 1024] = (u32)take(in, 4);
		vlapic_write_done(vcpu->arch.lapic, (u32)take(in, 2));
		break;
	}
}

/* As new: COM1's interrupt arrives. */
static void check_alive(void)
{
	board.typed = NULL;
	board_reset();
	board_enable_apics();
	ioapic_route_pin(VPC_GSI_COM1, 0x44, 0);
	out8(0x3f9, 2);
	check(board_take(0) == 0x44);
	check(board_take(0) == -1);
	run_bounded(NSEC_PER_SEC);
	check(timer_next(this_cpu()) == TIME_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	board_init(2);
	board.config.kvm = true;
	board.typed = "typed text that waits for the guest";
	if (take(&in, 1) & 1)
		board_enable_apics();
	while (in.left)
		one_op(&in);
	check_alive();
	board_free();
	return 0;
}
