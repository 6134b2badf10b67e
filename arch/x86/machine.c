/* SPDX-License-Identifier: BSD-2-Clause */
/* The ends of the machine: reboot, power off, halt. By ACPI, then as PCs and emulators do it. */
#include "arch/x86/acpi.h"
#include "arch/x86/cpu.h"
#include "arch/x86/smp.h"
#include "asm/barrier.h"
#include "asm/io.h"
#include "kernel/mem.h"
#include "kernel/panic.h"
#include "kernel/time.h"

#define EFFECT_WAIT_NS	(100 * NSEC_PER_MSEC)	/* for the machine to notice */

enum pm1_cnt {			/* ACPI 6.5 4.8.3.2.1 */
	PM1_SCI_EN = BIT(0),
	PM1_SLP_TYP_SHIFT = 10,
	PM1_SLP_TYP_MASK = 7 << 10,
	PM1_SLP_EN = BIT(13),
};

enum reset_control {		/* port CF9H: chipset datasheets, RST_CNT */
	RST_CNT = 0xcf9,
	RST_CNT_HARD = BIT(1),
	RST_CNT_RESET = BIT(2),
};

enum keyboard_controller {	/* 8042 */
	KBC_COMMAND = 0x64,
	KBC_PULSE_RESET = 0xfe,
};

enum emulator {			/* power management of QEMU before 2.0 and Bochs; Bochs' own port */
	QEMU_PM1A_CNT = 0x604,
	PIIX4_PM1A_CNT = 0xb004,
	BOCHS_SHUTDOWN = 0x8900,
};

/* Bounded: interrupts are off, and a clock may not run yet. */
static void wait_for_effect(void)
{
	u64 end = time_ns() + EFFECT_WAIT_NS;

	for (unsigned int i = 0; i < 1000000 && time_ns() < end; i++)
		cpu_relax();
}

static u32 gas_read(const struct acpi_gas *gas)
{
	return gas->space == ACPI_SPACE_IO ? inw(gas->addr) : 0;
}

static void gas_write(const struct acpi_gas *gas, u32 val)
{
	volatile void *reg;

	if (!gas->addr)
		return;
	if (gas->space == ACPI_SPACE_IO && gas->bit_width > 8) {
		outw(gas->addr, val);
	} else if (gas->space == ACPI_SPACE_IO) {
		outb(gas->addr, val);
	} else if (gas->space == ACPI_SPACE_MEMORY) {
		reg = mmio_map(gas->addr, sizeof(u32));
		if (reg && gas->bit_width > 8)
			mmio_write16(reg, val);
		else if (reg)
			mmio_write8(reg, val);
	}
}

/* ACPI 6.5 16.1.7: from legacy mode into ACPI mode, then the sleep type of \_S5. */
static void acpi_poweroff(void)
{
	const struct acpi_fadt *fadt = &acpi.fadt;
	u32 cnt;

	if (!acpi.s5.valid || !fadt->pm1a_cnt.addr)
		return;
	if (!(gas_read(&fadt->pm1a_cnt) & PM1_SCI_EN) && fadt->smi_cmd && fadt->acpi_enable) {
		outb(fadt->smi_cmd, fadt->acpi_enable);
		wait_for_effect();
	}
	cnt = gas_read(&fadt->pm1a_cnt) & ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);
	gas_write(&fadt->pm1a_cnt, cnt | (acpi.s5.slp_typa & 7) << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
	gas_write(&fadt->pm1b_cnt, cnt | (acpi.s5.slp_typb & 7) << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
	wait_for_effect();
}

void machine_poweroff(void)
{
	static const char bochs[] = "Shutdown";

	arch_stop_other_cpus();
	acpi_poweroff();
	outw(QEMU_PM1A_CNT, PM1_SLP_EN);
	outw(PIIX4_PM1A_CNT, PM1_SLP_EN);
	for (unsigned int i = 0; i < sizeof(bochs) - 1; i++)
		outb(BOCHS_SHUTDOWN, bochs[i]);
	machine_halt();
}

void machine_reboot(void)
{
	static const struct desc_ptr no_idt;

	arch_stop_other_cpus();
	if (acpi.fadt.reset_supported) {
		gas_write(&acpi.fadt.reset_reg, acpi.fadt.reset_value);
		wait_for_effect();
	}
	outb(RST_CNT, RST_CNT_HARD);
	outb(RST_CNT, RST_CNT_HARD | RST_CNT_RESET);
	wait_for_effect();
	outb(KBC_COMMAND, KBC_PULSE_RESET);
	wait_for_effect();
	__asm__ volatile("lidt %0; int3" :: "m"(no_idt));	/* triple fault */
	machine_halt();
}

void machine_halt(void)
{
	irq_disable();
	for (;;)
		cpu_halt();
}
