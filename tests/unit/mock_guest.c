/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/mock_guest.h"

#include <stdio.h>
#include <string.h>

static struct mock_guest *mock_of(struct guest *guest)
{
	return container_of(guest, struct mock_guest, guest);
}

void guest_msi(struct guest *guest, u64 addr, u32 data)
{
	struct mock_guest *mg = mock_of(guest);

	mg->msis++;
	mg->msi_data[data & 0xff]++;
	mg->msi_addr = addr;
}

void guest_irq_line(struct guest *guest, unsigned int gsi, bool level)
{
	struct mock_guest *mg = mock_of(guest);

	mg->line_changes += mg->line[gsi] != level;
	mg->line[gsi] = level;
}

void mock_guest_init(struct mock_guest *mg, const char *name, u64 ram)
{
	memset(mg, 0, sizeof(*mg));
	mock_ram_init(&mg->ram, ram);
	snprintf(mg->config.name, sizeof(mg->config.name), "%s", name);
	mg->guest.config = &mg->config;
	mg->guest.mem = mg->ram.gm;
	mg->guest.mmio.name = "mmio";
	mg->guest.pci = &mg->bus;
	mg->guest.pio.name = "pio";
	vpci_bus_init(&mg->bus, &mg->guest, MOCK_WINDOW, MOCK_WINDOW_SIZE);
	vpci_bus_set_pio_window(&mg->bus, MOCK_PORTS, MOCK_PORTS_SIZE);
}

void mock_guest_free(struct mock_guest *mg)
{
	mock_ram_free(&mg->ram);
}

void mock_guest_clear(struct mock_guest *mg)
{
	mg->msis = 0;
	mg->line_changes = 0;
	memset(mg->msi_data, 0, sizeof(mg->msi_data));
}

u64 mock_mmio_read(struct mock_guest *mg, u64 gpa, unsigned int size)
{
	u64 val;

	io_read(&mg->guest.mmio, gpa, size, &val);
	return val;
}

void mock_mmio_write(struct mock_guest *mg, u64 gpa, unsigned int size, u64 val)
{
	if (!doorbell_ring(&mg->guest.doorbells, false, gpa))
		io_write(&mg->guest.mmio, gpa, size, val);
}

u64 mock_pio_read(struct mock_guest *mg, u16 port, unsigned int size)
{
	u64 val;

	io_read(&mg->guest.pio, port, size, &val);
	return val;
}

void mock_pio_write(struct mock_guest *mg, u16 port, unsigned int size, u64 val)
{
	if (!doorbell_ring(&mg->guest.doorbells, true, port))
		io_write(&mg->guest.pio, port, size, val);
}
