/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring of either format on guest memory of any content, changed between any two calls: whatever
 * is handed out lies in guest RAM, no head twice, and a broken ring stays broken.
 */
#include "tests/fuzz/fuzz.h"
#include "virtio/ring.h"

#define RAM	(16 * KIB)
#define SEGS	32

static struct guest_mem gm;
static u8 *ram;
static struct ring ring;
static struct ring_seg seg[SEGS];
static u16 taken[64];		/* heads popped, not pushed, oldest first */
static unsigned int nr_taken;

static void check_chain(const struct ring_chain *c, unsigned int nr_segs)
{
	const struct ring_seg *seg = c->seg;
	u64 read_len = 0, write_len = 0;

	check(c->head < ring.num && c->nr_read + c->nr_write <= nr_segs);
	for (unsigned int i = 0; i < c->nr_read + c->nr_write; i++) {
		check(seg[i].len && seg[i].ptr >= ram && seg[i].len <= RAM);
		check((u64)(seg[i].ptr - ram) + seg[i].len <= RAM);
		check(seg[i].phys == (u64)(seg[i].ptr - ram) + 0x100000);
		check(seg[i].write == (i >= c->nr_read));
		*(seg[i].write ? &write_len : &read_len) += seg[i].len;
	}
	check(read_len == c->read_len && write_len == c->write_len);
	for (unsigned int i = 0; i < nr_taken; i++)
		check(taken[i] != c->head);
}

static void op_pop(void)
{
	struct ring_chain c = { .seg = seg, .max_segs = SEGS };
	enum ring_error was = ring.broken;
	int got = ring_pop(&ring, &c);

	check(got == 1 || got == 0 || (got < 0 && ring.broken));
	check(!was || (got < 0 && ring.broken == was));
	if (got != 1)
		return;
	check_chain(&c, SEGS);
	check(nr_taken < ring.num);
	taken[nr_taken++] = c.head;
}

static void op_pop_batch(unsigned int max, unsigned int max_segs)
{
	struct ring_chain c[16];
	const struct ring_seg *next = seg;
	enum ring_error was = ring.broken;
	unsigned int n = ring_pop_batch(&ring, c, max, seg, SEGS, max_segs);

	check(n <= max && (!was || !n));
	for (unsigned int i = 0; i < n; i++) {
		check(c[i].seg == next);
		check_chain(&c[i], max_segs);
		next += c[i].nr_read + c[i].nr_write;
		check(nr_taken < ring.num);
		taken[nr_taken++] = c[i].head;
	}
	check(next <= seg + SEGS);
}

/* All that there are, as one batch and in their order. */
static void op_push_batch(u32 len)
{
	struct ring_used used[ARRAY_SIZE(taken)];

	for (unsigned int i = 0; i < nr_taken; i++)
		used[i] = (struct ring_used){ taken[i], len };
	ring_push_batch(&ring, used, nr_taken);
	nr_taken = 0;
}

static void op_push(u8 which, u32 len)
{
	if (!nr_taken)
		return;
	which %= nr_taken;
	ring_push(&ring, taken[which], len);
	nr_taken--;
	memmove(taken + which, taken + which + 1, (nr_taken - which) * sizeof(taken[0]));
}

static void op_write(struct input *in)
{
	u16 off = (u16)(take(in, 2) % RAM);
	u8 n = (u8)take(in, 1);

	for (unsigned int i = 0; i < n; i++)
		ram[(off + i) % RAM] = (u8)take(in, 1);
}

/* A plausible descriptor, so that chains get long; anywhere in the first page, tables included. */
static void op_desc(struct input *in)
{
	u8 i = (u8)take(in, 1);
	u64 addr = take(in, 2);
	u32 len = (u32)take(in, 2);
	u16 flags = (u16)take(in, 1), other = (u16)take(in, 1);
	struct virtq_desc d = { addr, len, flags & 7, other };
	struct virtq_pdesc p = { addr, len, other, flags & 7 };

	if (flags & 8)		/* available in either lap */
		p.flags |= flags & 16 ? VIRTQ_PDESC_F_AVAIL : VIRTQ_PDESC_F_USED;
	if (ring.packed)
		memcpy(ram + i * sizeof(p), &p, sizeof(p));
	else
		memcpy(ram + i * sizeof(d), &d, sizeof(d));
}

static void op_post(struct input *in)
{
	struct virtq_avail *avail = (void *)ring.avail;
	u16 flags = ring.avail_wrap ? VIRTQ_PDESC_F_AVAIL : VIRTQ_PDESC_F_USED;

	if (ring.packed) {	/* what is there becomes available, with an id of its own */
		ring.pdesc[ring.last_avail].id = (le16)take(in, 1);
		ring.pdesc[ring.last_avail].flags =
			(ring.pdesc[ring.last_avail].flags & 7) | flags;
		return;
	}
	avail->ring[avail->idx % ring.num] = (le16)take(in, 1);
	avail->idx++;
}

static void run(struct input *in, bool last_pushes)
{
	unsigned int n;

	while (in->left) {
		switch (take(in, 1) % 12) {
		case 0:
			op_write(in);
			break;
		case 1:
		case 2:
			op_pop();
			break;
		case 3:
			op_push((u8)take(in, 1), (u32)take(in, 4));
			last_pushes = true;
			break;
		case 4:
			/* Only chains taken after the last push may be given back. */
			n = last_pushes ? 0 : (unsigned int)take(in, 1) % (nr_taken + 1);
			ring_unpop(&ring, n);
			nr_taken -= n;
			break;
		case 5:
			ring_publish(&ring);
			break;
		case 6:
			ring_notify_enable(&ring);
			break;
		case 7:
			ring_notify_disable(&ring);
			break;
		case 8:
			op_desc(in);
			break;
		case 9:
			op_post(in);
			break;
		case 10:
			n = (unsigned int)take(in, 1) % 17;
			op_pop_batch(n, 1 + (unsigned int)take(in, 1) % SEGS);
			break;
		case 11:
			op_push_batch((u32)take(in, 1));
			last_pushes = true;
			break;
		}
		check(ring_available(&ring) <= ring.num);
		if (!nr_taken)
			last_pushes = false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	u8 size_byte = (u8)take(&in, 1), flags = (u8)take(&in, 1);
	unsigned int features = (flags & 3) | (flags & 8 ? RING_PACKED : 0) |
				(flags & 16 ? RING_IN_ORDER : 0);
	u16 num = features & RING_PACKED ? 1 + size_byte % 64 : (u16)(1u << size_byte % 7);
	struct ring_addr addr = { 0, 0x2000, 0x3000 };
	u16 start = (u16)take(&in, 2);

	if (features & RING_PACKED)
		start = (start & VIRTQ_EVENT_WRAP) | (start & 0x7fff) % num;

	ram = calloc(1, RAM);
	memset(&gm, 0, sizeof(gm));
	check(!guest_mem_add(&gm, 0, RAM, ram, 0x100000));
	if (flags & 4)
		addr = (struct ring_addr){ take(&in, 8), take(&in, 8), take(&in, 8) };
	if (!ring_enable(&ring, &gm, num, &addr, start, features)) {
		if (!ring.packed)
			*(volatile le16 *)&ring.avail->idx = start;
		nr_taken = 0;
		run(&in, false);
	}
	ring_disable(&ring);
	free(ram);
	return 0;
}
