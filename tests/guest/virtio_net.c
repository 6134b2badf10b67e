/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -netdev tap,id=a,br=brvn -netdev tap,id=b,br=brvn */
/* guest: -device virtio-net-pci,netdev=a,mac=52:54:00:00:00:0a,addr=0x3 */
/* guest: -device virtio-net-pci,netdev=b,mac=52:54:00:00:00:0b,addr=0x4 */
/*
 * Two virtio-net functions on one switch: frames from one arrive at the other, by doorbells in
 * memory and in I/O space, and MSI-X.
 */
#include "nic.h"

const char test_name[] = "virtio_net";

enum { ROUNDS = 192, VECTOR = 0x50 };

static struct nic nics[2] __attribute__((aligned(4096)));

static void start(struct nic *n, u32 slot, u8 vector)
{
	nic_start(n, slot, vector);
	for (u16 i = 0; i < NIC_RING; i++)
		nic_put(&n->queue[NIC_RX], i, NIC_BUFFER, DESC_WRITE);
	nic_ring(&n->queue[NIC_RX], NIC_RX);
}

/* ---- Frames ---- */

static void on_a(struct frame *f)
{
	(void)f;
	nics[0].interrupts++;
	apic_eoi();
}

static void on_b(struct frame *f)
{
	(void)f;
	nics[1].interrupts++;
	apic_eoi();
}

static u32 payload(u32 seq, u32 i)
{
	return seq * 31 + i * 7;
}

static void send(struct nic *from, struct nic *to, u32 seq, u32 len)
{
	struct queue *q = &from->queue[NIC_TX];
	u8 *frame = q->buffer[seq % NIC_RING] + NIC_HEADER;
	const u16 index = NIC_TX, *src = &index;

	memset(q->buffer[seq % NIC_RING], 0, NIC_HEADER);
	for (u32 i = 0; i < 6; i++) {
		frame[i] = read8(to->device + i);
		frame[6 + i] = read8(from->device + i);
	}
	frame[12] = 0x88;
	frame[13] = 0xb5;			/* local experimental */
	for (u32 i = 14; i < len; i++)
		frame[i] = payload(seq, i);
	nic_put(q, seq % NIC_RING, NIC_HEADER + len, 0);
	switch (seq % 7) {			/* whatever the instruction, it rings */
	case 0:
		write16(q->doorbell, NIC_TX);
		break;
	case 1:
		write32(q->doorbell, NIC_TX);
		break;
	case 2:
		__asm__ volatile("movw %w1, %0" : "=m"(*(volatile u16 *)q->doorbell) : "r"(NIC_TX));
		break;
	case 3:
		outw(q->port, NIC_TX);
		break;
	case 4:
		outb(q->port, NIC_TX);
		break;
	case 5:
		outl(q->port, NIC_TX);
		break;
	case 6:
		__asm__ volatile("outsw" : "+S"(src) : "d"(q->port) : "memory");
		break;
	}
}

static void receive(struct nic *at, u32 seq, u32 len)
{
	struct queue *q = &at->queue[NIC_RX];
	u64 until = rdtsc() + 1000ul * tsc_khz();
	u32 id, got;

	while (__atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE) == q->seen && rdtsc() < until)
		sti_hlt_cli();
	check(q->used.idx != q->seen, "frame %u does not arrive", seq);
	id = q->used.ring[q->seen % NIC_RING].id;
	got = q->used.ring[q->seen % NIC_RING].len;
	q->seen++;
	check(id < NIC_RING && got == NIC_HEADER + len,
	      "frame %u: buffer %u, length %u, expected %u", seq, id, got, NIC_HEADER + len);
	for (u32 i = 14; i < len; i++)
		check(q->buffer[id][NIC_HEADER + i] == (u8)payload(seq, i), "frame %u: byte %u",
		      seq, i);
	nic_put(q, id, NIC_BUFFER, DESC_WRITE);
	outw(q->port, NIC_RX);
}

/* HLT needs something to end it when a frame is lost. */
static void tick(struct frame *f)
{
	(void)f;
	apic_eoi();
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, on_a);
	irq_handle(VECTOR + 1, on_b);
	irq_handle(0x40, tick);
	apic_on();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVT_TIMER, 1 << 17 | 0x40);
	apic_write(APIC_TMICT, 1000000);
	start(&nics[0], 3, VECTOR);
	start(&nics[1], 4, VECTOR + 1);
	check_eq(read8(nics[0].device + 5), 0x0a);
	for (u32 seq = 0; seq < ROUNDS; seq++) {
		u32 len = seq == 0 ? 1514 : 60 + seq;

		send(&nics[0], &nics[1], seq, len);
		receive(&nics[1], seq, len);
		send(&nics[1], &nics[0], seq, len);
		receive(&nics[0], seq, len);
	}
	check_eq(inw(nics[0].ports), 0);
	pci_write(nics[0].devfn, 4, 6);
	check_eq(inw(nics[0].ports), 0xffff);
	sti_cli();		/* they may all have come before anybody waited */
	check(nics[0].interrupts && nics[1].interrupts, "no interrupts");
	check(nics[0].queue[NIC_TX].used.idx == ROUNDS, "%u of %u sent frames completed",
	      nics[0].queue[NIC_TX].used.idx, ROUNDS);
}
