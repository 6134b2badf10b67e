/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/guest/acpi_tables.h"
#include "arch/x86/guest/cpuid.h"
#include "arch/x86/smp.h"
#include "kernel/cpu.h"
#include "tests/unit/mock_board.h"

struct board board;

/* ---- What the board's sources need ---- */

u64 tsc_khz(void) { return 1000000; }
bool guest_cpuid_is_amd(void) { return board.amd; }
u64 tsc_from_ns(u64 ns) { return ns; }
u64 tsc_to_ns(u64 tsc) { return tsc; }
u64 wallclock_boot_ns(void) { return board.wallclock_ns; }

const u8 dsdt_aml[] = "DSDT";
__asm__(".globl dsdt_aml_end\n.set dsdt_aml_end, dsdt_aml + 4");

void vcpu_kick(struct vcpu *vcpu)
{
	__atomic_fetch_add(&board.kicks[vcpu->id], 1, __ATOMIC_SEQ_CST);
}

void guest_request(struct guest *guest, enum guest_request req, u32 code, const char *why)
{
	if (board.request != GUEST_REQ_NONE)
		return;
	board.request = req;
	board.request_code = code;
}

void console_guest_putc(struct guest_console *gc, char c)
{
	assert_in_range(board.console_len, 0, sizeof(board.console) - 2);
	board.console[board.console_len++] = c;
}

int console_guest_getc(struct guest_console *gc)
{
	return board.typed && *board.typed ? (u8)*board.typed++ : -1;
}

static int mock_guest_init(struct guest *guest) { return 0; }
static void mock_guest_free(struct guest *guest) { }
static void mock_vcpu_reset(struct vcpu *vcpu) { }

static int mock_map(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot)
{
	board.mapped = (struct guest_mem_region){ .gpa = gpa, .phys = phys, .size = size };
	return 0;
}

static void mock_get_state(struct vcpu *vcpu, struct hvm_state *st)
{
	memset(st, 0, sizeof(*st));
}

static void mock_set_state(struct vcpu *vcpu, const struct hvm_state *st)
{
	board.state = *st;
}

static void mock_eoi_exit(struct vcpu *vcpu, unsigned int vector, bool on)
{
	board.eoi_exit[vcpu->id][vector] = on;
}

static void mock_apic_changed(struct vcpu *vcpu)
{
	board.apic_changes++;
}

static const struct hvm_ops mock_hvm = {
	.name = "mock",
	.guest_init = mock_guest_init,
	.guest_free = mock_guest_free,
	.map = mock_map,
	.vcpu_reset = mock_vcpu_reset,
	.get_state = mock_get_state,
	.set_state = mock_set_state,
	.eoi_exit = mock_eoi_exit,
	.apic_changed = mock_apic_changed,
};
const struct hvm_ops *hvm = &mock_hvm;
u32 hvm_caps;

/* ---- The board ---- */

void board_reset(void)
{
	spin_lock(&board.guest.lock);
	vpci_bus_reset(board.guest.pci);
	spin_unlock(&board.guest.lock);
	arch_guest_reset(&board.guest);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		board.vcpu[i].state = i ? VCPU_WAIT_SIPI : VCPU_RUNNABLE;
}

void board_init(unsigned int ram_mib)
{
	u64 size = ram_mib * MIB;

	memset(&board, 0, sizeof(board));
	host_time_set(NSEC_PER_SEC);
	host_log_clear();
	timer_queue_init(&this_cpu()->timers);
	list_init(&this_cpu()->vcpus);
	strcpy(board.config.name, "test");
	board.config.memory = size;
	board.config.nr_vcpus = BOARD_VCPUS;
	board.config.append = "";
	board.guest.config = &board.config;
	board.guest.cpu = this_cpu();
	if (size) {
		board.ram = aligned_alloc(PAGE_SIZE, size);
		memset(board.ram, 0xa5, size);
		assert_int_equal(guest_mem_add(&board.guest.mem, 0, size, board.ram,
					       (u64)(uintptr_t)board.ram), 0);
	}
	assert_int_equal(arch_guest_init(&board.guest), 0);
	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		board.vcpu[i].guest = &board.guest;
		board.vcpu[i].id = i;
		board.vcpu[i].cpu = this_cpu();
		list_init(&board.vcpu[i].cpu_node);
		board.guest.vcpus[i] = &board.vcpu[i];
		assert_int_equal(vlapic_init(&board.vcpu[i]), 0);
	}
	board.guest.nr_vcpus = BOARD_VCPUS;
	board_reset();
}

void board_free(void)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		vlapic_free(&board.vcpu[i]);
	arch_guest_free(&board.guest);
	assert_true(timer_next(this_cpu()) == TIME_NEVER);	/* nothing is left armed */
	free(board.ram);
	board.ram = NULL;
}

int board_setup(void **state)
{
	board_init(2);
	board_enable_apics();
	return 0;
}

int board_teardown(void **state)
{
	board_free();
	return 0;
}

void board_run(u64 ns)
{
	u64 end = time_ns() + ns;

	while (timer_next(this_cpu()) <= end) {
		host_time_set(MAX(timer_next(this_cpu()), time_ns()));
		timer_run(this_cpu());
	}
	host_time_set(end);
}

/* ---- Accesses: under the guest's lock, as exits do ---- */

static u64 pio(bool write, u16 port, unsigned int size, u64 val)
{
	spin_lock(&board.guest.lock);
	if (write)
		vpc_pio_write(&board.guest, port, size, val);
	else
		val = vpc_pio_read(&board.guest, port, size);
	spin_unlock(&board.guest.lock);
	return val;
}

void out8(u16 port, u8 val) { pio(true, port, 1, val); }
u8 in8(u16 port) { return (u8)pio(false, port, 1, 0); }
void out32(u16 port, u32 val) { pio(true, port, 4, val); }
u32 in32(u16 port) { return (u32)pio(false, port, 4, 0); }

void mmio_out(u64 gpa, u32 val)
{
	spin_lock(&board.guest.lock);
	vpc_mmio_write(&board.vcpu[0], gpa, 4, val);
	spin_unlock(&board.guest.lock);
}

u32 mmio_in(u64 gpa)
{
	u64 val;

	spin_lock(&board.guest.lock);
	val = vpc_mmio_read(&board.vcpu[0], gpa, 4);
	spin_unlock(&board.guest.lock);
	return (u32)val;
}

void ioapic_out(u8 reg, u32 val)
{
	mmio_out(VPC_IOAPIC_BASE, reg);
	mmio_out(VPC_IOAPIC_BASE + 0x10, val);
}

u32 ioapic_in(u8 reg)
{
	mmio_out(VPC_IOAPIC_BASE, reg);
	return mmio_in(VPC_IOAPIC_BASE + 0x10);
}

void ioapic_route_pin(unsigned int pin, u8 vector, u32 low)
{
	ioapic_out((u8)(0x11 + 2 * pin), 0);
	ioapic_out((u8)(0x10 + 2 * pin), vector | low);
}

/* ---- Interrupts ---- */

void board_enable_apics(void)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		vlapic_write(board_lapic(i), LAPIC_SVR, SVR_ENABLE | SVR_VECTOR);
}

int board_take(unsigned int i)
{
	struct vlapic *apic = board_lapic(i);
	int vector;

	vlapic_sync(apic);
	vector = vlapic_pending(apic);
	if (vector >= 0)
		vlapic_accept(apic, (u8)vector);
	return vector;
}

void board_eoi(unsigned int i)
{
	vlapic_write(board_lapic(i), LAPIC_EOI, 0);
}
