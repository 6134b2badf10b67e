/* SPDX-License-Identifier: BSD-2-Clause */
/* boot: own */
/*
 * Sets its NIC at slot 3 up, with buffers for what it is sent, and sleeps: one of many guests
 * beside the one that is measured (tests/bench). A datagram "talk" to all has it send FRAMES frames
 * of 64 bytes (with the checksum that the NIC adds) to the host on the wire, and sleep on.
 */
#include "nic.h"

const char test_name[] = "idle";

enum { UDP_PAYLOAD = 14 + 20 + 8, LEN = 60, FRAMES = 2000, VECTOR = 0x50 };

static struct nic nic __attribute__((aligned(4096)));
static volatile u32 to_send;

static void on_frame(struct frame *f)
{
	struct queue *q = &nic.queue[NIC_RX];

	(void)f;
	while (q->seen != __atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE)) {
		u16 id = (u16)q->used.ring[q->seen++ % NIC_RING].id;
		const u8 *frame = q->buffer[id] + NIC_HEADER;

		if (frame[0] == 0xff && !memcmp(frame + UDP_PAYLOAD, "talk", 4))
			to_send = FRAMES;
		nic_put(q, id, NIC_BUFFER, DESC_WRITE);
	}
	apic_eoi();
}

static void fill(void)
{
	u8 header[] = { 0x02, 0x99, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x88, 0xb5 };

	for (u32 i = 0; i < 6; i++)
		header[6 + i] = read8(nic.device + i);
	for (u32 id = 0; id < NIC_RING; id++)
		memcpy(nic.queue[NIC_TX].buffer[id] + NIC_HEADER, header, sizeof(header));
}

/* A ring full at a time. */
static void send_all(struct queue *q)
{
	while (to_send) {
		u32 n = to_send < NIC_RING ? to_send : NIC_RING;

		for (u32 i = 0; i < n; i++)
			nic_put(q, (u16)i, NIC_HEADER + LEN, 0);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!(__atomic_load_n(&q->used.flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY))
			nic_ring(q, NIC_TX);
		q->seen += (u16)n;
		while (__atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE) != q->seen)
			__builtin_ia32_pause();
		to_send -= n;
	}
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, on_frame);
	apic_on();
	nic_start(&nic, 3, VECTOR);
	nic.queue[NIC_TX].avail.flags = AVAIL_NO_INTERRUPT;
	fill();
	for (u16 id = 0; id < NIC_RING; id++)
		nic_put(&nic.queue[NIC_RX], id, NIC_BUFFER, DESC_WRITE);
	nic_ring(&nic.queue[NIC_RX], NIC_RX);
	say("READY\n");
	for (;;) {
		send_all(&nic.queue[NIC_TX]);
		sti_hlt_cli();
	}
}
