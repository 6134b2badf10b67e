/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID policy: for each leaf which of the processor's bits a guest sees, and the leaves that
 * are computed. What is not in a table reads as zero.
 */
#include "arch/x86/guest/cpuid.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/fpu.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/pv_eoi.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "arch/x86/smp.h"
#include "kernel/guest.h"

enum { EAX, EBX, ECX, EDX };

#define MAX_BASIC_LEAF	CPUID_FREQUENCY
#define MAX_EXT_LEAF	CPUID_ADDR_SIZE
#define MAX_AMD_LEAF	CPUID_TOPOLOGY_AMD

/*
 * The hypervisor's leaves, by the convention of VMware and KVM. The first are KVM's (Linux,
 * Documentation/virt/kvm/x86/cpuid.rst), and our own the next hundred; unless the guest is to know
 * nothing of KVM.
 */
#define CPUID_HV_OWN	(CPUID_HYPERVISOR + 0x100)
#define CPUID_KVM_FEATURES 0x40000001
enum kvm_features {		/* EAX */
	KVM_FEATURE_NOP_IO_DELAY = BIT(1),	/* no delay needed at ports */
	KVM_FEATURE_PV_EOI = BIT(6),
};
#define CPUID_HV_TIMING	0x40000010	/* EAX: TSC kHz, EBX: APIC timer kHz */
static const char signature[] = "RingvisorHVM";
static const char kvm_signature[12 + 1] = "KVMKVMKVM";
_Static_assert(sizeof(signature) == 12 + 1, "EBX, ECX, EDX");

#define ALL 0xffffffff

/* ---- Bits that pass ---- */

/* XSAVE's features come and go together with it: xstate_only(). */
#define ECX_1_PASS (CPUID_1_ECX_SSE3 | CPUID_1_ECX_PCLMULQDQ | CPUID_1_ECX_SSSE3 | \
	CPUID_1_ECX_FMA | CPUID_1_ECX_CMPXCHG16B | CPUID_1_ECX_PCID | CPUID_1_ECX_SSE4_1 | \
	CPUID_1_ECX_SSE4_2 | CPUID_1_ECX_MOVBE | CPUID_1_ECX_POPCNT | CPUID_1_ECX_AES | \
	CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX | CPUID_1_ECX_F16C | CPUID_1_ECX_RDRAND)

/* Machine checks are the host's, so MCE and MCA are absent. */
#define EDX_1_PASS (CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE | CPUID_1_EDX_PSE | \
	CPUID_1_EDX_TSC | CPUID_1_EDX_MSR | CPUID_1_EDX_PAE | CPUID_1_EDX_CX8 | \
	CPUID_1_EDX_APIC | CPUID_1_EDX_SEP | CPUID_1_EDX_MTRR | CPUID_1_EDX_PGE | \
	CPUID_1_EDX_CMOV | CPUID_1_EDX_PAT | CPUID_1_EDX_PSE36 | CPUID_1_EDX_CLFSH | \
	CPUID_1_EDX_MMX | CPUID_1_EDX_FXSR | CPUID_1_EDX_SSE | CPUID_1_EDX_SSE2 | CPUID_1_EDX_SS)

#define EBX_7_PASS (CPUID_7_EBX_FSGSBASE | CPUID_7_EBX_BMI1 | CPUID_7_EBX_HLE | \
	CPUID_7_EBX_AVX2 | CPUID_7_EBX_FDP_EXCPTN_ONLY | CPUID_7_EBX_SMEP | CPUID_7_EBX_BMI2 | \
	CPUID_7_EBX_ERMS | CPUID_7_EBX_INVPCID | CPUID_7_EBX_RTM | \
	CPUID_7_EBX_FCS_FDS_DEPRECATED | CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ | \
	CPUID_7_EBX_RDSEED | CPUID_7_EBX_ADX | CPUID_7_EBX_SMAP | CPUID_7_EBX_AVX512_IFMA | \
	CPUID_7_EBX_CLFLUSHOPT | CPUID_7_EBX_CLWB | CPUID_7_EBX_AVX512PF | \
	CPUID_7_EBX_AVX512ER | CPUID_7_EBX_AVX512CD | CPUID_7_EBX_SHA | CPUID_7_EBX_AVX512BW | \
	CPUID_7_EBX_AVX512VL)

#define ECX_7_PASS (CPUID_7_ECX_PREFETCHWT1 | CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_UMIP | \
	CPUID_7_ECX_PKU | CPUID_7_ECX_AVX512_VBMI2 | CPUID_7_ECX_GFNI | CPUID_7_ECX_VAES | \
	CPUID_7_ECX_VPCLMULQDQ | CPUID_7_ECX_AVX512_VNNI | CPUID_7_ECX_AVX512_BITALG | \
	CPUID_7_ECX_AVX512_VPOPCNTDQ | CPUID_7_ECX_RDPID | CPUID_7_ECX_CLDEMOTE | \
	CPUID_7_ECX_MOVDIRI | CPUID_7_ECX_MOVDIR64B)

/* MD_CLEAR changes what VERW does, which a guest executes itself. */
#define EDX_7_PASS (CPUID_7_EDX_AVX512_4VNNIW | CPUID_7_EDX_AVX512_4FMAPS | CPUID_7_EDX_FSRM | \
	CPUID_7_EDX_AVX512_VP2INTERSECT | CPUID_7_EDX_MD_CLEAR | CPUID_7_EDX_SERIALIZE)

/* Of Intel's processors these have but LAHF, LZCNT and PREFETCHW. SVM is the host's. */
#define ECX_81_PASS (CPUID_81_ECX_LAHF_SAHF | CPUID_81_ECX_ALT_MOV_CR8 | CPUID_81_ECX_LZCNT | \
	CPUID_81_ECX_SSE4A | CPUID_81_ECX_MISALIGN_SSE | CPUID_81_ECX_PREFETCHW | \
	CPUID_81_ECX_XOP | CPUID_81_ECX_FMA4 | CPUID_81_ECX_TBM | CPUID_81_ECX_TOPOLOGY)

#define EDX_81_PASS (CPUID_81_EDX_SYSCALL | CPUID_81_EDX_NX | CPUID_81_EDX_MMXEXT | \
	CPUID_81_EDX_PAGE_1G | CPUID_81_EDX_RDTSCP | CPUID_81_EDX_LM | \
	CPUID_81_EDX_3DNOWEXT | CPUID_81_EDX_3DNOW)

/* WBNOINVD exits as WBINVD does. */
#define EBX_88_PASS (CPUID_88_EBX_CLZERO | CPUID_88_EBX_XSAVEERPTR | CPUID_88_EBX_WBNOINVD)

static const struct cpuid_pass {
	u32 leaf;
	u32 mask[4];	/* EAX, EBX, ECX, EDX */
} pass[] = {
	{ CPUID_VENDOR, { 0, ALL, ALL, ALL } },
	{ CPUID_FEATURES, { ALL, 0, ECX_1_PASS, EDX_1_PASS } },
	{ CPUID_CACHE_TLB, { ALL, ALL, ALL, ALL } },
	{ CPUID_EXT_FEATURES, { 0, EBX_7_PASS, ECX_7_PASS, EDX_7_PASS } },
	{ CPUID_EXT_AMD, { ALL, ALL, ECX_81_PASS, EDX_81_PASS } },
	{ CPUID_BRAND0, { ALL, ALL, ALL, ALL } },
	{ CPUID_BRAND1, { ALL, ALL, ALL, ALL } },
	{ CPUID_BRAND2, { ALL, ALL, ALL, ALL } },
	{ CPUID_L1, { ALL, ALL, ALL, ALL } },
	{ CPUID_L2, { ALL, ALL, ALL, ALL } },
	{ CPUID_ADDR_SIZE, { 0xffff, EBX_88_PASS, 0, 0 } },
	{ CPUID_TLB_1G, { ALL, ALL, 0, 0 } },
	{ CPUID_PERF_OPT, { ALL, 0, 0, 0 } },
};

/* ---- Bits that are always there, whatever the processor has ---- */

static const struct cpuid_pass add[] = {
	{ CPUID_VENDOR, { MAX_BASIC_LEAF, 0, 0, 0 } },
	/* The local APIC is a model: its x2APIC mode and deadline timer need no hardware. */
	{ CPUID_FEATURES, { 0, 0, CPUID_1_ECX_X2APIC | CPUID_1_ECX_TSC_DEADLINE |
			    CPUID_1_ECX_HYPERVISOR, CPUID_1_EDX_APIC | CPUID_1_EDX_MTRR } },
	{ CPUID_EXT_FEATURES, { 0, CPUID_7_EBX_TSC_ADJUST, 0, 0 } },
	{ CPUID_POWER, { CPUID_6_EAX_ARAT, 0, 0, 0 } },
	{ CPUID_APM, { 0, 0, 0, CPUID_87_EDX_INVARIANT_TSC } },
};

static const u32 *find(const struct cpuid_pass *table, unsigned int nr, u32 leaf)
{
	for (unsigned int i = 0; i < nr; i++)
		if (table[i].leaf == leaf)
			return table[i].mask;
	return NULL;
}

/* ---- Features that hang on what the backend or the FPU switching can do ---- */

#define ECX_1_XSAVE (CPUID_1_ECX_XSAVE | CPUID_1_ECX_AVX | CPUID_1_ECX_FMA | CPUID_1_ECX_F16C)
#define EBX_7_AVX512 (CPUID_7_EBX_AVX512F | CPUID_7_EBX_AVX512DQ | CPUID_7_EBX_AVX512_IFMA | \
	CPUID_7_EBX_AVX512PF | CPUID_7_EBX_AVX512ER | CPUID_7_EBX_AVX512CD | \
	CPUID_7_EBX_AVX512BW | CPUID_7_EBX_AVX512VL)
#define ECX_7_AVX512 (CPUID_7_ECX_AVX512_VBMI | CPUID_7_ECX_AVX512_VBMI2 | \
	CPUID_7_ECX_AVX512_VNNI | CPUID_7_ECX_AVX512_BITALG | CPUID_7_ECX_AVX512_VPOPCNTDQ)
#define ECX_7_AVX (CPUID_7_ECX_VAES | CPUID_7_ECX_VPCLMULQDQ)
#define EDX_7_AVX512 (CPUID_7_EDX_AVX512_4VNNIW | CPUID_7_EDX_AVX512_4FMAPS | \
	CPUID_7_EDX_AVX512_VP2INTERSECT)

static void xstate_only(u32 leaf, u32 out[4])
{
	u64 xcr0 = fpu_xcr0_allowed();

	if (leaf == CPUID_FEATURES && !(xcr0 & XCR0_AVX))
		out[ECX] &= ~(u32)ECX_1_XSAVE | (xcr0 ? CPUID_1_ECX_XSAVE : 0);
	if (leaf == CPUID_EXT_AMD && !(xcr0 & XCR0_AVX))
		out[ECX] &= ~(u32)(CPUID_81_ECX_XOP | CPUID_81_ECX_FMA4);
	if (leaf != CPUID_EXT_FEATURES)
		return;
	if (!(xcr0 & XCR0_AVX)) {
		out[EBX] &= ~(u32)CPUID_7_EBX_AVX2;
		out[ECX] &= ~(u32)ECX_7_AVX;
	}
	if (!(xcr0 & XCR0_ZMM_HI256)) {
		out[EBX] &= ~(u32)EBX_7_AVX512;
		out[ECX] &= ~(u32)ECX_7_AVX512;
		out[EDX] &= ~(u32)EDX_7_AVX512;
	}
	if (!(xcr0 & XCR0_PKRU))
		out[ECX] &= ~(u32)CPUID_7_ECX_PKU;
}

static void backend_only(u32 leaf, u32 out[4])
{
	if (leaf == CPUID_EXT_FEATURES && !(hvm_caps & HVM_CAP_INVPCID))
		out[EBX] &= ~(u32)CPUID_7_EBX_INVPCID;
	if (leaf == CPUID_EXT_FEATURES && !(hvm_caps & HVM_CAP_RDTSCP))
		out[ECX] &= ~(u32)CPUID_7_ECX_RDPID;
	if (leaf == CPUID_EXT_AMD && !(hvm_caps & HVM_CAP_RDTSCP))
		out[EDX] &= ~(u32)CPUID_81_EDX_RDTSCP;
}

static void static_leaf(u32 leaf, u32 subleaf, u32 out[4])
{
	const u32 *passed = find(pass, ARRAY_SIZE(pass), leaf);
	const u32 *added = find(add, ARRAY_SIZE(add), leaf);

	memset(out, 0, 4 * sizeof(u32));
	if (passed) {
		struct cpuid host = cpuid_or_zero(leaf, subleaf);

		out[EAX] = host.eax & passed[EAX];
		out[EBX] = host.ebx & passed[EBX];
		out[ECX] = host.ecx & passed[ECX];
		out[EDX] = host.edx & passed[EDX];
	}
	if (added)
		for (unsigned int i = 0; i < 4; i++)
			out[i] |= added[i];
	xstate_only(leaf, out);
	backend_only(leaf, out);
}

bool guest_cpuid_is_amd(void)
{
	static const char vendors[][12 + 1] = { "AuthenticAMD", "HygonGenuine" };
	struct cpuid c = cpuid(CPUID_VENDOR, 0);
	u32 id[3] = { c.ebx, c.edx, c.ecx };

	for (unsigned int i = 0; i < ARRAY_SIZE(vendors); i++)
		if (!memcmp(id, vendors[i], sizeof(id)))
			return true;
	return false;
}

u32 guest_cpuid_feature(u32 leaf, unsigned int reg)
{
	u32 out[4];

	static_leaf(leaf, 0, out);
	return out[reg];
}

/* ---- Topology: one package, one thread a core, APIC id = vCPU number ---- */

static unsigned int id_bits(const struct guest *guest)
{
	unsigned int bits = 0;

	while (BIT(bits) < guest->config->nr_vcpus)
		bits++;
	return bits;
}

/* What leaf 4 and AMD's leaf 8000001DH have in common: cores share the last level at most. */
static void cache_params(struct vcpu *vcpu, struct cpuid host, u32 out[4])
{
	u32 type = host.eax & 0x1f, level = host.eax >> 5 & 7;
	u32 ids = BIT(id_bits(vcpu->guest)) - 1;

	if (!type)
		return;
	out[EAX] = (host.eax & 0x3fff) | (level >= 3 ? ids << 14 : 0);
	out[EBX] = host.ebx;
	out[ECX] = host.ecx;
	out[EDX] = host.edx;
}

/* SDM 2A "CPUID", leaf 4 */
static void cache_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	cache_params(vcpu, cpuid_or_zero(CPUID_CACHE, subleaf), out);
	if (out[EAX])
		out[EAX] |= (BIT(id_bits(vcpu->guest)) - 1) << 26;
}

static void amd_cache_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	cache_params(vcpu, cpuid_or_zero(CPUID_CACHE_AMD, subleaf), out);
}

/* APM volume 3, E.4.16: the core's number is the APIC id, one thread each, one node. */
static void amd_topology_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	out[EAX] = out[EBX] = vcpu->id;
}

/* Leaf 0BH: subleaf 0 threads, 1 cores. */
static void topology_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	enum { LEVEL_INVALID, LEVEL_SMT, LEVEL_CORE };

	out[ECX] = subleaf & 0xff;
	out[EDX] = vcpu->id;
	if (subleaf == 0) {
		out[EBX] = 1;
		out[ECX] |= LEVEL_SMT << 8;
	} else if (subleaf == 1) {
		out[EAX] = id_bits(vcpu->guest);
		out[EBX] = vcpu->guest->config->nr_vcpus;
		out[ECX] |= LEVEL_CORE << 8;
	}
}

static void feature_leaf(struct vcpu *vcpu, u32 out[4])
{
	u32 clflush = cpuid(CPUID_FEATURES, 0).ebx & 0xff00;
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	out[EBX] = vcpu->id << 24 | (BIT(id_bits(vcpu->guest)) & 0xff) << 16 | clflush;
	if (vcpu->guest->config->nr_vcpus > 1)
		out[EDX] |= CPUID_1_EDX_HTT;
	if (st.cr4 & CR4_OSXSAVE)
		out[ECX] |= CPUID_1_ECX_OSXSAVE;
	if (!(vcpu->arch.lapic->base_msr & APIC_BASE_EN))
		out[EDX] &= ~(u32)CPUID_1_EDX_APIC;
}

/* AMD repeats what the feature leaf says there in bits: APM volume 3, E.4.2. */
#define EDX_81_REPEATED (CPUID_1_EDX_FPU | CPUID_1_EDX_VME | CPUID_1_EDX_DE | CPUID_1_EDX_PSE | \
	CPUID_1_EDX_TSC | CPUID_1_EDX_MSR | CPUID_1_EDX_PAE | CPUID_1_EDX_CX8 | \
	CPUID_1_EDX_APIC | CPUID_1_EDX_MTRR | CPUID_1_EDX_PGE | CPUID_1_EDX_CMOV | \
	CPUID_1_EDX_PAT | CPUID_1_EDX_PSE36 | CPUID_1_EDX_MMX | CPUID_1_EDX_FXSR)

static void amd_feature_leaf(struct vcpu *vcpu, u32 out[4])
{
	u32 features[4];

	static_leaf(CPUID_FEATURES, 0, features);
	feature_leaf(vcpu, features);
	out[EDX] |= features[EDX] & EDX_81_REPEATED;
	out[ECX] |= CPUID_81_ECX_OSVW;		/* errata that the hypervisor keeps away: msr.c */
	if (vcpu->guest->config->nr_vcpus > 1)	/* HTT means cores, not threads */
		out[ECX] |= CPUID_81_ECX_CMP_LEGACY;
}

/* Without LA57 linear addresses have 48 bits. AMD: number of cores, bits of an APIC id. */
static void addr_size_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	out[EAX] = (out[EAX] & 0xff) | MIN(out[EAX] >> 8, 48u) << 8;
	if (guest_cpuid_is_amd())
		out[ECX] = (vcpu->guest->config->nr_vcpus - 1) | id_bits(vcpu->guest) << 12;
}

static u32 max_ext_leaf(void)
{
	return guest_cpuid_is_amd() ? MAX_AMD_LEAF : MAX_EXT_LEAF;
}

static void ext_max_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	out[EAX] = max_ext_leaf();
}

static void ext_feature_leaf(struct vcpu *vcpu, u32 out[4])
{
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	if (st.cr4 & CR4_PKE && out[ECX] & CPUID_7_ECX_PKU)
		out[ECX] |= CPUID_7_ECX_OSPKE;
}

/* ---- XSAVE: SDM 2A "CPUID", leaf 0DH ---- */

/* XSAVES would need its own switching, and XFD comes with AMX. */
#define XSAVE_PASS (CPUID_D1_EAX_XSAVEOPT | CPUID_D1_EAX_XSAVEC | CPUID_D1_EAX_XGETBV1)

static u32 area_size(u64 xcr0)
{
	u32 size = 512 + 64;	/* SDM 1 13.4.1 */

	for (unsigned int i = 2; i < 63; i++)
		if (xcr0 & BIT_ULL(i)) {
			struct cpuid c = cpuid(CPUID_XSTATE, i);

			size = MAX(size, c.eax + c.ebx);
		}
	return size;
}

static void xstate_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	u64 allowed = fpu_xcr0_allowed();
	struct cpuid host = cpuid_or_zero(CPUID_XSTATE, subleaf);

	if (subleaf == 0) {
		out[EAX] = allowed;
		out[EDX] = allowed >> 32;
		out[EBX] = host.ebx;	/* of XCR0, which is loaded */
		out[ECX] = area_size(allowed);
	} else if (subleaf == 1) {
		out[EAX] = host.eax & XSAVE_PASS;
		out[EBX] = out[EAX] & CPUID_D1_EAX_XSAVEC ? host.ebx : 0;
	} else if (subleaf < 63 && allowed & BIT_ULL(subleaf)) {
		out[EAX] = host.eax;
		out[EBX] = host.ebx;
		out[ECX] = host.ecx & ~1u;	/* XCR0, not IA32_XSS */
	}
}

/* ---- Time ---- */

/*
 * The crystal is what the APIC timer counts: TSC = ECX * EBX / EAX (SDM 3B 19.7.3). So the
 * guest needs to measure neither.
 */
static void tsc_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	out[EAX] = 1;
	out[EBX] = VLAPIC_TSC_RATIO;
	out[ECX] = tsc_khz() * 1000 / VLAPIC_TSC_RATIO;
}

static void frequency_leaf(struct vcpu *vcpu, u32 subleaf, u32 out[4])
{
	u32 mhz = (tsc_khz() + 500) / 1000;

	out[EAX] = out[EBX] = mhz & 0xffff;
}

static void hypervisor_leaf(struct vcpu *vcpu, u32 leaf, u32 out[4])
{
	bool kvm = vcpu->guest->config->kvm;

	if (leaf == CPUID_HYPERVISOR) {
		out[EAX] = CPUID_HV_TIMING;
		memcpy(&out[EBX], kvm ? kvm_signature : signature, 3 * sizeof(u32));
	} else if (leaf == CPUID_KVM_FEATURES && kvm) {
		out[EAX] = KVM_FEATURE_NOP_IO_DELAY |
			   (pv_eoi_available(vcpu) ? KVM_FEATURE_PV_EOI : 0);
	} else if (leaf == CPUID_HV_TIMING) {
		out[EAX] = tsc_khz();
		out[EBX] = tsc_khz() / VLAPIC_TSC_RATIO;
	} else if (leaf == CPUID_HV_OWN && kvm) {
		out[EAX] = CPUID_HV_OWN;
		memcpy(&out[EBX], signature, 3 * sizeof(u32));
	}
}

/* ---- All of it ---- */

static const struct {
	u32 leaf;
	void (*fill)(struct vcpu *vcpu, u32 subleaf, u32 out[4]);
} computed[] = {
	{ CPUID_CACHE, cache_leaf },
	{ CPUID_TOPOLOGY, topology_leaf },
	{ CPUID_XSTATE, xstate_leaf },
	{ CPUID_TSC, tsc_leaf },
	{ CPUID_FREQUENCY, frequency_leaf },
	{ CPUID_EXT_MAX, ext_max_leaf },
	{ CPUID_ADDR_SIZE, addr_size_leaf },
	{ CPUID_CACHE_AMD, amd_cache_leaf },
	{ CPUID_TOPOLOGY_AMD, amd_topology_leaf },
};

static void dynamic_leaf(struct vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4])
{
	for (unsigned int i = 0; i < ARRAY_SIZE(computed); i++)
		if (computed[i].leaf == leaf)
			computed[i].fill(vcpu, subleaf, out);
	if (leaf == CPUID_FEATURES)
		feature_leaf(vcpu, out);
	else if (leaf == CPUID_EXT_FEATURES)
		ext_feature_leaf(vcpu, out);
	else if (leaf == CPUID_EXT_AMD && guest_cpuid_is_amd())
		amd_feature_leaf(vcpu, out);
}

/* A leaf above its range answers as the highest basic one (SDM 2A "CPUID"); AMD's with zeros. */
static u32 out_of_range(void)
{
	return guest_cpuid_is_amd() ? CPUID_SERIAL : MAX_BASIC_LEAF;
}

static void answer(struct vcpu *vcpu, u32 leaf, u32 subleaf, u32 out[4])
{
	if (leaf >= CPUID_HYPERVISOR && leaf < CPUID_HV_OWN + 0x100) {
		memset(out, 0, 4 * sizeof(u32));
		hypervisor_leaf(vcpu, leaf, out);
		return;
	}
	if ((leaf > MAX_BASIC_LEAF && leaf < CPUID_EXT_MAX) || leaf > max_ext_leaf())
		leaf = out_of_range();
	if (leaf == CPUID_EXT_FEATURES && subleaf > 0) {	/* its EAX said 0 */
		memset(out, 0, 4 * sizeof(u32));
		return;
	}
	static_leaf(leaf, 0, out);
	dynamic_leaf(vcpu, leaf, subleaf, out);
}

/* ---- Those that always answer the same ---- */

static bool varies(u32 leaf)
{
	switch (leaf) {
	case CPUID_FEATURES:
	case CPUID_CACHE:
	case CPUID_EXT_FEATURES:
	case CPUID_TOPOLOGY:
	case CPUID_XSTATE:
	case CPUID_EXT_AMD:
	case CPUID_ADDR_SIZE:
	case CPUID_CACHE_AMD:
	case CPUID_TOPOLOGY_AMD:
		return true;
	default:
		return false;
	}
}

/*
 * Answers that depend on neither guest, vCPU, subleaf nor time, each put down when first asked for.
 * Two CPUs may do so at once: they write the same.
 */
static u32 fixed[64][4];	/* leaves from 0 on, then from CPUID_EXT_MAX on */
static u64 fixed_known;		/* which of them are there */

#define FIXED_RANGE 32u		/* leaves, twice */

static bool may_be_fixed(u32 leaf)
{
	return !(leaf & ~(CPUID_EXT_MAX | (FIXED_RANGE - 1)));
}

static unsigned int fixed_index(u32 leaf)
{
	return (leaf | leaf >> 26) % ARRAY_SIZE(fixed);		/* bit 31 becomes 32 */
}

static const u32 *fixed_answer(u32 leaf)
{
	if (unlikely(!may_be_fixed(leaf)) ||
	    !(__atomic_load_n(&fixed_known, __ATOMIC_ACQUIRE) & BIT_ULL(fixed_index(leaf))))
		return NULL;
	return fixed[fixed_index(leaf)];
}

static void put_down(u32 leaf, const u32 out[4])
{
	if (!may_be_fixed(leaf) || varies(leaf))
		return;
	memcpy(fixed[fixed_index(leaf)], out, sizeof(fixed[0]));
	__atomic_fetch_or(&fixed_known, BIT_ULL(fixed_index(leaf)), __ATOMIC_RELEASE);
}

static void answer_exit(struct vcpu *vcpu, const u32 out[4])
{
	u64 *gpr = vcpu->arch.gpr;

	gpr[HVM_RAX] = out[EAX];
	gpr[HVM_RBX] = out[EBX];
	gpr[HVM_RCX] = out[ECX];
	gpr[HVM_RDX] = out[EDX];
	hvm->skip(vcpu, vcpu->arch.exit.insn_len);
}

static __noinline void compute(struct vcpu *vcpu)
{
	u32 leaf = vcpu->arch.gpr[HVM_RAX], out[4];

	answer(vcpu, leaf, vcpu->arch.gpr[HVM_RCX], out);
	put_down(leaf, out);
	answer_exit(vcpu, out);
}

void guest_cpuid_exit(struct vcpu *vcpu)
{
	const u32 *out = fixed_answer(vcpu->arch.gpr[HVM_RAX]);

	if (likely(out))
		answer_exit(vcpu, out);
	else
		compute(vcpu);
}
