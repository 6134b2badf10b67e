/* SPDX-License-Identifier: BSD-2-Clause */
/* The board: power and reset, isa-debug-exit, PCI configuration, the local APIC's page. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "tests/unit/mock_board.h"

static int setup(void **state)
{
	board_init(2);
	return 0;
}

static void expect(enum guest_request req)
{
	assert_int_equal(board.request, req);
	board.request = GUEST_REQ_NONE;
}

static void s5_powers_off(void **state)
{
	out8(0x600, 4 << 2);			/* SLP_EN is not set */
	out8(0x600, 3 << 2 | BIT(5));		/* another sleep type */
	out8(0x601, 0x80);
	expect(GUEST_REQ_NONE);
	assert_int_equal(in8(0x600), 3 << 2);	/* SLP_EN reads as 0 */
	assert_int_equal(in8(0x601), 0);
	out8(0x600, 5 << 2 | BIT(5));
	expect(GUEST_REQ_POWEROFF);
}

static void ways_to_reset(void **state)
{
	out8(0xcf9, 2);
	expect(GUEST_REQ_NONE);
	out8(0xcf9, 6);
	expect(GUEST_REQ_RESET);
	assert_int_equal(in8(0xcf9), 6);
	out8(0xcf9, 6);				/* no rising edge */
	expect(GUEST_REQ_NONE);
	board_reset();
	assert_int_equal(in8(0xcf9), 0);
	out8(0x64, 0xd1);
	out8(0x64, 0xff);
	expect(GUEST_REQ_NONE);
	out8(0x64, 0xfe);
	expect(GUEST_REQ_RESET);
	assert_int_equal(in8(0x64), 0);
	out8(0x92, 2);
	expect(GUEST_REQ_NONE);
	assert_int_equal(in8(0x92), 2);
	out8(0x92, 3);
	expect(GUEST_REQ_RESET);
}

static void debug_exit(void **state)
{
	out8(0xf4, 0x10);
	expect(GUEST_REQ_NONE);
	board_free();
	board_init(2);
	arch_guest_free(&board.guest);
	board.guest.pio.nr = board.guest.mmio.nr = 0;
	board.config.debug_exit.on = true;
	board.config.debug_exit.iobase = 0xf4;
	board.config.debug_exit.iosize = 4;
	assert_int_equal(arch_guest_init(&board.guest), 0);
	out32(0xf4, 0x10);
	assert_int_equal(board.request_code, 33);
	expect(GUEST_REQ_DEBUG_EXIT);
	out8(0xf4, 0);
	assert_int_equal(board.request_code, 1);
	expect(GUEST_REQ_DEBUG_EXIT);
	/* On another device's ports. */
	arch_guest_free(&board.guest);
	board.guest.pio.nr = board.guest.mmio.nr = 0;
	board.config.debug_exit.iobase = 0x3fe;
	assert_int_equal(arch_guest_init(&board.guest), -EBUSY);
	assert_int_equal(host_log_count("-device isa-debug-exit,iobase=0x3fe,iosize=4: port 0x3fe "
					"belongs to COM1"), 1);
	board.guest.pio.nr = board.guest.mmio.nr = 0;
	board.config.debug_exit.on = false;
	assert_int_equal(arch_guest_init(&board.guest), 0);
}

/* ---- PCI ---- */

static void config_mechanism_1(void **state)
{
	out32(0xcf8, 0x80000000);
	assert_int_equal(in32(0xcf8), 0x80000000);
	assert_int_equal(in32(0xcfc), 0x00081b36);
	assert_int_equal(in8(0xcfe), 0x08);
	assert_int_equal(in8(0xcff), 0);
	out32(0xcf8, 0x80000008);
	assert_int_equal(in32(0xcfc) >> 8, 0x060000);
	out8(0xcfb, 0x12);			/* bytes do not change the address */
	assert_int_equal(in32(0xcf8), 0x80000008);
	out32(0xcf8, 0xffffffff);
	assert_int_equal(in32(0xcf8), 0x80fffffc);
	assert_int_equal(in32(0xcfc), 0xffffffff);
	out32(0xcf8, 0x80000800);		/* slot 1 is empty */
	assert_int_equal(in32(0xcfc), 0xffffffff);
	out32(0xcf8, 0);			/* not enabled */
	assert_int_equal(in32(0xcfc), 0xffffffff);
}

static void ecam(void **state)
{
	u64 val;

	assert_int_equal(mmio_in(VPC_ECAM_BASE), 0x00081b36);
	assert_int_equal(mmio_in(VPC_ECAM_BASE + 0x100), 0);
	assert_int_equal(mmio_in(VPC_ECAM_BASE + (1 << 15)), 0xffffffff);
	assert_int_equal(mmio_in(VPC_ECAM_BASE + VPC_ECAM_SIZE - 4), 0xffffffff);
	assert_int_equal(mmio_in(VPC_ECAM_BASE + VPC_ECAM_SIZE - 2), 0xffffffff);
	val = vpc_mmio_read(&board.vcpu[0], VPC_ECAM_BASE + 8, 8);
	assert_int_equal((u32)val >> 8, 0x060000);
	vpc_mmio_write(&board.vcpu[0], VPC_ECAM_BASE + 0x38, 8, 0x5aull << 32);
	assert_int_equal(vpc_mmio_read(&board.vcpu[0], VPC_ECAM_BASE + 0x3c, 1), 0x5a);
}

/* ---- The local APIC's page ---- */

static void lapic_page(void **state)
{
	struct vcpu *vcpu = &board.vcpu[2];
	u64 base = APIC_DEFAULT_BASE;

	assert_int_equal(vpc_mmio_read(vcpu, base + LAPIC_ID, 4), 2u << 24);
	assert_int_equal(vpc_mmio_read(vcpu, base + LAPIC_ID + 3, 1), 2);
	assert_int_equal(vpc_mmio_read(vcpu, base + LAPIC_ID + 4, 4), 0);
	vpc_mmio_write(vcpu, base + LAPIC_TPR, 1, 0x50);	/* too narrow */
	assert_int_equal(vpc_mmio_read(vcpu, base + LAPIC_TPR, 4), 0);
	vpc_mmio_write(vcpu, base + LAPIC_TPR, 4, 0x50);
	assert_int_equal(vpc_mmio_read(vcpu, base + LAPIC_TPR, 4), 0x50);
	assert_int_equal(vpc_mmio_read(&board.vcpu[1], base + LAPIC_TPR, 4), 0);
	vcpu->arch.lapic->base_msr |= BIT(10);			/* x2APIC: not there */
	assert_int_equal(vpc_mmio_read(vcpu, base + LAPIC_ID, 4), 0xffffffff);
}

static void nobody_answers(void **state)
{
	u64 before = board.guest.arch.vpc->unclaimed;

	assert_int_equal(in8(0x1234), 0xff);
	assert_int_equal(in32(0xffff), 0xffffffff);	/* past the end of the ports */
	out8(0x80, 0);
	assert_int_equal(mmio_in(0xfed00000), 0xffffffff);
	assert_int_equal(board.guest.arch.vpc->unclaimed, before + 4);
}

static void ram_is_mapped(void **state)
{
	assert_int_equal(arch_guest_map_ram(&board.guest), 0);
	assert_int_equal(board.mapped.size, 2 * MIB);
	assert_int_equal(board.mapped.gpa, 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, board_teardown)
	const struct CMUnitTest tests[] = {
		T(s5_powers_off), T(ways_to_reset), T(debug_exit), T(config_mechanism_1), T(ecam),
		T(lapic_page), T(nobody_answers), T(ram_is_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
