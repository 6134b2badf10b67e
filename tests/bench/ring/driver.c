/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-net driver, as cheap as is honest: every descriptor is written anew, every used
 * entry is read. Slots are posted in ring order and expected back in that order, which both
 * devices keep; anything else is counted.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/bench/ring/bench.h"
#include "virtio/virtq.h"

#define SLOT_STRIDE	2368u	/* 37 cache lines: slots do not share cache sets */
#define SLOT_DATA	128u	/* payload at the start of a cache line, the header just before */
#define GUEST_GPA	0x140000000ull
#define HUGE_PAGE	(2 * MIB)

/* ---- The guest ---- */

static u64 take(u64 *at, u64 size)
{
	u64 start = ALIGN_UP(*at, PAGE_SIZE);

	*at = start + size;
	return start;
}

static void driver_init(struct bench_guest *g, enum bench_queue i, u64 features,
			enum bench_layout layout, u64 *at)
{
	struct bench_driver *q = &g->q[i];
	u64 desc = take(at, sizeof(struct virtq_desc) * BENCH_RING);
	u64 driver = take(at, PAGE_SIZE), device = take(at, PAGE_SIZE);
	u64 tables = take(at, 2 * sizeof(struct virtq_desc) * BENCH_RING);
	u64 buf = take(at, (u64)SLOT_STRIDE * BENCH_RING);
	u64 gpa = g->mem.gpa;

	*q = (struct bench_driver){
		.packed = features & BIT_ULL(BENCH_F_PACKED),
		.in_order = features & BIT_ULL(BENCH_F_IN_ORDER),
		.write = i == BENCH_RX, .layout = layout, .num = BENCH_RING,
		.desc = (void *)(g->mem.va + desc), .pdesc = (void *)(g->mem.va + desc),
		.avail = (void *)(g->mem.va + driver), .used = (void *)(g->mem.va + device),
		.tables = (void *)(g->mem.va + tables), .tables_gpa = gpa + tables,
		.buf = g->mem.va + buf, .buf_gpa = gpa + buf,
	};
	g->ring[i] = (struct bench_ring){ BENCH_RING, gpa + desc, gpa + driver, gpa + device };
	if (q->packed)	/* nobody wants interrupts */
		((struct virtq_event *)q->avail)->off_wrap_flags = VIRTQ_EVENT_DISABLE << 16;
	else
		q->avail->flags = cpu_to_le16(VIRTQ_AVAIL_F_NO_INTERRUPT);
}

int bench_guest_init(struct bench_guest *g, u64 features, enum bench_layout layout, bool huge)
{
	u64 at = PAGE_SIZE;

	memset(g, 0, sizeof(*g));
	g->mem.gpa = GUEST_GPA;
	g->mem.huge = huge;
	g->mem.len = ALIGN_UP(2ull * BENCH_RING * (SLOT_STRIDE + 128) + 4 * MIB, HUGE_PAGE);
	g->mem.fd = memfd_create("guest", huge ? MFD_HUGETLB : 0);
	if (g->mem.fd < 0 || ftruncate(g->mem.fd, (off_t)g->mem.len)) {
		perror("bench_ring: memfd");
		return -1;
	}
	g->mem.va = mmap(NULL, g->mem.len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 g->mem.fd, 0);
	if (g->mem.va == MAP_FAILED) {
		perror("bench_ring: guest memory");
		return -1;
	}
	for (enum bench_queue i = 0; i < BENCH_QUEUES; i++)
		driver_init(g, i, features, layout, &at);
	return at <= g->mem.len ? 0 : -1;
}

void bench_guest_free(struct bench_guest *g)
{
	munmap(g->mem.va, g->mem.len);
	close(g->mem.fd);
}

u8 *driver_slot(struct bench_driver *q, u32 seq)
{
	return q->buf + (u64)(seq & (q->num - 1u)) * SLOT_STRIDE + SLOT_DATA - BENCH_HDR;
}

/* ---- Posting ---- */

static void table_write(struct bench_driver *q, u32 slot, u64 addr, u32 len)
{
	u16 write = q->write ? VIRTQ_DESC_F_WRITE : 0;
	void *table = q->tables + 2 * sizeof(struct virtq_desc) * slot;
	struct virtq_desc *t = table;
	struct virtq_pdesc *p = table;

	if (q->packed) {
		p[0] = (struct virtq_pdesc){ addr, BENCH_HDR, 0, write };
		p[1] = (struct virtq_pdesc){ addr + BENCH_HDR, len - BENCH_HDR, 0, write };
		return;
	}
	t[0] = (struct virtq_desc){ addr, BENCH_HDR, write | VIRTQ_DESC_F_NEXT, 1 };
	t[1] = (struct virtq_desc){ addr + BENCH_HDR, len - BENCH_HDR, write, 0 };
}

static inline void post_one(struct bench_driver *q, u32 seq, u32 len)
{
	u32 slot = seq & (q->num - 1u);
	u64 addr = q->buf_gpa + (u64)slot * SLOT_STRIDE + SLOT_DATA - BENCH_HDR;
	u16 flags = q->write ? VIRTQ_DESC_F_WRITE : 0;

	if (q->layout == BENCH_INDIRECT) {
		table_write(q, slot, addr, len);
		addr = q->tables_gpa + 2 * sizeof(struct virtq_desc) * slot;
		len = 2 * sizeof(struct virtq_desc);
		flags = VIRTQ_DESC_F_INDIRECT;
	}
	if (q->packed) {
		volatile struct virtq_pdesc *d = &q->pdesc[slot];

		d->addr = cpu_to_le64(addr);
		d->len = cpu_to_le32(len);
		d->id = cpu_to_le16((u16)slot);
		flags |= seq / q->num & 1 ? VIRTQ_PDESC_F_USED : VIRTQ_PDESC_F_AVAIL;
		__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	} else {
		volatile struct virtq_desc *d = &q->desc[slot];

		d->addr = cpu_to_le64(addr);
		d->len = cpu_to_le32(len);
		d->flags = cpu_to_le16(flags);
		d->next = 0;
		*(volatile le16 *)&q->avail->ring[slot] = cpu_to_le16((u16)slot);
	}
}

void driver_post(struct bench_driver *q, unsigned int n, u32 len)
{
	for (unsigned int i = 0; i < n; i++)
		post_one(q, q->posted + i, len + BENCH_HDR);
	q->posted += n;
	if (!q->packed)
		__atomic_store_n(&q->avail->idx, (u16)q->posted, __ATOMIC_RELEASE);
}

/* ---- Reaping ---- */

/* With IN_ORDER one used buffer may stand for all up to it (§2.7.9, §2.8.3). */
static inline u32 reaped_with(struct bench_driver *q, u32 id, u32 len)
{
	u32 slot = q->reaped & (q->num - 1u), n = 1;

	if (q->in_order)
		n = ((id - slot) & (q->num - 1u)) + 1;
	else if (id != slot)
		q->bad++;
	if (q->lens)
		q->lens[slot] = len;
	q->reaped += n;
	return n;
}

static void reap_split(struct bench_driver *q)
{
	u16 idx = __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE);

	while (q->used_seen != idx) {
		volatile struct virtq_used_elem *e = &q->used->ring[q->used_seen & (q->num - 1)];

		q->used_seen += (u16)reaped_with(q, le32_to_cpu(e->id), le32_to_cpu(e->len));
	}
}

static void reap_packed(struct bench_driver *q)
{
	while (q->reaped != q->posted) {
		volatile struct virtq_pdesc *d = &q->pdesc[q->reaped & (q->num - 1u)];
		u16 flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
		bool wrap = !(q->reaped / q->num & 1);

		if (!!(flags & VIRTQ_PDESC_F_AVAIL) != wrap ||
		    !!(flags & VIRTQ_PDESC_F_USED) != wrap)
			return;
		reaped_with(q, le16_to_cpu(d->id), le32_to_cpu(d->len));
	}
}

unsigned int driver_reap(struct bench_driver *q)
{
	u32 before = q->reaped;

	if (q->packed)
		reap_packed(q);
	else
		reap_split(q);
	return q->reaped - before;
}
