/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asm/barrier.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mock_packed: %s\n", what);
	abort();
}

void mock_packed_init(struct mock_packed *vq, struct mock_ram *ram, u16 num, bool event_idx,
		      bool indirect)
{
	*vq = (struct mock_packed){
		.ram = ram, .num = num, .event_idx = event_idx, .indirect = indirect,
		.nr_free = num, .nr_ids = num, .next_wrap = true, .used_wrap = true,
		.addr.desc = mock_alloc(ram, sizeof(struct virtq_pdesc) * num, VIRTQ_DESC_ALIGN),
		.addr.avail = mock_alloc(ram, sizeof(struct virtq_event), VIRTQ_EVENT_ALIGN),
		.addr.used = mock_alloc(ram, sizeof(struct virtq_event), VIRTQ_EVENT_ALIGN),
	};
	vq->desc = mock_ptr(ram, vq->addr.desc);
	vq->driver = mock_ptr(ram, vq->addr.avail);
	vq->device = mock_ptr(ram, vq->addr.used);
	if (indirect)
		vq->tables = mock_alloc(
			ram, (u64)num * MOCK_TABLE_ENTRIES * sizeof(struct virtq_pdesc), 16);
	for (u16 i = 0; i < num; i++)
		vq->ids[i] = i;
}

/* ---- Posting ---- */

static u16 lap_flags(bool wrap)
{
	return wrap ? VIRTQ_PDESC_F_AVAIL : VIRTQ_PDESC_F_USED;
}

void mock_packed_desc(struct mock_packed *vq, u16 pos, bool wrap, u64 addr, u32 len, u16 id,
		      u16 flags)
{
	volatile struct virtq_pdesc *d = &vq->desc[pos];

	d->addr = cpu_to_le64(addr);
	d->len = cpu_to_le32(len);
	d->id = cpu_to_le16(id);
	wmb();	/* §2.8.21.3 */
	d->flags = cpu_to_le16(flags | lap_flags(wrap));
}

static void add_indirect(struct mock_packed *vq, u16 id, const struct mock_buf *buf, unsigned int n)
{
	u64 gpa = vq->tables + id * MOCK_TABLE_ENTRIES * sizeof(struct virtq_pdesc);
	volatile struct virtq_pdesc *table = mock_ptr(vq->ram, gpa);

	must(n <= MOCK_TABLE_ENTRIES, "more buffers than an indirect table has room for");
	for (unsigned int i = 0; i < n; i++)
		table[i] = (struct virtq_pdesc){
			.addr = buf[i].gpa, .len = buf[i].len,
			.flags = buf[i].write ? VIRTQ_DESC_F_WRITE : 0,
		};
	mock_packed_desc(vq, vq->next, vq->next_wrap, gpa, (u32)(n * sizeof(*table)), id,
			 VIRTQ_DESC_F_INDIRECT);
}

/* Behind position @pos by @n. */
static u16 forward(const struct mock_packed *vq, u16 pos, unsigned int n, bool *wrap)
{
	if (pos + n < vq->num)
		return (u16)(pos + n);
	*wrap = !*wrap;
	return (u16)(pos + n - vq->num);
}

static void add_direct(struct mock_packed *vq, u16 id, const struct mock_buf *buf, unsigned int n)
{
	for (unsigned int k = n; k-- > 0;) {	/* the first one last */
		bool wrap = vq->next_wrap;
		u16 pos = forward(vq, vq->next, k, &wrap);

		mock_packed_desc(vq, pos, wrap, buf[k].gpa, buf[k].len, id,
				 (buf[k].write ? VIRTQ_DESC_F_WRITE : 0) |
				 (k + 1 < n ? VIRTQ_DESC_F_NEXT : 0));
	}
}

int mock_packed_add(struct mock_packed *vq, const struct mock_buf *buf, unsigned int n)
{
	bool indirect = vq->indirect && n > 1;
	u16 need = indirect ? 1 : (u16)n, id;

	if (need > vq->nr_free || !vq->nr_ids)
		return -1;
	id = vq->ids[--vq->nr_ids];
	if (indirect)
		add_indirect(vq, id, buf, n);
	else
		add_direct(vq, id, buf, n);
	vq->next = forward(vq, vq->next, need, &vq->next_wrap);
	vq->nr_free -= need;
	vq->kicked += need;
	vq->descs[id] = need;
	vq->order[vq->posted++ % RING_SIZE_MAX] = id;
	return id;
}

int mock_packed_add_one(struct mock_packed *vq, u64 gpa, u32 len, bool write)
{
	struct mock_buf buf = { .gpa = gpa, .len = len, .write = write };

	return mock_packed_add(vq, &buf, 1);
}

bool mock_packed_kick(struct mock_packed *vq)
{
	u32 wish;
	u16 event, passed = vq->kicked;

	mb();	/* descriptors before the device's wish, §2.8.21.3.1 */
	vq->kicked = 0;
	wish = le32_to_cpu(vq->device->off_wrap_flags);
	if (wish >> 16 != VIRTQ_EVENT_DESC)
		return wish >> 16 == VIRTQ_EVENT_ENABLE;
	event = wish & 0x7fff;
	if (!(wish & VIRTQ_EVENT_WRAP) != !vq->next_wrap)
		event -= vq->num;
	return virtq_need_event(event, vq->next, (u16)(vq->next - passed));
}

/* ---- Reaping ---- */

/* A used descriptor is due at vq->used: is it there? */
static bool is_used(const struct mock_packed *vq)
{
	u16 flags = le16_to_cpu(vq->desc[vq->used].flags);

	return !!(flags & VIRTQ_PDESC_F_AVAIL) == vq->used_wrap &&
	       !!(flags & VIRTQ_PDESC_F_USED) == vq->used_wrap;
}

static int give(struct mock_packed *vq, u16 id)
{
	must(id < vq->num && vq->descs[id], "used chain that was not posted");
	vq->used = forward(vq, vq->used, vq->descs[id], &vq->used_wrap);
	vq->nr_free += vq->descs[id];
	vq->descs[id] = 0;
	vq->ids[vq->nr_ids++] = id;
	vq->gotten++;
	return id;
}

int mock_packed_get(struct mock_packed *vq, u32 *len)
{
	volatile struct virtq_pdesc *d = &vq->desc[vq->used];
	u16 id;

	if (!vq->in_batch) {
		if (vq->posted == vq->gotten || !is_used(vq))
			return -1;
		rmb();
		vq->batch_last = le16_to_cpu(d->id);
		vq->batch_len = le16_to_cpu(d->flags) & VIRTQ_DESC_F_WRITE ?
				le32_to_cpu(d->len) : 0;
		if (!vq->in_order) {
			*len = vq->batch_len;
			return give(vq, vq->batch_last);
		}
		vq->in_batch = true;
	}
	id = vq->order[vq->gotten % RING_SIZE_MAX];
	vq->in_batch = id != vq->batch_last;
	*len = vq->in_batch ? 0 : vq->batch_len;
	return give(vq, id);
}

void mock_packed_irq_disable(struct mock_packed *vq)
{
	vq->driver->off_wrap_flags = cpu_to_le32(VIRTQ_EVENT_DISABLE << 16);
}

bool mock_packed_irq_enable(struct mock_packed *vq)
{
	u32 off_wrap = vq->used | (vq->used_wrap ? VIRTQ_EVENT_WRAP : 0);

	vq->driver->off_wrap_flags = cpu_to_le32(
		vq->event_idx ? off_wrap | VIRTQ_EVENT_DESC << 16 : VIRTQ_EVENT_ENABLE << 16);
	mb();	/* our wish before the last look, §2.8.10 */
	return vq->posted != vq->gotten && is_used(vq);
}
