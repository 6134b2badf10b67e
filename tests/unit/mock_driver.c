/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asm/barrier.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mock_driver: %s\n", what);
	abort();
}

/* ---- RAM ---- */

void mock_ram_init(struct mock_ram *ram, u64 size)
{
	memset(ram, 0, sizeof(*ram));
	ram->size = size;
	ram->next = PAGE_SIZE;
	ram->low = calloc(1, size);
	ram->high = calloc(1, size);
	must(ram->low && ram->high, "out of memory");
	must(!guest_mem_add(&ram->gm, 0, size, ram->low, (u64)(uintptr_t)ram->low), "low RAM");
	must(!guest_mem_add(&ram->gm, MOCK_HIGH_GPA, size, ram->high, (u64)(uintptr_t)ram->high),
	     "high RAM");
}

void mock_ram_free(struct mock_ram *ram)
{
	free(ram->low);
	free(ram->high);
	memset(ram, 0, sizeof(*ram));
}

u64 mock_alloc(struct mock_ram *ram, u64 size, u64 align)
{
	u64 gpa = ALIGN_UP(ram->next, align);

	must(gpa + size <= ram->size, "guest RAM is used up");
	ram->next = gpa + size;
	memset(ram->low + gpa, 0, size);
	return gpa;
}

void *mock_ptr(const struct mock_ram *ram, u64 gpa)
{
	void *p = guest_mem_ptr(&ram->gm, gpa, 1);

	must(p, "address outside guest RAM");
	return p;
}

/* ---- The driver ---- */

void mock_vq_init(struct mock_vq *vq, struct mock_ram *ram, u16 num, bool event_idx, bool indirect)
{
	memset(vq, 0, sizeof(*vq));
	vq->ram = ram;
	vq->num = num;
	vq->event_idx = event_idx;
	vq->indirect = indirect;
	vq->addr.desc = mock_alloc(ram, virtq_desc_size(num), VIRTQ_DESC_ALIGN);
	vq->addr.avail = mock_alloc(ram, virtq_avail_size(num), VIRTQ_AVAIL_ALIGN);
	vq->addr.used = mock_alloc(ram, virtq_used_size(num), VIRTQ_USED_ALIGN);
	vq->desc = mock_ptr(ram, vq->addr.desc);
	vq->avail = mock_ptr(ram, vq->addr.avail);
	vq->used = mock_ptr(ram, vq->addr.used);
	if (indirect)
		vq->tables = mock_alloc(
			ram, (u64)num * MOCK_TABLE_ENTRIES * sizeof(struct virtq_desc), 16);
	vq->nr_free = num;
	for (u16 i = 0; i < num; i++)
		vq->next_free[i] = i + 1;
}

static void desc_write(volatile struct virtq_desc *d, u64 addr, u32 len, u16 flags, u16 next)
{
	d->addr = cpu_to_le64(addr);
	d->len = cpu_to_le32(len);
	d->flags = cpu_to_le16(flags);
	d->next = cpu_to_le16(next);
}

void mock_desc(struct mock_vq *vq, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	desc_write(&vq->desc[i], addr, len, flags, next);
}

void mock_post(struct mock_vq *vq, u16 head)
{
	*(volatile le16 *)&vq->avail->ring[vq->avail_idx & (vq->num - 1)] = cpu_to_le16(head);
	wmb();
	vq->avail_idx++;
	*(volatile le16 *)&vq->avail->idx = cpu_to_le16(vq->avail_idx);
}

static void add_indirect(struct mock_vq *vq, u16 head, const struct mock_buf *buf, unsigned int n)
{
	u64 gpa = vq->tables + head * MOCK_TABLE_ENTRIES * sizeof(struct virtq_desc);
	volatile struct virtq_desc *table = mock_ptr(vq->ram, gpa);

	must(n <= MOCK_TABLE_ENTRIES, "more buffers than an indirect table has room for");
	for (unsigned int i = 0; i < n; i++)
		desc_write(&table[i], buf[i].gpa, buf[i].len,
			   (u16)((buf[i].write ? VIRTQ_DESC_F_WRITE : 0) |
				 (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0)), (u16)(i + 1));
	mock_desc(vq, head, gpa, (u32)(n * sizeof(struct virtq_desc)), VIRTQ_DESC_F_INDIRECT, 0);
}

int mock_add(struct mock_vq *vq, const struct mock_buf *buf, unsigned int n)
{
	bool indirect = vq->indirect && n > 1;
	unsigned int need = indirect ? 1 : n;
	u16 head = vq->free_head, i = head;

	if (need > vq->nr_free)
		return -1;
	if (indirect) {
		add_indirect(vq, head, buf, n);
		i = vq->next_free[head];
	}
	for (unsigned int k = 0; !indirect && k < n; k++) {
		mock_desc(vq, i, buf[k].gpa, buf[k].len,
			  (u16)((buf[k].write ? VIRTQ_DESC_F_WRITE : 0) |
				(k + 1 < n ? VIRTQ_DESC_F_NEXT : 0)), vq->next_free[i]);
		i = vq->next_free[i];
	}
	vq->free_head = i;
	vq->nr_free -= need;
	vq->chain_len[head] = (u16)need;
	mock_post(vq, head);
	return head;
}

int mock_add_one(struct mock_vq *vq, u64 gpa, u32 len, bool write)
{
	struct mock_buf buf = { .gpa = gpa, .len = len, .write = write };

	return mock_add(vq, &buf, 1);
}

bool mock_kick(struct mock_vq *vq)
{
	u16 old = vq->kicked_idx, new = vq->avail_idx;

	mb();	/* index before the device's wish, §2.7.13.4.1 */
	vq->kicked_idx = new;
	if (vq->event_idx)
		return virtq_need_event(*(volatile le16 *)&vq->used->ring[vq->num], new, old);
	return !(le16_to_cpu(vq->used->flags) & VIRTQ_USED_F_NO_NOTIFY);
}

int mock_get(struct mock_vq *vq, u32 *len)
{
	volatile struct virtq_used_elem *e = &vq->used->ring[vq->last_used & (vq->num - 1)];
	u32 head;
	u16 last;

	if (le16_to_cpu(vq->used->idx) == vq->last_used)
		return -1;
	rmb();
	head = le32_to_cpu(e->id);
	*len = le32_to_cpu(e->len);
	must(head < vq->num && vq->chain_len[head], "used chain that was not posted");
	vq->last_used++;
	last = (u16)head;
	for (u16 k = 1; k < vq->chain_len[head]; k++)
		last = vq->next_free[last];
	vq->next_free[last] = vq->free_head;
	vq->free_head = (u16)head;
	vq->nr_free += vq->chain_len[head];
	vq->chain_len[head] = 0;
	return (int)head;
}

void mock_irq_disable(struct mock_vq *vq)
{
	if (vq->event_idx)
		*(volatile le16 *)&vq->avail->ring[vq->num] = cpu_to_le16((u16)(vq->last_used - 1));
	else
		*(volatile le16 *)&vq->avail->flags = cpu_to_le16(VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool mock_irq_enable(struct mock_vq *vq)
{
	if (vq->event_idx)
		*(volatile le16 *)&vq->avail->ring[vq->num] = cpu_to_le16(vq->last_used);
	else
		*(volatile le16 *)&vq->avail->flags = cpu_to_le16(0);
	mb();	/* our wish before the last look, §2.7.10 */
	return le16_to_cpu(vq->used->idx) != vq->last_used;
}
