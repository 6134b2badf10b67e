/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_21 and 22 for batches: while the device takes them, another CPU of the guest rewrites
 * descriptors, heads and tables with what might be mistaken for something else. Whatever is taken
 * lies in RAM, is as long as is said, and is taken once.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <string.h>

#include "tests/unit/mock_driver.h"

#define NUM	16u
#define SEGS	64
#define BATCH	12u
#define ROUNDS	40000
#define TABLE	4u		/* entries of all tables together */

struct race {
	struct mock_ram ram;
	struct ring_addr addr;
	struct ring ring;
	unsigned int features;
	bool stop;
	u64 tables;
	u32 random;
};

static u32 next_random(u32 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	return *x ^= *x << 5;
}

#define PICK(list, x) (list)[(x) % ARRAY_SIZE(list)]

/* Mostly good ones. */
static u64 some_addr(const struct race *r, u32 x)
{
	const u64 addr[] = { 0x20000, 0x21000, 0x22000, r->tables, r->tables + 16, r->addr.desc,
			     r->ram.size - 40, r->ram.size, 1ull << 40, UINT64_MAX - 15 };

	if (x % 32 == 0)
		return PICK(addr, x >> 5);
	return r->features & RING_INDIRECT ? r->tables + 32 * (x >> 5 & 1) : PICK(addr, x >> 5 & 3);
}

static u32 some_len(u32 x)
{
	static const u32 len[] = { 32, 32, 64, 16, 48, 1500, 0, 17, UINT32_MAX };

	return x % 32 ? PICK(len, x >> 5 & 1) : PICK(len, x >> 5);	/* tables of two */
}

/* Available in this lap or the other, used, or neither. */
static u16 packed_flags(u32 x)
{
	static const u16 lap[] = { VIRTQ_PDESC_F_AVAIL, VIRTQ_PDESC_F_USED, VIRTQ_PDESC_F_AVAIL,
				   VIRTQ_PDESC_F_USED, 0,
				   VIRTQ_PDESC_F_AVAIL | VIRTQ_PDESC_F_USED };

	return PICK(lap, x >> 4);
}

static u16 some_flags(const struct race *r, u32 x)
{
	static const u16 flags[] = { 0, VIRTQ_DESC_F_WRITE, VIRTQ_DESC_F_NEXT,
				     VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE };
	u16 f = r->features & RING_INDIRECT && x % 32 ? VIRTQ_DESC_F_INDIRECT : PICK(flags, x >> 3);

	return f | (r->features & RING_PACKED ? packed_flags(x >> 8) : 0);
}

/* Tables of two, but for a few; buffers of any length. */
static void flip_entry(volatile struct virtq_desc *t, unsigned int i, u32 *x)
{
	bool odd = next_random(x) % 64 == 0;

	t->addr = 0x20000 + next_random(x) % 0x1000;
	t->len = odd ? some_len(next_random(x)) : 1 + next_random(x) % 2000;
	t->next = odd ? (u16)next_random(x) : 1;
	t->flags = odd ? (u16)(next_random(x) % 8) : i % 2 ? 0 : VIRTQ_DESC_F_NEXT;
}

static void *flipper(void *arg)
{
	struct race *r = arg;
	volatile struct virtq_desc *ring = mock_ptr(&r->ram, r->addr.desc);
	volatile struct virtq_desc *table = mock_ptr(&r->ram, r->tables);
	volatile struct virtq_avail *avail = mock_ptr(&r->ram, r->addr.avail);
	u32 x = 1;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		volatile struct virtq_desc *d = &ring[next_random(&x) % NUM];
		volatile struct virtq_desc *t = &table[next_random(&x) % TABLE];
		u16 id = (u16)(next_random(&x) % (NUM + 1));
		u16 flags = some_flags(r, next_random(&x));

		d->addr = some_addr(r, next_random(&x));
		d->len = some_len(next_random(&x));
		if (r->features & RING_PACKED) {	/* the id lies where split has flags */
			d->flags = id;
			d->next = flags;
		} else {
			d->next = id;
			d->flags = flags;
			avail->ring[next_random(&x) % NUM] = (u16)(next_random(&x) % (NUM + 1));
		}
		flip_entry(t, (unsigned int)(t - table), &x);
	}
	return NULL;
}

static void check_chain(const struct race *r, const struct ring_chain *c)
{
	u64 read_len = 0, write_len = 0;

	for (unsigned int i = 0; i < c->nr_read + c->nr_write; i++) {
		const struct ring_seg *s = &c->seg[i];

		assert_true(s->len && s->ptr >= r->ram.low && s->len <= r->ram.size &&
			    s->ptr + s->len <= r->ram.low + r->ram.size);
		assert_int_equal(s->write, i >= c->nr_read);
		*(s->write ? &write_len : &read_len) += s->len;
	}
	assert_true(read_len == c->read_len && write_len == c->write_len);
}

/* @n chains of one pop: their buffers one after another, each head once. @used: to give back. */
static void check_batch(const struct race *r, const struct ring_chain *chain, unsigned int n,
			const struct ring_seg *seg, struct ring_used *used)
{
	const struct ring_seg *next = seg;
	u64 heads = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct ring_chain *c = &chain[i];

		assert_true(c->head < NUM && !(heads & BIT_ULL(c->head)));
		heads |= BIT_ULL(c->head);
		assert_ptr_equal(c->seg, next);
		next += c->nr_read + c->nr_write;
		assert_true(next <= seg + SEGS);
		check_chain(r, c);
		used[i] = (struct ring_used){ c->head, (u32)c->write_len };
	}
}

static void enable(struct race *r)
{
	u16 start = 0;

	if (r->features & RING_PACKED)
		start = (u16)(next_random(&r->random) % NUM |
			      (next_random(&r->random) & 1 ? RING_PACKED_START : 0));
	assert_int_equal(ring_enable(&r->ring, &r->ram.gm, NUM, &r->addr, start, r->features), 0);
	if (!(r->features & RING_PACKED))
		((volatile struct virtq_avail *)mock_ptr(&r->ram, r->addr.avail))->idx = 0;
}

/* Up to @n descriptors from the device's position on: available in this lap, each with an id. */
static void post_packed(struct race *r, unsigned int n)
{
	volatile struct virtq_pdesc *desc = mock_ptr(&r->ram, r->addr.desc);
	bool wrap = r->ring.avail_wrap;
	u16 pos = r->ring.last_avail;

	while (n--) {
		u16 keep = desc[pos].flags & (VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_INDIRECT);

		desc[pos].id = (u16)(next_random(&r->random) % 32 ? pos : NUM);
		desc[pos].flags = keep | (wrap ? VIRTQ_PDESC_F_AVAIL : VIRTQ_PDESC_F_USED);
		if (++pos == NUM) {
			pos = 0;
			wrap = !wrap;
		}
	}
}

static void post(struct race *r)
{
	unsigned int n = next_random(&r->random) % (NUM + 1);

	if (r->features & RING_PACKED)
		post_packed(r, n);
	else
		((volatile struct virtq_avail *)mock_ptr(&r->ram, r->addr.avail))->idx =
			(u16)(r->ring.last_avail + n);
}

/* A turn of the device. Chains taken. */
static unsigned int turn(struct race *r)
{
	struct ring_chain chain[BATCH];
	struct ring_used used[BATCH];
	struct ring_seg seg[SEGS];
	unsigned int n;

	post(r);
	n = ring_pop_batch(&r->ring, chain, BATCH, seg, SEGS, SEGS / 2);
	check_batch(r, chain, n, seg, used);
	if (n && next_random(&r->random) % 4 == 0) {
		ring_unpop(&r->ring, 1);
		n--;
	}
	ring_push_batch(&r->ring, used, n);
	ring_publish(&r->ring);
	return n;
}

static void run(unsigned int features)
{
	static struct race r;
	unsigned int taken = 0, broken = 0, batches = 0;
	pthread_t thread;

	memset(&r, 0, sizeof(r));
	r.features = features;
	r.random = 2;
	mock_ram_init(&r.ram, 1 * MIB);
	r.addr.desc = mock_alloc(&r.ram, virtq_desc_size(NUM), 16);
	r.addr.avail = mock_alloc(&r.ram, virtq_avail_size(NUM), 4);
	r.addr.used = mock_alloc(&r.ram, virtq_used_size(NUM), 4);
	r.tables = mock_alloc(&r.ram, TABLE * sizeof(struct virtq_desc), 16);
	enable(&r);
	assert_int_equal(pthread_create(&thread, NULL, flipper, &r), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int n = turn(&r);

		taken += n;
		batches += n > 1;
		if (!r.ring.broken && n)
			continue;
		broken += r.ring.broken != RING_OK;
		ring_disable(&r.ring);		/* the driver resets it, or waits */
		enable(&r);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ring_disable(&r.ring);
	mock_ram_free(&r.ram);
	assert_true(taken > ROUNDS / 100 && batches > ROUNDS / 1000 && broken > ROUNDS / 100);
}

static void hostile_21_split(void **state) { run(0); }
static void hostile_21_split_in_order(void **state) { run(RING_IN_ORDER); }
static void hostile_21_packed(void **state) { run(RING_PACKED); }
static void hostile_21_packed_in_order(void **state) { run(RING_PACKED | RING_IN_ORDER); }
static void hostile_22_split(void **state) { run(RING_INDIRECT); }
static void hostile_22_packed(void **state) { run(RING_PACKED | RING_INDIRECT); }

static void hostile_22_packed_in_order(void **state)
{
	run(RING_PACKED | RING_INDIRECT | RING_IN_ORDER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_21_split),
		cmocka_unit_test(hostile_21_split_in_order),
		cmocka_unit_test(hostile_21_packed),
		cmocka_unit_test(hostile_21_packed_in_order),
		cmocka_unit_test(hostile_22_split),
		cmocka_unit_test(hostile_22_packed),
		cmocka_unit_test(hostile_22_packed_in_order),
	};

	return cmocka_run_group_tests_name("race_batch", tests, NULL, NULL);
}
