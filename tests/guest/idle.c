/* SPDX-License-Identifier: BSD-2-Clause */
/* boot: own */
/*
 * Sets its NIC at slot 3 up, with buffers for what it is sent, and sleeps: one of many guests
 * beside the one that is measured (tests/bench).
 */
#include "nic.h"

const char test_name[] = "idle";

enum { VECTOR = 0x50 };

static struct nic nic __attribute__((aligned(4096)));

static void on_frame(struct frame *f)
{
	struct queue *q = &nic.queue[NIC_RX];

	(void)f;
	while (q->seen != __atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE))
		nic_put(q, q->used.ring[q->seen++ % NIC_RING].id, NIC_BUFFER, DESC_WRITE);
	apic_eoi();
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, on_frame);
	apic_on();
	nic_start(&nic, 3, VECTOR);
	for (u16 id = 0; id < NIC_RING; id++)
		nic_put(&nic.queue[NIC_RX], id, NIC_BUFFER, DESC_WRITE);
	nic_ring(&nic.queue[NIC_RX], NIC_RX);
	say("READY\n");
	for (;;)
		sti_hlt_cli();
}
