/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -netdev tap,id=a -device virtio-net-pci,netdev=a,addr=0x3 */
/* boot: own */
/*
 * Sends frames of 64 bytes (with the checksum that the NIC adds) as fast as the ring takes them:
 * all that is free, then the doorbell if it is wanted. They go to the host on the wire of
 * tests/system.
 * -append may have a word for how it ends after FRAMES: "crash" by a triple fault, "reset" (again
 * and again), "break" with an impossible avail.idx. It never has a buffer for what it is sent.
 *
 * Interrupts are on, though there are none for it: Bochs keeps a physical one from ending guest
 * mode in a guest that was entered with RFLAGS.IF = 0 and leaves it so (docs/caveats.md).
 */
#include "nic.h"

const char test_name[] = "flood";

enum { LEN = 60, FRAMES = 20000, VECTOR = 0x50 };

static struct nic nic __attribute__((aligned(4096)));

static void fill(u16 id)
{
	static const u8 to[6] = { 0x02, 0x99, 0, 0, 0, 1 };
	u8 *frame = nic.queue[NIC_TX].buffer[id] + NIC_HEADER;

	memcpy(frame, to, 6);
	for (u32 i = 0; i < 6; i++)
		frame[6 + i] = read8(nic.device + i);
	frame[12] = 0x88;
	frame[13] = 0xb5;			/* local experimental */
}

/* All that the device has used goes out again. */
static u32 again(struct queue *q)
{
	u32 sent = 0;

	while (q->seen != __atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE)) {
		nic_put(q, q->used.ring[q->seen++ % NIC_RING].id, NIC_HEADER + LEN, 0);
		sent++;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (sent && !(__atomic_load_n(&q->used.flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY))
		nic_ring(q, NIC_TX);
	return sent;
}

static void end(struct queue *q)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) none = { 0, 0 };

	if (emulated_by("crash"))
		__asm__ volatile("lidt %0; ud2" :: "m"(none));
	if (emulated_by("reset"))
		outb(0xcf9, 6);
	if (emulated_by("break")) {
		q->avail.idx += 2 * NIC_RING;
		nic_ring(q, NIC_TX);
	}
}

void test(void)
{
	struct queue *q = &nic.queue[NIC_TX];

	pic_mask();
	nic_start(&nic, 3, VECTOR);
	q->avail.flags = AVAIL_NO_INTERRUPT;
	for (u16 id = 0; id < NIC_RING; id++) {
		fill(id);
		nic_put(q, id, NIC_HEADER + LEN, 0);
	}
	nic_ring(q, NIC_TX);
	sti();
	for (u32 sent = 0; sent < FRAMES;)
		sent += again(q);
	say("FLOODING\n");
	end(q);
	for (;;)
		again(q);
}
