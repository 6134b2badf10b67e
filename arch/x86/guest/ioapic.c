/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC's redirection table, and its pins' way to the local APICs. */
#include <string.h>

#include "arch/x86/guest/ioapic.h"
#include "arch/x86/guest/lapic_regs.h"
#include "kernel/guest.h"

/* 290566 §3.1; ICH9 §13.5.1: offsets from the base */
enum {
	IOREGSEL = 0x00,
	IOWIN = 0x10,
	EOIR = 0x40,
};

/* 290566 §3.2: registers behind the window */
enum {
	IOAPICID = 0x00,
	IOAPICVER = 0x01,
	IOAPICARB = 0x02,
	IOREDTBL = 0x10,	/* ... 0x3f: two for each pin */
};

#define IOAPICVER_VALUE		((VIOAPIC_PINS - 1) << 16 | 0x20)
#define IOAPICID_SHIFT		24
#define IOAPICID_MASK		0xf

/* 290566 §3.2.4 */
#define RTE_VECTOR		0xffull
#define RTE_MODE_SHIFT		8
#define RTE_MODE		7ull
#define RTE_LOGICAL		BIT_ULL(11)
#define RTE_POLARITY		BIT_ULL(13)
#define RTE_REMOTE_IRR		BIT_ULL(14)
#define RTE_LEVEL		BIT_ULL(15)
#define RTE_MASKED		BIT_ULL(16)
#define RTE_DEST_SHIFT		56
/* bits 12 (delivery status: always idle) and 14 are read-only */
#define RTE_WRITABLE		(0xffull << RTE_DEST_SHIFT | RTE_MASKED | RTE_LEVEL | \
				 RTE_POLARITY | RTE_LOGICAL | \
				 RTE_MODE << RTE_MODE_SHIFT | RTE_VECTOR)

/* Send @pin's message. Level-triggered: remote IRR until the EOI. Lock held. */
static void pin_send(struct vioapic *io, unsigned int pin)
{
	u64 *rte = &io->rte[pin];
	struct lapic_msg msg = {
		.dest = (u32)(*rte >> RTE_DEST_SHIFT),
		.logical = *rte & RTE_LOGICAL,
		.mode = *rte >> RTE_MODE_SHIFT & RTE_MODE,
		.vector = (u8)(*rte & RTE_VECTOR),
		.level = *rte & RTE_LEVEL,
	};

	if (msg.dest == XAPIC_BROADCAST)
		msg.dest = LAPIC_BROADCAST;
	if (!vlapic_send(io->guest, &msg)) {
		io->refused++;
		return;
	}
	io->sent[pin]++;
	if (msg.level)
		*rte |= RTE_REMOTE_IRR;
}

/* A level-triggered pin that is asserted, open and not yet in service. Lock held. */
static void pin_send_level(struct vioapic *io, unsigned int pin)
{
	u64 rte = io->rte[pin];

	if ((rte & RTE_LEVEL) && !(rte & (RTE_MASKED | RTE_REMOTE_IRR)) && (io->lines & BIT(pin)))
		pin_send(io, pin);
}

void vioapic_set(struct vioapic *io, unsigned int pin, bool level)
{
	bool rose;

	if (pin >= VIOAPIC_PINS)
		return;
	spin_lock(&io->lock);
	rose = level && !(io->lines & BIT(pin));
	io->lines = level ? io->lines | BIT(pin) : io->lines & ~BIT(pin);
	if (io->rte[pin] & RTE_LEVEL)
		pin_send_level(io, pin);
	else if (rose && !(io->rte[pin] & RTE_MASKED))	/* an edge on a masked pin is lost */
		pin_send(io, pin);
	spin_unlock(&io->lock);
}

void vioapic_eoi(struct vioapic *io, u8 vector)
{
	spin_lock(&io->lock);
	for (unsigned int pin = 0; pin < VIOAPIC_PINS; pin++) {
		u64 *rte = &io->rte[pin];

		if (!(*rte & RTE_LEVEL) || (*rte & RTE_VECTOR) != vector)
			continue;
		*rte &= ~RTE_REMOTE_IRR;
		pin_send_level(io, pin);
	}
	spin_unlock(&io->lock);
}

static u32 reg_read(const struct vioapic *io)
{
	unsigned int pin = (io->select - IOREDTBL) / 2u;

	switch (io->select) {
	case IOAPICID:
	case IOAPICARB:
		return (u32)io->id << IOAPICID_SHIFT;
	case IOAPICVER:
		return IOAPICVER_VALUE;
	}
	if (io->select < IOREDTBL || pin >= VIOAPIC_PINS)
		return 0;
	return (u32)(io->select & 1 ? io->rte[pin] >> 32 : io->rte[pin]);
}

static void reg_write(struct vioapic *io, u32 val)
{
	unsigned int pin = (io->select - IOREDTBL) / 2u;
	u64 half = UINT32_MAX, new = val;
	u64 *rte;

	if (io->select == IOAPICID)
		io->id = val >> IOAPICID_SHIFT & IOAPICID_MASK;
	if (io->select < IOREDTBL || pin >= VIOAPIC_PINS)
		return;
	if (io->select & 1) {
		half <<= 32;
		new <<= 32;
	}
	half &= RTE_WRITABLE;
	rte = &io->rte[pin];
	*rte = (*rte & ~half) | (new & half);
	if (!(*rte & RTE_LEVEL))	/* nothing is in service at an edge-triggered pin */
		*rte &= ~RTE_REMOTE_IRR;
	pin_send_level(io, pin);
}

static u64 vioapic_read(void *dev, u64 off, unsigned int size)
{
	struct vioapic *io = dev;
	u32 val = 0;

	spin_lock(&io->lock);
	if (off == IOREGSEL)
		val = io->select;
	else if (off == IOWIN)
		val = reg_read(io);
	spin_unlock(&io->lock);
	return size < 4 ? val & (BIT(size * 8) - 1) : val;
}

static void vioapic_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vioapic *io = dev;

	if (off == EOIR) {
		vioapic_eoi(io, (u8)val);
		return;
	}
	spin_lock(&io->lock);
	if (off == IOREGSEL)
		io->select = (u8)val;
	else if (off == IOWIN && size >= 4)	/* the register is 32 bits wide */
		reg_write(io, (u32)val);
	spin_unlock(&io->lock);
}

const struct io_ops vioapic_ops = { .read = vioapic_read, .write = vioapic_write };

void vioapic_reset(struct vioapic *io)
{
	spin_lock(&io->lock);
	io->select = 0;
	io->id = 0;
	for (unsigned int pin = 0; pin < VIOAPIC_PINS; pin++)
		io->rte[pin] = RTE_MASKED;
	spin_unlock(&io->lock);
}

void vioapic_init(struct vioapic *io, struct guest *guest)
{
	memset(io, 0, sizeof(*io));
	spin_init(&io->lock, LOCK_VIOAPIC);
	io->guest = guest;
	vioapic_reset(io);
}
