/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VT-x's exits with whatever the VMCS may say, reserved bits of the exit qualification included
 * (hostile 42): each has a kind, and what comes with it is what the kind's handler may rely on.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/cpuid.h"
#include "arch/x86/guest/cr.h"
#include "arch/x86/guest/emulate.h"
#include "arch/x86/guest/exit.h"
#include "arch/x86/guest/msr.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/smp.h"
#include "arch/x86/vmx/vmx.h"
#include "tests/unit/mock_board.h"
#include "tests/unit/mock_vmcs.h"

#define BASIC_REASONS	0x200		/* some beyond those that there are */
#define BELL		0xd0003000ull
#define BELL_PORT	0xc100

u64 mock_vmcs[MOCK_VMCS_FIELDS];
static struct vmx_vcpu v;
static struct vcpu *vcpu;
static struct event bell;
static unsigned int dumps, accesses;

/* ---- What is around it ---- */

void vmx_dump(struct vcpu *vc) { dumps++; }
void vmx_skip(struct vcpu *vc, unsigned int len) { }
void irq_dispatch(unsigned int vector) { assert_in_range(vector, 0, UINT8_MAX); }
void emulate(struct vcpu *vc) { }
void guest_cpuid_exit(struct vcpu *vc) { }
void guest_rdmsr_exit(struct vcpu *vc) { }
void guest_wrmsr_exit(struct vcpu *vc) { }
void guest_xsetbv(struct vcpu *vc) { }
void vcpu_set_cr2(struct vcpu *vc, u64 val) { vc->arch.cr2 = val; }

void guest_mov_cr(struct vcpu *vc)
{
	assert_in_range(vc->arch.exit.cr.op, HVM_CR_WRITE, HVM_CR_LMSW);
	assert_in_range(vc->arch.exit.cr.gpr, 0, ARRAY_SIZE(vc->arch.gpr) - 1);
	assert_in_range(vc->arch.exit.cr.cr, 0, 15);
}

void hvm_inject_exception(struct vcpu *vc, u8 vector, bool has_error, u32 error)
{
	vc->arch.pending = (struct hvm_event){
		.valid = true, .type = HVM_EVENT_EXCEPTION, .vector = vector,
		.has_error = has_error, .error = error,
	};
}

void hvm_inject_gp(struct vcpu *vc) { hvm_inject_exception(vc, EXC_GP, true, 0); }
void hvm_inject_ud(struct vcpu *vc) { hvm_inject_exception(vc, EXC_UD, false, 0); }
static void rung(struct event *event) { }

/* A device wherever a port access can lead. */
static u64 port_read(void *dev, u64 off, unsigned int size)
{
	assert_true(size == 1 || size == 2 || size == 4);
	accesses++;
	return UINT64_MAX;
}

static void port_write(void *dev, u64 off, unsigned int size, u64 val)
{
	assert_true(size == 1 || size == 2 || size == 4);
	assert_int_equal(val & ~(BIT_ULL(8 * size) - 1), 0);
	accesses++;
}

static const struct io_ops port_ops = { .read = port_read, .write = port_write };
static struct hvm_ops ops;

static int setup(void **state)
{
	board_setup(state);
	ops = *hvm;
	ops.skip = vmx_skip;
	hvm = &ops;
	board.guest.pio = (struct io_space){ .name = "pio" };
	assert_int_equal(io_add(&board.guest.pio, 0, 0x10000, &port_ops, NULL, "ports"), 0);
	event_init(&bell, rung);
	assert_int_equal(doorbell_add(&board.guest.doorbells, false, BELL, 4, &bell), 0);
	assert_int_equal(doorbell_add(&board.guest.doorbells, true, BELL_PORT, 4, &bell), 0);
	vcpu = &board.vcpu[1];
	v = (struct vmx_vcpu){ .vcpu = vcpu, .extint = -1 };
	vcpu->arch.hvm = &v;
	vcpu->state = VCPU_RUNNABLE;
	memset(mock_vmcs, 0, sizeof(mock_vmcs));
	dumps = accesses = 0;
	vcpu_charge_begin(vcpu);
	return 0;
}

static int teardown(void **state)
{
	vcpu->arch.hvm = NULL;
	return board_teardown(state);
}

static const struct hvm_exit *exit_of(u32 reason, u64 qual)
{
	mock_vmcs[VMCS_EXIT_REASON] = reason;
	mock_vmcs[VMCS_EXIT_QUALIFICATION] = qual;
	board.request = GUEST_REQ_NONE;
	vmx_exit(vcpu, &v);
	return &vcpu->arch.exit;
}

/* ---- Tests ---- */

static void port_accesses(void **state)
{
	static const u8 bytes[] = { 1, 2, 0, 4, 0, 0, 0, 0 };	/* by the field, table 28-5 */
	const u64 flags[] = { 0, QUAL_IO_IN, QUAL_IO_STRING, QUAL_IO_IN | QUAL_IO_STRING };

	for (u64 size = 0; size < ARRAY_SIZE(bytes); size++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
			const u64 qual = 0x3f8ull << QUAL_IO_PORT_SHIFT | flags[i] | size;
			const struct hvm_exit *x = exit_of(REASON_IO, qual | 0xff80ull |
							   ~0ull << 32);

			vcpu_handle_exit(vcpu);
			if (!bytes[size]) {
				assert_int_equal(x->kind, HVM_EXIT_FAILED);
				assert_int_equal(board.request, GUEST_REQ_CRASH);
				continue;
			}
			assert_int_equal(x->kind, HVM_EXIT_PIO);
			assert_int_equal(x->pio.size, bytes[size]);
			assert_int_equal(x->pio.port, 0x3f8);
		}
	}
	assert_int_equal(accesses, 3 * 2);	/* strings are the emulator's */
	assert_int_equal(dumps, 5 * ARRAY_SIZE(flags));
}

static void reasons_that_there_are_not(void **state)
{
	for (u32 reason = 0; reason < BASIC_REASONS; reason++) {
		if (vmx_reason_name(reason))
			continue;
		assert_int_equal(exit_of(reason, ~0ull)->kind, HVM_EXIT_FAILED);
		assert_false(vcpu_handle_exit(vcpu));
		assert_int_equal(board.request, GUEST_REQ_CRASH);
	}
	assert_int_equal(exit_of(UINT16_MAX, 0)->kind, HVM_EXIT_FAILED);
	exit_of(REASON_ENTRY_GUEST_STATE | EXIT_REASON_ENTRY_FAILED, ~0ull);
	assert_int_equal(vcpu->arch.exit.kind, HVM_EXIT_FAILED);
}

static u64 random_64(void)
{
	return (u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand();
}

/* Interesting ones: none, all, doorbells, the APIC, and what comes. */
static u64 random_qual(unsigned int i)
{
	return i == 0 ? 0 : i == 1 ? UINT64_MAX : i % 2 ? random_64() : random_64() & 0xfff;
}

static void anything(unsigned int i)
{
	static const u64 gpa[] = { BELL, 0xfee000b0, 0xfee00300, 0, UINT64_MAX, 0x90000000 };

	mock_vmcs[VMCS_EXIT_INSN_LEN] = (u32)random_64() >> (i % 32);
	mock_vmcs[VMCS_GUEST_PHYSICAL_ADDR] = gpa[i % ARRAY_SIZE(gpa)];
	mock_vmcs[VMCS_GUEST_LINEAR_ADDR] = random_64();
	mock_vmcs[VMCS_GUEST_RFLAGS] = random_64();
	/* No NMI, #DB or #MC: those are the processor's. */
	mock_vmcs[VMCS_EXIT_INTR_INFO] = INTR_VALID | INTR_TYPE_HW_EXCEPTION | INTR_ERROR_VALID |
					 EXC_AC | ((u32)random_64() & 0x7fff0000);
	mock_vmcs[VMCS_IDT_VECTORING_INFO] = i % 3 ? 0 : random_64();
}

static void every_reason_with_any_qualification(void **state)
{
	srand(42);
	for (u32 reason = 0; reason < EXIT_REASONS; reason++) {
		for (unsigned int i = 0; i < 400; i++) {
			const struct hvm_exit *x;

			anything(i);
			x = exit_of(reason, random_qual(i));
			assert_in_range(x->kind, 0, HVM_EXIT_KINDS - 1);
			if (x->kind == HVM_EXIT_APIC_WRITE)
				assert_in_range(x->apic_write.off, 0, PAGE_SIZE - 1);
			if (x->kind == HVM_EXIT_TASK_SWITCH)
				assert_in_range(x->task.source, HVM_TASK_CALL, HVM_TASK_GATE);
			if (x->kind == HVM_EXIT_PIO)
				assert_true(x->pio.size && x->pio.size <= 4);
			vcpu_handle_exit(vcpu);
		}
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(port_accesses), T(reasons_that_there_are_not),
		T(every_reason_with_any_qualification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
