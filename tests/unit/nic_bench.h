/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A NIC's driver on a test bench: the mock NIC on one side of the switch, a guest's port on the
 * other, and the CPU loop in between. nic_suite.c has the tests that every driver has to pass.
 */
#ifndef TESTS_UNIT_NIC_BENCH_H
#define TESTS_UNIT_NIC_BENCH_H

#include "drivers/pci/pci.h"
#include "net/netdev.h"

#define MOCK_SENT_MAX	8192
#define NIC_FLOWS	32
#define MOCK_FRAME_MAX	2048

struct mock_sent {		/* a frame that the NIC put on the wire */
	u8 bytes[MOCK_FRAME_MAX];
	u32 len;
	unsigned int segs;	/* pieces it was read from */
};

/* A mock NIC as the bench uses it. One is linked in. */
struct nic_model {
	const char *name;
	const struct pci_driver *driver;
	const char *irq;		/* what netdev.irq will be */
	struct pci_dev *pci;
	u32 pad;			/* shorter frames leave with this length; 0: as they are */
	unsigned int tx_ring, rx_ring;	/* at least so many frames fit */
	unsigned int cpus, queues;	/* that the machine has; that are used on it */
	void (*init)(void);		/* as after power-on; before each probe */
	void (*free)(struct netdev *dev);	/* what the driver has allocated */
	/* The driver's handler, if an unmasked cause is pending. True if it was called. */
	bool (*interrupt)(void);
	bool (*receive)(const void *bytes, u32 len);	/* from the wire; false: no room */
	void (*set_link)(bool up);
	void (*tx_stop)(bool stop);	/* it sends nothing; then again, and what has waited */
	const struct mock_sent *(*sent)(unsigned int n);	/* the n-th since init() */
	unsigned int (*nr_sent)(void);
	void (*no_interrupt)(void);	/* pci_request_irq() finds none */
};

extern const struct nic_model *model;
extern struct cpu second_cpu;		/* cpus[1]; the thread plays both of them */

struct cpu;

/* The other side of the switch: what it got. */
struct station {
	struct port port;
	unsigned int nr, flushes;
	u8 last[2048];
	u32 last_len;
	u16 last_flags;
	u32 flow_next[NIC_FLOWS];	/* number of each flow's next frame */
	struct cpu *flow_cpu[NIC_FLOWS];	/* that delivered it */
	bool keep;			/* hold what comes */
	struct frame *kept[1024];
	unsigned int nr_kept;
};

/* A frame that the station sends. Static, as a failed test leaves it with the NIC. */
struct out {
	struct frame frame;
	u8 payload[3][700];
	unsigned int done;
};

extern u64 now_ns;			/* time_ns(), which also ticks with each call */
extern struct station guest;
extern struct netdev *dev;		/* the NIC that was found; NULL: none */
struct netdev_stats nic_stats(void);	/* of all queues */
bool nic_pending(void);			/* of any queue */
extern u64 dma_before;			/* mem_used(MEM_DMA) before it was: the switch's own */

/* @tests for each of the models in turn. Number of failures. */
struct CMUnitTest;
#define nic_bench_run(models, nr, tests)						\
({											\
	int failed__ = 0;								\
	for (unsigned int i__ = 0; i__ < (nr); i__++) {					\
		model = &(models)[i__];							\
		failed__ += cmocka_run_group_tests_name(model->name, tests, NULL, NULL); \
	}										\
	failed__;									\
})

/* What every driver has to do. */
int nic_suite(const struct nic_model *models, unsigned int nr);

int probe(void);			/* the driver's, on the mock NIC */

/* For cmocka: with the NIC found and the station attached, or with neither. */
int setup(void **state);
int setup_bare(void **state);
int teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define BARE(f) cmocka_unit_test_setup_teardown(f, setup_bare, teardown)

bool run_work(void);			/* of all CPUs; was there any? */
void loop(void);			/* interrupts and work, until nothing is left to do */

/* A broadcast of @len bytes in a header copy and up to three pieces of payload. */
struct frame *out_frame(struct out *out, u32 len, unsigned int pieces);
void guest_send(struct frame *frame);
const struct mock_sent *last_sent(void);
void guest_put_all(void);		/* what was kept */

bool wire_send(u32 len, u8 fill);	/* a broadcast from the wire; false: no room */
/* A broadcast of TCP from one of NIC_FLOWS ports; the station checks their order. */
bool wire_send_flow(unsigned int flow, u32 len);
void guest_send_on(unsigned int cpu, struct frame *frame);

#endif
