/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a call of a vhost device costs, by device: one line of comma-separated values for each
 * case and device, which report.py makes a table of.
 *
 *   bench_ring [-n RUNS] [-k PACKETS] [-c CPU] [-o CASE] [-b DEVICE] [-i]
 *
 * A run repeats: the driver posts a burst, the device is called, (transmission) lets go of
 * what it took, the driver reaps. The device's parts are bracketed with lfence;rdtsc;lfence,
 * and the cost of an empty bracket is taken off. The devices take turns, run by run, so that
 * all of them see the same weather. Before any measurement three laps of the ring are checked
 * byte for byte. -i: instead of cycles, one callgrind profile each (valgrind --tool=callgrind
 * --collect-atstart=no).
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include <valgrind/callgrind.h>

#include "tests/bench/ring/bench.h"

#define RUNS_MAX	99
#define LAPS		(3 * BENCH_RING / BENCH_BURST)

enum mode { TX, TX_REF, RX, MODES };

static const char *const mode_names[MODES] = { "tx", "tx-ref", "rx" };
static const u32 sizes[] = { 64, 256, 1500 };

#define BASE (BIT_ULL(BENCH_F_VERSION_1) | BIT_ULL(BENCH_F_MRG_RXBUF))

static const struct config {
	const char *name;
	u64 features;
	enum bench_layout layout;
} configs[] = {
	{ "split", BASE, BENCH_DIRECT },
	{ "split-indirect", BASE | BIT_ULL(BENCH_F_INDIRECT), BENCH_INDIRECT },
	{ "split-in-order", BASE | BIT_ULL(BENCH_F_IN_ORDER), BENCH_DIRECT },
	{ "packed", BASE | BIT_ULL(BENCH_F_PACKED), BENCH_DIRECT },
	{ "packed-indirect", BASE | BIT_ULL(BENCH_F_PACKED) | BIT_ULL(BENCH_F_INDIRECT),
	  BENCH_INDIRECT },
	{ "packed-in-order", BASE | BIT_ULL(BENCH_F_PACKED) | BIT_ULL(BENCH_F_IN_ORDER),
	  BENCH_DIRECT },
};

static const struct bench_backend *const backends[] = {
	&backend_ringvisor, &backend_ringvisor_gp, &backend_dpdk,
};

struct device {
	const struct bench_backend *b;
	struct bench_guest guest;
	void *be;
	void *pkt[BENCH_BURST];
	double call[RUNS_MAX], free[RUNS_MAX];	/* cycles per packet, by run */
};

static unsigned int runs = 15;
static unsigned long packets = 16384;
static int cpu;
static bool huge, count_instructions;
static const char *only_case, *only_device;
static double bracket;			/* what an empty one costs */

/* The hypervisor's flags have a global one. */
extern unsigned long __stack_chk_guard;
unsigned long __stack_chk_guard = 0x5ca1ab1e0ddba11;

static void must(bool ok, const struct device *d, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_ring: %s: %s\n", d ? d->b->name : "set-up", what);
	exit(1);
}

static inline u64 now(void)
{
	u64 t;

	_mm_lfence();
	t = __rdtsc();
	_mm_lfence();
	return t;
}

/* ---- Is what comes out what went in? ---- */

static void pattern(u8 *p, u32 len, u32 seq)
{
	for (u32 i = 0; i < len; i++)
		p[i] = (u8)(seq * 37 + i * 7 + (i >> 8));
}

static unsigned int tx_call(struct device *d, enum mode mode, void **pkts)
{
	return mode == TX_REF && d->b->tx_ref ? d->b->tx_ref(d->be, pkts, BENCH_BURST) :
						d->b->tx(d->be, pkts, BENCH_BURST);
}

static void tx_free(struct device *d, enum mode mode, void **pkts)
{
	if (mode == TX_REF && d->b->tx_ref)
		d->b->tx_ref_done(d->be, pkts, BENCH_BURST);
	else
		d->b->tx_free(d->be, pkts, BENCH_BURST);
}

static void check_tx_burst(struct device *d, enum mode mode, u32 len)
{
	struct bench_driver *q = &d->guest.q[BENCH_TX];
	u8 want[BENCH_FRAME_MAX], buf[BENCH_FRAME_MAX];
	void *pkts[BENCH_BURST];
	u32 seq = q->posted, got;

	for (u32 i = 0; i < BENCH_BURST; i++) {
		memset(driver_slot(q, seq + i), 0, BENCH_HDR);
		pattern(driver_slot(q, seq + i) + BENCH_HDR, len, seq + i);
	}
	driver_post(q, BENCH_BURST, len);
	must(tx_call(d, mode, pkts) == BENCH_BURST, d, "tx: packets are missing");
	for (u32 i = 0; i < BENCH_BURST; i++) {
		const void *data = d->b->pkt_data(d->be, pkts[i], buf, &got);

		pattern(want, len, seq + i);
		must(got == len && !memcmp(data, want, len), d, "tx: wrong bytes");
	}
	tx_free(d, mode, pkts);
	must(driver_reap(q) == BENCH_BURST, d, "tx: descriptors were not given back");
}

static void packets_make(struct device *d, u32 len, u32 seq)
{
	u8 data[BENCH_FRAME_MAX];

	for (u32 i = 0; i < BENCH_BURST; i++) {
		pattern(data, len, seq + i);
		d->pkt[i] = d->b->pkt_new(d->be, data, len);
		must(d->pkt[i], d, "out of packets");
	}
}

static void check_rx_burst(struct device *d, u32 len)
{
	static const u8 no_offload[BENCH_HDR - 2];
	struct bench_driver *q = &d->guest.q[BENCH_RX];
	u8 want[BENCH_FRAME_MAX];
	u32 seq = q->reaped, first = seq;

	packets_make(d, len, seq);
	for (u32 i = 0; i < BENCH_BURST; i++)
		memset(driver_slot(q, seq + i), 0xee, BENCH_HDR + len + 1);
	must(d->b->rx(d->be, d->pkt, BENCH_BURST) == BENCH_BURST, d, "rx: not all were taken");
	must(driver_reap(q) == BENCH_BURST, d, "rx: buffers were not given back");
	for (u32 i = 0; i < BENCH_BURST; i++, seq++) {
		const u8 *slot = driver_slot(q, seq);

		pattern(want, len, first + i);
		must(!memcmp(slot, no_offload, sizeof(no_offload)) && slot[10] == 1 && !slot[11],
		     d, "rx: wrong header");
		must(!memcmp(slot + BENCH_HDR, want, len) && slot[BENCH_HDR + len] == 0xee, d,
		     "rx: wrong bytes");
		must(q->lens[seq & (BENCH_RING - 1)] == BENCH_HDR + len, d, "rx: wrong length");
	}
	d->b->tx_free(d->be, d->pkt, BENCH_BURST);
	driver_post(q, BENCH_BURST, BENCH_RXBUF - BENCH_HDR);
}

static void check(struct device *d, enum mode mode, u32 len)
{
	static u32 lens[BENCH_RING];
	struct bench_driver *q = &d->guest.q[mode == RX ? BENCH_RX : BENCH_TX];

	if (mode == RX) {
		q->lens = lens;
		driver_post(q, BENCH_RING - (q->posted - q->reaped), BENCH_RXBUF - BENCH_HDR);
	}
	for (unsigned int i = 0; i < LAPS; i++) {
		if (mode == RX)
			check_rx_burst(d, len);
		else
			check_tx_burst(d, mode, len);
	}
	q->lens = NULL;
	must(!q->bad, d, "used buffers out of order");
}

/* ---- Measuring ---- */

static void run_tx(struct device *d, enum mode mode, u32 len, double *call, double *free)
{
	struct bench_driver *q = &d->guest.q[BENCH_TX];
	u64 called = 0, freed = 0;
	unsigned long bursts = packets / BENCH_BURST;

	for (unsigned long i = 0; i < bursts; i++) {
		void *pkts[BENCH_BURST];
		unsigned int n;
		u64 t0, t1, t2;

		driver_post(q, BENCH_BURST, len);
		t0 = now();
		n = tx_call(d, mode, pkts);
		t1 = now();
		tx_free(d, mode, pkts);
		t2 = now();
		driver_reap(q);
		must(n == BENCH_BURST, d, "tx: short");
		called += t1 - t0;
		freed += t2 - t1;
	}
	*call = ((double)called / (double)bursts - bracket) / BENCH_BURST;
	*free = ((double)freed / (double)bursts - bracket) / BENCH_BURST;
}

static void run_rx(struct device *d, double *call)
{
	struct bench_driver *q = &d->guest.q[BENCH_RX];
	u64 called = 0;
	unsigned long bursts = packets / BENCH_BURST;

	for (unsigned long i = 0; i < bursts; i++) {
		unsigned int n;
		u64 t0, t1;

		t0 = now();
		n = d->b->rx(d->be, d->pkt, BENCH_BURST);
		t1 = now();
		must(n == BENCH_BURST && driver_reap(q) == BENCH_BURST, d, "rx: short");
		driver_post(q, BENCH_BURST, BENCH_RXBUF - BENCH_HDR);
		called += t1 - t0;
	}
	*call = ((double)called / (double)bursts - bracket) / BENCH_BURST;
}

static void run(struct device *d, enum mode mode, u32 len, unsigned int nr)
{
	d->free[nr] = 0;
	if (mode == RX)
		run_rx(d, &d->call[nr]);
	else
		run_tx(d, mode, len, &d->call[nr], &d->free[nr]);
}

/* Only the device's calls are collected. */
static void profile(struct device *d, const struct config *c, enum mode mode, u32 len)
{
	struct bench_driver *q = &d->guest.q[mode == RX ? BENCH_RX : BENCH_TX];
	char name[96];

	CALLGRIND_ZERO_STATS;
	for (unsigned long i = 0; i < packets; i += BENCH_BURST) {
		void *pkts[BENCH_BURST];

		if (mode != RX)
			driver_post(q, BENCH_BURST, len);
		CALLGRIND_TOGGLE_COLLECT;
		if (mode == RX) {
			d->b->rx(d->be, d->pkt, BENCH_BURST);
		} else {
			tx_call(d, mode, pkts);
			tx_free(d, mode, pkts);
		}
		CALLGRIND_TOGGLE_COLLECT;
		driver_reap(q);
		if (mode == RX)
			driver_post(q, BENCH_BURST, BENCH_RXBUF - BENCH_HDR);
	}
	snprintf(name, sizeof(name), "%s,%s,%s,%u,%lu", d->b->name, c->name, mode_names[mode], len,
		 packets);
	CALLGRIND_DUMP_STATS_AT(name);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(struct device *d, const struct config *c, enum mode mode, u32 len)
{
	double sum[RUNS_MAX];

	for (unsigned int i = 0; i < runs; i++)
		sum[i] = d->call[i] + d->free[i];
	qsort(sum, runs, sizeof(sum[0]), compare);
	qsort(d->call, runs, sizeof(d->call[0]), compare);
	qsort(d->free, runs, sizeof(d->free[0]), compare);
	printf("%s,%s,%s,%u,%.2f,%.2f,%.2f,%.2f\n", d->b->name, c->name, mode_names[mode], len,
	       sum[0], sum[runs / 2], d->call[0], d->free[0]);
	fflush(stdout);
}

static bool wanted(const struct config *c, enum mode mode, u32 len)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/%s/%u", c->name, mode_names[mode], len);
	return !only_case || !strncmp(name, only_case, strlen(only_case));
}

static void measure(struct device *devices, unsigned int nr, const struct config *c,
		    enum mode mode, u32 len)
{
	if (!wanted(c, mode, len))
		return;
	for (unsigned int i = 0; i < nr; i++) {
		check(&devices[i], mode, len);
		if (mode == RX)
			packets_make(&devices[i], len, 0);
	}
	for (unsigned int r = 0; r < runs && !count_instructions; r++)
		for (unsigned int i = 0; i < nr; i++)
			run(&devices[i], mode, len, r);
	for (unsigned int i = 0; i < nr; i++) {
		if (count_instructions)
			profile(&devices[i], c, mode, len);
		else
			report(&devices[i], c, mode, len);
		if (mode == RX)
			devices[i].b->tx_free(devices[i].be, devices[i].pkt, BENCH_BURST);
	}
}

static void measure_config(const struct config *c)
{
	static struct device devices[ARRAY_SIZE(backends)];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(backends); i++) {
		struct device *d = &devices[nr];

		if (only_device && strcmp(only_device, backends[i]->name))
			continue;
		d->b = backends[i];
		must(!bench_guest_init(&d->guest, c->features, c->layout, huge), NULL, "no memory");
		d->be = d->b->open(&d->guest.mem, d->guest.ring, c->features);
		if (d->be)
			nr++;
		else	/* a format that it does not have */
			bench_guest_free(&d->guest);
	}
	for (enum mode mode = 0; mode < MODES; mode++)
		for (unsigned int s = 0; s < ARRAY_SIZE(sizes); s++)
			measure(devices, nr, c, mode, sizes[s]);
	for (unsigned int i = 0; i < nr; i++) {
		devices[i].b->close(devices[i].be);
		bench_guest_free(&devices[i].guest);
	}
}

/* ---- Set-up ---- */

static void calibrate(void)
{
	double best = 1e9;

	for (unsigned int i = 0; i < 200; i++) {
		u64 sum = 0;

		for (unsigned int k = 0; k < 100; k++) {
			u64 t = now();

			sum += now() - t;
		}
		best = MIN(best, (double)sum / 100);
	}
	bracket = best;
}

/* Are there enough for the guests and DPDK's pool? */
static bool huge_pages(void)
{
	unsigned long nr = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (f && fscanf(f, "%lu", &nr) != 1)
		nr = 0;
	if (f)
		fclose(f);
	return nr >= 256;
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), NULL, "cannot pin to that CPU");
}

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "n:k:c:o:b:i")) != -1) {
		switch (opt) {
		case 'n': runs = (unsigned int)atoi(optarg); break;
		case 'k': packets = strtoul(optarg, NULL, 10); break;
		case 'c': cpu = atoi(optarg); break;
		case 'o': only_case = optarg; break;
		case 'b': only_device = optarg; break;
		case 'i': count_instructions = true; break;
		default: return 2;
		}
	}
	must(runs && runs <= RUNS_MAX && packets >= BENCH_BURST, NULL, "option out of range");
	huge = !count_instructions && huge_pages();	/* valgrind has trouble with them */
	for (unsigned int i = 0; i < ARRAY_SIZE(backends); i++)
		if (backends[i]->init && (!only_device || !strcmp(only_device, backends[i]->name)))
			must(!backends[i]->init(cpu, huge), NULL, backends[i]->name);
	pin();
	calibrate();
	fprintf(stderr, "bench_ring: ring %u, burst %u, %lu packets a run, %u runs, %s pages, "
		"empty bracket %.1f cycles\n", BENCH_RING, BENCH_BURST, packets, runs,
		huge ? "2 MiB" : "4 KiB", bracket);
	for (unsigned int i = 0; i < ARRAY_SIZE(configs); i++)
		measure_config(&configs[i]);
	return 0;
}
