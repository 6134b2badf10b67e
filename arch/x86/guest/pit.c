/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8254's three counters: what they hold is computed from the time when somebody looks. */
#include <string.h>

#include "arch/x86/guest/pit.h"
#include "arch/x86/guest/vpc.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"

/* 231164, "control word format" and "read-back command" */
enum {
	CW_BCD = BIT(0),
	CW_MODE_SHIFT = 1,
	CW_ACCESS_SHIFT = 4,
	CW_SELECT_SHIFT = 6,
	CW_READ_BACK = 3,	/* in the select field */
	ACCESS_LATCH = 0,
	ACCESS_LOW = 1,
	ACCESS_HIGH = 2,
	ACCESS_BOTH = 3,
	READ_BACK_NO_STATUS = BIT(4),
	READ_BACK_NO_COUNT = BIT(5),
	STATUS_NULL_COUNT = BIT(6),
	STATUS_OUT = BIT(7),
};

enum {
	MODE_TERMINAL_COUNT = 0,
	MODE_ONE_SHOT = 1,
	MODE_RATE = 2,
	MODE_SQUARE = 3,
	MODE_SW_STROBE = 4,
	MODE_HW_STROBE = 5,
};

/* ICH9 §13.7.1: NMI status and control */
enum {
	PORT61_GATE2 = BIT(0),
	PORT61_SPEAKER = BIT(1),
	PORT61_REFRESH = BIT(4),	/* toggles every 15 us or so */
	PORT61_OUT2 = BIT(5),
};
#define REFRESH_NS	15085ull

#define CONTROL_PORT	3	/* offset */
#define COUNT_MAX	0x10000u

/* Interrupts closer together than this are coalesced: a guest's timer storm stays its own. */
#define EDGE_MIN_NS	(50 * NSEC_PER_USEC)

/* ---- Time and ticks ---- */

static u64 ticks_from_ns(u64 ns)
{
	return ns / NSEC_PER_SEC * VPIT_HZ + ns % NSEC_PER_SEC * VPIT_HZ / NSEC_PER_SEC;
}

/* The first nanosecond at which @ticks have passed. */
static u64 ticks_to_ns(u64 ticks)
{
	return ticks / VPIT_HZ * NSEC_PER_SEC +
	       (ticks % VPIT_HZ * NSEC_PER_SEC + VPIT_HZ - 1) / VPIT_HZ;
}

static bool periodic(const struct vpit_counter *c)
{
	return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

/* Clock pulses since the count was loaded or the gate retriggered it. */
static u64 elapsed(const struct vpit_counter *c)
{
	if (!c->gate && c->mode != MODE_ONE_SHOT && c->mode != MODE_HW_STROBE)
		return c->frozen;
	return ticks_from_ns(time_ns() - c->start_ns);
}

/* The counting element. */
static u32 count_now(const struct vpit_counter *c)
{
	u64 t = elapsed(c);

	if (!c->loaded)
		return 0;
	switch (c->mode) {
	case MODE_RATE:
		return c->count - (u32)(t % c->count);
	case MODE_SQUARE:	/* counts down by two, twice a period */
		return (c->count - (u32)(t * 2 % c->count)) & ~1u;
	default:
		return (u32)(c->count - t) & (COUNT_MAX - 1);
	}
}

static bool out_now(const struct vpit_counter *c)
{
	u64 t = elapsed(c);

	if (!c->loaded)
		return c->mode != MODE_TERMINAL_COUNT;
	switch (c->mode) {
	case MODE_TERMINAL_COUNT:
	case MODE_ONE_SHOT:
		return t >= c->count;
	case MODE_RATE:		/* low during the last pulse of each period */
		return !c->gate || t % c->count != c->count - 1;
	case MODE_SQUARE:
		return !c->gate || t % c->count < (c->count + 1) / 2;
	default:		/* strobe: low for one pulse at the end */
		return t != c->count;
	}
}

/* ---- Counter 0's interrupt: the rising edge of OUT ---- */

static u64 edge_ns(const struct vpit_counter *c, u64 edge)
{
	return c->start_ns + ticks_to_ns(c->count * edge);
}

static void schedule(struct vpit *pit)
{
	struct vpit_counter *c = &pit->counter[0];
	u64 min = time_ns() + EDGE_MIN_NS, due;

	shared_timer_stop(&pit->timer);
	if (!c->loaded || !c->gate)
		return;
	if (!periodic(c)) {
		if (pit->edge == 1)
			shared_timer_start(&pit->timer, edge_ns(c, 1));
		return;
	}
	due = edge_ns(c, pit->edge);
	if (due < min && ticks_to_ns(c->count) < EDGE_MIN_NS) {
		u64 edge = ticks_from_ns(min - c->start_ns) / c->count + 1;

		pit->missed += edge - pit->edge;
		pit->edge = edge;
		due = edge_ns(c, edge);
	}
	shared_timer_start(&pit->timer, due);
}

static void timer_due(struct shared_timer *timer)
{
	struct vpit *pit = container_of(timer, struct vpit, timer);
	struct vpit_counter *c = &pit->counter[0];
	u64 passed;

	spin_lock(&pit->guest->lock);
	if (!shared_timer_take(timer)) {
		spin_unlock(&pit->guest->lock);
		return;
	}
	guest_irq_line(pit->guest, VPC_GSI_PIT, false);
	guest_irq_line(pit->guest, VPC_GSI_PIT, true);
	passed = elapsed(c) / c->count;
	if (periodic(c) && passed > pit->edge) {	/* the CPU was late by whole periods */
		pit->missed += passed - pit->edge;
		pit->edge = passed;
	}
	pit->edge++;
	schedule(pit);
	spin_unlock(&pit->guest->lock);
}

/* ---- Programming ---- */

static u16 to_bcd(u32 val)
{
	return (u16)(val % 10 | val / 10 % 10 << 4 | val / 100 % 10 << 8 | val / 1000 % 10 << 12);
}

static u32 from_bcd(u16 val)
{
	return (val & 0xf) + (val >> 4 & 0xf) * 10u + (val >> 8 & 0xf) * 100u +
	       (val >> 12) * 1000u;
}

static u16 count_value(const struct vpit_counter *c)
{
	u32 val = count_now(c);

	return c->bcd ? to_bcd(val) : (u16)val;
}

static void load(struct vpit *pit, unsigned int nr, u16 val)
{
	struct vpit_counter *c = &pit->counter[nr];

	c->count = c->bcd ? from_bcd(val) : val;
	if (!c->count)
		c->count = c->bcd ? 10000 : COUNT_MAX;
	c->loaded = true;
	c->frozen = 0;
	c->start_ns = time_ns();
	if (nr != 0)
		return;
	pit->edge = 1;
	guest_irq_line(pit->guest, VPC_GSI_PIT, out_now(c));
	schedule(pit);
}

static void counter_write(struct vpit *pit, unsigned int nr, u8 val)
{
	struct vpit_counter *c = &pit->counter[nr];

	switch (c->access) {
	case ACCESS_LOW:
		load(pit, nr, val);
		break;
	case ACCESS_HIGH:
		load(pit, nr, (u16)(val << 8));
		break;
	case ACCESS_BOTH:
		if (c->write_high)
			load(pit, nr, (u16)(val << 8 | c->write_low));
		else
			c->write_low = val;
		c->write_high = !c->write_high;
		break;
	}
}

static u8 counter_read(struct vpit_counter *c)
{
	u16 val;
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	val = c->count_latched ? c->latch : count_value(c);
	high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
	if (c->access == ACCESS_BOTH)
		c->read_high = !c->read_high;
	if (c->access != ACCESS_BOTH || high)
		c->count_latched = false;
	return (u8)(high ? val >> 8 : val);
}

static void latch_count(struct vpit_counter *c)
{
	if (c->count_latched)
		return;
	c->latch = count_value(c);
	c->count_latched = true;
}

static void latch_status(struct vpit_counter *c)
{
	if (c->status_latched)
		return;
	c->status = (u8)((out_now(c) ? STATUS_OUT : 0) | (c->loaded ? 0 : STATUS_NULL_COUNT) |
			 c->access << CW_ACCESS_SHIFT | c->mode << CW_MODE_SHIFT | c->bcd);
	c->status_latched = true;
}

static void read_back(struct vpit *pit, u8 val)
{
	for (unsigned int i = 0; i < VPIT_COUNTERS; i++) {
		if (!(val & BIT(i + 1)))
			continue;
		if (!(val & READ_BACK_NO_COUNT))
			latch_count(&pit->counter[i]);
		if (!(val & READ_BACK_NO_STATUS))
			latch_status(&pit->counter[i]);
	}
}

static void control_write(struct vpit *pit, u8 val)
{
	unsigned int nr = val >> CW_SELECT_SHIFT, access = val >> CW_ACCESS_SHIFT & 3;
	unsigned int mode = val >> CW_MODE_SHIFT & 7;
	struct vpit_counter *c;

	if (nr == CW_READ_BACK) {
		read_back(pit, val);
		return;
	}
	c = &pit->counter[nr];
	if (access == ACCESS_LATCH) {
		latch_count(c);
		return;
	}
	c->access = (u8)access;
	c->mode = (u8)(mode > MODE_HW_STROBE ? mode & 3 : mode);	/* 6 and 7 are 2 and 3 */
	c->bcd = val & CW_BCD;
	c->loaded = c->write_high = c->read_high = c->count_latched = c->status_latched = false;
	if (nr == 0) {
		shared_timer_stop(&pit->timer);
		guest_irq_line(pit->guest, VPC_GSI_PIT, out_now(c));
	}
}

static u64 vpit_read(void *dev, u64 off, unsigned int size)
{
	struct vpit *pit = dev;

	return off == CONTROL_PORT ? 0xff : counter_read(&pit->counter[off]);
}

static void vpit_write(void *dev, u64 off, unsigned int size, u64 val)
{
	if (off == CONTROL_PORT)
		control_write(dev, (u8)val);
	else
		counter_write(dev, (unsigned int)off, (u8)val);
}

const struct io_ops vpit_ops = { .read = vpit_read, .write = vpit_write };

/* ---- Port 0x61 ---- */

/* 231164, "gate": a rising edge restarts modes 1, 2, 3, 5; low halts modes 0, 2, 3, 4. */
static void gate_set(struct vpit_counter *c, bool gate)
{
	if (gate == c->gate)
		return;
	if (!gate) {
		c->frozen = elapsed(c);
	} else {
		bool resume = c->mode == MODE_TERMINAL_COUNT || c->mode == MODE_SW_STROBE;

		c->start_ns = time_ns() - (resume ? ticks_to_ns(c->frozen) : 0);
	}
	c->gate = gate;
}

static u64 port61_read(void *dev, u64 off, unsigned int size)
{
	struct vpit *pit = dev;

	return (pit->counter[2].gate ? PORT61_GATE2 : 0) | (pit->speaker ? PORT61_SPEAKER : 0) |
	       (time_ns() / REFRESH_NS & 1 ? PORT61_REFRESH : 0) |
	       (out_now(&pit->counter[2]) ? PORT61_OUT2 : 0);
}

static void port61_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vpit *pit = dev;

	gate_set(&pit->counter[2], val & PORT61_GATE2);
	pit->speaker = val & PORT61_SPEAKER;
}

const struct io_ops vpit_port61_ops = { .read = port61_read, .write = port61_write };

/* ---- Life ---- */

void vpit_stop(struct vpit *pit)
{
	shared_timer_cancel(&pit->timer);
}

void vpit_reset(struct vpit *pit)
{
	vpit_stop(pit);
	memset(pit->counter, 0, sizeof(pit->counter));
	for (unsigned int i = 0; i < VPIT_COUNTERS; i++) {
		pit->counter[i].access = ACCESS_BOTH;
		pit->counter[i].mode = MODE_SQUARE;
		pit->counter[i].gate = i != 2;
	}
	pit->speaker = false;
}

void vpit_init(struct vpit *pit, struct guest *guest)
{
	memset(pit, 0, sizeof(*pit));
	pit->guest = guest;
	shared_timer_init(&pit->timer, guest->cpu, timer_due);
	pit->timer.work.payer = &guest->payers[guest->cpu->id];
	vpit_reset(pit);
}
