/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring on guest memory of any content, changed between any two calls: whatever is
 * handed out lies in guest RAM, no head twice, and a broken ring stays broken.
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

static void check_chain(const struct ring_chain *c)
{
	u64 read_len = 0, write_len = 0;

	check(c->head < ring.num && c->nr_read + c->nr_write <= SEGS);
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
	check_chain(&c);
	check(nr_taken < ring.num);
	taken[nr_taken++] = c.head;
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

/* A plausible descriptor, so that chains get long. */
static void op_desc(struct input *in)
{
	u8 i = (u8)take(in, 1);
	struct virtq_desc d = {
		.addr = take(in, 2), .len = (u32)take(in, 2), .flags = (u16)take(in, 1) & 7,
		.next = (u16)take(in, 1),
	};

	memcpy(ram + i * sizeof(d), &d, sizeof(d));
}

static void op_post(struct input *in)
{
	struct virtq_avail *avail = (void *)ring.avail;

	avail->ring[avail->idx % ring.num] = (le16)take(in, 1);
	avail->idx++;
}

static void run(struct input *in, bool last_pushes)
{
	unsigned int unpopped;

	while (in->left) {
		switch (take(in, 1) % 10) {
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
			unpopped = last_pushes ? 0 : (unsigned int)take(in, 1) % (nr_taken + 1);
			ring_unpop(&ring, unpopped);
			nr_taken -= unpopped;
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
		}
		check(ring_available(&ring) <= ring.num);
		if (!nr_taken)
			last_pushes = false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	u16 num = (u16)(1u << take(&in, 1) % 7);
	u8 flags = (u8)take(&in, 1);
	struct ring_addr addr = { 0, 0x2000, 0x3000 };
	u16 start = (u16)take(&in, 2);

	ram = calloc(1, RAM);
	memset(&gm, 0, sizeof(gm));
	check(!guest_mem_add(&gm, 0, RAM, ram, 0x100000));
	if (flags & 4)
		addr = (struct ring_addr){ take(&in, 8), take(&in, 8), take(&in, 8) };
	if (!ring_enable(&ring, &gm, num, &addr, start, flags & 3)) {
		*(volatile le16 *)&ring.avail->idx = start;
		nr_taken = 0;
		run(&in, false);
	}
	ring_disable(&ring);
	free(ram);
	return 0;
}
