/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains in flight, noted in memory that outlives the device. What the memory is after each single
 * store of a device is what it may be found like by the next one: wherever the first was killed,
 * that takes all chains that the driver has not got back, once, and no other.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/unit/mock_packed.h"
#include "virtio/ring_inflight.h"

#define NUM	16
#define ENTRIES	20		/* more than the ring's, as other back ends allow */
#define RAM	(16 * KIB)
#define AREA	(2 * KIB)
#define BUFFERS	(8 * KIB)	/* of 64 bytes, by number of posting */
#define SEGS	64

/* A device's memory, all of it shared between processes, and its driver. */
struct fixture {
	u8 *memory;		/* RAM, then the area */
	struct mock_ram ram;
	struct mock_vq split;
	struct mock_packed packed;
	unsigned int features;
	struct ring_inflight_area area;
	u16 buffer_of[NUM];	/* by head: number of posting */
	u16 order[64];		/* heads as posted */
	unsigned int posted, gotten;
	struct ring ring;
	struct ring_seg seg[SEGS];
};

static bool is_packed(const struct fixture *f)
{
	return f->features & RING_PACKED;
}

static void init(struct fixture *f, unsigned int features)
{
	*f = (struct fixture){ .features = features };
	f->memory = mmap(NULL, RAM + AREA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	assert_ptr_not_equal(f->memory, MAP_FAILED);
	f->ram = (struct mock_ram){ .size = RAM, .low = f->memory };
	assert_int_equal(guest_mem_add(&f->ram.gm, 0, RAM, f->memory, 0), 0);
	if (is_packed(f))
		mock_packed_init(&f->packed, &f->ram, NUM, false, false);
	else
		mock_vq_init(&f->split, &f->ram, NUM, false, false);
	f->packed.in_order = features & RING_IN_ORDER;
	f->area = (struct ring_inflight_area){ f->memory + RAM, ENTRIES, NULL };
	assert_true(ring_inflight_size(is_packed(f), ENTRIES) <= AREA);
}

static void destroy(struct fixture *f)
{
	ring_disable(&f->ring);
	munmap(f->memory, RAM + AREA);
}

/* @copy is what @f was when memory was as in @snapshot; its memory is its own. */
static void copy_of(struct fixture *copy, const struct fixture *f, const u8 *snapshot)
{
	u8 *memory = copy->memory;

	*copy = *f;
	copy->memory = copy->ram.low = memory;
	copy->ram.gm.nr = 0;
	assert_int_equal(guest_mem_add(&copy->ram.gm, 0, RAM, memory, 0), 0);
	copy->area.mem = memory + RAM;
	copy->split.ram = copy->packed.ram = &copy->ram;
	if (is_packed(f)) {
		copy->packed.desc = mock_ptr(&copy->ram, copy->packed.addr.desc);
		copy->packed.driver = mock_ptr(&copy->ram, copy->packed.addr.avail);
		copy->packed.device = mock_ptr(&copy->ram, copy->packed.addr.used);
	} else {
		copy->split.desc = mock_ptr(&copy->ram, copy->split.addr.desc);
		copy->split.avail = mock_ptr(&copy->ram, copy->split.addr.avail);
		copy->split.used = mock_ptr(&copy->ram, copy->split.addr.used);
	}
	memcpy(memory, snapshot, RAM + AREA);
	copy->ring = (struct ring){ 0 };
}

/* ---- The driver ---- */

static void post(struct fixture *f, unsigned int descs, bool write)
{
	struct mock_buf buf[3];
	int head;

	for (unsigned int i = 0; i < descs; i++)
		buf[i] = (struct mock_buf){ BUFFERS + 64 * f->posted + 16 * i, 16, write };
	head = is_packed(f) ? mock_packed_add(&f->packed, buf, descs) :
			      mock_add(&f->split, buf, descs);
	assert_true(head >= 0);
	f->buffer_of[head] = (u16)f->posted;
	f->order[f->posted++] = (u16)head;
}

/* The next head that has been given back, or -1. */
static int get(struct fixture *f)
{
	u32 len;
	int head;

	if (is_packed(f)) {
		head = mock_packed_get(&f->packed, &len);
	} else if (f->features & RING_IN_ORDER) {
		/* The index alone: an entry may stand for several. */
		if ((u16)(f->split.used->idx - f->gotten) == 0)
			return -1;
		head = f->order[f->gotten];
	} else {
		head = mock_get(&f->split, &len);
	}
	f->gotten += head >= 0;
	return head;
}

/* ---- The device ---- */

static int enable(struct fixture *f)
{
	const bool packed = is_packed(f);
	int err = ring_enable(&f->ring, &f->ram.gm, NUM,
			      packed ? &f->packed.addr : &f->split.addr,
			      packed ? RING_PACKED_START : 0, f->features);

	return err ? err : ring_inflight_enable(&f->ring, &f->area);
}

static unsigned int take(struct fixture *f, struct ring_chain *c, unsigned int max)
{
	return ring_pop_batch(&f->ring, c, max, f->seg, SEGS, NUM);
}

/* What a device does in its life, ended in between and begun anew; all of it or any part. */
static void serve(struct fixture *f)
{
	struct ring_chain c[8];

	if (enable(f) || take(f, c, 4) != 4)
		fail();
	ring_push(&f->ring, c[2].head, 0);
	ring_push(&f->ring, c[0].head, c[0].write_len ? 5 : 0);
	ring_publish(&f->ring);
	if (take(f, c + 4, 2) != 2)
		fail();
	ring_push(&f->ring, c[3].head, c[3].write_len ? 6 : 0);
	ring_push(&f->ring, c[4].head, c[4].write_len ? 7 : 0);
	ring_unpop(&f->ring, 1);
	ring_publish(&f->ring);
	if (take(f, c + 5, 1) != 1)
		fail();
	ring_disable(&f->ring);

	if (enable(f) || !take(f, c, 1))	/* some of what is to be taken again */
		fail();
	ring_unpop(&f->ring, 1);
	if (take(f, c, 2) != 2)
		fail();
	ring_push(&f->ring, c[1].head, 0);
	ring_push(&f->ring, c[0].head, 0);
	ring_publish(&f->ring);
	ring_disable(&f->ring);
}

/* ---- Killed anywhere ---- */

struct seen {
	unsigned int used, again;	/* bits by number of posting */
};

/* A device that was killed with memory as it is in @f: the next one. */
static void after_kill(struct fixture *f)
{
	const unsigned int all = (1u << f->posted) - (1u << f->gotten);
	struct ring_chain c[NUM];
	struct seen seen = { 0 };
	unsigned int n;
	int head;

	if (enable(f))
		fail_msg("refused: %s", f->area.why ? f->area.why : "out of memory");
	while ((head = get(f)) >= 0)
		seen.used |= 1u << f->buffer_of[head];
	n = ring_pop_batch(&f->ring, c, NUM, f->seg, SEGS, NUM);
	assert_int_equal(f->ring.broken, RING_OK);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int number = f->buffer_of[c[i].head];

		assert_false((seen.used | seen.again) & 1u << number);
		assert_ptr_equal(c[i].seg[0].ptr, f->memory + BUFFERS + 64 * number);
		seen.again |= 1u << number;
	}
	assert_int_equal(seen.used | seen.again, all);
	while (n--)
		ring_push(&f->ring, c[n].head, 0);
	ring_publish(&f->ring);
	while ((head = get(f)) >= 0)
		;
	assert_int_equal(f->gotten, f->posted);
	ring_disable(&f->ring);
}

/* ---- The states of memory ---- */

#define STATES_MAX	400
#define TRAP_FLAG	0x100	/* of RFLAGS: a trap behind the next instruction */

static struct {
	u8 *memory;
	u8 *state[STATES_MAX];
	unsigned int nr;
} watch;

/* A store is let through, and nothing behind it. */
static void before_store(int sig, siginfo_t *info, void *context)
{
	const u8 *at = info->si_addr;

	if (at < watch.memory || at >= watch.memory + RAM + AREA) {
		signal(SIGSEGV, SIG_DFL);
		return;
	}
	mprotect(watch.memory, RAM + AREA, PROT_READ | PROT_WRITE);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void after_store(int sig, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	mprotect(watch.memory, RAM + AREA, PROT_READ);
	if (watch.nr < STATES_MAX)
		memcpy(watch.state[watch.nr++], watch.memory, RAM + AREA);
}

/* The device's life, with memory as it was after each store in watch.state[]. */
static void watch_serve(struct fixture *f)
{
	struct sigaction segv = { .sa_sigaction = before_store, .sa_flags = SA_SIGINFO }, old;
	struct sigaction trap = { .sa_sigaction = after_store, .sa_flags = SA_SIGINFO };

	watch.memory = f->memory;
	watch.nr = 0;
	sigaction(SIGSEGV, &segv, &old);
	sigaction(SIGTRAP, &trap, NULL);
	mprotect(f->memory, RAM + AREA, PROT_READ);
	serve(f);
	mprotect(f->memory, RAM + AREA, PROT_READ | PROT_WRITE);
	sigaction(SIGSEGV, &old, NULL);
}

static void look_at_states(const struct fixture *f)
{
	struct fixture copy;

	init(&copy, f->features);
	for (unsigned int i = 0; i < watch.nr; i++) {
		copy_of(&copy, f, watch.state[i]);
		after_kill(&copy);
	}
	destroy(&copy);
}

/* What went before: nothing, the area is new; or some, so that the ring wraps in between. */
static void killed_anywhere(unsigned int features, unsigned int before)
{
	struct ring_chain c;
	struct fixture f;

	init(&f, features);
	for (unsigned int i = 0; i < before; i++) {
		if (!i)
			assert_int_equal(enable(&f), 0);
		post(&f, 3, false);
		assert_int_equal(take(&f, &c, 1), 1);
		ring_push(&f.ring, c.head, 0);
		ring_publish(&f.ring);
		assert_true(get(&f) >= 0);
	}
	ring_disable(&f.ring);
	for (unsigned int i = 0; i < 8; i++)
		post(&f, i % 3 == 1 ? 2 : 1, i % 4 == 2);
	watch_serve(&f);
	assert_true(watch.nr > 30 && watch.nr < STATES_MAX);
	look_at_states(&f);
	destroy(&f);
}

static void split_killed_anywhere(void **state)
{
	killed_anywhere(0, 0);
	killed_anywhere(0, 5);
}

static void split_in_order_killed_anywhere(void **state)
{
	killed_anywhere(RING_IN_ORDER, 0);
}

static void packed_killed_anywhere(void **state)
{
	killed_anywhere(RING_PACKED, 0);
	killed_anywhere(RING_PACKED, 4);
	killed_anywhere(RING_PACKED, 5);
}

static void packed_in_order_killed_anywhere(void **state)
{
	killed_anywhere(RING_PACKED | RING_IN_ORDER, 0);
	killed_anywhere(RING_PACKED | RING_IN_ORDER, 4);
	killed_anywhere(RING_PACKED | RING_IN_ORDER, 5);
}

/* ---- The layout is not ours alone ---- */

_Static_assert(sizeof(struct inflight_split) == 16 && sizeof(struct inflight_split_desc) == 16 &&
	       sizeof(struct inflight_packed) == 32 && sizeof(struct inflight_packed_desc) == 32,
	       "vhost-user.rst, Inflight I/O tracking");

/* Out of order: what the area and the driver see after each step of the split format. */
static void split_notes_as_specified(void **state)
{
	struct ring_chain c[4];
	struct fixture f;
	const struct inflight_split *area;

	init(&f, 0);
	area = f.area.mem;
	assert_int_equal(enable(&f), 0);
	assert_true(area->version == 1 && area->desc_num == ENTRIES && !area->features);
	for (unsigned int i = 0; i < 3; i++)
		post(&f, 1, false);
	assert_int_equal(take(&f, c, 3), 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(area->desc[c[i].head].inflight, 1);
		assert_int_equal(area->desc[c[i].head].counter, i);
	}
	ring_push(&f.ring, c[1].head, 0);
	assert_int_equal(area->desc[c[1].head].inflight, 1);
	ring_publish(&f.ring);
	assert_int_equal(area->desc[c[1].head].inflight, 0);
	assert_int_equal(area->last_batch_head, c[1].head);
	assert_int_equal(area->used_idx, 1);
	ring_unpop(&f.ring, 1);
	assert_int_equal(area->desc[c[2].head].inflight, 0);
	assert_int_equal(area->desc[c[0].head].inflight, 1);
	destroy(&f);
}

/* The second of two is given back first and overwrites the first one's place in the ring. */
static void packed_notes_as_specified(void **state)
{
	struct ring_chain c[4];
	struct fixture f;
	const struct inflight_packed *area;
	const struct inflight_packed_desc *d;

	init(&f, RING_PACKED);
	area = f.area.mem;
	assert_int_equal(enable(&f), 0);
	assert_true(area->version == 1 && area->desc_num == ENTRIES && !area->features);
	assert_true(area->used_wrap_counter && area->old_used_wrap_counter);
	post(&f, 2, false);
	post(&f, 1, true);
	assert_int_equal(take(&f, c, 2), 2);
	d = &area->desc[0];
	assert_true(d->inflight == 1 && d->num == 2 && d->last == d->next && d->counter == 0);
	assert_int_equal(d->addr, BUFFERS);
	assert_int_equal(area->desc[d->next].addr, BUFFERS + 16);
	assert_int_equal(area->desc[d->next].id, c[0].head);
	assert_int_equal(area->free_head, 3);
	ring_push(&f.ring, c[1].head, 16);
	ring_publish(&f.ring);
	assert_true(area->used_idx == 1 && area->old_used_idx == 1);
	assert_true(area->free_head == 2 && area->old_free_head == 2);
	assert_true(d->inflight == 1 && !area->desc[2].inflight);
	ring_disable(&f.ring);
	assert_int_equal(enable(&f), 0);
	assert_int_equal(take(&f, c, 2), 1);
	assert_ptr_equal(c[0].seg[1].ptr, f.memory + BUFFERS + 16);
	assert_int_equal(f.ring.last_avail, 3);
	destroy(&f);
}

/* ---- Hostile areas ---- */

struct wrong {
	const char *why;
	unsigned int at, size;
	u64 value;
};

#define SPLIT(f, v, y) { y, offsetof(struct inflight_split, f), \
			 sizeof(((struct inflight_split *)0)->f), v }
#define PACKED(f, v, y) { y, offsetof(struct inflight_packed, f), \
			  sizeof(((struct inflight_packed *)0)->f), v }

/* Two chains are in flight; then the area is changed, one field at a time. */
static void refuses(unsigned int features, const struct wrong *wrong, unsigned int nr)
{
	struct ring_chain c[4];

	for (unsigned int i = 0; i < nr; i++) {
		struct fixture f;

		init(&f, features);
		assert_int_equal(enable(&f), 0);
		for (unsigned int k = 0; k < 4; k++)
			post(&f, 2, false);
		assert_int_equal(take(&f, c, 3), 3);
		ring_push(&f.ring, c[0].head, 0);
		ring_publish(&f.ring);
		ring_disable(&f.ring);
		memcpy((u8 *)f.area.mem + wrong[i].at, &wrong[i].value, wrong[i].size);
		assert_int_equal(enable(&f), -EINVAL);
		assert_string_equal(f.area.why, wrong[i].why);
		destroy(&f);
	}
}

static void split_area_that_cannot_be(void **state)
{
	const struct wrong wrong[] = {
		SPLIT(version, 2, "version or features unknown"),
		SPLIT(features, 1, "version or features unknown"),
		SPLIT(desc_num, NUM, "another number of entries than was said"),
		SPLIT(used_idx, 40000, "used index too far behind the ring's"),
		SPLIT(used_idx, 0xffff - NUM, "used index too far behind the ring's"),
		SPLIT(desc[NUM].inflight, 1, "a chain in flight that is outside the ring"),
		SPLIT(desc[2].inflight, 7, "a chain in flight that is outside the ring"),
		SPLIT(desc[2].counter, 2, "two chains with the same counter"),
		SPLIT(desc[2].counter, UINT64_MAX, "a counter at its end"),
	};

	refuses(0, wrong, ARRAY_SIZE(wrong));
}

static void split_list_that_leads_outside(void **state)
{
	struct fixture f;
	struct inflight_split *area;

	init(&f, 0);
	area = f.area.mem;
	assert_int_equal(enable(&f), 0);
	ring_disable(&f.ring);
	area->last_batch_head = NUM;
	area->used_idx--;
	assert_int_equal(enable(&f), -EINVAL);
	assert_string_equal(f.area.why, "last batch's list leads outside the ring");
	destroy(&f);
}

static void packed_area_that_cannot_be(void **state)
{
	const struct wrong wrong[] = {
		PACKED(version, 0xffff, "version or features unknown"),
		PACKED(features, 1, "version or features unknown"),
		PACKED(desc_num, ENTRIES + 1, "another number of entries than was said"),
		PACKED(used_idx, NUM, "used index outside the ring"),
		PACKED(old_used_idx, NUM, "used index outside the ring"),
		PACKED(used_wrap_counter, 2, "wrap counter neither 0 nor 1"),
		PACKED(old_used_wrap_counter, 0xff, "wrap counter neither 0 nor 1"),
		PACKED(old_free_head, 2, "an entry neither free nor in flight"),
		PACKED(old_free_head, 0xffff, "free list that leads outside or in a circle"),
		PACKED(old_free_head, ENTRIES, "an entry neither free nor in flight"),
		PACKED(desc[10].next, 9, "free list that leads outside or in a circle"),
		PACKED(desc[2].num, 0, "a chain in flight longer than the ring"),
		PACKED(desc[2].num, NUM + 1, "a chain in flight longer than the ring"),
		PACKED(desc[2].inflight, 3, "a chain in flight longer than the ring"),
		PACKED(desc[2].next, 2, "a chain in flight that leads into another or outside"),
		PACKED(desc[2].next, 4, "a chain in flight whose end is elsewhere"),
		PACKED(desc[2].next, 0, "a chain in flight that leads into another or outside"),
		PACKED(desc[2].next, 0xfffe,
		       "a chain in flight that leads into another or outside"),
		PACKED(desc[2].last, 4, "a chain in flight whose end is elsewhere"),
		PACKED(desc[2].inflight, 0, "an entry neither free nor in flight"),
		PACKED(desc[2].counter, 2, "two chains with the same counter"),
		PACKED(desc[4].counter, UINT64_MAX, "a counter at its end"),
	};

	refuses(RING_PACKED, wrong, ARRAY_SIZE(wrong));
}

/* Kept descriptors are checked like any others. */
static void packed_copies_are_checked(void **state)
{
	struct ring_chain c[4];
	struct inflight_packed *area;
	struct fixture f;

	for (unsigned int i = 0; i < 3; i++) {
		init(&f, RING_PACKED);
		area = f.area.mem;
		assert_int_equal(enable(&f), 0);
		post(&f, 1, false);
		assert_int_equal(take(&f, c, 1), 1);
		ring_disable(&f.ring);
		if (i == 0)
			area->desc[0].addr = RAM;
		else if (i == 1)
			area->desc[0].id = NUM;
		else
			area->desc[0].flags |= VIRTQ_DESC_F_INDIRECT;
		assert_int_equal(enable(&f), 0);
		assert_int_equal(take(&f, c, 1), 0);
		assert_string_equal(ring_error_name(f.ring.broken), ring_error_name(
			i == 0 ? RING_BAD_ADDR : i == 1 ? RING_BAD_HEAD : RING_BAD_INDIRECT));
		destroy(&f);
	}
}

static void area_is_as_large_as_the_ring(void **state)
{
	struct fixture f;

	init(&f, 0);
	f.area.entries = NUM - 1;
	assert_int_equal(enable(&f), -EINVAL);
	assert_string_equal(f.area.why, "fewer entries than the ring has");
	destroy(&f);
}

/* A driver that posts again what it cannot have got back yet. */
static void more_than_the_ring_holds(unsigned int features)
{
	struct ring_chain c[NUM];
	struct fixture f;

	init(&f, features);
	assert_int_equal(enable(&f), 0);
	for (unsigned int i = 0; i < NUM; i++)
		post(&f, 1, false);
	assert_int_equal(take(&f, c, NUM), NUM);
	for (unsigned int i = 0; i < NUM; i++)
		ring_push(&f.ring, c[i].head, 0);
	if (is_packed(&f))
		mock_packed_desc(&f.packed, 0, false, BUFFERS, 16, 0, 0);
	else
		mock_post(&f.split, 0);
	assert_int_equal(take(&f, c, NUM), 0);
	assert_string_equal(ring_error_name(f.ring.broken), ring_error_name(RING_BAD_AVAIL_IDX));
	destroy(&f);
}

static void posted_again_before_it_is_used(void **state)
{
	more_than_the_ring_holds(0);
	more_than_the_ring_holds(RING_PACKED);
}

int main(void)
{
	static u8 states[STATES_MAX][RAM + AREA];

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_killed_anywhere),
		cmocka_unit_test(split_in_order_killed_anywhere),
		cmocka_unit_test(packed_killed_anywhere),
		cmocka_unit_test(packed_in_order_killed_anywhere),
		cmocka_unit_test(split_notes_as_specified),
		cmocka_unit_test(packed_notes_as_specified),
		cmocka_unit_test(split_area_that_cannot_be),
		cmocka_unit_test(split_list_that_leads_outside),
		cmocka_unit_test(packed_area_that_cannot_be),
		cmocka_unit_test(packed_copies_are_checked),
		cmocka_unit_test(area_is_as_large_as_the_ring),
		cmocka_unit_test(posted_again_before_it_is_used),
	};

	for (unsigned int i = 0; i < STATES_MAX; i++)
		watch.state[i] = states[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
