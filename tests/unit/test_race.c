/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver and device on two CPUs. hostile_21 to 23: the other side rewrites what is being
 * read, all the time. The pumps: neither side looks unless the other has woken it, so a
 * missing barrier or a wrong event index ends in a stall.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/mock_driver.h"

#define NUM	16
#define SEGS	32
#define POPS	300000
#define BUFFERS	400000

struct race {
	struct mock_ram ram;
	struct mock_vq vq;
	struct ring ring;
	u64 buf;
	bool stop;
	/* The pumps. */
	sem_t kick, irq;
	u64 total, gotten;
	u64 kicks, irqs;
};

static void race_init(struct race *r, bool event_idx, bool indirect)
{
	memset(r, 0, sizeof(*r));
	mock_ram_init(&r->ram, 1 * MIB);
	mock_vq_init(&r->vq, &r->ram, NUM, event_idx, indirect);
	r->buf = mock_alloc(&r->ram, 64 * KIB, 16);
	assert_int_equal(
		ring_enable(&r->ring, &r->ram.gm, NUM, &r->vq.addr, 0,
			    (event_idx ? RING_EVENT_IDX : 0) | (indirect ? RING_INDIRECT : 0)), 0);
	sem_init(&r->kick, 0, 0);
	sem_init(&r->irq, 0, 0);
}

static void race_free(struct race *r)
{
	ring_disable(&r->ring);
	mock_ram_free(&r->ram);
}

/* ---- Descriptors that change under the walk ---- */

static const u64 flip_addr[] = { 0x20000, 0xfff00, 0x10000000000, 0xfffffffffffffff0 };
static const u32 flip_len[] = { 16, 0x100, 0xffffffff, 0, 0x101, 32 };
static const u16 flip_flags[] = {
	0, VIRTQ_DESC_F_WRITE, VIRTQ_DESC_F_NEXT, VIRTQ_DESC_F_INDIRECT, 7, VIRTQ_DESC_F_NEXT,
};
static const u16 flip_next[] = { 0, 1, 2, 3, NUM, 0xffff };

static void *flipper(void *arg)
{
	struct race *r = arg;
	volatile struct virtq_desc *table =
		r->vq.tables ? mock_ptr(&r->ram, r->vq.tables) : r->vq.desc;

	for (unsigned int i = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		volatile struct virtq_desc *d = &table[i % 4], *head = &r->vq.desc[i % 4];

		d->addr = flip_addr[i % 7 % ARRAY_SIZE(flip_addr)];
		d->len = flip_len[i % 11 % ARRAY_SIZE(flip_len)];
		d->flags = flip_flags[i % 13 % ARRAY_SIZE(flip_flags)];
		d->next = flip_next[i % 17 % ARRAY_SIZE(flip_next)];
		if (!r->vq.tables || i % 3)
			continue;
		head->len = i % 5 ? 64 : 1 * MIB;
		head->addr = i % 4 ? r->vq.tables : r->ram.size - 64;
	}
	return NULL;
}

static bool inside(const struct race *r, const struct ring_seg *s)
{
	return s->len <= r->ram.size && s->ptr >= r->ram.low &&
	       s->ptr + s->len <= r->ram.low + r->ram.size;
}

static void flip_descriptors(bool indirect)
{
	static struct race r;
	struct ring_seg seg[SEGS];
	struct ring_chain c = { .seg = seg, .max_segs = SEGS };
	unsigned int good = 0, broken[RING_ERRORS] = { 0 };
	pthread_t thread;

	race_init(&r, false, indirect);
	for (u16 i = 0; i < 4; i++)
		mock_desc(&r.vq, i, indirect ? r.vq.tables : r.buf, 64,
			  indirect ? VIRTQ_DESC_F_INDIRECT : 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, flipper, &r), 0);
	for (unsigned int i = 0; i < POPS; i++) {
		mock_post(&r.vq, i % 4);
		if (ring_pop(&r.ring, &c) == 1) {
			u64 read_len = 0, write_len = 0;

			for (unsigned int s = 0; s < c.nr_read + c.nr_write; s++) {
				assert_true(inside(&r, &seg[s]));
				assert_int_equal(seg[s].write, s >= c.nr_read);
				*(seg[s].write ? &write_len : &read_len) += seg[s].len;
			}
			assert_true(read_len == c.read_len && write_len == c.write_len);
			ring_push(&r.ring, c.head, 0);
			good++;
		} else {
			/* On with the next one, as after a reset. */
			broken[r.ring.broken]++;
			r.ring.broken = RING_OK;
			r.ring.last_avail++;
		}
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	race_free(&r);
	assert_true(good > 0 && broken[RING_BAD_ADDR] > 0 && broken[RING_OK] == 0);
}

static void hostile_21_descriptors_flip(void **state)
{
	flip_descriptors(false);
}

static void hostile_22_indirect_table_flips(void **state)
{
	flip_descriptors(true);
}

/* ---- Pumps ---- */

static bool sem_wait_s(sem_t *sem, unsigned int seconds)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += seconds;
	return sem_timedwait(sem, &ts) == 0;
}

static void publish(struct race *r)
{
	if (ring_publish(&r->ring)) {
		r->irqs++;
		sem_post(&r->irq);
	}
}

static void *pump_device(void *arg)
{
	struct race *r = arg;
	struct ring_seg seg[SEGS];
	struct ring_chain c = { .seg = seg, .max_segs = SEGS };
	u64 done = 0;

	while (done < r->total) {
		ring_notify_disable(&r->ring);
		while (ring_pop(&r->ring, &c) == 1) {
			ring_push(&r->ring, c.head, (u32)done);
			if (++done % 3 == 0)
				publish(r);
		}
		publish(r);
		if (done < r->total && !ring_notify_enable(&r->ring) && !sem_wait_s(&r->kick, 20))
			return (void *)"the device was not woken";
	}
	return NULL;
}

static const char *pump_driver(struct race *r)
{
	u64 posted = 0;
	u32 len;

	while (r->gotten < r->total) {
		mock_irq_disable(&r->vq);
		while (mock_get(&r->vq, &len) >= 0)
			if (len != (u32)r->gotten++)
				return "used chains out of order";
		while (posted < r->total && mock_add_one(&r->vq, r->buf, 8, false) >= 0) {
			posted++;
			if (posted % 5 == 0 && mock_kick(&r->vq)) {
				r->kicks++;
				sem_post(&r->kick);
			}
		}
		if (mock_kick(&r->vq)) {
			r->kicks++;
			sem_post(&r->kick);
		}
		if (r->gotten < r->total && !mock_irq_enable(&r->vq) && !sem_wait_s(&r->irq, 20))
			return "the driver was not woken";
	}
	return NULL;
}

static void pump(bool event_idx)
{
	static struct race r;
	const char *driver;
	pthread_t thread;
	void *device;

	race_init(&r, event_idx, false);
	r.total = BUFFERS;
	assert_int_equal(pthread_create(&thread, NULL, pump_device, &r), 0);
	driver = pump_driver(&r);
	if (driver)
		fprintf(stderr, "%s after %lu of %lu\n", driver, r.gotten, r.total);
	sem_post(&r.kick);
	pthread_join(thread, &device);
	if (device)
		fprintf(stderr, "%s\n", (char *)device);
	assert_null(driver);
	assert_null(device);
	assert_true(r.kicks < r.total && r.irqs < r.total);
	race_free(&r);
}

static void pump_by_flags(void **state)
{
	pump(false);
}

static void pump_by_event_idx(void **state)
{
	pump(true);
}

/* ---- Both sides at the same moment: one of them must see the other ---- */

#define ROUNDS	100000
#define ROUNDS_S 10		/* or for so long, where the threads share a processor */
#define OVER	UINT32_MAX

struct litmus {
	struct race r;
	u32 go, ready;		/* round begun, or OVER; round that the device has done */
	time_t begin;
	bool device_saw;	/* ring_publish(): interrupt; ring_notify_enable(): look again */
	bool kicks;		/* which pair of barriers */
};

/* Until the word has reached @val; the other thread may not be running at all. */
static void wait_for(const u32 *word, u32 val)
{
	for (unsigned int spins = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) < val; spins++)
		if (spins > 2000)
			sched_yield();
}

/* The other CPU is later or earlier by an unknown time: try them all. */
static void meet_after(u32 round)
{
	for (volatile unsigned int delay = round % 128; delay; delay--)
		;
}

static void litmus_device_round(struct litmus *l)
{
	struct ring_seg seg[SEGS];
	struct ring_chain c = { .seg = seg, .max_segs = SEGS };

	if (l->kicks) {
		meet_after(l->go / 2);
		l->device_saw = ring_notify_enable(&l->r.ring);
		return;
	}
	if (ring_pop(&l->r.ring, &c) == 1)
		ring_push(&l->r.ring, c.head, 0);
	__atomic_store_n(&l->ready, l->ready + 1, __ATOMIC_RELEASE);	/* half way */
	wait_for(&l->go, l->ready + 1);
	l->device_saw = ring_publish(&l->r.ring);
}

static void *litmus_device(void *arg)
{
	struct litmus *l = arg;

	for (u32 round = 0; ; round++) {
		wait_for(&l->go, 2 * round + 1);
		if (__atomic_load_n(&l->go, __ATOMIC_ACQUIRE) == OVER)
			return NULL;
		litmus_device_round(l);
		__atomic_store_n(&l->ready, 2 * round + 2, __ATOMIC_RELEASE);
	}
}

static bool more_rounds(const struct litmus *l, u32 round)
{
	return round < ROUNDS && (round % 16 || time(NULL) - l->begin < ROUNDS_S);
}

/* Publishing against switching interrupts on (virtio 1.2 §2.7.10). */
static unsigned int litmus_interrupt(struct litmus *l)
{
	unsigned int missed = 0;
	bool seen;
	u32 len;

	for (u32 round = 0; more_rounds(l, round); round++) {
		mock_irq_disable(&l->r.vq);
		mock_add_one(&l->r.vq, l->r.buf, 1, false);
		__atomic_store_n(&l->go, 2 * round + 1, __ATOMIC_RELEASE);
		wait_for(&l->ready, 2 * round + 1);
		__atomic_store_n(&l->go, 2 * round + 2, __ATOMIC_RELEASE);
		meet_after(round);
		seen = mock_irq_enable(&l->r.vq);
		wait_for(&l->ready, 2 * round + 2);
		missed += !seen && !l->device_saw;
		mock_get(&l->r.vq, &len);
	}
	return missed;
}

/* Posting against switching notifications on (§2.7.13.4.1). */
static unsigned int litmus_notification(struct litmus *l)
{
	struct ring_seg seg[SEGS];
	struct ring_chain c = { .seg = seg, .max_segs = SEGS };
	unsigned int missed = 0;
	bool kick;
	u32 len;

	for (u32 round = 0; more_rounds(l, round); round++) {
		ring_notify_disable(&l->r.ring);
		__atomic_store_n(&l->go, 2 * round + 1, __ATOMIC_RELEASE);
		mock_add_one(&l->r.vq, l->r.buf, 1, false);
		kick = mock_kick(&l->r.vq);
		wait_for(&l->ready, 2 * round + 2);
		missed += !kick && !l->device_saw;
		/* The device's thread waits for the next round: its side is ours meanwhile. */
		if (ring_pop(&l->r.ring, &c) == 1)
			ring_push(&l->r.ring, c.head, 0);
		ring_publish(&l->r.ring);
		mock_get(&l->r.vq, &len);
	}
	return missed;
}

static void litmus(bool event_idx, bool kicks)
{
	static struct litmus l;
	unsigned int missed;
	pthread_t thread;

	memset(&l, 0, sizeof(l));
	race_init(&l.r, event_idx, false);
	l.kicks = kicks;
	l.begin = time(NULL);
	assert_int_equal(pthread_create(&thread, NULL, litmus_device, &l), 0);
	missed = kicks ? litmus_notification(&l) : litmus_interrupt(&l);
	__atomic_store_n(&l.go, OVER, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	race_free(&l.r);
	assert_int_equal(missed, 0);
}

static void interrupt_is_never_missed_by_flags(void **state)
{
	litmus(false, false);
}

static void interrupt_is_never_missed_by_event_idx(void **state)
{
	litmus(true, false);
}

static void notification_is_never_missed_by_flags(void **state)
{
	litmus(false, true);
}

static void notification_is_never_missed_by_event_idx(void **state)
{
	litmus(true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_21_descriptors_flip),
		cmocka_unit_test(hostile_22_indirect_table_flips),
		cmocka_unit_test(pump_by_flags),
		cmocka_unit_test(pump_by_event_idx),
		cmocka_unit_test(interrupt_is_never_missed_by_flags),
		cmocka_unit_test(interrupt_is_never_missed_by_event_idx),
		cmocka_unit_test(notification_is_never_missed_by_flags),
		cmocka_unit_test(notification_is_never_missed_by_event_idx),
	};
	return cmocka_run_group_tests_name("race", tests, NULL, NULL);
}
