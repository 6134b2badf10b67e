/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways to switch the virtual PC off or over. */
#include <string.h>

#include "arch/x86/guest/pm.h"
#include "kernel/guest.h"

/* ACPI 6.5 tables 4.23, 4.24: sleep control and status registers */
enum {
	SLP_EN = BIT(5),
	SLP_TYP_SHIFT = 2,
	SLP_TYP = 7,
};

/* ICH9 §13.7.5 */
enum {
	SYS_RST = BIT(1),
	RST_CPU = BIT(2),	/* 0 -> 1 resets */
	RESET_WRITABLE = 0x0e,
};

/* 8042: 0xf0..0xff pulse the output port's bits that are 0; bit 0 is the processor's reset. */
enum {
	KBC_PULSE = 0xf0,
	KBC_PULSE_NO_RESET = BIT(0),
};

/* ICH9 §13.7.2 */
enum {
	PORT92_INIT_NOW = BIT(0),
	PORT92_A20 = BIT(1),
};

/* ---- S5 ---- */

static u64 sleep_read(void *dev, u64 off, unsigned int size)
{
	const struct vpm *pm = dev;

	return off == 0 ? pm->sleep_control : 0;	/* status: never woken */
}

static void sleep_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vpm *pm = dev;

	if (off != 0)
		return;
	pm->sleep_control = (u8)val & (u8)~SLP_EN;
	if ((val & SLP_EN) && (val >> SLP_TYP_SHIFT & SLP_TYP) == VPM_SLP_TYP_S5)
		guest_request(pm->guest, GUEST_REQ_POWEROFF, 0, "ACPI S5");
}

const struct io_ops vpm_sleep_ops = { .read = sleep_read, .write = sleep_write };

/* ---- Reset ---- */

u8 vpm_reset_read(const struct vpm *pm)
{
	return pm->reset_control;
}

void vpm_reset_write(struct vpm *pm, u8 val)
{
	u8 rose = val & (u8)~pm->reset_control;

	pm->reset_control = val & RESET_WRITABLE;
	if (rose & RST_CPU)
		guest_request(pm->guest, GUEST_REQ_RESET, 0, val & SYS_RST ?
			      "reset control register 0xcf9: hard reset" :
			      "reset control register 0xcf9: soft reset");
}

/* There is no keyboard: its status says that a command would be taken and nothing waits. */
static u64 kbc_read(void *dev, u64 off, unsigned int size)
{
	return 0;
}

static void kbc_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vpm *pm = dev;

	if ((val & KBC_PULSE) == KBC_PULSE && !(val & KBC_PULSE_NO_RESET))
		guest_request(pm->guest, GUEST_REQ_RESET, 0, "keyboard controller reset pulse");
}

const struct io_ops vpm_kbc_ops = { .read = kbc_read, .write = kbc_write };

static u64 port92_read(void *dev, u64 off, unsigned int size)
{
	const struct vpm *pm = dev;

	return pm->port92;
}

static void port92_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vpm *pm = dev;

	if (val & PORT92_INIT_NOW)
		guest_request(pm->guest, GUEST_REQ_RESET, 0, "port 0x92 INIT_NOW");
	pm->port92 = (u8)val & PORT92_A20;	/* remembered: address line 20 is always open */
}

const struct io_ops vpm_port92_ops = { .read = port92_read, .write = port92_write };

void vpm_reset(struct vpm *pm)
{
	pm->reset_control = 0;
	pm->sleep_control = 0;
	pm->port92 = PORT92_A20;
}

void vpm_init(struct vpm *pm, struct guest *guest)
{
	memset(pm, 0, sizeof(*pm));
	pm->guest = guest;
	vpm_reset(pm);
}
