/* SPDX-License-Identifier: BSD-2-Clause */
/* The board: which device answers where, and the wires between them. */
#include "arch/x86/guest/vpc.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/x86/guest/debug_exit.h"
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/hvm.h"
#include "arch/x86/smp.h"
#include "kernel/guest.h"

/* ---- Who answers where ---- */

static const struct vpc_device {
	const char *name;
	bool mmio;
	u64 base, size;
	const struct io_ops *ops;
	size_t dev;		/* offset in struct vpc */
} devices[] = {
	{ "I/O APIC", true, VPC_IOAPIC_BASE, VIOAPIC_SIZE, &vioapic_ops,
	  offsetof(struct vpc, ioapic) },
	{ "PCI ECAM", true, VPC_ECAM_BASE, VPC_ECAM_SIZE, &vpci_host_ecam_ops,
	  offsetof(struct vpc, pci) },
	{ "PCI configuration", false, VPCI_CONFIG_ADDRESS, VPCI_CONFIG_PORTS, &vpci_host_pio_ops,
	  offsetof(struct vpc, pci) },
	{ "COM1", false, VUART_BASE, VUART_PORTS, &vuart_ops, offsetof(struct vpc, uart) },
	{ "ACPI sleep", false, VPM_SLEEP_CONTROL, 2, &vpm_sleep_ops, offsetof(struct vpc, pm) },
	{ "keyboard controller", false, VPM_KBC_COMMAND, 1, &vpm_kbc_ops,
	  offsetof(struct vpc, pm) },
	{ "port 0x92", false, VPM_PORT92, 1, &vpm_port92_ops, offsetof(struct vpc, pm) },
	{ "RTC", false, 0x70, 2, &vrtc_ops, offsetof(struct vpc, rtc) },
#ifdef CONFIG_LEGACY_DEVICES
	{ "PIC master", false, 0x20, 2, &vpic_master_ops, offsetof(struct vpc, pic) },
	{ "PIC slave", false, 0xa0, 2, &vpic_slave_ops, offsetof(struct vpc, pic) },
	{ "PIC ELCR", false, 0x4d0, 2, &vpic_elcr_ops, offsetof(struct vpc, pic) },
	{ "PIT", false, 0x40, 4, &vpit_ops, offsetof(struct vpc, pit) },
	{ "port 0x61", false, 0x61, 1, &vpit_port61_ops, offsetof(struct vpc, pit) },
#endif
};

static int device_add(struct guest *guest, const struct vpc_device *d)
{
	struct io_space *space = d->mmio ? &guest->mmio : &guest->pio;

	return io_add(space, d->base, d->size, d->ops, (char *)guest->arch.vpc + d->dev, d->name);
}

/* On the command line's word, so it may collide with the board. */
static int debug_exit_add(struct guest *guest)
{
	u16 base = guest->config->debug_exit.iobase, size = guest->config->debug_exit.iosize;
	int err;

	if (!guest->config->debug_exit.on)
		return 0;
	err = io_add(&guest->pio, base, size, &debug_exit_ops, guest, "isa-debug-exit");
	for (unsigned int port = base; err == -EBUSY && port < base + size; port++) {
		const struct io_region *other = io_find(&guest->pio, port);

		if (!other)
			continue;
		pr_err("guest %s: -device isa-debug-exit,iobase=0x%x,iosize=%u: port 0x%x "
		       "belongs to %s", guest_name(guest), base, size, port, other->name);
		break;
	}
	return err;
}

static int devices_add(struct guest *guest)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
		int err = device_add(guest, &devices[i]);

		if (err)
			return err;
	}
	return debug_exit_add(guest);
}

/* ---- Accesses ---- */

static void unclaimed(struct guest *guest, bool claimed)
{
	if (!claimed)
		guest->arch.vpc->unclaimed++;
}

u64 vpc_pio_read(struct guest *guest, u16 port, unsigned int size)
{
	u64 val;

	unclaimed(guest, io_read(&guest->pio, port, size, &val));
	return val;
}

void vpc_pio_write(struct guest *guest, u16 port, unsigned int size, u64 val)
{
	unclaimed(guest, io_write(&guest->pio, port, size, val));
}

/* The vCPU's own local APIC lies over everything else, while it is in xAPIC mode. */
static bool is_lapic(const struct vcpu *vcpu, u64 gpa)
{
	const struct vlapic *apic = vcpu->arch.lapic;

	return gpa - APIC_DEFAULT_BASE < PAGE_SIZE && vlapic_hw_enabled(apic) &&
	       !vlapic_x2apic(apic);
}

/* Registers are 32 bits wide at multiples of 16 bytes (SDM 3A 11.4.1); narrower reads happen. */
static u64 lapic_read(struct vlapic *apic, u32 off, unsigned int size)
{
	u32 byte = off % LAPIC_REG_STRIDE;
	u64 val = 0;

	if (byte < 4)
		val = vlapic_read(apic, off - byte) >> (byte * 8);
	return size < 8 ? val & (BIT_ULL(size * 8) - 1) : val;
}

static void lapic_write(struct vlapic *apic, u32 off, unsigned int size, u64 val)
{
	if (off % LAPIC_REG_STRIDE == 0 && size >= 4)
		vlapic_write(apic, off, (u32)val);
}

u64 vpc_mmio_read(struct vcpu *vcpu, u64 gpa, unsigned int size)
{
	u64 val;

	if (is_lapic(vcpu, gpa))
		return lapic_read(vcpu->arch.lapic, (u32)(gpa - APIC_DEFAULT_BASE), size);
	unclaimed(vcpu->guest, io_read(&vcpu->guest->mmio, gpa, size, &val));
	return val;
}

void vpc_mmio_write(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 val)
{
	if (is_lapic(vcpu, gpa))
		lapic_write(vcpu->arch.lapic, (u32)(gpa - APIC_DEFAULT_BASE), size, val);
	else
		unclaimed(vcpu->guest, io_write(&vcpu->guest->mmio, gpa, size, val));
}

/* ---- Interrupt wires ---- */

void vpc_eoi(struct vpc *vpc, u8 vector)
{
	vioapic_eoi(&vpc->ioapic, vector);
}

#ifdef CONFIG_LEGACY_DEVICES
bool vpc_pic_asserted(const struct vpc *vpc)
{
	return vpic_asserted(&vpc->pic);
}

int vpc_pic_vector(struct vpc *vpc)
{
	return vpic_vector(&vpc->pic);
}

void vpc_pic_accept(struct vpc *vpc, u8 vector)
{
	vpic_accept(&vpc->pic, vector);
}

/*
 * The same wires at the 8259s: pin 2 is IRQ 0, and the four PCI lines share IRQ 10 and 11 for
 * guests that do not use the I/O APIC.
 */
static void pic_line(struct vpc *vpc, unsigned int gsi, bool level)
{
	u32 lines, pair;

	if (gsi < VPIC_LINES) {
		vpic_set(&vpc->pic, gsi == VPC_GSI_PIT ? 0 : gsi, level);
		return;
	}
	if (level)
		lines = __atomic_or_fetch(&vpc->intx_lines, BIT(gsi), __ATOMIC_RELAXED);
	else
		lines = __atomic_and_fetch(&vpc->intx_lines, ~BIT(gsi), __ATOMIC_RELAXED);
	pair = BIT(gsi) | BIT(gsi ^ 2);
	vpic_set(&vpc->pic, VPC_IRQ_PCI + (gsi & 1), lines & pair);
}
#else
bool vpc_pic_asserted(const struct vpc *vpc)
{
	return false;
}

int vpc_pic_vector(struct vpc *vpc)
{
	return -1;
}

void vpc_pic_accept(struct vpc *vpc, u8 vector)
{
}

static void pic_line(struct vpc *vpc, unsigned int gsi, bool level)
{
}
#endif

void guest_irq_line(struct guest *guest, unsigned int gsi, bool level)
{
	struct vpc *vpc = guest->arch.vpc;

	if (gsi >= VIOAPIC_PINS)
		return;
	pic_line(vpc, gsi, level);
	vioapic_set(&vpc->ioapic, gsi, level);
}

void guest_msi(struct guest *guest, u64 addr, u32 data)
{
	vlapic_msi(guest, addr, data);
}

/* ---- Life ---- */

static int board_init(struct guest *guest)
{
	struct vpc *vpc = guest->arch.vpc;
	int err;

	vpc->guest = guest;
	vioapic_init(&vpc->ioapic, guest);
#ifdef CONFIG_LEGACY_DEVICES
	vpic_init(&vpc->pic, guest);
	vpit_init(&vpc->pit, guest);
#endif
	vrtc_init(&vpc->rtc, guest);
	vuart_init(&vpc->uart, guest, guest->cpu);
	vpm_init(&vpc->pm, guest);
	err = vpci_host_init(&vpc->pci, guest, &vpc->pm);
	if (err)
		return err;
	guest->pci = &vpc->pci.bus;
	return devices_add(guest);
}

int arch_guest_init(struct guest *guest)
{
	int err;

	guest->arch.vpc = calloc(1, sizeof(*guest->arch.vpc));
	if (!guest->arch.vpc)
		return -ENOMEM;
	err = hvm->guest_init(guest);
	if (err) {
		free(guest->arch.vpc);
		guest->arch.vpc = NULL;
		return err;
	}
	err = board_init(guest);
	if (err)
		arch_guest_free(guest);
	return err;
}

void arch_guest_free(struct guest *guest)
{
	struct vpc *vpc = guest->arch.vpc;

#ifdef CONFIG_LEGACY_DEVICES
	vpit_stop(&vpc->pit);
#endif
	vrtc_stop(&vpc->rtc);
	vuart_free(&vpc->uart);
	guest->pci = NULL;
	hvm->guest_free(guest);
	free(vpc);
	guest->arch.vpc = NULL;
}

int arch_guest_map_ram(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->mem.nr; i++) {
		const struct guest_mem_region *r = &guest->mem.region[i];
		int err = hvm->map(guest, r->gpa, r->phys, r->size, HVM_R | HVM_W | HVM_X);

		if (err)
			return err;
	}
	return 0;
}

static void devices_reset(struct vpc *vpc)
{
	vioapic_reset(&vpc->ioapic);
#ifdef CONFIG_LEGACY_DEVICES
	vpic_reset(&vpc->pic);
	vpit_reset(&vpc->pit);
#endif
	vrtc_reset(&vpc->rtc);
	vuart_reset(&vpc->uart);
	vpm_reset(&vpc->pm);
	vpci_host_reset(&vpc->pci);
}

/* The functions on the PCI bus are reset by guest_power_on(), before. */
void arch_guest_reset(struct guest *guest)
{
	guest->arch.tsc_offset = -(s64)tsc_from_ns(time_ns());
	spin_lock(&guest->lock);
	devices_reset(guest->arch.vpc);
	spin_unlock(&guest->lock);
	for (unsigned int i = 0; i < guest->nr_vcpus; i++) {
		hvm->vcpu_reset(guest->vcpus[i]);
		vlapic_reset(guest->vcpus[i]);
	}
}
