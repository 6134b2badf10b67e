/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSR policy: a table of those that a guest may read or write with an exit. Those that it reaches
 * without one are in the backend's bitmap; all others inject #GP, as hardware without them does.
 */
#include "arch/x86/guest/msr.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/cpuid.h"
#include "arch/x86/guest/cr.h"
#include "arch/x86/guest/lapic.h"
#include "arch/x86/guest/pv_eoi.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/guest/vpc_map.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "arch/x86/smp.h"
#include "kernel/guest.h"
#include "kernel/log.h"

struct msr_entry {
	u32 first, last;
	int (*read)(struct vcpu *vcpu, u32 msr, u64 *val);	/* NULL: #GP */
	int (*write)(struct vcpu *vcpu, u32 msr, u64 val);
};

/* ---- Simple ones ---- */

static int read_zero(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = 0;
	return 0;
}

/* Of registers where nothing can be switched on. */
static int write_zero(struct vcpu *vcpu, u32 msr, u64 val)
{
	return val ? -EINVAL : 0;
}

/* ---- Processor ---- */

/*
 * All vCPUs of a guest share one offset, so that their TSCs are always in step; SDM 3B 17.17.3:
 * a write to either register moves the other along.
 */
static void tsc_add(struct arch_guest *g, u64 delta)
{
	g->tsc_offset = (s64)((u64)g->tsc_offset + delta);
	g->tsc_adjust += delta;
}

/* Where it exits: the backend may let it through, with the offset. */
static int read_tsc(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = rdtsc() + (u64)vcpu->guest->arch.tsc_offset;
	return 0;
}

static int write_tsc(struct vcpu *vcpu, u32 msr, u64 val)
{
	struct arch_guest *g = &vcpu->guest->arch;

	tsc_add(g, val - (rdtsc() + (u64)g->tsc_offset));
	return 0;
}

/* Linux takes a TSC with this register and invariant rate for a clock that needs no watching. */
static int read_tsc_adjust(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->guest->arch.tsc_adjust;
	return 0;
}

static int write_tsc_adjust(struct vcpu *vcpu, u32 msr, u64 val)
{
	tsc_add(&vcpu->guest->arch, val - vcpu->guest->arch.tsc_adjust);
	return 0;
}

static int read_feature_control(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = FEATURE_CONTROL_LOCK;
	return 0;
}

/* SDM 3A 10.11.7.1: the update's signature is in the high half. */
static int read_microcode(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = rdmsr(MSR_IA32_BIOS_SIGN_ID);
	return 0;
}

/* Maximum non-turbo ratio, in units of the 100 MHz bus clock. */
static int read_platform_info(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = tsc_khz() / 100000 << 8;
	return 0;
}

static int read_misc_enable(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->arch.msrs.misc_enable;
	return 0;
}

/* Bits that are 0 or 1 because of what CPUID shows stay so. */
static int write_misc_enable(struct vcpu *vcpu, u32 msr, u64 val)
{
	if (val & ~(u64)(MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_TCC | MISC_ENABLE_EMON |
			 MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL |
			 MISC_ENABLE_LIMIT_CPUID | MISC_ENABLE_XTPR_DISABLE))
		return -EINVAL;
	vcpu->arch.msrs.misc_enable = (val & MISC_ENABLE_FAST_STRINGS) |
				      MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL;
	return 0;
}

static int read_efer(struct vcpu *vcpu, u32 msr, u64 *val)
{
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	*val = st.efer;
	return 0;
}

static int write_efer(struct vcpu *vcpu, u32 msr, u64 val)
{
	return guest_set_efer(vcpu, val);
}

static bool mem_type_valid(u64 type)
{
	return type == MEM_TYPE_UC || type == MEM_TYPE_WC || type == MEM_TYPE_WT ||
	       type == MEM_TYPE_WP || type == MEM_TYPE_WB;
}

/* Where it exits; else the backend has it. */
static int read_pat(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->arch.msrs.pat;
	return 0;
}

static int write_pat(struct vcpu *vcpu, u32 msr, u64 val)
{
	for (unsigned int i = 0; i < sizeof(val); i++)
		if (!mem_type_valid(val >> 8 * i & 0xff) &&
		    (val >> 8 * i & 0xff) != MEM_TYPE_UC_MINUS)
			return -EINVAL;
	vcpu->arch.msrs.pat = val;
	return 0;
}

static int read_tsc_aux(struct vcpu *vcpu, u32 msr, u64 *val)
{
	if (!(hvm_caps & HVM_CAP_RDTSCP))
		return -EINVAL;
	*val = vcpu->arch.msrs.tsc_aux;
	return 0;
}

static int write_tsc_aux(struct vcpu *vcpu, u32 msr, u64 val)
{
	if (!(hvm_caps & HVM_CAP_RDTSCP) || val >> 32)
		return -EINVAL;
	vcpu_set_tsc_aux(vcpu, val);
	return 0;
}

static int read_apic(struct vcpu *vcpu, u32 msr, u64 *val)
{
	return vlapic_rdmsr(vcpu->arch.lapic, msr, val);
}

static int write_apic(struct vcpu *vcpu, u32 msr, u64 val)
{
	return vlapic_wrmsr(vcpu->arch.lapic, msr, val);
}

/* ---- KVM's ---- */

static int read_pv_eoi(struct vcpu *vcpu, u32 msr, u64 *val)
{
	return pv_eoi_rdmsr(vcpu->arch.lapic, val);
}

static int write_pv_eoi(struct vcpu *vcpu, u32 msr, u64 val)
{
	return pv_eoi_wrmsr(vcpu->arch.lapic, val);
}

/* There is no clock of KVM's; but before Linux 6.8 it is switched off without having been on. */
static int write_system_time(struct vcpu *vcpu, u32 msr, u64 val)
{
	return vcpu->guest->config->kvm && !val ? 0 : -EINVAL;
}

/* ---- MTRRs: SDM 3A 12.11. Kept for the guest to read back; EPT decides the memory type. ---- */

#define MTRR_VARIABLE	8	/* ranges */
#define MTRR_PHYS_MASK_V BIT_ULL(11)
#define MTRR_PHYS_LOW_RESERVED 0xf00ull	/* of PHYSBASE; PHYSMASK: 7FFH without V */

static const u32 mtrr_fixed[] = {
	MSR_IA32_MTRR_FIX64K_00000, MSR_IA32_MTRR_FIX16K_80000, MSR_IA32_MTRR_FIX16K_A0000,
	MSR_IA32_MTRR_FIX4K_C0000, MSR_IA32_MTRR_FIX4K_C8000, MSR_IA32_MTRR_FIX4K_D0000,
	MSR_IA32_MTRR_FIX4K_D8000, MSR_IA32_MTRR_FIX4K_E0000, MSR_IA32_MTRR_FIX4K_E8000,
	MSR_IA32_MTRR_FIX4K_F0000, MSR_IA32_MTRR_FIX4K_F8000,
};
_Static_assert(ARRAY_SIZE(mtrr_fixed) == sizeof(((struct hvm_msrs *)0)->mtrr_fixed) / sizeof(u64),
	       "one field each");

static u64 phys_reserved(void)
{
	return ~(BIT_ULL(guest_cpuid_feature(CPUID_ADDR_SIZE, 0) & 0xff) - 1);
}

static int read_mtrr_cap(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = MTRR_VARIABLE | MTRR_CAP_FIX | MTRR_CAP_WC;
	return 0;
}

static int read_mtrr_def_type(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->arch.msrs.mtrr_def_type;
	return 0;
}

static int write_mtrr_def_type(struct vcpu *vcpu, u32 msr, u64 val)
{
	if (val & ~(u64)(MTRR_DEF_TYPE | MTRR_DEF_FE | MTRR_DEF_E) ||
	    !mem_type_valid(val & MTRR_DEF_TYPE))
		return -EINVAL;
	vcpu->arch.msrs.mtrr_def_type = val;
	return 0;
}

static int read_mtrr_var(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = vcpu->arch.msrs.mtrr_var[msr - MSR_IA32_MTRR_PHYSBASE0];
	return 0;
}

static int write_mtrr_var(struct vcpu *vcpu, u32 msr, u64 val)
{
	unsigned int i = msr - MSR_IA32_MTRR_PHYSBASE0;

	if (val & phys_reserved())
		return -EINVAL;
	if (i % 2 == 0 && (val & MTRR_PHYS_LOW_RESERVED || !mem_type_valid(val & 0xff)))
		return -EINVAL;
	if (i % 2 == 1 && val & (PAGE_SIZE - 1) & ~MTRR_PHYS_MASK_V)
		return -EINVAL;
	vcpu->arch.msrs.mtrr_var[i] = val;
	return 0;
}

static u64 *fixed_slot(struct vcpu *vcpu, u32 msr)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(mtrr_fixed); i++)
		if (mtrr_fixed[i] == msr)
			return &vcpu->arch.msrs.mtrr_fixed[i];
	return NULL;
}

static int read_mtrr_fixed(struct vcpu *vcpu, u32 msr, u64 *val)
{
	const u64 *slot = fixed_slot(vcpu, msr);

	if (!slot)
		return -EINVAL;
	*val = *slot;
	return 0;
}

static int write_mtrr_fixed(struct vcpu *vcpu, u32 msr, u64 val)
{
	u64 *slot = fixed_slot(vcpu, msr);

	if (!slot)
		return -EINVAL;
	for (unsigned int i = 0; i < sizeof(val); i++)
		if (!mem_type_valid(val >> 8 * i & 0xff))
			return -EINVAL;
	*slot = val;
	return 0;
}

/* ---- AMD's ---- */

/* DRAM behind the MTRRs, as firmware sets it up. */
static int read_syscfg(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = SYSCFG_MTRR_FIX_DRAM_EN | SYSCFG_MTRR_VAR_DRAM_EN | SYSCFG_MTRR_TOM2_EN;
	return 0;
}

static int read_hwcr(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = HWCR_TSC_FREQ_SEL;
	return 0;
}

/* Bits for errata of processors that are long gone; Linux sets and clears them. */
static int write_hwcr(struct vcpu *vcpu, u32 msr, u64 val)
{
	return val & ~(u64)(HWCR_TSC_FREQ_SEL | HWCR_TLB_CACHE_DIS | HWCR_FF_DIS | HWCR_IGNNE) ?
	       -EINVAL : 0;
}

/* Linux sets it at each boot; there is the ECAM for what it would give. */
static int write_nb_cfg(struct vcpu *vcpu, u32 msr, u64 val)
{
	return val & ~NB_CFG_ENABLE_CF8_EXT_CFG ? -EINVAL : 0;
}

/* Where DRAM ends below 4 GiB (TOP_MEM) and above. */
static int read_top_mem(struct vcpu *vcpu, u32 msr, u64 *val)
{
	const struct guest_mem *mem = &vcpu->guest->mem;

	*val = msr == MSR_TOP_MEM ? VPC_LOW_RAM_MAX : VPC_HIGH_RAM_BASE;
	for (unsigned int i = 0; i < mem->nr; i++)
		if (msr == MSR_TOP_MEM2)
			*val = MAX(*val, mem->region[i].gpa + mem->region[i].size);
	return 0;
}

/* OS visible workarounds 0 and 1 (APIC timer in C1E): not needed, as a guest's HLT exits. */
static int read_osvw_length(struct vcpu *vcpu, u32 msr, u64 *val)
{
	*val = 2;
	return 0;
}

static int read_de_cfg(struct vcpu *vcpu, u32 msr, u64 *val)
{
	if (rdmsr_safe(MSR_DE_CFG, val))
		*val = 0;
	*val &= DE_CFG_LFENCE_SERIALIZE;
	return 0;
}

static int write_de_cfg(struct vcpu *vcpu, u32 msr, u64 val)
{
	u64 now;

	read_de_cfg(vcpu, msr, &now);
	return val == now ? 0 : -EINVAL;
}

/* ---- The table ---- */

#define ONE(msr) msr, msr

static const struct msr_entry msrs[] = {
	/* The only ones that are written all the time. */
	{ ONE(MSR_IA32_TSC_DEADLINE), read_apic, write_apic },
	{ MSR_IA32_X2APIC_APICID, MSR_IA32_X2APIC_LAST, read_apic, write_apic },
	/* Pentium machine-check registers: zero on every processor since (SDM 4, 2.22). */
	{ MSR_IA32_P5_MC_ADDR, MSR_IA32_P5_MC_TYPE, read_zero, write_zero },
	{ ONE(MSR_IA32_TIME_STAMP_COUNTER), read_tsc, write_tsc },
	{ ONE(MSR_IA32_PLATFORM_ID), read_zero, NULL },
	{ ONE(MSR_IA32_APIC_BASE), read_apic, write_apic },
	{ ONE(MSR_IA32_TSC_ADJUST), read_tsc_adjust, write_tsc_adjust },
	{ ONE(MSR_IA32_FEATURE_CONTROL), read_feature_control, NULL },
	/* Linux writes 0 before CPUID to have the update's signature stored: nothing to do. */
	{ ONE(MSR_IA32_BIOS_SIGN_ID), read_microcode, write_zero },
	{ ONE(MSR_PLATFORM_INFO), read_platform_info, NULL },
	/* CPUID faulting and ring-3 MWAIT: Linux writes back the 0 that it reads at each boot. */
	{ ONE(MSR_MISC_FEATURES_ENABLES), read_zero, write_zero },
	{ ONE(MSR_IA32_MTRRCAP), read_mtrr_cap, NULL },
	{ ONE(MSR_IA32_MISC_ENABLE), read_misc_enable, write_misc_enable },
	/* No branch records, no BTF: 0 is what Linux writes when a debugger lets go. */
	{ ONE(MSR_IA32_DEBUGCTL), read_zero, write_zero },
	{ MSR_IA32_MTRR_PHYSBASE0, MSR_IA32_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE - 1,
	  read_mtrr_var, write_mtrr_var },
	{ MSR_IA32_MTRR_FIX64K_00000, MSR_IA32_MTRR_FIX4K_F8000,
	  read_mtrr_fixed, write_mtrr_fixed },
	{ ONE(MSR_IA32_PAT), read_pat, write_pat },
	{ ONE(MSR_IA32_MTRR_DEF_TYPE), read_mtrr_def_type, write_mtrr_def_type },
	{ ONE(MSR_KVM_SYSTEM_TIME), NULL, write_system_time },
	{ ONE(MSR_KVM_SYSTEM_TIME_NEW), NULL, write_system_time },
	{ ONE(MSR_KVM_PV_EOI_EN), read_pv_eoi, write_pv_eoi },
	{ ONE(MSR_IA32_EFER), read_efer, write_efer },
	{ ONE(MSR_IA32_TSC_AUX), read_tsc_aux, write_tsc_aux },
};

/* Only where CPUID names an AMD processor, whose software reads some without asking first. */
static const struct msr_entry amd_msrs[] = {
	{ MSR_PERF_LEGACY_CTL0, MSR_PERF_LEGACY_CTR3, read_zero, write_zero },
	{ ONE(MSR_SYSCFG), read_syscfg, NULL },
	{ ONE(MSR_HWCR), read_hwcr, write_hwcr },
	{ ONE(MSR_TOP_MEM), read_top_mem, NULL },
	{ ONE(MSR_TOP_MEM2), read_top_mem, NULL },
	{ ONE(MSR_NB_CFG), read_zero, write_nb_cfg },
	{ ONE(MSR_INT_PENDING), read_zero, write_zero },
	{ ONE(MSR_OSVW_ID_LENGTH), read_osvw_length, NULL },
	{ ONE(MSR_OSVW_STATUS), read_zero, NULL },
	{ MSR_LS_CFG, MSR_BU_CFG, read_zero, write_zero },
	{ ONE(MSR_DE_CFG), read_de_cfg, write_de_cfg },
	{ ONE(MSR_BU_CFG2), read_zero, write_zero },
};

static const struct msr_entry *lookup(const struct msr_entry *table, unsigned int nr, u32 msr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (msr >= table[i].first && msr <= table[i].last)
			return &table[i];
	return NULL;
}

static const struct msr_entry *find(u32 msr)
{
	const struct msr_entry *e = lookup(msrs, ARRAY_SIZE(msrs), msr);

	if (e || !guest_cpuid_is_amd())
		return e;
	return lookup(amd_msrs, ARRAY_SIZE(amd_msrs), msr);
}

/* 0, or -EINVAL: #GP(0). */
static int read_msr(struct vcpu *vcpu, u32 msr, u64 *val)
{
	const struct msr_entry *e = find(msr);

	return e && e->read ? e->read(vcpu, msr, val) : -EINVAL;
}

static int write_msr(struct vcpu *vcpu, u32 msr, u64 val)
{
	const struct msr_entry *e = find(msr);

	return e && e->write ? e->write(vcpu, msr, val) : -EINVAL;
}

/* As SeaBIOS leaves them: everything write-back but the hole below 4 GiB. */
void guest_msrs_reset(struct vcpu *vcpu)
{
	struct hvm_msrs *m = &vcpu->arch.msrs;

	memset(m, 0, sizeof(*m));
	if (vcpu->id == 0)
		vcpu->guest->arch.tsc_adjust = 0;
	m->misc_enable = MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_BTS_UNAVAIL |
			 MISC_ENABLE_PEBS_UNAVAIL;
	m->pat = PAT_POWER_ON;
	m->mtrr_def_type = MTRR_DEF_E | MTRR_DEF_FE | MEM_TYPE_WB;
	for (unsigned int i = 0; i < ARRAY_SIZE(mtrr_fixed); i++)
		m->mtrr_fixed[i] = MEM_TYPE_WB * 0x0101010101010101ull;
	m->mtrr_var[0] = VPC_LOW_RAM_MAX | MEM_TYPE_UC;
	m->mtrr_var[1] = (~(u64)(VPC_HIGH_RAM_BASE - VPC_LOW_RAM_MAX - 1) & ~phys_reserved()) |
			 MTRR_PHYS_MASK_V;
}

/* ---- Exits ---- */

static void refuse(struct vcpu *vcpu, const char *insn, u32 msr)
{
	static struct ratelimit rl;

	log_ratelimited(&rl, LOG_DEBUG, "guest: %s: cpu %u: %s %#x: #GP", guest_name(vcpu->guest),
			vcpu->id, insn, msr);
	hvm_inject_gp(vcpu);
}

void guest_rdmsr_exit(struct vcpu *vcpu)
{
	u32 msr = vcpu->arch.gpr[HVM_RCX];
	u64 val;

	if (read_msr(vcpu, msr, &val)) {
		refuse(vcpu, "RDMSR", msr);
		return;
	}
	vcpu->arch.gpr[HVM_RAX] = (u32)val;
	vcpu->arch.gpr[HVM_RDX] = val >> 32;
	hvm->skip(vcpu, vcpu->arch.exit.insn_len);
}

void guest_wrmsr_exit(struct vcpu *vcpu)
{
	u32 msr = vcpu->arch.gpr[HVM_RCX];
	u64 val = (vcpu->arch.gpr[HVM_RDX] << 32) | (u32)vcpu->arch.gpr[HVM_RAX];

	if (write_msr(vcpu, msr, val))
		refuse(vcpu, "WRMSR", msr);
	else
		hvm->skip(vcpu, vcpu->arch.exit.insn_len);
}
