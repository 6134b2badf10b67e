/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "tests/unit/virtio_nic.h"
#include "tests/unit/virtio_nic_pci.h"

#include <stdlib.h>
#include <string.h>

#include "asm/io.h"
#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "net/csum.h"
#include "virtio/pci_regs.h"
#include "virtio/virtio.h"

#define RSS_TABLE	32u		/* entries that it takes at most */
#define DATA_PER_BUF	VNIC_BUF_SIZE

struct virtio_nic virtio_nic;

static u8 regs[REGS] __aligned(16);
static struct mock_sent *sent;

static struct queue {
	u64 desc, avail, used;
	u16 size, vector;
	bool enabled;
	u16 seen, done;			/* avail->idx and used->idx */
	bool irq;			/* a message is on its way */
} queues[QUEUES];

static u32 feature_select, driver_select;
static u16 queue_select, config_vector;
static bool config_irq;
static unsigned int pairs;		/* in use */
static u8 rss_table[RSS_TABLE];
static unsigned int rss_len;		/* 0: it has not been told */

/* ---- The device's side of a ring ---- */

static struct virtq_desc *desc_at(const struct queue *q, u16 i)
{
	assert_in_range(i, 0, q->size - 1);
	return (struct virtq_desc *)phys_to_virt(q->desc) + i;
}

static bool ring_next(struct queue *q, u16 *head)
{
	const struct virtq_avail *avail = phys_to_virt(q->avail);

	if (!q->enabled || q->seen == le16_to_cpu(avail->idx))
		return false;
	assert_in_range((u16)(le16_to_cpu(avail->idx) - q->seen), 1, q->size);
	*head = le16_to_cpu(avail->ring[q->seen++ % q->size]);
	return true;
}

static void ring_use(struct queue *q, u32 id, u32 len)
{
	const struct virtq_avail *avail = phys_to_virt(q->avail);
	struct virtq_used *used = phys_to_virt(q->used);

	used->ring[q->done % q->size].id = cpu_to_le32(id);
	used->ring[q->done % q->size].len = cpu_to_le32(len);
	used->idx = cpu_to_le16(++q->done);
	if (le16_to_cpu(avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT)
		return;
	virtio_nic.isr |= VIRTIO_ISR_QUEUE;
	if (q->vector != VIRTIO_MSI_NO_VECTOR)
		q->irq = true;
}

/* ---- Transmit ---- */

static void put_on_wire(u8 *bytes, u32 len)
{
	struct mock_sent *out = &sent[virtio_nic.nr_sent++ % MOCK_SENT_MAX];
	u32 start = le16_to_cpu(virtio_nic.last_hdr.csum_start);
	u32 at = start + le16_to_cpu(virtio_nic.last_hdr.csum_offset);

	virtio_nic.last_len = len;
	memcpy(virtio_nic.last_bytes, bytes, len);
	if (len > MOCK_FRAME_MAX)
		return;		/* a large one: the test looks at last_bytes */
	if (virtio_nic.last_hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		u16 csum;

		assert_in_range(at + 2, 2, len);
		csum = csum_fold(csum_add(0, bytes + start, len - start, false));
		memcpy(bytes + at, &csum, 2);
	}
	memcpy(out->bytes, bytes, len);
	out->len = len;
}

static void send_chain(struct queue *q, u16 head)
{
	static u8 bytes[sizeof(struct virtio_net_hdr) + FRAME_GSO_MAX];
	u32 len = 0, hdr = sizeof(struct virtio_net_hdr);
	const struct virtq_desc *d = desc_at(q, head), *table = NULL;
	u32 entries = 0;

	if (le16_to_cpu(d->flags) & VIRTQ_DESC_F_INDIRECT) {
		assert_true(virtio_nic.driver & BIT_ULL(VIRTIO_F_INDIRECT_DESC));
		assert_int_equal(le16_to_cpu(d->flags), VIRTQ_DESC_F_INDIRECT);
		assert_int_equal(le32_to_cpu(d->len) % sizeof(*d), 0);
		entries = le32_to_cpu(d->len) / sizeof(*d);
		d = table = phys_to_virt(le64_to_cpu(d->addr));
	}
	for (unsigned int links = 0;; links++) {
		u16 flags = le16_to_cpu(d->flags);

		assert_in_range(links, 0, FRAME_SEGS);
		assert_false(flags & ~VIRTQ_DESC_F_NEXT);
		assert_in_range(le32_to_cpu(d->len), 1, sizeof(bytes) - len);
		memcpy(bytes + len, phys_to_virt(le64_to_cpu(d->addr)), le32_to_cpu(d->len));
		len += le32_to_cpu(d->len);
		if (!(flags & VIRTQ_DESC_F_NEXT))
			break;
		if (table)
			assert_in_range(le16_to_cpu(d->next), 0, entries - 1);
		d = table ? table + le16_to_cpu(d->next) : desc_at(q, le16_to_cpu(d->next));
	}
	assert_true(len > hdr);
	memcpy(&virtio_nic.last_hdr, bytes, hdr);
	assert_int_equal(virtio_nic.last_hdr.num_buffers, 0);
	put_on_wire(bytes + hdr, len - hdr);
	ring_use(q, head, 0);
}

static void transmit(unsigned int pair)
{
	struct queue *q = &queues[2 * pair + VIRTIO_NET_TX];
	u16 head;

	while (!virtio_nic.tx_stopped && ring_next(q, &head)) {
		assert_true(virtio_nic.mastering && (virtio_nic.status & VIRTIO_DRIVER_OK));
		assert_in_range(pair, 0, pairs - 1);
		send_chain(q, head);
	}
}

/* ---- The control queue, §5.1.6.5 ---- */

/* It moves when one of these is agreed on, §5.1.2. */
static unsigned int ctrl_queue(void)
{
	return virtio_nic.driver & (BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_RSS)) ?
	       2 * PAIRS : 2;
}

static u8 set_pairs(unsigned int nr)
{
	if (virtio_nic.refuses_pairs)
		return VIRTIO_NET_ERR;
	assert_in_range(nr, 1, PAIRS);
	for (unsigned int i = 0; i < 2 * nr; i++)
		assert_true(queues[i].enabled);
	pairs = nr;
	return VIRTIO_NET_OK;
}

static u8 set_rss(const u8 *data, u32 len)
{
	struct virtio_net_rss_config config;
	struct virtio_net_rss_config_end end;
	u32 entries;

	memcpy(&config, data, sizeof(config));
	assert_int_not_equal(le32_to_cpu(config.hash_types) & VIRTIO_NET_HASH_TYPE_TCPv4, 0);
	assert_int_equal(le32_to_cpu(config.hash_types) & ~0x3f, 0);
	entries = le16_to_cpu(config.indirection_table_mask) + 1u;
	assert_in_range(entries, 1, RSS_TABLE);
	assert_int_equal(entries & (entries - 1), 0);
	assert_int_equal(len, sizeof(config) + 2 * entries + sizeof(end) + 40);
	memcpy(&end, data + sizeof(config) + 2 * entries, sizeof(end));
	assert_int_equal(end.hash_key_length, 40);
	for (u32 i = 0; i < entries; i++) {
		rss_table[i] = data[sizeof(config) + 2 * i];
		assert_in_range(rss_table[i], 0, le16_to_cpu(end.max_tx_vq) - 1);
		assert_int_equal(data[sizeof(config) + 2 * i + 1], 0);
	}
	rss_len = entries;
	return set_pairs(le16_to_cpu(end.max_tx_vq));
}

static u8 run_command(const u8 *cmd, u32 len)
{
	bool rss = virtio_nic.driver & BIT_ULL(VIRTIO_NET_F_RSS);

	if (cmd[0] == VIRTIO_NET_CTRL_RX) {
		assert_true(virtio_nic.driver & BIT_ULL(VIRTIO_NET_F_CTRL_RX));
		assert_int_equal(cmd[1], VIRTIO_NET_CTRL_RX_PROMISC);
		assert_int_equal(len, 3);
		virtio_nic.promisc = cmd[2];
		return VIRTIO_NET_OK;
	}
	assert_int_equal(cmd[0], VIRTIO_NET_CTRL_MQ);
	if (rss) {
		assert_int_equal(cmd[1], VIRTIO_NET_CTRL_MQ_RSS_CONFIG);
		return set_rss(cmd + 2, len - 2);
	}
	assert_true(virtio_nic.driver & BIT_ULL(VIRTIO_NET_F_MQ));
	assert_int_equal(cmd[1], VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET);
	assert_int_equal(len, 4);
	return set_pairs(cmd[2] | cmd[3] << 8);
}

static void control(void)
{
	struct queue *q = &queues[ctrl_queue()];
	u16 head;

	assert_true(virtio_nic.driver & BIT_ULL(VIRTIO_NET_F_CTRL_VQ));
	while (!virtio_nic.ctrl_dead && ring_next(q, &head)) {
		const struct virtq_desc *d = desc_at(q, head), *ack;

		assert_int_equal(le16_to_cpu(d->flags), VIRTQ_DESC_F_NEXT);
		ack = desc_at(q, le16_to_cpu(d->next));
		assert_int_equal(le16_to_cpu(ack->flags), VIRTQ_DESC_F_WRITE);
		assert_int_equal(le32_to_cpu(ack->len), 1);
		*(u8 *)phys_to_virt(le64_to_cpu(ack->addr)) =
			run_command(phys_to_virt(le64_to_cpu(d->addr)), le32_to_cpu(d->len));
		ring_use(q, head, 1);
	}
}

/* ---- Receive ---- */

/* Which pair a frame comes by: as the table says, or of its own choice; constant for a flow. */
static unsigned int steer(const u8 *frame, u32 len)
{
	u32 hash = 0;

	if (pairs < 2 || len < 38 || frame[12] != 0x08 || frame[13] != 0)
		return 0;
	for (unsigned int i = 26; i < 38; i++)		/* addresses, ports */
		hash = hash * 31 + frame[i];
	if (!(virtio_nic.driver & BIT_ULL(VIRTIO_NET_F_RSS)))
		return hash % pairs;
	assert_int_not_equal(rss_len, 0);
	return rss_table[hash % rss_len];
}

bool virtio_nic_receive(const struct virtio_net_hdr *hdr, const void *bytes, u32 len)
{
	static u8 all[sizeof(*hdr) + FRAME_GSO_MAX];
	struct queue *q = &queues[2 * steer(bytes, len) + VIRTIO_NET_RX];
	u32 total = (u32)sizeof(*hdr) + len, n = DIV_ROUND_UP(total, DATA_PER_BUF), off = 0;
	const struct virtq_avail *avail = q->enabled ? phys_to_virt(q->avail) : NULL;

	if (!(virtio_nic.status & VIRTIO_DRIVER_OK) || !avail ||
	    (u16)(le16_to_cpu(avail->idx) - q->seen) < n)
		return false;
	assert_true(virtio_nic.mastering);
	memcpy(all, hdr, sizeof(*hdr));
	((struct virtio_net_hdr *)all)->num_buffers = cpu_to_le16((u16)n);
	memcpy(all + sizeof(*hdr), bytes, len);
	for (; n; n--) {
		u32 part = MIN(total - off, (u32)DATA_PER_BUF);
		const struct virtq_desc *d;
		u16 head;

		assert_true(ring_next(q, &head));
		d = desc_at(q, head);
		assert_int_equal(le16_to_cpu(d->flags), VIRTQ_DESC_F_WRITE);
		assert_in_range(part, 1, le32_to_cpu(d->len));
		memcpy(phys_to_virt(le64_to_cpu(d->addr)), all + off, part);
		ring_use(q, head, part);
		off += part;
	}
	return true;
}

void virtio_nic_claim(const u32 *used, unsigned int nr)
{
	const struct virtio_net_hdr hdr = { .num_buffers = cpu_to_le16((u16)nr) };
	struct queue *q = &queues[VIRTIO_NET_RX];
	u16 head;

	for (unsigned int i = 0; i < nr; i++) {
		assert_true(ring_next(q, &head));
		memcpy(phys_to_virt(le64_to_cpu(desc_at(q, head)->addr)), &hdr, sizeof(hdr));
		ring_use(q, head, used[i]);
	}
}

void virtio_nic_misuse(void)
{
	ring_use(&queues[VIRTIO_NET_RX], VIRTIO_NIC_QUEUE + 7, 100);
}

/* ---- Registers ---- */

static void reset(void)
{
	virtio_nic.resets++;
	memset(queues, 0, sizeof(queues));
	for (unsigned int i = 0; i < QUEUES; i++) {
		queues[i].size = virtio_nic.queue_size;
		queues[i].vector = VIRTIO_MSI_NO_VECTOR;
	}
	config_vector = VIRTIO_MSI_NO_VECTOR;
	config_irq = false;
	virtio_nic.isr = 0;
	pairs = 1;
	rss_len = 0;
	virtio_nic.promisc = false;
	virtio_nic.driver = 0;
	virtio_nic.status = virtio_nic.reset_stuck ? VIRTIO_DRIVER_OK : 0;
}

static u32 half(u64 features, u32 select)
{
	assert_in_range(select, 0, 1);
	return (u32)(features >> 32 * select);
}

#define FIELD(name) offsetof(struct virtio_pci_common_cfg, name)

static u32 common_read(u32 off)
{
	struct queue *q = &queues[queue_select];

	switch (off) {
	case FIELD(device_feature):
		return half(virtio_nic.offered, feature_select);
	case FIELD(num_queues):
		return QUEUES;
	case FIELD(device_status):
		return virtio_nic.status;
	case FIELD(queue_size):
		return q->size;
	case FIELD(queue_notify_off):
		return queue_select;
	case FIELD(queue_msix_vector):
		return virtio_nic.no_vectors ? VIRTIO_MSI_NO_VECTOR : q->vector;
	case FIELD(config_msix_vector):
		return config_vector;
	default:
		fail_msg("read of 0x%x in the common configuration", off);
		return 0;
	}
}

static void write_status(u8 val)
{
	if (!val) {
		reset();
		return;
	}
	assert_int_equal(virtio_nic.status & ~val, 0);	/* bits are added only, §2.1.1 */
	if ((val & VIRTIO_FEATURES_OK) && virtio_nic.refuses)
		val &= (u8)~VIRTIO_FEATURES_OK;
	if (val & VIRTIO_DRIVER_OK)
		assert_true((queues[VIRTIO_NET_RX].enabled && queues[VIRTIO_NET_TX].enabled) ||
			    virtio_nic_seeks_intx());
	virtio_nic.status = val;
}

static void write_driver_feature(u32 val)
{
	assert_false(virtio_nic.status & VIRTIO_FEATURES_OK);
	assert_int_equal(val & ~half(virtio_nic.offered, driver_select), 0);
	virtio_nic.driver |= (u64)val << 32 * driver_select;
}

static void set_half(u64 *addr, bool high, u32 val)
{
	*addr = high ? (u32)*addr | (u64)val << 32 : (*addr & ~(u64)UINT32_MAX) | val;
}

static void queue_write(struct queue *q, u32 off, u32 val)
{
	assert_false(q->enabled);
	switch (off) {
	case FIELD(queue_size):
		assert_true(val && val <= q->size && !(val & (val - 1)));
		q->size = (u16)val;
		return;
	case FIELD(queue_msix_vector):
		q->vector = (u16)val;
		return;
	case FIELD(queue_enable):
		assert_int_equal(val, 1);
		assert_int_equal(q->desc % VIRTQ_DESC_ALIGN | q->avail % VIRTQ_AVAIL_ALIGN |
				 q->used % VIRTQ_USED_ALIGN, 0);
		q->enabled = true;
		return;
	case FIELD(queue_desc_lo):
	case FIELD(queue_desc_hi):
		set_half(&q->desc, off == FIELD(queue_desc_hi), val);
		return;
	case FIELD(queue_driver_lo):
	case FIELD(queue_driver_hi):
		set_half(&q->avail, off == FIELD(queue_driver_hi), val);
		return;
	case FIELD(queue_device_lo):
	case FIELD(queue_device_hi):
		set_half(&q->used, off == FIELD(queue_device_hi), val);
		return;
	default:
		fail_msg("write of 0x%x in the common configuration", off);
	}
}

static void common_write(u32 off, u32 val)
{
	switch (off) {
	case FIELD(device_feature_select):
		feature_select = val;
		return;
	case FIELD(driver_feature_select):
		driver_select = val;
		return;
	case FIELD(driver_feature):
		write_driver_feature(val);
		return;
	case FIELD(config_msix_vector):
		config_vector = (u16)val;
		return;
	case FIELD(device_status):
		write_status((u8)val);
		return;
	case FIELD(queue_select):
		assert_in_range(val, 0, QUEUES - 1);
		queue_select = (u16)val;
		return;
	default:
		queue_write(&queues[queue_select], off, val);
	}
}

static u32 reg_read(const volatile void *addr, unsigned int size)
{
	u32 off = (u32)((const volatile u8 *)addr - regs), val = 0;

	if (off == ISR) {
		assert_int_equal(size, 1);
		val = virtio_nic.isr;
		virtio_nic.isr = 0;
		return val;
	}
	if (off < DEVICE)
		return common_read(off);
	assert_in_range(off, DEVICE, DEVICE + sizeof(struct virtio_net_config_rss) - size);
	memcpy(&val, regs + off, size);
	return val;
}

static void reg_write(volatile void *addr, u32 val)
{
	u32 off = (u32)((volatile u8 *)addr - regs);

	if (off < DEVICE) {
		common_write(off, val);
		return;
	}
	assert_int_equal(off, NOTIFY + val * MULTIPLIER);
	virtio_nic.kicks++;
	if (val == ctrl_queue())
		control();
	else if (val % 2 == VIRTIO_NET_TX)
		transmit(val / 2);
}

u8 mmio_read8(const volatile void *addr) { return (u8)reg_read(addr, 1); }
u16 mmio_read16(const volatile void *addr) { return (u16)reg_read(addr, 2); }
u32 mmio_read32(const volatile void *addr) { return reg_read(addr, 4); }
void mmio_write8(volatile void *addr, u8 val) { reg_write(addr, val); }
void mmio_write16(volatile void *addr, u16 val) { reg_write(addr, val); }
void mmio_write32(volatile void *addr, u32 val) { reg_write(addr, val); }

void *mmio_map(u64 phys, u64 size)
{
	assert_in_range(phys, BAR_BASE, BAR_BASE + REGS - size);
	return regs + (phys - BAR_BASE);
}

/* ---- For the bench ---- */

static void set_status(void)
{
	struct virtio_net_config *config = (struct virtio_net_config *)(regs + DEVICE);

	config->status = cpu_to_le16(virtio_nic.link ? VIRTIO_NET_S_LINK_UP : 0);
}

static void set_limits(void)
{
	struct virtio_net_config_rss *config = (struct virtio_net_config_rss *)(regs + DEVICE);

	config->config.max_virtqueue_pairs = cpu_to_le16(PAIRS);
	config->rss_max_key_size = 40;
	config->rss_max_indirection_table_length = cpu_to_le16(RSS_TABLE);
	config->supported_hash_types = cpu_to_le32(0xffffffff);
}

static void model_init(void)
{
	if (!sent)
		sent = calloc(MOCK_SENT_MAX, sizeof(*sent));
	memset(&virtio_nic, 0, sizeof(virtio_nic));
	memset(regs, 0, sizeof(regs));
	virtio_nic.pci = (struct pci_dev){ .vendor = VIRTIO_PCI_VENDOR, .device = 0x1041,
					   .bar[4] = { .base = BAR_BASE, .size = REGS } };
	virtio_nic.offered = UINT64_MAX;
	if (model == &virtio_nic_models[1])
		virtio_nic.offered &= ~BIT_ULL(VIRTIO_F_INDIRECT_DESC);
	if (model == &virtio_nic_models[2])
		virtio_nic.offered &= ~BIT_ULL(VIRTIO_NET_F_RSS);
	virtio_nic.msix_entries = strcmp(model->irq, "msix") ? 0 : 1 + PAIRS;
	virtio_nic.queue_size = VIRTIO_NIC_QUEUE;
	virtio_nic.link = true;
	memcpy(regs + DEVICE, "\x52\x54\x00\x12\x34\x56", 6);
	set_status();
	set_limits();
	virtio_nic_pci_init();
	reset();
	virtio_nic.resets = 0;
}

static void model_free(struct netdev *dev)
{
	vnic_free(dev->priv);
}

static bool model_interrupt(void)
{
	if (virtio_nic_intx())
		return virtio_nic_assert_intx();
	for (unsigned int i = 0; i < 2 * pairs; i++)
		if (virtio_nic_message(&queues[i].irq, queues[i].vector,
				       dev->queue[i / 2]->poll_work.cpu))
			return true;
	return virtio_nic_message(&config_irq, config_vector, NULL);
}

static bool model_receive(const void *bytes, u32 len)
{
	static const struct virtio_net_hdr plain;

	return virtio_nic_receive(&plain, bytes, len);
}

static void model_set_link(bool up)
{
	virtio_nic.link = up;
	set_status();
	config_irq = true;
	virtio_nic.isr |= VIRTIO_ISR_CONFIG;
}

static void model_tx_stop(bool stop)
{
	virtio_nic.tx_stopped = stop;
	for (unsigned int i = 0; i < pairs; i++)
		transmit(i);
}

static const struct mock_sent *model_sent(unsigned int n)
{
	return &sent[n % MOCK_SENT_MAX];
}

static unsigned int model_nr_sent(void)
{
	return virtio_nic.nr_sent;
}

static void model_no_interrupt(void)
{
	virtio_nic.no_interrupt = true;
}

#define MODEL(name_, irq_, tx_ring_, cpus_, queues_) {					\
	.name = name_, .driver = &virtio_net_driver, .irq = irq_,			\
	.cpus = cpus_, .queues = queues_,						\
	.pci = &virtio_nic.pci, .tx_ring = tx_ring_, .rx_ring = VIRTIO_NIC_QUEUE,	\
	.init = model_init, .free = model_free, .interrupt = model_interrupt,		\
	.receive = model_receive, .set_link = model_set_link, .tx_stop = model_tx_stop,	\
	.sent = model_sent, .nr_sent = model_nr_sent, .no_interrupt = model_no_interrupt, \
}

const struct nic_model virtio_nic_models[VIRTIO_NIC_MODELS] = {
	MODEL("virtio-net", "msix", VIRTIO_NIC_QUEUE, 1, 1),
	MODEL("virtio-net, direct", "msix", 115, 1, 1),
	MODEL("virtio-net, two pairs", "msix", VIRTIO_NIC_QUEUE, 2, 2),
	MODEL("virtio-net, two pairs by RSS", "msix", VIRTIO_NIC_QUEUE, 2, 2),
	MODEL("virtio-net, INTx", "intx", VIRTIO_NIC_QUEUE, 2, 1),
};

const struct nic_model *model = &virtio_nic_models[0];
