/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "asm/io.h"
#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "net/csum.h"
#include "tests/unit/e1000_bench.h"
#include "tests/unit/mock_tso.h"

#define REGS	(128 * 1024)

struct mock_e1000 mock_nic;

/* Any thread may access registers; the NIC does one thing at a time. */
static pthread_mutex_t nic_lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static u8 regs[REGS] __aligned(16);
static struct pci_irq_handler irq;	/* INTx, MSI */
static struct pci_irq_handler msix[E1000_QUEUES_MAX + 1];
static unsigned int nr_msix;
static bool use_msix;			/* the driver has asked for it and got it */
static struct e1000_tx_desc context;	/* the last */
static struct {
	u8 bytes[FRAME_GSO_MAX];
	u32 len;
	unsigned int segs;
} building;				/* the frame whose descriptors are coming */

static u32 get(u32 reg)
{
	u32 val;

	memcpy(&val, regs + reg, 4);
	return val;
}

static void set(u32 reg, u32 val)
{
	memcpy(regs + reg, &val, 4);
}

u32 mock_nic_reg(u32 reg)
{
	return get(reg);
}

/* 82574 §7.4.3: with MSI-X the queues have causes of their own, and one stands for the rest. */
static void raise_queue_cause(u32 cause, unsigned int q)
{
	mock_nic.icr |= cause;
	if (!use_msix)
		return;
	if (cause & (INT_RXT0 | INT_RXO))
		mock_nic.icr |= INT_RXQ0 << q;
	if (cause & INT_TXDW)
		mock_nic.icr |= INT_TXQ0 << q;
	if (cause & INT_LSC)
		mock_nic.icr |= INT_OTHER;
}

static void raise_cause(u32 cause)
{
	raise_queue_cause(cause, 0);
}

static u32 get_of(unsigned int q, u32 reg)
{
	return get(reg + q * E1000_QUEUE_REGS);
}

static void *ring_of(unsigned int q, u32 base)
{
	return phys_to_virt(get_of(q, base) | (u64)get_of(q, base + 4) << 32);
}

static void set_status(void)
{
	bool master = mock_nic.is_82574 && !(get(E1000_CTRL) & CTRL_MASTER_DISABLE);

	set(E1000_STATUS, STATUS_FD | 2 << STATUS_SPEED_SHIFT |
	    (master ? STATUS_MASTER_ENABLE : 0) |
	    (mock_nic.link && (get(E1000_CTRL) & CTRL_SLU) ? STATUS_LU : 0));
}

static void reset(void)
{
	mock_nic.resets++;
	if (mock_nic.is_82574 && (mock_nic.rctl & RCTL_EN))
		fail_msg("reset of a receiver that is on");
	memset(regs, 0, sizeof(regs));
	mock_nic.icr = mock_nic.ims = mock_nic.rctl = mock_nic.tctl = 0;
	if (mock_nic.keeps_ral) {
		set(E1000_RAL, mock_nic.eeprom[0] | (u32)mock_nic.eeprom[1] << 16);
		set(E1000_RAH, mock_nic.eeprom[2] | RAH_AV);
	}
	if (mock_nic.rst_stuck)
		set(E1000_CTRL, CTRL_RST);
	if (mock_nic.is_82574) {
		set(E1000_EECD, EECD_AUTO_RD);
		set(E1000_TARC, TARC_ENABLE);
	}
	set_status();
}

void mock_nic_init(void)
{
	struct mock_sent *sent = mock_nic.sent;
	u16 sum = 0;

	if (!sent)
		sent = calloc(MOCK_SENT_MAX, sizeof(*sent));
	memset(&mock_nic, 0, sizeof(mock_nic));
	building.len = building.segs = 0;
	mock_nic.sent = sent;
	mock_nic.link = true;
	mock_nic.eeprom[0] = 0x5452;
	mock_nic.eeprom[1] = 0x1200;
	mock_nic.eeprom[2] = 0x5634;
	for (unsigned int i = 0; i < EEPROM_WORDS - 1; i++)
		sum = (u16)(sum + mock_nic.eeprom[i]);
	mock_nic.eeprom[EEPROM_WORDS - 1] = (u16)(EEPROM_SUM - sum);
	mock_nic.pci = (struct pci_dev){ .vendor = 0x8086, .device = 0x100e, .irq_pin = 1,
					 .bar[0] = { .base = 0xfebc0000, .size = REGS } };
	mock_nic.irq = PCI_IRQ_INTX;
	memset(regs, 0, sizeof(regs));
	irq.fn = NULL;
	use_msix = false;
	if (model->driver != &e1000e_driver)
		return;
	mock_nic.is_82574 = true;
	mock_nic.pci.device = 0x10d3;
	for (unsigned int kind = PCI_IRQ_INTX; kind <= PCI_IRQ_MSIX; kind++)
		if (!strcmp(model->irq, pci_irq_name((enum pci_irq_kind)kind)))
			mock_nic.irq = (enum pci_irq_kind)kind;
}

static void eerd(u32 val)
{
	u32 word = val >> (mock_nic.is_82574 ? EERD_ADDR_SHIFT_82574 : EERD_ADDR_SHIFT) & 0xff;
	u32 done = mock_nic.is_82574 ? EERD_DONE_82574 : EERD_DONE;

	assert_true(val & EERD_START);
	assert_in_range(word, 0, EEPROM_WORDS - 1);
	set(E1000_EERD, mock_nic.eerd_dead ? 0 :
	    done | (u32)mock_nic.eeprom[word] << EERD_DATA_SHIFT);
}

static void send_frame(const u8 *bytes, u32 len)
{
	struct mock_sent *out = &mock_nic.sent[mock_nic.nr_sent++ % MOCK_SENT_MAX];

	assert_in_range(len, 1, MOCK_FRAME_MAX);
	memcpy(out->bytes, bytes, len);
	out->len = len;
	out->segs = building.segs;
}

static void finish_frame(u32 cmd, u8 popts)
{
	u32 len = building.len;
	u16 csum;

	assert_true(cmd & TX_IFCS);
	if (cmd & TX_TSE) {
		assert_true(context.cmd & cpu_to_le32(TX_TSE));
		mock_tso(building.bytes, len, &context, popts, send_frame);
		return;
	}
	if (popts & TX_POPTS_TXSM) {
		assert_false(context.cmd & cpu_to_le32(TX_TSE));
		assert_in_range(context.tucso + 2u, 2, len);
		csum = csum_fold(csum_add(0, building.bytes + context.tucss, len - context.tucss,
					  false));
		memcpy(building.bytes + context.tucso, &csum, 2);
	}
	send_frame(building.bytes, len);
}

static void transmit(unsigned int q, struct e1000_tx_desc *desc)
{
	u32 cmd = le32_to_cpu(desc->cmd), len = cmd & TX_LENGTH_MASK;

	assert_false(desc->status & TX_DD);
	assert_true(cmd & TX_DEXT);
	if (!(cmd & TX_DTYP_DATA)) {
		context = *desc;	/* one for both queues, 82574 §7.2.6 */
		mock_nic.contexts++;
		return;
	}
	assert_in_range(len, 1, sizeof(building.bytes) - building.len);
	if (mock_nic.is_82574)
		assert_in_range(len, 1, 20 * KIB - 96);	/* the FIFO */
	memcpy(building.bytes + building.len, phys_to_virt(le64_to_cpu(desc->addr)), len);
	building.len += len;
	building.segs++;
	if (!(cmd & TX_EOP))
		return;
	finish_frame(cmd, desc->popts);
	building.len = building.segs = 0;
	if (cmd & TX_RS) {
		desc->status |= TX_DD;
		raise_queue_cause(INT_TXDW, q);
	}
}

static void queue_tx_go(unsigned int q)
{
	u32 size = get_of(q, E1000_TDLEN) / sizeof(struct e1000_tx_desc);
	u32 head = get_of(q, E1000_TDH);
	struct e1000_tx_desc *ring = ring_of(q, E1000_TDBAL);

	while (head != get_of(q, E1000_TDT) && (mock_nic.tctl & TCTL_EN)) {
		assert_true(mock_nic.mastering);
		assert_true(!mock_nic.is_82574 || (get_of(q, E1000_TARC) & TARC_ENABLE));
		transmit(q, &ring[head]);
		head = (head + 1) % size;
	}
	set(E1000_TDH + q * E1000_QUEUE_REGS, head);
}

void mock_nic_tx_go(void)
{
	pthread_mutex_lock(&nic_lock);
	for (unsigned int q = 0; q < model->queues; q++)
		queue_tx_go(q);
	pthread_mutex_unlock(&nic_lock);
}

/* Where a frame goes: not by Toeplitz's hash, but as constant for a flow. 82574 §7.1.2. */
static unsigned int rss_queue(const u8 *frame, u32 len)
{
	u32 mrqc = get(E1000_MRQC), hash = get(E1000_RSSRK);

	if (!(mrqc & MRQC_RSS) || len < 38 || frame[12] != 0x08 || frame[13] != 0)
		return 0;
	assert_true(mrqc & MRQC_TCP_IP4);
	assert_int_not_equal(hash, 0);
	assert_true(get(E1000_RXCSUM) & RXCSUM_PCSD);
	assert_true(get(E1000_RFCTL) & RFCTL_EXSTEN);
	for (unsigned int i = 26; i < 38; i++)		/* addresses, ports */
		hash = hash * 31 + frame[i];
	return regs[E1000_RETA + hash % (4 * E1000_RETA_WORDS)] >> RETA_QUEUE_SHIFT;
}

static void write_back(struct e1000_rx_desc *desc, u32 len, u8 status, u8 errors)
{
	if (get(E1000_RFCTL) & RFCTL_EXSTEN) {
		desc->addr = cpu_to_le64(0xabababababababab);	/* queue, hash */
		desc->written = cpu_to_le64((u64)status << RX_EXT_STATUS_SHIFT |
					    (u64)errors << RX_EXT_ERRORS_SHIFT |
					    (u64)len << RX_EXT_LENGTH_SHIFT);
		return;
	}
	desc->length = cpu_to_le16((u16)len);
	desc->errors = errors;
	desc->status = status;
}

static bool receive(const void *bytes, u32 len, u8 status, u8 errors)
{
	unsigned int q = rss_queue(bytes, len);
	u32 size = get_of(q, E1000_RDLEN) / sizeof(struct e1000_rx_desc);
	u32 head = get_of(q, E1000_RDH);
	struct e1000_rx_desc *desc;

	if (!(mock_nic.rctl & RCTL_EN))
		return false;
	assert_in_range(q, 0, model->queues - 1);
	assert_true(mock_nic.mastering);
	if (head == get_of(q, E1000_RDT)) {
		mock_nic.missed++;
		set(E1000_MPC, get(E1000_MPC) + 1);
		raise_queue_cause(INT_RXO, q);
		return false;
	}
	desc = (struct e1000_rx_desc *)ring_of(q, E1000_RDBAL) + head;
	assert_int_equal(desc->written, 0);
	memcpy(phys_to_virt(le64_to_cpu(desc->addr)), bytes, len);
	write_back(desc, len, status, errors);
	set(E1000_RDH + q * E1000_QUEUE_REGS, (head + 1) % size);
	raise_queue_cause(INT_RXT0, q);
	return true;
}

bool mock_nic_receive(const void *bytes, u32 len, u8 status, u8 errors)
{
	bool received;

	pthread_mutex_lock(&nic_lock);
	received = receive(bytes, len, status, errors);
	pthread_mutex_unlock(&nic_lock);
	return received;
}

void mock_nic_set_link(bool up)
{
	mock_nic.link = up;
	set_status();
	raise_cause(INT_LSC);
}

static const struct pci_irq_handler *msix_pending(u32 cause, unsigned int shift)
{
	u32 entry = get(E1000_IVAR) >> shift;

	if (!(mock_nic.icr & mock_nic.ims & cause))
		return NULL;
	assert_true(entry & IVAR_VALID);
	assert_in_range(entry & 7, 0, nr_msix - 1);
	mock_nic.icr &= ~(cause & get(E1000_EIAC));
	mock_nic.ims &= ~(cause & get(E1000_EIAC));
	return &msix[entry & 7];
}

static const struct pci_irq_handler *irq_pending(unsigned int q)
{
	const struct pci_irq_handler *handler;

	if (!use_msix)
		return irq.fn && (mock_nic.icr & mock_nic.ims) ? &irq : NULL;
	handler = msix_pending(INT_RXQ0 << q, IVAR_RXQ0_SHIFT + q * IVAR_BITS);
	if (!handler)
		handler = msix_pending(INT_TXQ0 << q, IVAR_TXQ0_SHIFT + q * IVAR_BITS);
	return handler || q ? handler : msix_pending(INT_OTHER, IVAR_OTHER_SHIFT);
}

bool mock_nic_queue_interrupt(unsigned int q)
{
	struct arch_cpu *self = host_this_cpu;
	const struct pci_irq_handler *handler;
	struct cpu *cpu;

	pthread_mutex_lock(&nic_lock);
	handler = irq_pending(q);
	pthread_mutex_unlock(&nic_lock);
	if (!handler)
		return false;
	cpu = mock_nic.irq == PCI_IRQ_INTX ? cpus[0] : handler->cpu;
	assert_true(!use_msix || cpu == dev->queue[q]->poll_work.cpu);
	host_this_cpu = &cpu->arch;
	handler->fn(handler->arg);
	host_this_cpu = self;
	return true;
}

bool mock_nic_interrupt(void)
{
	for (unsigned int q = 0; q < model->queues; q++)
		if (mock_nic_queue_interrupt(q))
			return true;
	return false;
}

void mock_nic_shared_interrupt(void)
{
	irq.fn(irq.arg);
}

static u32 reg_read(u32 reg)
{
	u32 val;

	switch (reg) {
	case E1000_ICR:
		val = mock_nic.icr;
		if (!use_msix || !mock_nic.ims)
			mock_nic.icr = 0;
		return val;
	case E1000_MPC:
	case E1000_CRCERRS:
	case E1000_ALGNERRC:
	case E1000_RXERRC:
	case E1000_CEXTERR:
	case E1000_RUC:
	case E1000_ROC:
	case E1000_ECOL:
	case E1000_LATECOL:
		val = get(reg);
		set(reg, 0);
		return val;
	default:
		return get(reg);
	}
}

static void write_tail(u32 reg, unsigned int q, u32 val)
{
	u32 len = get_of(q, reg == E1000_TDT ? E1000_TDLEN : E1000_RDLEN);

	assert_in_range(q, 0, model->queues - 1);
	if (val)
		assert_in_range(val, 0, len / 16 - 1);
	set(reg + q * E1000_QUEUE_REGS, val);
	if (reg != E1000_TDT)
		return;
	mock_nic.tdt_writes++;
	if (!mock_nic.tx_stopped)
		queue_tx_go(q);
}

static void reg_write(u32 reg, u32 val)
{
	switch (reg) {
	case E1000_CTRL:
		set(reg, val);
		if (val & CTRL_RST)
			reset();
		set_status();
		return;
	case E1000_EERD:
		eerd(val);
		return;
	case E1000_ICR:
		assert_true(mock_nic.is_82574);
		mock_nic.icr &= ~val;
		return;
	case E1000_ICS:
		raise_cause(val);
		return;
	case E1000_IMS:
		mock_nic.ims |= val;
		return;
	case E1000_IMC:
		mock_nic.ims &= ~val;
		return;
	case E1000_RCTL:
		mock_nic.rctl = val;
		return;
	case E1000_TCTL:
		if (mock_nic.is_82574 && (val & TCTL_EN))
			assert_true(get(E1000_TXDCTL) & TXDCTL_COUNT_DESC);
		mock_nic.tctl = val;
		return;
	case E1000_TDT:
	case E1000_RDT:
		write_tail(reg, 0, val);
		return;
	case E1000_TDT + E1000_QUEUE_REGS:
	case E1000_RDT + E1000_QUEUE_REGS:
		write_tail(reg - E1000_QUEUE_REGS, 1, val);
		return;
	default:
		set(reg, val);
	}
}

u32 mmio_read32(const volatile void *addr)
{
	u32 reg = (u32)((const volatile u8 *)addr - regs), val;

	assert_in_range(reg, 0, REGS - 4);
	pthread_mutex_lock(&nic_lock);
	val = reg_read(reg);
	pthread_mutex_unlock(&nic_lock);
	return val;
}

void mmio_write32(volatile void *addr, u32 val)
{
	u32 reg = (u32)((volatile u8 *)addr - regs);

	assert_in_range(reg, 0, REGS - 4);
	pthread_mutex_lock(&nic_lock);
	reg_write(reg, val);
	pthread_mutex_unlock(&nic_lock);
}

/* ---- The PCI side ---- */

void *pci_map_bar(struct pci_dev *dev, unsigned int bar)
{
	return bar == 0 && dev->bar[0].base ? regs : NULL;
}

void pci_enable(struct pci_dev *dev)
{
	mock_nic.mastering = true;
}

void pci_disable(struct pci_dev *dev)
{
	mock_nic.mastering = false;
}

static enum pci_irq_kind request_intx(const struct pci_irq_request *req)
{
	req->provoke(req->any.arg, true);
	assert_true(mock_nic.icr & mock_nic.ims);
	req->provoke(req->any.arg, false);
	assert_false(mock_nic.icr & mock_nic.ims);
	return PCI_IRQ_INTX;
}

enum pci_irq_kind pci_request_irq(struct pci_dev *dev, const struct pci_irq_request *req)
{
	dev->irq.kind = PCI_IRQ_NONE;
	if (mock_nic.no_interrupt)
		return PCI_IRQ_NONE;
	irq = req->any;
	use_msix = mock_nic.irq == PCI_IRQ_MSIX;
	if (use_msix) {
		nr_msix = req->nr_msix;
		assert_in_range(nr_msix, 2, model->queues + 1);
		memcpy(msix, req->msix, nr_msix * sizeof(*msix));
	}
	dev->irq.kind = mock_nic.irq == PCI_IRQ_INTX ? request_intx(req) : mock_nic.irq;
	return dev->irq.kind;
}

void pci_release_irq(struct pci_dev *dev)
{
	irq.fn = NULL;
	use_msix = false;
}

const char *pci_irq_name(enum pci_irq_kind kind)
{
	static const char *const names[] = { "none", "intx", "msi", "msix" };

	return names[kind];
}

/* ---- For the bench ---- */

static void model_free(struct netdev *dev)
{
	e1000_free(dev->priv);
}

static bool model_receive(const void *bytes, u32 len)
{
	return mock_nic_receive(bytes, len, RX_DD | RX_EOP, 0);
}

static void model_tx_stop(bool stop)
{
	mock_nic.tx_stopped = stop;
	if (!stop)
		mock_nic_tx_go();
}

static const struct mock_sent *model_sent(unsigned int n)
{
	return &mock_nic.sent[n % MOCK_SENT_MAX];
}

static unsigned int model_nr_sent(void)
{
	return mock_nic.nr_sent;
}

static void model_no_interrupt(void)
{
	mock_nic.no_interrupt = true;
}

#define MODEL(name_, driver_, irq_, cpus_, queues_) {					\
	.name = name_, .driver = driver_, .irq = irq_, .pci = &mock_nic.pci,		\
	.cpus = cpus_, .queues = queues_, .pad = E1000_FRAME_MIN,			\
	.tx_ring = 950, .rx_ring = E1000_RX_DESCS - 1,					\
	.init = mock_nic_init, .free = model_free, .interrupt = mock_nic_interrupt,	\
	.receive = model_receive, .set_link = mock_nic_set_link, .tx_stop = model_tx_stop, \
	.sent = model_sent, .nr_sent = model_nr_sent, .no_interrupt = model_no_interrupt, \
}

const struct nic_model e1000_models[E1000_MODELS] = {
	MODEL("82540EM", &e1000_driver, "intx", 2, 1),
	MODEL("82574L, MSI-X", &e1000e_driver, "msix", 1, 1),
	MODEL("82574L, two queues", &e1000e_driver, "msix", 2, 2),
	MODEL("82574L, MSI", &e1000e_driver, "msi", 2, 1),
	MODEL("82574L, INTx", &e1000e_driver, "intx", 2, 1),
};

const struct nic_model *model = &e1000_models[0];
