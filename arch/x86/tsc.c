/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time stamp counter as the clock. Its frequency is measured against the machine's other
 * clocks: what CPUID 15H/16H say is the silicon's, which under an emulator may be off by any
 * factor; it is taken only where it agrees with the measurement, being more exact then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/acpi.h"
#include "arch/x86/cpu.h"
#include "arch/x86/smp.h"
#include "arch/x86/tsc.h"
#include "arch/x86/tsc_scale.h"
#include "asm/barrier.h"
#include "asm/io.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/time.h"

#define MEASURE_MS	10
#define MEASURES	3		/* the median counts: one may be disturbed */
#define PATIENCE	5000000	/* reads of a clock that may stand still: seconds at worst */
#define AGREE_PERMILLE	5		/* between clocks, and of CPUID with the measurement */

/* Intel 8254 datasheet; port 61H: chipset datasheets, NMI_SC */
enum pit {
	PIT_CH2 = 0x42, PIT_CMD = 0x43, PIT_PORT_B = 0x61,
	PIT_CMD_CH2_MODE2 = 0xb4,	/* channel 2, low then high byte, mode 2, binary */
	PIT_CMD_CH2_LATCH = 0x80,
	PORT_B_GATE2 = BIT(0), PORT_B_SPEAKER = BIT(1),
};
#define PIT_HZ		1193182
#define PM_TMR_HZ	3579545		/* ACPI 6.5 4.8.2.1 */

enum hpet {				/* IA-PC HPET 1.0a 2.3 */
	HPET_CAP = 0x00, HPET_CONFIG = 0x10, HPET_COUNTER = 0xf0, HPET_SIZE = 0x400,
	HPET_CONFIG_ENABLE = BIT(0),
};
#define FEMTO		1000000000000000ull
#define HPET_PERIOD_MAX	100000000	/* 2.3.4: 05F5E100H fs */

/* Until it is calibrated: no time passes. */
static u64 tsc_hz, tsc_base;
static struct tsc_scale scale;
static volatile char *hpet;

struct clock {
	const char *name;
	u64 (*start)(void);		/* its frequency in Hz, 0: not there */
	u32 (*read)(void);		/* counts upwards */
	u32 mask;
};

static u64 pit_start(void)
{
	u8 port_b = inb(PIT_PORT_B) & ~(PORT_B_GATE2 | PORT_B_SPEAKER);

	outb(PIT_PORT_B, port_b);
	outb(PIT_CMD, PIT_CMD_CH2_MODE2);
	outb(PIT_CH2, 0);		/* 65536 */
	outb(PIT_CH2, 0);
	outb(PIT_PORT_B, port_b | PORT_B_GATE2);
	return PIT_HZ;
}

static u32 pit_read(void)
{
	u8 low;

	outb(PIT_CMD, PIT_CMD_CH2_LATCH);
	low = inb(PIT_CH2);
	return -(u32)(low | inb(PIT_CH2) << 8);
}

static u64 hpet_start(void)
{
	u32 period;

	if (!acpi.hpet.addr)
		return 0;
	hpet = mmio_map(acpi.hpet.addr, HPET_SIZE);
	period = hpet ? mmio_read32(hpet + HPET_CAP + 4) : 0;
	if (!period || period > HPET_PERIOD_MAX)
		return 0;
	mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | HPET_CONFIG_ENABLE);
	return FEMTO / period;
}

static u32 hpet_read(void)
{
	return mmio_read32(hpet + HPET_COUNTER);
}

static u64 pm_timer_start(void)
{
	return acpi.fadt.pm_tmr.addr && acpi.fadt.pm_tmr.space == ACPI_SPACE_IO ? PM_TMR_HZ : 0;
}

static u32 pm_timer_read(void)
{
	return inl(acpi.fadt.pm_tmr.addr);
}

/* By preference: the finest first. */
static const struct clock clocks[] = {
	{ "HPET", hpet_start, hpet_read, UINT32_MAX },
	{ "PM timer", pm_timer_start, pm_timer_read, 0xffffff },
	{ "PIT", pit_start, pit_read, 0xffff },
};

/* TSC ticks per second by one measurement against @c, or 0: it stands still. */
static u64 measure_once(const struct clock *c, u64 hz)
{
	u32 wanted = hz * MEASURE_MS / 1000, start, passed;
	u64 tsc_start, tsc_end;

	start = c->read();
	tsc_start = rdtsc_ordered();
	for (unsigned int i = 0; i < PATIENCE; i++) {
		passed = (c->read() - start) & c->mask;
		tsc_end = rdtsc_ordered();
		if (passed >= wanted)
			return (tsc_end - tsc_start) * hz / passed;
	}
	return 0;
}

static u64 measure(const struct clock *c)
{
	u64 hz = c->start(), m[MEASURES];

	if (!hz)
		return 0;
	for (unsigned int i = 0; i < MEASURES; i++) {
		unsigned int at = i;
		u64 val = measure_once(c, hz);

		if (!val)
			return 0;
		for (; at > 0 && m[at - 1] > val; at--)
			m[at] = m[at - 1];
		m[at] = val;
	}
	return m[MEASURES / 2];
}

static bool agree(u64 a, u64 b)
{
	u64 diff = a > b ? a - b : b - a;

	return diff <= MAX(a, b) / 1000 * AGREE_PERMILLE;
}

/* SDM 3B 19.7.3: CPUID.15H, with the base frequency of 16H where no crystal is told. */
static u64 cpuid_hz(void)
{
	struct cpuid tsc = cpuid_or_zero(CPUID_TSC, 0);

	if (!tsc.eax || !tsc.ebx)
		return 0;
	if (tsc.ecx)
		return (u64)tsc.ecx * tsc.ebx / tsc.eax;
	return cpuid_or_zero(CPUID_FREQUENCY, 0).eax * 1000000ull;
}

void tsc_start(void)
{
	tsc_base = rdtsc();
}

/* The finest clock that another one confirms; the finest at all if none does; or -ENODEV. */
static int choose(const u64 hz[ARRAY_SIZE(clocks)])
{
	int finest = -ENODEV;

	for (unsigned int i = 0; i < ARRAY_SIZE(clocks); i++) {
		if (hz[i] && finest < 0)
			finest = i;
		for (unsigned int j = 0; hz[i] && j < ARRAY_SIZE(clocks); j++)
			if (j != i && hz[j] && agree(hz[i], hz[j]))
				return i;
	}
	return finest;
}

static void say(const u64 hz[ARRAY_SIZE(clocks)], unsigned int chosen, u64 by_cpuid)
{
	char text[120] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(clocks) && len < sizeof(text); i++)
		if (hz[i])
			len += snprintf(text + len, sizeof(text) - len, ", %s%s %lu",
					clocks[i].name, i == chosen ? " (used)" : "", hz[i] / 1000);
	if (by_cpuid && len < sizeof(text))
		snprintf(text + len, sizeof(text) - len, ", CPUID.15H %lu (%s)", by_cpuid / 1000,
			 tsc_hz == by_cpuid ? "agrees, taken" : "wrong, ignored");
	pr_info("tsc: %lu kHz; by%s", tsc_khz(), text + 1);
}

int tsc_init(void)
{
	u64 hz[ARRAY_SIZE(clocks)], by_cpuid = cpuid_hz();
	int chosen;

	for (unsigned int i = 0; i < ARRAY_SIZE(clocks); i++)
		hz[i] = measure(&clocks[i]);
	chosen = choose(hz);
	if (chosen < 0)
		return chosen;
	tsc_hz = agree(hz[chosen], by_cpuid) ? by_cpuid : hz[chosen];
	if (tsc_hz < TSC_HZ_MIN)
		return -ENODEV;
	tsc_scale_set(&scale, tsc_hz);
	say(hz, chosen, by_cpuid);
	return 0;
}

u64 tsc_khz(void)
{
	return tsc_hz / 1000;
}

u64 tsc_to_ns(u64 tsc)
{
	return tsc_scale_ns(&scale, tsc - tsc_base);
}

/* Rounded up, so that a deadline's TSC is not before it. */
u64 tsc_from_ns(u64 ns)
{
	u64 ticks = tsc_scale_ticks(&scale, ns);

	return ticks > UINT64_MAX - tsc_base ? UINT64_MAX : tsc_base + ticks;
}

u64 time_ns(void)
{
	return tsc_to_ns(rdtsc());
}
