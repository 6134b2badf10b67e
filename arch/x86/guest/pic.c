/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8259A pair: initialization and operation command words, priorities, INTA. */
#include <string.h>

#include "arch/x86/guest/pic.h"
#include "kernel/guest.h"

enum { MASTER, SLAVE };
#define CASCADE	2	/* the master's input that the slave's output drives */

/* 231468, figures 7 and 8 */
enum {
	ICW1_IC4 = BIT(0),	/* ICW4 needed */
	ICW1_SNGL = BIT(1),
	ICW1_INIT = BIT(4),
	ICW2_BASE = 0xf8,
	ICW4_AEOI = BIT(1),
	ICW4_SFNM = BIT(4),	/* special fully nested mode */
	OCW3 = BIT(3),
	OCW3_RIS = BIT(0),
	OCW3_RR = BIT(1),
	OCW3_POLL = BIT(2),
	OCW3_SMM = BIT(5),
	OCW3_ESMM = BIT(6),
	OCW2_LEVEL = 7,
	POLL_PENDING = BIT(7),
};

/* OCW2 bits 7:5 */
enum {
	OCW2_ROTATE_AEOI_CLEAR = 0,
	OCW2_EOI = 1,
	OCW2_SPECIFIC_EOI = 3,
	OCW2_ROTATE_AEOI_SET = 4,
	OCW2_ROTATE_EOI = 5,
	OCW2_SET_PRIORITY = 6,
	OCW2_ROTATE_SPECIFIC_EOI = 7,
};

/* Lines that must stay edge-triggered: timer, keyboard, cascade; clock and coprocessor. */
#define ELCR_MASTER	0xf8
#define ELCR_SLAVE	0xde

/* Of the inputs in @set the one with the highest priority: 0 (highest) .. 7, or 8 if none. */
static unsigned int highest(const struct vpic_chip *chip, u8 set)
{
	unsigned int prio;

	for (prio = 0; prio < 8; prio++)
		if (set & BIT((chip->lowest + 1 + prio) & 7))
			break;
	return prio;
}

static unsigned int input_of(const struct vpic_chip *chip, unsigned int prio)
{
	return (chip->lowest + 1 + prio) & 7;
}

/* The input that would be acknowledged now, or -1. */
static int chip_pending(const struct vpic_chip *chip, bool master)
{
	u8 in_service = chip->isr;
	unsigned int req = highest(chip, chip->irr & (u8)~chip->imr);

	if (chip->special_mask)
		in_service &= (u8)~chip->imr;
	if (master && chip->nested)	/* the slave may interrupt its own service */
		in_service &= (u8)~BIT(CASCADE);
	if (req >= highest(chip, in_service))
		return -1;
	return (int)input_of(chip, req);
}

static void chip_line(struct vpic_chip *chip, unsigned int input, bool level)
{
	u8 bit = (u8)BIT(input);

	if (chip->elcr & bit)
		chip->irr = level ? chip->irr | bit : chip->irr & (u8)~bit;
	else if (level && !(chip->lines & bit))
		chip->irr |= bit;
	else if (!level)	/* a request must stay until INTA */
		chip->irr &= (u8)~bit;
	chip->lines = level ? chip->lines | bit : chip->lines & (u8)~bit;
}

/* Carry the slave's output to the master and the master's to the processor. Lock held. */
static void update(struct vpic *pic)
{
	struct vpic_chip *master = &pic->chip[MASTER];
	bool slave = chip_pending(&pic->chip[SLAVE], false) >= 0;
	u32 output;

	/* The cascade input is a level in effect: the slave holds it until its INTA. */
	master->irr = slave ? master->irr | BIT(CASCADE) : master->irr & (u8)~BIT(CASCADE);
	output = chip_pending(master, true) >= 0;
	if (output == pic->output)
		return;
	WRITE_ONCE(pic->output, output);
	if (output && pic->guest->nr_vcpus)
		vcpu_kick(pic->guest->vcpus[0]);
}

void vpic_set(struct vpic *pic, unsigned int irq, bool level)
{
	if (irq >= VPIC_LINES || irq == CASCADE)
		return;
	spin_lock(&pic->lock);
	chip_line(&pic->chip[irq / 8], irq % 8, level);
	update(pic);
	spin_unlock(&pic->lock);
}

/* ---- INTA ---- */

static void chip_ack(struct vpic_chip *chip, unsigned int input)
{
	u8 bit = (u8)BIT(input);

	if (!(chip->elcr & bit))
		chip->irr &= (u8)~bit;
	if (!chip->auto_eoi)
		chip->isr |= bit;
	else if (chip->rotate_aeoi)
		chip->lowest = (u8)input;
}

static int vector_locked(const struct vpic *pic)
{
	int input = chip_pending(&pic->chip[MASTER], true);

	if (input != CASCADE)
		return input < 0 ? -1 : pic->chip[MASTER].base + input;
	input = chip_pending(&pic->chip[SLAVE], false);
	return input < 0 ? -1 : pic->chip[SLAVE].base + input;
}

int vpic_vector(struct vpic *pic)
{
	int vector;

	spin_lock(&pic->lock);
	vector = vector_locked(pic);
	spin_unlock(&pic->lock);
	return vector;
}

void vpic_accept(struct vpic *pic, u8 vector)
{
	spin_lock(&pic->lock);
	/* A request that went away meanwhile was a spurious one: no in-service bit. */
	if (vector_locked(pic) == vector) {
		int input = chip_pending(&pic->chip[MASTER], true);

		if (input == CASCADE)
			chip_ack(&pic->chip[SLAVE],
				 (unsigned int)chip_pending(&pic->chip[SLAVE], false));
		chip_ack(&pic->chip[MASTER], (unsigned int)input);
		update(pic);
	}
	spin_unlock(&pic->lock);
}

/* ---- Command words ---- */

static void icw1(struct vpic_chip *chip, u8 val)
{
	struct vpic_chip fresh = {
		.elcr = chip->elcr,
		.elcr_mask = chip->elcr_mask,
		.lines = chip->lines,
		.irr = chip->elcr & chip->lines,
		.lowest = 7,
		.icw = 2,
		.icw4 = val & ICW1_IC4,
		.single = val & ICW1_SNGL,
	};

	*chip = fresh;
}

static void ocw2(struct vpic_chip *chip, u8 val)
{
	unsigned int op = val >> 5, prio = highest(chip, chip->isr);
	unsigned int top = input_of(chip, prio);	/* valid if prio < 8 */

	switch (op) {
	case OCW2_ROTATE_AEOI_CLEAR:
	case OCW2_ROTATE_AEOI_SET:
		chip->rotate_aeoi = op == OCW2_ROTATE_AEOI_SET;
		break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		if (prio == 8)
			break;
		chip->isr &= (u8)~BIT(top);
		if (op == OCW2_ROTATE_EOI)
			chip->lowest = (u8)top;
		break;
	case OCW2_SPECIFIC_EOI:
	case OCW2_ROTATE_SPECIFIC_EOI:
		chip->isr &= (u8)~BIT(val & OCW2_LEVEL);
		if (op == OCW2_ROTATE_SPECIFIC_EOI)
			chip->lowest = val & OCW2_LEVEL;
		break;
	case OCW2_SET_PRIORITY:
		chip->lowest = val & OCW2_LEVEL;
		break;
	}
}

static void ocw3(struct vpic_chip *chip, u8 val)
{
	chip->poll = val & OCW3_POLL;
	if (val & OCW3_RR)
		chip->read_isr = val & OCW3_RIS;
	if (val & OCW3_ESMM)
		chip->special_mask = val & OCW3_SMM;
}

static void command_write(struct vpic_chip *chip, u8 val)
{
	if (val & ICW1_INIT)
		icw1(chip, val);
	else if (val & OCW3)
		ocw3(chip, val);
	else
		ocw2(chip, val);
}

static void data_write(struct vpic_chip *chip, u8 val)
{
	switch (chip->icw) {
	case 2:
		chip->base = val & ICW2_BASE;
		chip->icw = chip->single ? (chip->icw4 ? 4 : 0) : 3;
		break;
	case 3:		/* the cascade is wired as it is */
		chip->icw = chip->icw4 ? 4 : 0;
		break;
	case 4:
		chip->auto_eoi = val & ICW4_AEOI;
		chip->nested = val & ICW4_SFNM;
		chip->icw = 0;
		break;
	default:
		chip->imr = val;
	}
}

static void chip_write(struct vpic *pic, unsigned int which, u64 off, u64 val)
{
	spin_lock(&pic->lock);
	if (off == 0)
		command_write(&pic->chip[which], (u8)val);
	else
		data_write(&pic->chip[which], (u8)val);
	update(pic);
	spin_unlock(&pic->lock);
}

static u8 chip_poll(struct vpic *pic, unsigned int which)
{
	struct vpic_chip *chip = &pic->chip[which];
	int input = chip_pending(chip, which == MASTER);

	chip->poll = false;
	if (input < 0)
		return 0;
	chip_ack(chip, (unsigned int)input);
	update(pic);
	return POLL_PENDING | (u8)input;
}

static u64 chip_read(struct vpic *pic, unsigned int which, u64 off)
{
	struct vpic_chip *chip = &pic->chip[which];
	u8 val;

	spin_lock(&pic->lock);
	if (chip->poll)
		val = chip_poll(pic, which);
	else if (off == 0)
		val = chip->read_isr ? chip->isr : chip->irr;
	else
		val = chip->imr;
	spin_unlock(&pic->lock);
	return val;
}

static u64 master_read(void *dev, u64 off, unsigned int size)
{
	return chip_read(dev, MASTER, off);
}

static void master_write(void *dev, u64 off, unsigned int size, u64 val)
{
	chip_write(dev, MASTER, off, val);
}

static u64 slave_read(void *dev, u64 off, unsigned int size)
{
	return chip_read(dev, SLAVE, off);
}

static void slave_write(void *dev, u64 off, unsigned int size, u64 val)
{
	chip_write(dev, SLAVE, off, val);
}

static u64 elcr_read(void *dev, u64 off, unsigned int size)
{
	const struct vpic *pic = dev;

	return pic->chip[off].elcr;
}

static void elcr_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vpic *pic = dev;
	struct vpic_chip *chip = &pic->chip[off];

	spin_lock(&pic->lock);
	chip->elcr = (u8)val & chip->elcr_mask;
	spin_unlock(&pic->lock);
}

const struct io_ops vpic_master_ops = { .read = master_read, .write = master_write };
const struct io_ops vpic_slave_ops = { .read = slave_read, .write = slave_write };
const struct io_ops vpic_elcr_ops = { .read = elcr_read, .write = elcr_write };

void vpic_reset(struct vpic *pic)
{
	spin_lock(&pic->lock);
	for (unsigned int i = 0; i < 2; i++) {
		struct vpic_chip fresh = {
			.elcr_mask = i == MASTER ? ELCR_MASTER : ELCR_SLAVE,
			.imr = 0xff,
			.lowest = 7,
			.lines = pic->chip[i].lines,
		};

		pic->chip[i] = fresh;
	}
	update(pic);
	spin_unlock(&pic->lock);
}

void vpic_init(struct vpic *pic, struct guest *guest)
{
	memset(pic, 0, sizeof(*pic));
	spin_init(&pic->lock, LOCK_VPIC);
	pic->guest = guest;
	vpic_reset(pic);
}
