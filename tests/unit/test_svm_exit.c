/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AMD-V's exits: what becomes of what the VMCB says after #VMEXIT. Processors with decode assists
 * or NRIPS and without.
 */
#include "tests/unit/svm_fixture.h"

#include <stdlib.h>

/* Only where somebody else could use the processor. */
static void pause_exits_on_a_shared_cpu(void **state)
{
	CODE("\xf3\x90");
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.intercept_3 & INTERCEPT_PAUSE, 0);
	list_append(&vcpu->cpu->vcpus, &board.vcpu[0].cpu_node);
	list_append(&vcpu->cpu->vcpus, &board.vcpu[1].cpu_node);
	assert_int_equal(run(VMEXIT_PAUSE)->kind, HVM_EXIT_PAUSE);
	assert_int_equal(vcpu->arch.exit.insn_len, 2);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_PAUSE);
}

static void lengths(void **state)
{
	CODE("\x66\x0f\xa2");
	assert_int_equal(run(VMEXIT_CPUID)->kind, HVM_EXIT_CPUID);
	assert_int_equal(vcpu->arch.exit.insn_len, 3);
	/* The processor's word counts where it has one. */
	svm_caps.features = SVM_NRIPS;
	vmcb->control.nrip = 0x1002;
	run(VMEXIT_CPUID);
	assert_int_equal(vcpu->arch.exit.insn_len, 2);
}

/* Another vCPU has changed it: not done as what it is now. */
static void another_instruction(void **state)
{
	CODE("\xf4");
	assert_int_equal(run(VMEXIT_CPUID)->kind, HVM_EXIT_DONE);
	assert_int_equal(vcpu->arch.pending.vector, EXC_UD);
}

static void msr(void **state)
{
	CODE("\x0f\x32");
	assert_int_equal(run(VMEXIT_MSR)->kind, HVM_EXIT_RDMSR);
	CODE("\x0f\x30");
	info1 = 1;
	assert_int_equal(run(VMEXIT_MSR)->kind, HVM_EXIT_WRMSR);
}

static void mov_cr(void **state)
{
	const struct hvm_exit *x = &vcpu->arch.exit;

	CODE("\x0f\x22\xe3");				/* mov %ebx, %cr4 */
	assert_int_equal(run(VMEXIT_CR0_WRITE + 4)->kind, HVM_EXIT_MOV_CR);
	assert_int_equal(x->cr.cr, 4);
	assert_int_equal(x->cr.op, HVM_CR_WRITE);
	assert_int_equal(x->cr.gpr, HVM_RBX);
	assert_int_equal(x->insn_len, 3);
	svm_caps.features = SVM_NRIPS | SVM_DECODE_ASSISTS;
	info1 = MOV_CR_VALID | HVM_R9;
	vmcb->control.nrip = 0x1004;
	run(VMEXIT_CR0_READ + 4);
	assert_int_equal(x->cr.op, HVM_CR_READ);
	assert_int_equal(x->cr.gpr, HVM_R9);
	assert_int_equal(x->insn_len, 4);
	/* LMSW has no general register there. */
	info1 = 0;
	CODE("\x0f\x01\xf2");				/* lmsw %dx */
	vcpu->arch.gpr[HVM_RDX] = 0x11;
	run(VMEXIT_CR0_SEL_WRITE);
	assert_int_equal(x->cr.op, HVM_CR_LMSW);
	assert_int_equal(x->cr.lmsw, 0x11);
}

static void io(void **state)
{
	const struct hvm_exit *x = &vcpu->arch.exit;

	vmcb->save.rip = 0x1000;
	info1 = 0x3fd << IOIO_PORT_SHIFT | 1 << IOIO_SIZE_SHIFT | IOIO_IN;
	info2 = 0x1001;
	assert_int_equal(run(VMEXIT_IOIO)->kind, HVM_EXIT_PIO);
	assert_int_equal(x->pio.port, 0x3fd);
	assert_int_equal(x->pio.size, 1);
	assert_true(x->pio.in);
	assert_int_equal(x->insn_len, 1);
	info1 = 0x1f0 << IOIO_PORT_SHIFT | 4 << IOIO_SIZE_SHIFT | IOIO_STRING | IOIO_REP;
	run(VMEXIT_IOIO);
	assert_int_equal(x->pio.size, 4);
	assert_true(x->pio.string && x->pio.rep && !x->pio.in);
	/* Three bits, one each for 1, 2 and 4 bytes. */
	for (u64 size = 0; size < 8; size++) {
		bool ok = size == 1 || size == 2 || size == 4;

		info1 = 0x3fdull << IOIO_PORT_SHIFT | size << IOIO_SIZE_SHIFT | ~0ull << 32;
		assert_int_equal(run(VMEXIT_IOIO)->kind, ok ? HVM_EXIT_PIO : HVM_EXIT_FAILED);
	}
}

#define BELL 0xd0003000ull

static void ring(u64 error)
{
	info1 = NPF_FINAL | NPF_USER | error;
	info2 = BELL;
	vmcb->save.rip = 0x1000;
	run(VMEXIT_NPF);
}

static void doorbell(void **state)
{
	assert_int_equal(doorbell_add(&board.guest.doorbells, false, BELL, 4, &bell), 0);
	CODE("\x89\x07");				/* mov %ax, (%bx) */
	ring(NPF_WRITE);
	assert_int_equal(vcpu->arch.exit.kind, HVM_EXIT_DONE);
	assert_int_equal(rings, 1);
	assert_int_equal(vmcb->save.rip, 0x1002);
	/* Once more, by what is remembered of it; and then other bytes in its place. */
	CODE("\x89\x07");
	ring(NPF_WRITE);
	assert_int_equal(vmcb->save.rip, 0x1002);
	CODE("\xc7\x07\x01\x00");			/* movw $1, (%bx) */
	ring(NPF_WRITE);
	assert_int_equal(vmcb->save.rip, 0x1004);
	assert_int_equal(rings, 3);
	/* The bytes that the processor left. */
	svm_caps.features = SVM_DECODE_ASSISTS;
	vmcb->control.bytes_fetched = 4;
	memcpy(vmcb->control.instruction, "\x66\x89\x07\x90", 4);
	ring(NPF_WRITE);
	assert_int_equal(vmcb->save.rip, 0x1003);
	svm_caps.features = 0;
	/* No plain store: the emulator's. */
	CODE("\xf3\xaa");				/* rep stosb */
	ring(NPF_WRITE);
	assert_int_equal(vcpu->arch.exit.kind, HVM_EXIT_MMIO);
	assert_int_equal(vmcb->save.rip, 0x1000);
	/* A read rings nothing. */
	rings = 0;
	CODE("\x8b\x07");
	ring(0);
	assert_int_equal(vcpu->arch.exit.kind, HVM_EXIT_MMIO);
	assert_int_equal(rings, 0);
	assert_true(vcpu->arch.exit.mmio.read);
	doorbell_remove(&board.guest.doorbells, false, BELL);
}

/* No value, no emulation: the interrupt in service is over. */
static void eoi_store(void **state)
{
	struct vlapic *apic = vcpu->arch.lapic;

	vlapic_write(apic, LAPIC_SVR, SVR_ENABLE | SVR_VECTOR);
	vlapic_post(vcpu, 0x41, false);
	vlapic_sync(apic);
	vlapic_accept(apic, (u8)vlapic_pending(apic));
	assert_int_equal(vlapic_highest_isr(apic), 0x41);
	CODE("\x89\x07");
	info1 = NPF_WRITE;
	info2 = APIC_DEFAULT_BASE + LAPIC_EOI;
	assert_int_equal(run(VMEXIT_NPF)->kind, HVM_EXIT_DONE);
	assert_int_equal(vmcb->save.rip, 0x1002);
	assert_int_equal(vlapic_highest_isr(apic), -1);
}

static void nested_page_fault(void **state)
{
	const struct hvm_exit *x = &vcpu->arch.exit;

	info1 = NPF_WALK | NPF_USER | NPF_WRITE;
	info2 = 0x90000000;
	assert_int_equal(run(VMEXIT_NPF)->kind, HVM_EXIT_MMIO);
	assert_true(x->mmio.walk && x->mmio.write && !x->mmio.exec && !x->mmio.gla_valid);
	assert_int_equal(x->mmio.gpa, 0x90000000);
	info1 = NPF_FINAL | NPF_USER | NPF_FETCH;
	run(VMEXIT_NPF);
	assert_true(x->mmio.exec && !x->mmio.walk);
}

static void failed_entry(void **state)
{
	CODE("\x90");
	assert_int_equal(run(0xffffffff)->kind, HVM_EXIT_FAILED);	/* QEMU's 32 bits */
	assert_int_equal(run((u64)VMEXIT_INVALID)->kind, HVM_EXIT_FAILED);
	assert_int_equal(run(0x12345)->kind, HVM_EXIT_FAILED);
	assert_int_equal(run(VMEXIT_SMI)->kind, HVM_EXIT_FAILED);
	CODE("\x0f\x22\xd8");				/* mov %eax, %cr3 */
	assert_int_equal(run(0xffffffff)->kind, HVM_EXIT_DONE);
	assert_int_equal(vcpu->arch.pending.vector, EXC_GP);
}

static u64 random_64(void)
{
	return (u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand();
}

static void random_event(void)
{
	static const u64 types[] = { EVENT_TYPE_INTR, EVENT_TYPE_NMI, EVENT_TYPE_EXCEPTION };

	if (rand() % 3 == 0)
		vmcb->control.exitintinfo = (random_64() & ~EVENT_TYPE) | types[rand() % 3];
	vmcb->control.nrip = vmcb->save.rip + (u64)rand() % 16;
	vmcb->control.bytes_fetched = (u8)rand();
}

/* Hostile 42: EXITINFO1 and 2 with reserved bits, whatever the processor can. */
static void every_code_with_any_information(void **state)
{
	static const u64 addresses[] = {
		BELL, APIC_DEFAULT_BASE + LAPIC_EOI, 0, UINT64_MAX, 0x90000000,
	};
	const struct hvm_exit *x = &vcpu->arch.exit;

	srand(42);
	assert_int_equal(doorbell_add(&board.guest.doorbells, false, BELL, 4, &bell), 0);
	processor = random_event;
	for (s64 c = -6; c < 0x410; c++) {
		/* Those would be taken by this process. */
		if (c == VMEXIT_INTR || c == VMEXIT_EXCP0 + EXC_MC)
			continue;
		for (unsigned int i = 0; i < 100; i++) {
			svm_caps.features = i & 1 ? SVM_NRIPS | SVM_DECODE_ASSISTS : 0;
			info1 = i < 10 ? 0 : i < 20 ? UINT64_MAX : random_64();
			info2 = i % 3 ? random_64() : addresses[i % ARRAY_SIZE(addresses)];
			CODE("\x0f\x01\xd9\x90");
			vcpu->arch.pending.valid = false;
			assert_in_range(run((u64)c)->kind, 0, HVM_EXIT_KINDS - 1);
			if (x->kind == HVM_EXIT_PIO)
				assert_true(hvm_pio_size_ok(x->pio.size));
			if (x->kind == HVM_EXIT_MOV_CR)
				assert_in_range(x->cr.gpr, 0, ARRAY_SIZE(vcpu->arch.gpr) - 1);
			if (x->kind == HVM_EXIT_APIC_WRITE)
				assert_in_range(x->apic_write.off, 0, PAGE_SIZE - 1);
			board.request = GUEST_REQ_NONE;
		}
	}
	doorbell_remove(&board.guest.doorbells, false, BELL);
}

static void every_code_has_a_name(void **state)
{
	bool seen[VCPU_EXIT_KINDS] = { false };
	unsigned int nr = 0;

	for (s64 c = -6; c < 0x410; c++) {
		int reason = svm_reason(c);

		if (reason < 0)
			continue;
		assert_in_range(reason, 0, svm_nr_reasons() - 1);
		assert_false(seen[reason]);
		assert_non_null(svm_reason_name(reason));
		seen[reason] = true;
		nr++;
	}
	assert_int_equal(nr, svm_nr_reasons());
	assert_null(svm_reason_name(nr));
	assert_string_equal(svm_reason_name(svm_reason(VMEXIT_NPF)), "nested page fault");
	assert_string_equal(svm_reason_name(svm_reason(VMEXIT_CR0_WRITE + 8)), "CR8 write");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(pause_exits_on_a_shared_cpu), T(lengths), T(another_instruction), T(msr),
		T(mov_cr), T(io), T(doorbell), T(eoi_store), T(nested_page_fault),
		T(failed_entry), T(every_code_with_any_information),
		T(every_code_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
