/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PC (arch/x86/guest) as a Linux process: the real board and its devices with
 * vCPUs that never run, a TSC of 1 GHz that is time_ns(), and a record of what the devices ask
 * of the rest. Sources of such a test: $(unit-board) in tests/unit/Makefile.
 */
#ifndef TESTS_UNIT_MOCK_BOARD_H
#define TESTS_UNIT_MOCK_BOARD_H

#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/vpc.h"
#include "arch/x86/hvm.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"

#define BOARD_VCPUS	4

extern struct board {
	struct guest guest;
	struct guest_config config;
	struct vcpu vcpu[BOARD_VCPUS];
	u8 *ram;
	unsigned int kicks[BOARD_VCPUS];
	bool eoi_exit[BOARD_VCPUS][256];
	unsigned int apic_changes;		/* apic_changed() */
	struct hvm_state state;			/* what set_state() got */
	enum guest_request request;		/* the first since the last clear */
	u32 request_code;
	char console[4096];			/* what the UART sent */
	unsigned int console_len;
	const char *typed;			/* what it will receive */
	u64 wallclock_ns;
	bool amd;				/* guest_cpuid_is_amd() */
	struct guest_mem_region mapped;		/* last hvm->map() */
} board;

/* A board of @ram_mib with everything reset; the clock stands at 1 s. */
void board_init(unsigned int ram_mib);
void board_free(void);
/* For cmocka: a board of 2 MiB whose APICs are enabled; and free it. */
int board_setup(void **state);
int board_teardown(void **state);
/* This CPU takes on vCPU @i: from now on what is posted to it is not from elsewhere. */
static inline void board_take_on(unsigned int i)
{
	list_append(&this_cpu()->vcpus, &board.vcpu[i].cpu_node);
}
/* As a guest reset does it. */
void board_reset(void);

/* Advance the clock to each timer due within @ns, running it, and on to the end. */
void board_run(u64 ns);

static inline struct vlapic *board_lapic(unsigned int i) { return board.vcpu[i].arch.lapic; }

/* Port accesses of the guest. */
void out8(u16 port, u8 val);
u8 in8(u16 port);
void out32(u16 port, u32 val);
u32 in32(u16 port);
/* Memory accesses of the boot vCPU. */
void mmio_out(u64 gpa, u32 val);
u32 mmio_in(u64 gpa);

/* I/O APIC registers. */
void ioapic_out(u8 reg, u32 val);
u32 ioapic_in(u8 reg);
/* Pin @pin to vCPU 0, @vector; @low: further bits of the entry's low half. */
void ioapic_route_pin(unsigned int pin, u8 vector, u32 low);

/* Enable the local APICs as an OS does. */
void board_enable_apics(void);
/* Take and acknowledge the next interrupt of vCPU @i as the backend would: vector or -1. */
int board_take(unsigned int i);
void board_eoi(unsigned int i);

#endif
