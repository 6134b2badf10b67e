/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID for guests, on the processor that runs the test: what depends on whom, and what not. */
#include "tests/unit/unit.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/cpuid.h"
#include "arch/x86/guest/fpu.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "arch/x86/smp.h"
#include "kernel/guest.h"

static struct guest_config config[2] = { { .nr_vcpus = 1 }, { .nr_vcpus = 4 } };
static struct guest guest[2] = { { .config = &config[0] }, { .config = &config[1] } };
static struct vlapic apic[2];
static struct vcpu vcpu[2] = {
	{ .guest = &guest[0], .arch.lapic = &apic[0] },
	{ .guest = &guest[1], .arch.lapic = &apic[1], .id = 3 },
};
static u64 cr4, skipped;

static void get_state(struct vcpu *vc, struct hvm_state *st) { st->cr4 = cr4; }
static void count_skip(struct vcpu *vc, unsigned int len) { skipped += len; }

static const struct hvm_ops ops = { .get_state = get_state, .skip = count_skip };
const struct hvm_ops *hvm = &ops;
u32 hvm_caps;

u64 tsc_khz(void) { return 2000000; }
u64 fpu_xcr0_allowed(void) { return XCR0_X87 | XCR0_SSE | XCR0_PKRU; }

struct cpuid cpuid_or_zero(u32 leaf, u32 subleaf)
{
	return leaf > cpuid(leaf & CPUID_EXT_MAX, 0).eax ? (struct cpuid){ 0 } :
	       cpuid(leaf, subleaf);
}

static int setup(void **state)
{
	apic[0].base_msr = apic[1].base_msr = APIC_DEFAULT_BASE | APIC_BASE_EN;
	cr4 = 0;
	return 0;
}

struct regs { u64 r[4]; };

static struct regs ask(struct vcpu *vc, u32 leaf, u32 subleaf)
{
	u64 *gpr = vc->arch.gpr;

	gpr[HVM_RAX] = 0xffffffff00000000 | leaf;	/* upper halves are ignored, and cleared */
	gpr[HVM_RCX] = 0xffffffff00000000 | subleaf;
	gpr[HVM_RBX] = gpr[HVM_RDX] = UINT64_MAX;
	vc->arch.exit.insn_len = 2;
	skipped = 0;
	guest_cpuid_exit(vc);
	assert_int_equal(skipped, 2);
	return (struct regs){ { gpr[HVM_RAX], gpr[HVM_RBX], gpr[HVM_RCX], gpr[HVM_RDX] } };
}

static bool same(struct regs a, struct regs b) { return !memcmp(&a, &b, sizeof(a)); }

static const u32 bases[] = { 0, CPUID_EXT_MAX, CPUID_HYPERVISOR };

static void the_second_answer_is_the_first(void **state)
{
	for (unsigned int b = 0; b < ARRAY_SIZE(bases); b++) {
		for (u32 leaf = bases[b]; leaf < bases[b] + 0x200; leaf++) {
			struct regs first = ask(&vcpu[0], leaf, 0);

			for (unsigned int i = 0; i < 4; i++)
				assert_int_equal(first.r[i] >> 32, 0);
			assert_true(same(ask(&vcpu[0], leaf, 0), first));
		}
	}
	/* Bits between the ranges are not dropped. */
	assert_true(same(ask(&vcpu[0], 0x20, 0), ask(&vcpu[0], 0x7fffffff, 0)));
	assert_false(same(ask(&vcpu[0], 0x20, 0), ask(&vcpu[0], 0, 0)));
	assert_false(same(ask(&vcpu[0], 0x40000000, 0), ask(&vcpu[0], 0, 0)));
}

/* Whoever asks first must not decide what others are told. */
static void what_depends_on_the_vcpu(void **state)
{
	ask(&vcpu[0], CPUID_FEATURES, 0);
	assert_int_equal(ask(&vcpu[1], CPUID_FEATURES, 0).r[1] >> 24, 3);
	assert_int_equal(ask(&vcpu[0], CPUID_FEATURES, 0).r[1] >> 24, 0);
	assert_int_equal(ask(&vcpu[0], CPUID_TOPOLOGY, 1).r[1], 1);
	assert_int_equal(ask(&vcpu[1], CPUID_TOPOLOGY, 1).r[1], 4);
	assert_int_equal(ask(&vcpu[1], CPUID_TOPOLOGY, 0).r[1], 1);
	assert_int_equal(ask(&vcpu[1], CPUID_TOPOLOGY, 0).r[3], 3);
	if (!guest_cpuid_is_amd())
		return;
	assert_int_equal(ask(&vcpu[0], CPUID_ADDR_SIZE, 0).r[2] & 0xff, 0);
	assert_int_equal(ask(&vcpu[1], CPUID_ADDR_SIZE, 0).r[2] & 0xff, 3);
	assert_int_equal(ask(&vcpu[0], CPUID_TOPOLOGY_AMD, 0).r[0], 0);
	assert_int_equal(ask(&vcpu[1], CPUID_TOPOLOGY_AMD, 0).r[0], 3);
	assert_false(ask(&vcpu[0], CPUID_EXT_AMD, 0).r[2] & CPUID_81_ECX_CMP_LEGACY);
	assert_true(ask(&vcpu[1], CPUID_EXT_AMD, 0).r[2] & CPUID_81_ECX_CMP_LEGACY);
}

static void what_depends_on_its_state(void **state)
{
	assert_false(ask(&vcpu[0], CPUID_FEATURES, 0).r[2] & CPUID_1_ECX_OSXSAVE);
	cr4 = CR4_OSXSAVE;
	assert_true(ask(&vcpu[0], CPUID_FEATURES, 0).r[2] & CPUID_1_ECX_OSXSAVE);
	assert_true(ask(&vcpu[0], CPUID_FEATURES, 0).r[3] & CPUID_1_EDX_APIC);
	apic[0].base_msr &= ~(u64)APIC_BASE_EN;
	assert_false(ask(&vcpu[0], CPUID_FEATURES, 0).r[3] & CPUID_1_EDX_APIC);
	assert_true(ask(&vcpu[1], CPUID_FEATURES, 0).r[3] & CPUID_1_EDX_APIC);
}

static void what_depends_on_the_subleaf(void **state)
{
	assert_int_equal(ask(&vcpu[0], CPUID_XSTATE, 0).r[0], fpu_xcr0_allowed());
	assert_int_not_equal(ask(&vcpu[0], CPUID_XSTATE, 1).r[0], fpu_xcr0_allowed());
	assert_true(ask(&vcpu[0], CPUID_EXT_FEATURES, 0).r[1] & CPUID_7_EBX_TSC_ADJUST);
	assert_int_equal(ask(&vcpu[0], CPUID_EXT_FEATURES, 1).r[1], 0);
	assert_true(ask(&vcpu[0], CPUID_EXT_FEATURES, 0).r[1] & CPUID_7_EBX_TSC_ADJUST);
}

static void what_is_the_same_for_all(void **state)
{
	static const u32 leaves[] = {
		CPUID_VENDOR, CPUID_POWER, CPUID_TSC, CPUID_EXT_MAX, CPUID_APM,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++)
		assert_true(same(ask(&vcpu[0], leaves[i], 0), ask(&vcpu[1], leaves[i], 5)));
	assert_int_equal(ask(&vcpu[0], CPUID_TSC, 0).r[2] * VLAPIC_TSC_RATIO, tsc_khz() * 1000);
	assert_int_equal(ask(&vcpu[0], CPUID_VENDOR, 0).r[1], cpuid(CPUID_VENDOR, 0).ebx);
	assert_int_equal(ask(&vcpu[0], CPUID_VENDOR, 0).r[2], cpuid(CPUID_VENDOR, 0).ecx);
	assert_int_equal(ask(&vcpu[0], CPUID_VENDOR, 0).r[3], cpuid(CPUID_VENDOR, 0).edx);
}

/* Registers RBX, RCX, RDX as text. */
static bool signed_by(struct regs r, const char *name)
{
	u32 text[3] = { (u32)r.r[1], (u32)r.r[2], (u32)r.r[3] };

	return !memcmp(text, name, sizeof(text));
}

/* KVM's leaves, and the hypervisor's own after them; or these alone. */
static void what_is_said_of_kvm(void **state)
{
	static const char kvm[12] = "KVMKVMKVM";

	config[0].kvm = true;
	assert_true(signed_by(ask(&vcpu[0], CPUID_HYPERVISOR, 0), kvm));
	assert_true(signed_by(ask(&vcpu[0], CPUID_HYPERVISOR + 0x100, 0), "RingvisorHVM"));
	assert_true(signed_by(ask(&vcpu[1], CPUID_HYPERVISOR, 0), "RingvisorHVM"));
	assert_int_equal(ask(&vcpu[1], CPUID_HYPERVISOR + 0x100, 0).r[0], 0);
	assert_int_equal(ask(&vcpu[0], CPUID_HYPERVISOR + 1, 0).r[0], BIT(1) | BIT(6));
	assert_int_equal(ask(&vcpu[1], CPUID_HYPERVISOR + 1, 0).r[0], 0);
	hvm_caps = HVM_CAP_VID;		/* EOIs do not exit anyway */
	assert_int_equal(ask(&vcpu[0], CPUID_HYPERVISOR + 1, 0).r[0], BIT(1));
	hvm_caps = 0;
	config[0].kvm = false;
	assert_true(signed_by(ask(&vcpu[0], CPUID_HYPERVISOR, 0), "RingvisorHVM"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_depends_on_the_vcpu, setup),
		cmocka_unit_test_setup(what_is_said_of_kvm, setup),
		cmocka_unit_test_setup(what_depends_on_its_state, setup),
		cmocka_unit_test_setup(what_depends_on_the_subleaf, setup),
		cmocka_unit_test_setup(what_is_the_same_for_all, setup),
		cmocka_unit_test_setup(the_second_answer_is_the_first, setup),
	};

	return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
