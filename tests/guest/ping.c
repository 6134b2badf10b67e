/* SPDX-License-Identifier: BSD-2-Clause */
/* boot: own */
/*
 * Frames of 64 bytes there and back between two guests: tests/system/test_fair.py. -append "answer"
 * sends back what comes; "ask" says how long that takes: a line for each ROUND of questions, one to
 * three milliseconds apart, so that everybody sleeps in between.
 */
#include "nic.h"

const char test_name[] = "ping";

enum { LEN = 60, ROUND = 50, PATIENCE_US = 20000 };
enum { VECTOR = 0x50, TIMER = 0x40, DEADLINE = 2 << 17 };

struct ping {
	u8 to[6], from[6], type[2];
	u32 number;
} __attribute__((packed));

static const u8 type[2] = { 0x88, 0xb6 };		/* local experimental, not the flood's */
static struct nic nic __attribute__((aligned(4096)));
static volatile bool expired;

static void on_frame(struct frame *f)
{
	(void)f;
	apic_eoi();
}

static void on_timer(struct frame *f)
{
	(void)f;
	expired = true;
	apic_eoi();
}

static void ring(const struct queue *q, u16 index)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&q->used.flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY))
		nic_ring(q, index);
}

static void send(const u8 *to, u32 number)
{
	struct queue *q = &nic.queue[NIC_TX];
	u16 id = q->avail.idx % NIC_RING;
	struct ping *ping = (struct ping *)(q->buffer[id] + NIC_HEADER);

	memcpy(ping->to, to, sizeof(ping->to));
	for (u32 i = 0; i < sizeof(ping->from); i++)
		ping->from[i] = read8(nic.device + i);
	memcpy(ping->type, type, sizeof(type));
	ping->number = number;
	nic_put(q, id, NIC_HEADER + LEN, 0);
	ring(q, NIC_TX);
}

/* The next frame of ours into *ping; false: there is none now. */
static bool receive(struct ping *ping)
{
	struct queue *q = &nic.queue[NIC_RX];

	while (q->seen != __atomic_load_n(&q->used.idx, __ATOMIC_ACQUIRE)) {
		u16 id = q->used.ring[q->seen++ % NIC_RING].id;

		memcpy(ping, q->buffer[id] + NIC_HEADER, sizeof(*ping));
		nic_put(q, id, NIC_BUFFER, DESC_WRITE);
		ring(q, NIC_RX);
		if (!memcmp(ping->type, type, sizeof(type)))
			return true;
	}
	return false;
}

static void alarm(u32 us)
{
	expired = false;
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + (u64)us * tsc_khz() / 1000);
}

/* The round trip in nanoseconds, or 0: lost. */
static u64 ask(u32 number)
{
	const u8 other[6] = { 0x52, 0x54, 0, 0, 3, 2 };
	struct ping answer = { 0 };
	u64 begin = rdtsc();

	send(other, number);
	alarm(PATIENCE_US);
	for (;;) {
		while (receive(&answer))
			if (answer.number == number)
				return (rdtsc() - begin) * 1000000 / tsc_khz();
		if (expired)
			return 0;
		sti_hlt_cli();
	}
}

static void put_in_order(u64 *times, u32 n, u64 time)
{
	for (; n && times[n - 1] > time; n--)
		times[n] = times[n - 1];
	times[n] = time;
}

static void ask_round(u32 round)
{
	u64 times[ROUND];
	u32 got = 0, number = round * ROUND;

	for (u32 i = 0; i < ROUND; i++) {
		u64 time;

		for (alarm(1000 + 37 * i * i % 2000); !expired;)
			sti_hlt_cli();
		time = ask(number + i);
		if (time)
			put_in_order(times, got++, time);
	}
	say("ROUND %u: lost %u, ns: median %lu, longest %lu\n", round, ROUND - got,
	    got ? times[got / 2] : 0, got ? times[got - 1] : 0);
}

static void answer_all(void)
{
	struct ping ping;

	for (;;) {
		while (receive(&ping))
			send(ping.from, ping.number);
		sti_hlt_cli();
	}
}

void test(void)
{
	pic_mask();
	irq_handle(VECTOR, on_frame);
	irq_handle(TIMER, on_timer);
	apic_on();
	apic_write(APIC_LVT_TIMER, DEADLINE | TIMER);
	nic_start(&nic, 3, VECTOR);
	nic.queue[NIC_TX].avail.flags = AVAIL_NO_INTERRUPT;
	for (u16 id = 0; id < NIC_RING; id++)
		nic_put(&nic.queue[NIC_RX], id, NIC_BUFFER, DESC_WRITE);
	ring(&nic.queue[NIC_RX], NIC_RX);
	if (emulated_by("answer"))
		answer_all();
	for (u32 round = 0;; round++)
		ask_round(round);
}
