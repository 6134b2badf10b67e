/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -netdev tap,id=n0,br=brpci -device virtio-net-pci,netdev=n0,addr=0x5,vectors=3 */
/* PCI configuration: both ways in, BAR sizing and moving, capabilities, MSI-X entries. */
#include "lib.h"

const char test_name[] = "pci";

#define ECAM 0xe0000000ul
enum { COMMAND = 4, BAR0 = 0x10, MEMORY = 2, BUS_MASTER = 4 };

static u32 devfn;

static void two_ways(void)
{
	for (u32 off = 0; off < 256; off += 4)
		check(pci_read(devfn, off) == read32(ECAM + (devfn << 12) + off),
		      "offset %#x: 0xcf8 and ECAM differ", off);
	check_eq(read32(ECAM + (devfn << 12) + 0x100), 0);
	check_eq(read32(ECAM + (devfn << 12) + 0xffc), 0);
	/* other functions and buses are empty */
	check_eq(pci_read(devfn + 1, 0), 0xffffffff);
	outl(0xcf8, 0x80010000);
	check_eq(inl(0xcfc), 0xffffffff);
	outl(0xcf8, devfn << 8);			/* enable bit clear: nobody answers */
	check_eq(inl(0xcfc), 0xffffffff);
}

static u32 memory_bar(void)
{
	for (u32 bar = 0; bar < 6; bar++) {
		u32 value = pci_read(devfn, BAR0 + 4 * bar);

		if (value & ~15u && !(value & 1))
			return bar;
	}
	fail("no memory BAR");
}

static void bars(void)
{
	u32 bar = memory_bar(), reg = BAR0 + 4 * bar, old = pci_read(devfn, reg), size;
	u64 at = pci_bar(devfn, bar);

	pci_write(devfn, COMMAND, 0);
	pci_write(devfn, reg, 0xffffffff);
	size = ~(pci_read(devfn, reg) & ~15u) + 1;
	check(size >= 4096 && !(size & (size - 1)), "BAR size %#x", size);
	pci_write(devfn, reg, old);
	check_eq(pci_read(devfn, reg), old);
	/* decoded only with the memory bit */
	check_eq(read32(at), 0xffffffff);
	pci_write(devfn, COMMAND, MEMORY);
	check(read32(at) != 0xffffffff, "BAR does not answer");
	/* moved */
	pci_write(devfn, reg, (u32)at + 0x100000);
	check_eq(read32(at), 0xffffffff);
	check(read32(at + 0x100000) != 0xffffffff, "moved BAR does not answer");
	/* over RAM or the local APIC it must not go, whatever happens to it */
	pci_write(devfn, reg, 0x100000);
	check_eq(read32(0x100000), 0x1badb002);
	pci_write(devfn, reg, 0xfee00000);
	check_eq(read32(APIC_MMIO + APIC_VERSION) & 0xf0, 0x10);
	pci_write(devfn, reg, old);
	check(read32(at) != 0xffffffff, "BAR put back does not answer");
}

/* Mask bits, the function mask, pending bits; and that the table is where the capability says. */
static void msix(void)
{
	u32 cap = pci_cap(devfn, 0x11, 0), ctl, table, pba;
	u64 base;

	check(cap, "no MSI-X capability");
	ctl = pci_read(devfn, cap);
	check_eq(ctl >> 16 & 0x7ff, 2);			/* three vectors */
	table = pci_read(devfn, cap + 4);
	pba = pci_read(devfn, cap + 8);
	base = pci_bar(devfn, table & 7) + (table & ~7u);
	for (u32 i = 0; i < 3; i++)
		check_eq(read32(base + 16 * i + 12), 1);	/* masked after reset */
	write64(base, 0xfee00000);
	write32(base + 8, 0x41);
	write32(base + 12, 0xffffffff);
	check_eq(read32(base), 0xfee00000);
	check_eq(read32(base + 8), 0x41);
	check_eq(read32(base + 12), 1);
	check_eq(read64(pci_bar(devfn, pba & 7) + (pba & ~7u)), 0);
	pci_write(devfn, cap, ctl | 1u << 31);
	check(pci_read(devfn, cap) >> 31, "MSI-X cannot be enabled");
	pci_write(devfn, cap, ctl);
	check_eq(pci_read(devfn, cap), ctl);
}

static void read_only(void)
{
	pci_write(devfn, 0, 0x12345678);
	check_eq(pci_read(devfn, 0), 0x10411af4);
	pci_write(devfn, 8, 0xffffffff);
	check_eq(pci_read(devfn, 8) >> 24, 2);		/* network controller */
	pci_write(devfn, 0x34, 0xff);
	check((pci_read(devfn, 0x34) & 0xff) < 0xfc, "capability pointer is writable");
}

void test(void)
{
	int found = pci_find(0x1af4, 0x1041);

	check(found == 5 << 3, "virtio-net at %d, not at slot 5", found);
	devfn = found;
	two_ways();
	bars();
	msix();
	read_only();
}
