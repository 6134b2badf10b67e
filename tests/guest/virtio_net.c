/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -netdev tap,id=a,br=brvn -netdev tap,id=b,br=brvn -device virtio-net-pci,netdev=a,mac=52:54:00:00:00:0a,addr=0x3 -device virtio-net-pci,netdev=b,mac=52:54:00:00:00:0b,addr=0x4 */
/*
 * Two virtio-net functions on one switch: frames from one arrive at the other, by doorbells in
 * memory and in I/O space, and MSI-X.
 */
#include "lib.h"

const char test_name[] = "virtio_net";

/* ---- Modern virtio-pci: virtio 1.2, 4.1 ---- */

enum { CAP_VENDOR = 9, CAP_MSIX = 0x11, CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4 };
enum {	/* common configuration, byte offsets: 4.1.4.3 */
	DEVICE_FEATURE_SELECT = 0, DEVICE_FEATURE = 4, DRIVER_FEATURE_SELECT = 8,
	DRIVER_FEATURE = 12, MSIX_CONFIG = 16, NUM_QUEUES = 18, STATUS = 20, QUEUE_SELECT = 22,
	QUEUE_SIZE = 24, QUEUE_VECTOR = 26, QUEUE_ENABLE = 28, QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32, QUEUE_DRIVER = 40, QUEUE_DEVICE = 48,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { VIRTIO_F_VERSION_1 = 32, VIRTIO_NET_F_MAC = 5, DESC_WRITE = 2 };
enum { RX, TX, SIZE = 64, HEADER = 12, BUFFER = 2048, VECTOR = 0x50 };

struct desc { u64 addr; u32 len; u16 flags, next; };
struct avail { u16 flags, idx, ring[SIZE], used_event; };
struct used { u16 flags, idx; struct { u32 id, len; } ring[SIZE]; u16 avail_event; };

struct queue {
	struct desc desc[SIZE] __attribute__((aligned(16)));
	struct avail avail;
	struct used used __attribute__((aligned(4)));
	u8 buffer[SIZE][BUFFER];
	u16 seen;
	u64 doorbell;
	u16 port;			/* the same in I/O space */
};

static struct nic {
	u32 devfn;
	u64 common, notify, device;
	u16 ports;
	u32 notify_multiplier;
	struct queue queue[2];
	volatile u32 interrupts;
} nics[2] __attribute__((aligned(4096)));

static bool cap_is_io(u32 devfn, u32 cap)
{
	return pci_read(devfn, 0x10 + 4 * (pci_read(devfn, cap + 4) & 0xff)) & 1;
}

static u64 cap_address(u32 devfn, u32 cap)
{
	return pci_bar(devfn, pci_read(devfn, cap + 4) & 0xff) + pci_read(devfn, cap + 8);
}

static void find_caps(struct nic *n)
{
	for (u32 cap = pci_cap(n->devfn, CAP_VENDOR, 0); cap; cap = pci_cap(n->devfn, CAP_VENDOR, cap)) {
		switch (pci_read(n->devfn, cap) >> 24) {
		case CFG_COMMON:
			n->common = cap_address(n->devfn, cap);
			break;
		case CFG_NOTIFY:
			if (cap_is_io(n->devfn, cap)) {
				check(!n->notify, "memory before I/O space");
				n->ports = cap_address(n->devfn, cap);
			} else {
				n->notify = cap_address(n->devfn, cap);
			}
			n->notify_multiplier = pci_read(n->devfn, cap + 16);
			break;
		case CFG_DEVICE:
			n->device = cap_address(n->devfn, cap);
			break;
		}
	}
	check(n->common && n->notify && n->device && n->ports, "a virtio capability is missing");
}

static void msix(struct nic *n, u8 vector)
{
	u32 cap = pci_cap(n->devfn, CAP_MSIX, 0), at = pci_read(n->devfn, cap + 4);
	u64 table = pci_bar(n->devfn, at & 7) + (at & ~7u);

	write32(table, 0xfee00000);
	write32(table + 4, 0);
	write32(table + 8, vector);
	write32(table + 12, 0);
	pci_write(n->devfn, cap, pci_read(n->devfn, cap) | 1u << 31);
}

static void setup_queue(struct nic *n, u16 index)
{
	struct queue *q = &n->queue[index];

	write16(n->common + QUEUE_SELECT, index);
	check(read16(n->common + QUEUE_SIZE) >= SIZE, "queue of %u", read16(n->common + QUEUE_SIZE));
	write16(n->common + QUEUE_SIZE, SIZE);
	write16(n->common + QUEUE_VECTOR, index == RX ? 0 : 0xffff);
	write64(n->common + QUEUE_DESC, (u64)q->desc);
	write32(n->common + QUEUE_DRIVER, (u32)(u64)&q->avail);
	write32(n->common + QUEUE_DRIVER + 4, 0);
	write64(n->common + QUEUE_DEVICE, (u64)&q->used);
	q->doorbell = n->notify + read16(n->common + QUEUE_NOTIFY_OFF) * n->notify_multiplier;
	q->port = n->ports + read16(n->common + QUEUE_NOTIFY_OFF) * n->notify_multiplier;
	write16(n->common + QUEUE_ENABLE, 1);
}

static void put(struct queue *q, u16 id, u32 len, u16 flags)
{
	q->desc[id] = (struct desc){ (u64)q->buffer[id], len, flags, 0 };
	q->avail.ring[q->avail.idx % SIZE] = id;
	__atomic_store_n(&q->avail.idx, q->avail.idx + 1, __ATOMIC_RELEASE);
}

static void start(struct nic *n, u32 slot, u8 vector)
{
	n->devfn = slot << 3;
	check_eq(pci_read(n->devfn, 0), 0x10411af4);
	pci_write(n->devfn, 4, 7);		/* I/O space, memory, bus master */
	find_caps(n);
	msix(n, vector);
	write8(n->common + STATUS, 0);
	write8(n->common + STATUS, ACKNOWLEDGE | DRIVER);
	write32(n->common + DEVICE_FEATURE_SELECT, 1);
	check(read32(n->common + DEVICE_FEATURE) & 1, "VERSION_1 is not offered");
	write32(n->common + DRIVER_FEATURE_SELECT, 0);
	write32(n->common + DRIVER_FEATURE, 1 << VIRTIO_NET_F_MAC);
	write32(n->common + DRIVER_FEATURE_SELECT, 1);
	write32(n->common + DRIVER_FEATURE, 1);
	write8(n->common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	check(read8(n->common + STATUS) & FEATURES_OK, "features refused");
	write16(n->common + MSIX_CONFIG, 0xffff);
	setup_queue(n, RX);
	setup_queue(n, TX);
	for (u16 i = 0; i < SIZE; i++)
		put(&n->queue[RX], i, BUFFER, DESC_WRITE);
	write8(n->common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	write16(n->queue[RX].doorbell, RX);
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
	struct queue *q = &from->queue[TX];
	u8 *frame = q->buffer[seq % SIZE] + HEADER;
	const u16 index = TX, *src = &index;

	memset(q->buffer[seq % SIZE], 0, HEADER);
	for (u32 i = 0; i < 6; i++) {
		frame[i] = read8(to->device + i);
		frame[6 + i] = read8(from->device + i);
	}
	frame[12] = 0x88;
	frame[13] = 0xb5;			/* local experimental */
	for (u32 i = 14; i < len; i++)
		frame[i] = payload(seq, i);
	put(q, seq % SIZE, HEADER + len, 0);
	switch (seq % 7) {			/* whatever the instruction, it rings */
	case 0:
		write16(q->doorbell, TX);
		break;
	case 1:
		write32(q->doorbell, TX);
		break;
	case 2:
		__asm__ volatile("movw %w1, %0" : "=m"(*(volatile u16 *)q->doorbell) : "r"(TX));
		break;
	case 3:
		outw(q->port, TX);
		break;
	case 4:
		outb(q->port, TX);
		break;
	case 5:
		outl(q->port, TX);
		break;
	case 6:
		__asm__ volatile("outsw" : "+S"(src) : "d"(q->port) : "memory");
		break;
	}
}

static void receive(struct nic *at, u32 seq, u32 len)
{
	struct queue *q = &at->queue[RX];
	u64 until = rdtsc() + 1000ul * tsc_khz();
	u32 id, got;

	while (__atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE) == q->seen && rdtsc() < until)
		sti_hlt_cli();
	check(q->used.idx != q->seen, "frame %u does not arrive", seq);
	id = q->used.ring[q->seen % SIZE].id;
	got = q->used.ring[q->seen % SIZE].len;
	q->seen++;
	check(id < SIZE && got == HEADER + len, "frame %u: buffer %u, length %u, expected %u", seq,
	      id, got, HEADER + len);
	for (u32 i = 14; i < len; i++)
		check(q->buffer[id][HEADER + i] == (u8)payload(seq, i), "frame %u: byte %u", seq, i);
	put(q, id, BUFFER, DESC_WRITE);
	outw(q->port, RX);
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
	for (u32 seq = 0; seq < 3 * SIZE; seq++) {
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
	check(nics[0].queue[TX].used.idx == 3 * SIZE, "%u of %u sent frames completed",
	      nics[0].queue[TX].used.idx, 3 * SIZE);
}
