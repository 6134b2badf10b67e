/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt messages: from an ICR, the I/O APIC or an MSI to the local APICs they name
 * (SDM 3A 11.6.2, 11.11). Any CPU, no lock: other vCPUs' registers are only read.
 */
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/vpc.h"
#include "arch/x86/msr.h"
#include "kernel/guest.h"
#include "kernel/log.h"

/* SDM 3A figure 11-14 and 11-32 */
enum msi_addr {
	MSI_ADDR_LOGICAL = BIT(2),
	MSI_ADDR_DEST_SHIFT = 12,
};
#define MSI_ADDR_BASE	0xfee00000ull	/* bits 31:20; above them 0 */
#define MSI_ADDR_SIZE	MIB
enum msi_data {
	MSI_DATA_VECTOR = 0xff,
	MSI_DATA_MODE_SHIFT = 8,
	MSI_DATA_MODE = 7,
	MSI_DATA_LEVEL = BIT(15),
};

/* SDM 3A 11.6.2.2 (xAPIC), 11.12.10.1 (x2APIC) */
static bool matches_logical(const struct vlapic *apic, u32 dest)
{
	u32 ldr = vlapic_reg(apic, LAPIC_LDR);

	if (vlapic_x2apic(apic))
		return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
	ldr >>= 24;
	if (vlapic_reg(apic, LAPIC_DFR) >> 28 == 0xf)	/* flat model */
		return dest & ldr & 0xff;
	return (dest & 0xf0) == (ldr & 0xf0) && (dest & ldr & 0xf);
}

static bool matches(const struct vlapic *apic, const struct lapic_msg *msg)
{
	if (!vlapic_hw_enabled(apic))
		return false;
	if (msg->dest == LAPIC_BROADCAST)
		return true;
	if (msg->logical)
		return matches_logical(apic, msg->dest);
	return msg->dest == apic->vcpu->id;
}

/*
 * A start-up message is for an AP that waits or is about to. The state is changed here, by the
 * sender, so that the AP's CPU finds it runnable; the vCPU itself takes sipi_pending.
 */
static bool startup(struct vlapic *apic, u8 vector)
{
	u32 waiting = VCPU_WAIT_SIPI, before;

	/* In this order: who has just ended an INIT waits. */
	if (!__atomic_load_n(&apic->init_pending, __ATOMIC_ACQUIRE) &&
	    READ_ONCE(apic->vcpu->state) != VCPU_WAIT_SIPI)
		return false;
	WRITE_ONCE(apic->sipi_vector, vector);
	before = __atomic_exchange_n(&apic->sipi_pending, 1, __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(&apic->vcpu->state, &waiting, VCPU_RUNNABLE, false,
				    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	if (!before)
		vcpu_kick(apic->vcpu);
	return true;
}

/*
 * One message to one APIC that it names. Was it taken? Whoever sets what was not set kicks, and
 * nobody else does: a storm of them to a vCPU that does not run interrupts its CPU, on which
 * others' may run, once.
 */
static bool deliver(struct vlapic *apic, const struct lapic_msg *msg)
{
	switch (msg->mode) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		if (!vlapic_sw_enabled(apic))
			return false;
		vlapic_post(apic->vcpu, msg->vector, msg->level);
		return msg->vector >= LAPIC_VECTOR_MIN;
	case DELIVER_NMI:
		if (!__atomic_exchange_n(&apic->nmi_pending, 1, __ATOMIC_SEQ_CST))
			vcpu_kick(apic->vcpu);
		return true;
	case DELIVER_INIT:
		__atomic_store_n(&apic->sipi_pending, 0, __ATOMIC_RELAXED);
		if (__atomic_exchange_n(&apic->init_pending, 1, __ATOMIC_SEQ_CST) != 1)
			vcpu_kick(apic->vcpu);
		return true;
	case DELIVER_STARTUP:
		return startup(apic, msg->vector);
	case DELIVER_SMI:	/* there is no system management mode */
	case DELIVER_EXTINT:	/* LINT0 alone brings the 8259 pair's interrupts */
		break;
	}
	return false;
}

static struct vlapic *vcpu_lapic(const struct guest *guest, unsigned int i)
{
	return guest->vcpus[i] ? guest->vcpus[i]->arch.lapic : NULL;
}

/* Lowest priority: one of those named, the same for each vector (as Intel's chipsets' hash). */
static unsigned int send_lowest(struct guest *guest, const struct lapic_msg *msg)
{
	unsigned int nr = 0, pick;

	for (unsigned int i = 0; i < guest->nr_vcpus; i++) {
		struct vlapic *apic = vcpu_lapic(guest, i);

		nr += apic && vlapic_sw_enabled(apic) && matches(apic, msg);
	}
	if (!nr)
		return 0;
	pick = msg->vector % nr;
	for (unsigned int i = 0; i < guest->nr_vcpus; i++) {
		struct vlapic *apic = vcpu_lapic(guest, i);

		if (apic && vlapic_sw_enabled(apic) && matches(apic, msg) && pick-- == 0)
			return deliver(apic, msg);
	}
	return 0;
}

unsigned int vlapic_send(struct guest *guest, const struct lapic_msg *msg)
{
	unsigned int taken = 0;

	if (msg->mode == DELIVER_LOWEST)
		return send_lowest(guest, msg);
	/* As most are: to one, by its ID, which is the vCPU's number. */
	if (!msg->logical && msg->dest < guest->nr_vcpus) {
		struct vlapic *apic = vcpu_lapic(guest, msg->dest);

		return apic && vlapic_hw_enabled(apic) && deliver(apic, msg);
	}
	for (unsigned int i = 0; i < guest->nr_vcpus; i++) {
		struct vlapic *apic = vcpu_lapic(guest, i);

		if (apic && matches(apic, msg))
			taken += deliver(apic, msg);
	}
	return taken;
}

/* SDM 3A 11.6.1: @msg to the APICs that the shorthand names. */
static void send_shorthand(struct vlapic *self, u32 shorthand, const struct lapic_msg *msg)
{
	struct guest *guest = self->vcpu->guest;

	if (shorthand == ICR_SELF) {
		deliver(self, msg);
		return;
	}
	for (unsigned int i = 0; i < guest->nr_vcpus; i++) {
		struct vlapic *apic = vcpu_lapic(guest, i);

		if (apic && vlapic_hw_enabled(apic) && (shorthand == ICR_ALL || apic != self))
			deliver(apic, msg);
	}
}

void vlapic_icr(struct vlapic *apic, u64 icr)
{
	u32 low = (u32)icr, dest = (u32)(icr >> 32), shorthand = low & ICR_SHORTHAND;
	struct lapic_msg msg = {
		.dest = dest,
		.logical = low & ICR_LOGICAL,
		.mode = (low & ICR_MODE) >> 8,
		.vector = (u8)(low & ICR_VECTOR),
	};

	if (!vlapic_x2apic(apic)) {
		msg.dest = dest >> 24;
		if (msg.dest == XAPIC_BROADCAST)
			msg.dest = LAPIC_BROADCAST;
	}
	/* INIT level de-assert is for APICs before the Pentium 4 (SDM 3A 11.6.1). */
	if (msg.mode == DELIVER_INIT && (low & ICR_LEVEL) && !(low & ICR_ASSERT))
		return;
	if (msg.mode <= DELIVER_LOWEST && msg.vector < LAPIC_VECTOR_MIN) {
		apic->dropped++;
		vlapic_error(apic, ESR_SEND_ILLEGAL);
		return;
	}
	if (shorthand)
		send_shorthand(apic, shorthand, &msg);
	else
		vlapic_send(apic->vcpu->guest, &msg);
}

static void msi_refuse(struct guest *guest, u64 addr, u32 data, const char *why)
{
	struct vpc *vpc = guest->arch.vpc;

	__atomic_fetch_add(&vpc->msi_dropped, 1, __ATOMIC_RELAXED);
	log_ratelimited(&vpc->msi_limit, LOG_WARN,
			"guest: %s: MSI dropped: %s (address 0x%llx data 0x%x)", guest_name(guest),
			why, (unsigned long long)addr, data);
}

/* The long way round, for any message. */
static __noinline void msi_any(struct guest *guest, u64 addr, u32 data)
{
	struct lapic_msg msg = {
		.dest = (u32)(addr >> MSI_ADDR_DEST_SHIFT) & XAPIC_BROADCAST,
		.logical = addr & MSI_ADDR_LOGICAL,
		.mode = data >> MSI_DATA_MODE_SHIFT & MSI_DATA_MODE,
		.vector = (u8)(data & MSI_DATA_VECTOR),
		.level = data & MSI_DATA_LEVEL,
	};

	if (msg.dest == XAPIC_BROADCAST)
		msg.dest = LAPIC_BROADCAST;
	if (addr < MSI_ADDR_BASE || addr - MSI_ADDR_BASE >= MSI_ADDR_SIZE) {
		msi_refuse(guest, addr, data, "address outside 0xfee00000-0xfeefffff");
		return;
	}
	if (msg.mode <= DELIVER_LOWEST && msg.vector < LAPIC_VECTOR_MIN) {
		msi_refuse(guest, addr, data, "vector below 16");
		return;
	}
	vlapic_send(guest, &msg);
}

/* As most are: fixed, edge-triggered, to one APIC by its ID, which is the vCPU's number. */
void vlapic_msi(struct guest *guest, u64 addr, u32 data)
{
	u64 dest = (addr - MSI_ADDR_BASE) >> MSI_ADDR_DEST_SHIFT;
	const struct vlapic *apic;

	if (unlikely(addr % BIT(MSI_ADDR_DEST_SHIFT) || dest >= guest->nr_vcpus ||
		     data > MSI_DATA_VECTOR || data < LAPIC_VECTOR_MIN)) {
		msi_any(guest, addr, data);
		return;
	}
	apic = vcpu_lapic(guest, (unsigned int)dest);
	if (apic && vlapic_sw_enabled(apic))
		vlapic_post(apic->vcpu, (u8)data, false);
}
