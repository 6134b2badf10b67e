/* SPDX-License-Identifier: BSD-2-Clause */
/* The search for the I/O APIC pin of an INTx line, on made-up boards. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/acpi.h"
#include "arch/x86/smp.h"
#include "drivers/pci/pci.h"
#include "drivers/pci/regs.h"
#include "kernel/cpu.h"

static u64 now_ns;

u64 time_ns(void)
{
	return now_ns += 10;
}

static struct pci_dev nic = { .devfn = 3 << 3, .irq_pin = 1, .irq_line = 10 };
static u32 command;

u32 pci_cfg_read(const struct pci_dev *dev, unsigned int off, unsigned int size)
{
	assert_int_equal(off, PCI_COMMAND);
	return command;
}

void pci_cfg_write(const struct pci_dev *dev, unsigned int off, unsigned int size, u32 val)
{
	assert_int_equal(off, PCI_COMMAND);
	command = val;
}

#define PINS 24

static struct {
	unsigned int vector;
	bool unmasked, active_low;
} pins[PINS];

static struct { irq_fn fn; void *arg; } vectors[256];
static unsigned int nr_vectors;

/* A pin's electrical level when idle, and when the device at it asserts. */
static bool high_idle[PINS], stuck[PINS];
static int wired[2];		/* pin of the device, -1: none */
static bool asserted[2];
static unsigned int calls[2];

static bool pin_high(unsigned int pin)
{
	bool active = stuck[pin];

	for (unsigned int i = 0; i < 2; i++)
		active |= asserted[i] && wired[i] == (int)pin;
	return active ? !high_idle[pin] : high_idle[pin];
}

int irq_vector_alloc(irq_fn fn, void *arg, const char *name)
{
	if (nr_vectors == 200)
		return -ENOSPC;
	vectors[0x30 + nr_vectors].fn = fn;
	vectors[0x30 + nr_vectors].arg = arg;
	return (int)(0x30 + nr_vectors++);
}

int ioapic_route(unsigned int gsi, unsigned int vector, bool level, bool active_low)
{
	if (gsi >= PINS)
		return -ENOENT;
	assert_true(level);
	pins[gsi].vector = vector;
	pins[gsi].active_low = active_low;
	pins[gsi].unmasked = true;
	return 0;
}

void ioapic_mask(unsigned int gsi, bool masked)
{
	assert_in_range(gsi, 0, PINS - 1);
	pins[gsi].unmasked = !masked;
}

struct acpi_override acpi_isa_irq(u8 irq)
{
	return (struct acpi_override){ .irq = irq, .gsi = irq == 5 ? 12 : irq };
}

/* Interrupts that are there. A level that nobody takes back is a storm. */
static bool deliver(void)
{
	unsigned int n = 0;

	for (unsigned int pin = 0; pin < PINS; pin++) {
		while (pins[pin].unmasked && pin_high(pin) == !pins[pin].active_low) {
			assert_true(n < 100);
			vectors[pins[pin].vector].fn(vectors[pins[pin].vector].arg);
			n++;
		}
	}
	return n;
}

void arch_cpu_idle(struct cpu *cpu, u64 deadline_ns)
{
	if (!deliver())
		now_ns = deadline_ns;
}

static void handler(void *arg)
{
	unsigned int *which = arg;

	calls[*which]++;
	asserted[*which] = false;	/* as reading a cause register does */
}

static void provoke(void *arg, bool on)
{
	asserted[*(unsigned int *)arg] = on;
}

static unsigned int first = 0, second = 1;

static int board(void **state)
{
	memset(pins, 0, sizeof(pins));
	memset(stuck, 0, sizeof(stuck));
	memset(asserted, 0, sizeof(asserted));
	memset(calls, 0, sizeof(calls));
	for (unsigned int i = 0; i < PINS; i++)
		high_idle[i] = i >= 16;		/* INTx is active low, ISA is not */
	wired[0] = wired[1] = -1;
	command = PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE;
	host_log_clear();
	return 0;
}

static int release(void **state)
{
	pci_release_intx(&nic, &first);
	pci_release_intx(&nic, &second);
	for (unsigned int pin = 0; pin < PINS; pin++)
		assert_false(pins[pin].unmasked);
	return 0;
}

static int request(unsigned int *which)
{
	return pci_request_intx(&nic, handler, provoke, which, "nic");
}

static void expect_works(unsigned int *which)
{
	unsigned int before = calls[*which];

	assert_false(deliver());
	asserted[*which] = true;
	assert_true(deliver());
	assert_int_equal(calls[*which], before + 1);
	assert_false(asserted[*which]);
}

static void found_on_any_pin(void **state)
{
	for (int pin = 16; pin < PINS; pin++) {
		board(state);
		wired[0] = pin;
		assert_int_equal(request(&first), 0);
		assert_int_equal(calls[0], 0);
		for (int other = 0; other < PINS; other++)
			assert_int_equal(pins[other].unmasked, other == pin);
		assert_false(command & PCI_COMMAND_INTX_DISABLE);
		expect_works(&first);
		release(state);
		assert_true(command & PCI_COMMAND_INTX_DISABLE);
	}
}

static void found_on_an_isa_interrupt(void **state)
{
	wired[0] = 10;
	assert_int_equal(request(&first), 0);
	expect_works(&first);
	release(state);
	board(state);
	high_idle[10] = true;		/* routed there active low */
	wired[0] = 10;
	assert_int_equal(request(&first), 0);
	expect_works(&first);
}

static void a_stuck_neighbour_is_not_taken_for_it(void **state)
{
	wired[0] = 22;
	for (unsigned int pin = 16; pin < 22; pin++)
		stuck[pin] = true;
	assert_int_equal(request(&first), 0);
	expect_works(&first);
	for (unsigned int pin = 16; pin < 22; pin++)
		assert_false(pins[pin].unmasked);
}

static void found_nowhere(void **state)
{
	unsigned int vectors_before;

	assert_int_equal(request(&first), -ENOENT);
	assert_int_equal(host_log_count("arrives nowhere, it will be polled"), 1);
	assert_true(command & PCI_COMMAND_INTX_DISABLE);
	vectors_before = nr_vectors;
	for (unsigned int i = 0; i < 300; i++)		/* uses nothing up */
		assert_int_equal(request(&first), -ENOENT);
	assert_int_equal(nr_vectors, vectors_before);
}

static void no_pin_is_not_tried(void **state)
{
	struct pci_dev without = { .irq_line = 10 };

	wired[0] = 16;
	assert_int_equal(pci_request_intx(&without, handler, provoke, &first, "nic"), -ENOENT);
	assert_int_equal(host_log_count("has no interrupt pin"), 1);
}

static void shared_by_two(void **state)
{
	unsigned int before;

	wired[0] = wired[1] = 18;
	assert_int_equal(request(&first), 0);
	before = nr_vectors;
	assert_int_equal(request(&second), 0);
	assert_true(nr_vectors <= before + 1);
	asserted[0] = true;
	assert_true(deliver());
	assert_int_equal(calls[0], 1);
	assert_int_equal(calls[1], 1);	/* asked too: it may be its interrupt */
	asserted[1] = true;
	assert_true(deliver());
	assert_int_equal(calls[1], 2);
	/* One leaves, the other stays. */
	pci_release_intx(&nic, &first);
	asserted[1] = true;
	assert_true(deliver());
	assert_int_equal(calls[0], 2);
	assert_int_equal(calls[1], 3);
}

static void two_on_two_lines(void **state)
{
	wired[0] = 19;
	wired[1] = 16;
	assert_int_equal(request(&first), 0);
	assert_int_equal(request(&second), 0);
	expect_works(&first);
	expect_works(&second);
	assert_int_equal(calls[0], 1);
	assert_int_equal(calls[1], 1);
}

#define BOARD(f) cmocka_unit_test_setup_teardown(f, board, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOARD(found_on_any_pin),
		BOARD(found_on_an_isa_interrupt),
		BOARD(a_stuck_neighbour_is_not_taken_for_it),
		BOARD(found_nowhere),
		BOARD(no_pin_is_not_tried),
		BOARD(shared_by_two),
		BOARD(two_on_two_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
