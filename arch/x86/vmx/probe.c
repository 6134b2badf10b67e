/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is VT-x there, and what of it: capability MSRs (SDM 3D appendix A) against the list of
 * controls that the backend needs or likes; VMXON and VMXOFF.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#ifdef CONFIG_APICV
#define USE_APICV 1
#else
#define USE_APICV 0
#endif
#ifdef CONFIG_PREEMPTION_TIMER
#define USE_PREEMPTION_TIMER 1
#else
#define USE_PREEMPTION_TIMER 0
#endif

struct vmx_caps vmx_caps;
u64 vmx_io_bitmaps;

enum want { REQUIRED, LIKED };

struct control {
	u32 bit;
	enum want want;
	const char *name;	/* the manual's */
};

static const struct control pin_list[] = {
	{ PIN_EXTERNAL_INTERRUPT_EXITING, REQUIRED, "external-interrupt exiting" },
	{ PIN_NMI_EXITING, REQUIRED, "NMI exiting" },
	{ PIN_VIRTUAL_NMIS, REQUIRED, "virtual NMIs" },
	{ USE_PREEMPTION_TIMER ? PIN_PREEMPTION_TIMER : 0, LIKED, "activate VMX-preemption timer" },
};

static const struct control proc_list[] = {
	{ PROC_TSC_OFFSETTING, REQUIRED, "use TSC offsetting" },
	{ PROC_HLT_EXITING, REQUIRED, "HLT exiting" },
	{ PROC_MWAIT_EXITING, REQUIRED, "MWAIT exiting" },
	{ PROC_RDPMC_EXITING, REQUIRED, "RDPMC exiting" },
	{ PROC_TPR_SHADOW, REQUIRED, "use TPR shadow" },
	{ PROC_IO_BITMAPS, REQUIRED, "use I/O bitmaps" },
	{ PROC_MSR_BITMAPS, REQUIRED, "use MSR bitmaps" },
	{ PROC_MONITOR_EXITING, REQUIRED, "MONITOR exiting" },
	{ PROC_SECONDARY_CONTROLS, REQUIRED, "activate secondary controls" },
};

#define APICV_CONTROLS (PROC2_VIRTUALIZE_APIC_ACCESSES | PROC2_VIRTUALIZE_X2APIC | \
			PROC2_APIC_REGISTER_VIRT | PROC2_VIRTUAL_INTR_DELIVERY)

static const struct control proc2_list[] = {
	{ PROC2_EPT, REQUIRED, "enable EPT" },
	{ PROC2_UNRESTRICTED_GUEST, REQUIRED, "unrestricted guest" },
	{ PROC2_VPID, LIKED, "enable VPID" },
	{ PROC2_RDTSCP, LIKED, "enable RDTSCP" },
	{ PROC2_INVPCID, LIKED, "enable INVPCID" },
	{ PROC2_WBINVD_EXITING, LIKED, "WBINVD exiting" },
	{ PROC2_PAUSE_LOOP_EXITING, LIKED, "PAUSE-loop exiting" },
	/* Without these two SGX instructions would work in spite of CPUID. */
	{ PROC2_ENCLS_EXITING, LIKED, "enable ENCLS exiting" },
	{ PROC2_ENCLV_EXITING, LIKED, "enable ENCLV exiting" },
	{ USE_APICV ? APICV_CONTROLS : 0, LIKED, "virtual-interrupt delivery" },
};

static const struct control exit_list[] = {
	{ EXIT_SAVE_DEBUG_CONTROLS, REQUIRED, "save debug controls" },
	{ EXIT_HOST_ADDRESS_SPACE_SIZE, REQUIRED, "host address-space size" },
	{ EXIT_ACK_INTERRUPT, REQUIRED, "acknowledge interrupt on exit" },
	{ EXIT_SAVE_PAT, REQUIRED, "save IA32_PAT" },
	{ EXIT_LOAD_PAT, REQUIRED, "load IA32_PAT" },
	{ EXIT_SAVE_EFER, REQUIRED, "save IA32_EFER" },
	{ EXIT_LOAD_EFER, REQUIRED, "load IA32_EFER" },
};

static const struct control entry_list[] = {
	{ ENTRY_LOAD_DEBUG_CONTROLS, REQUIRED, "load debug controls" },
	{ ENTRY_LOAD_PAT, REQUIRED, "load IA32_PAT" },
	{ ENTRY_LOAD_EFER, REQUIRED, "load IA32_EFER" },
};

/* One VMCS field of controls, the capability MSR that governs it, and where the choice goes. */
struct control_field {
	u32 msr;
	const char *msr_name;
	const struct control *list;
	unsigned int nr;
	u32 *value;
};

#define LIST(l) l, ARRAY_SIZE(l)
static const struct control_field control_fields[] = {
	{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, "IA32_VMX_TRUE_PINBASED_CTLS",
	  LIST(pin_list), &vmx_caps.pin },
	{ MSR_IA32_VMX_TRUE_PROCBASED_CTLS, "IA32_VMX_TRUE_PROCBASED_CTLS",
	  LIST(proc_list), &vmx_caps.proc },
	{ MSR_IA32_VMX_PROCBASED_CTLS2, "IA32_VMX_PROCBASED_CTLS2",
	  LIST(proc2_list), &vmx_caps.proc2 },
	{ MSR_IA32_VMX_TRUE_EXIT_CTLS, "IA32_VMX_TRUE_EXIT_CTLS",
	  LIST(exit_list), &vmx_caps.exit },
	{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, "IA32_VMX_TRUE_ENTRY_CTLS",
	  LIST(entry_list), &vmx_caps.entry },
};

struct ept_cap {
	u64 bit;
	const char *name;
};

static const struct ept_cap ept_required[] = {
	{ EPT_CAP_WALK_4, "page-walk length of 4" },
	{ EPT_CAP_WB, "WB paging-structure memory type" },
	{ EPT_CAP_PAGE_2M, "2-MByte pages" },
	{ EPT_CAP_INVEPT, "INVEPT" },
	{ EPT_CAP_INVEPT_SINGLE, "single-context INVEPT" },
};

/* A.3.1: the low half of a capability MSR must be 1, the high half may be. */
static int choose_controls(const struct control_field *f, char *why, size_t len)
{
	u64 cap = rdmsr(f->msr);
	u32 value = (u32)cap, may = cap >> 32;

	for (unsigned int i = 0; i < f->nr; i++) {
		const struct control *c = &f->list[i];

		if ((may & c->bit) == c->bit) {
			value |= c->bit;
		} else if (c->want == REQUIRED) {
			snprintf(why, len, "%s: \"%s\" not supported", f->msr_name, c->name);
			return -ENODEV;
		}
	}
	*f->value = value;
	return 0;
}

static int choose_ept(char *why, size_t len)
{
	u64 cap = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);

	for (unsigned int i = 0; i < ARRAY_SIZE(ept_required); i++) {
		if (cap & ept_required[i].bit)
			continue;
		snprintf(why, len, "IA32_VMX_EPT_VPID_CAP: %s not supported",
			 ept_required[i].name);
		return -ENODEV;
	}
	if (!(cap & VPID_CAP_INVVPID) || !(cap & VPID_CAP_SINGLE))
		vmx_caps.proc2 &= ~PROC2_VPID;
	vmx_caps.ept_vpid = cap;
	return 0;
}

int vmx_firmware_allows(u64 *fc, char *why, size_t len)
{
	if (!(*fc & FEATURE_CONTROL_LOCK))
		*fc |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
	if (*fc & FEATURE_CONTROL_VMX_OUTSIDE_SMX)
		return 0;
	snprintf(why, len, "IA32_FEATURE_CONTROL: VMX disabled by firmware (locked, bit 2 clear)");
	return -ENODEV;
}

/* The register is per CPU. */
static int feature_control(char *why, size_t len)
{
	u64 was = rdmsr(MSR_IA32_FEATURE_CONTROL), fc = was;
	int err = vmx_firmware_allows(&fc, why, len);

	if (fc != was)
		wrmsr(MSR_IA32_FEATURE_CONTROL, fc);
	return err;
}

/* First of all what old processors lack; without it the other registers may not even exist. */
static int has_ept(char *why, size_t len)
{
	const char *reg = "IA32_VMX_PROCBASED_CTLS";
	u64 cap = rdmsr(MSR_IA32_VMX_PROCBASED_CTLS);

	if (cap >> 32 & PROC_SECONDARY_CONTROLS) {
		reg = "IA32_VMX_PROCBASED_CTLS2";
		cap = rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
		if (cap >> 32 & PROC2_EPT)
			return 0;
	}
	snprintf(why, len, "%s: \"enable EPT\" not supported", reg);
	return -ENODEV;
}

static void choose_apicv(void)
{
	vmx_caps.apicv = hvm_use_apicv && (vmx_caps.proc2 & APICV_CONTROLS) == APICV_CONTROLS;
	if (vmx_caps.apicv)
		hvm_caps |= HVM_CAP_APIC_REGS | HVM_CAP_VID | HVM_CAP_X2APIC_VIRT;
	/* Which of them apply depends on the guest's APIC mode: vmx_update_apic_mode(). */
	vmx_caps.proc2 &= ~APICV_CONTROLS;
}

int vmx_probe(char *why, size_t len)
{
	int err;

	if (!(cpuid_or_zero(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_VMX)) {
		snprintf(why, len, "CPUID.01H:ECX.VMX[5] is 0");
		return -ENODEV;
	}
	err = feature_control(why, len);
	if (!err)
		err = has_ept(why, len);
	if (err)
		return err;
	vmx_caps.basic = rdmsr(MSR_IA32_VMX_BASIC);
	if (!(vmx_caps.basic & VMX_BASIC_TRUE_CTLS)) {
		snprintf(why, len, "IA32_VMX_BASIC: bit 55 is 0 (no IA32_VMX_TRUE_..._CTLS)");
		return -ENODEV;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(control_fields); i++) {
		err = choose_controls(&control_fields[i], why, len);
		if (err)
			return err;
	}
	err = choose_ept(why, len);
	if (err)
		return err;
	vmx_caps.timer_shift = rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_TIMER_SHIFT;
	vmx_caps.cr0_fixed0 = rdmsr(MSR_IA32_VMX_CR0_FIXED0);
	vmx_caps.cr0_fixed1 = rdmsr(MSR_IA32_VMX_CR0_FIXED1);
	vmx_caps.cr4_fixed0 = rdmsr(MSR_IA32_VMX_CR4_FIXED0);
	vmx_caps.cr4_fixed1 = rdmsr(MSR_IA32_VMX_CR4_FIXED1);
	hvm_caps = HVM_CAP_INSN_LEN;
	if (vmx_caps.ept_vpid & EPT_CAP_PAGE_1G)
		hvm_caps |= HVM_CAP_PAGE_1G;
	if (vmx_caps.pin & PIN_PREEMPTION_TIMER)
		hvm_caps |= HVM_CAP_DEADLINE;
	if (vmx_caps.proc2 & PROC2_INVPCID)
		hvm_caps |= HVM_CAP_INVPCID;
	if (vmx_caps.proc2 & PROC2_RDTSCP)
		hvm_caps |= HVM_CAP_RDTSCP;
	choose_apicv();
	return 0;
}

void vmx_describe(char *buf, size_t len)
{
	snprintf(buf, len, "EPT (2 MiB%s pages), unrestricted guest%s%s%s%s%s",
		 hvm_caps & HVM_CAP_PAGE_1G ? ", 1 GiB" : "",
		 vmx_caps.proc2 & PROC2_VPID ? ", VPID" : "",
		 hvm_caps & HVM_CAP_DEADLINE ? ", preemption timer" : "",
		 hvm_caps & HVM_CAP_APIC_REGS ? ", APIC-register virtualization" : "",
		 hvm_caps & HVM_CAP_VID ? ", virtual-interrupt delivery" : "",
		 hvm_caps & HVM_CAP_X2APIC_VIRT ? ", x2APIC virtualization" : "");
}

/* CR0 and CR4 as VMX operation wants them: A.7, A.8. */
static int fix_control_registers(struct cpu *cpu)
{
	u64 cr0 = read_cr0() | CR0_NE;
	u64 cr4 = read_cr4() | CR4_VMXE;

	if ((cr0 & vmx_caps.cr0_fixed0) != vmx_caps.cr0_fixed0 || cr0 & ~vmx_caps.cr0_fixed1 ||
	    (cr4 & vmx_caps.cr4_fixed0) != vmx_caps.cr4_fixed0 || cr4 & ~vmx_caps.cr4_fixed1) {
		pr_err("vmx: cpu%u: CR0 %llx or CR4 %llx not allowed in VMX operation", cpu->id,
		       (unsigned long long)cr0, (unsigned long long)cr4);
		return -ENODEV;
	}
	write_cr0(cr0);
	write_cr4(cr4);
	return 0;
}

/*
 * All ports exit (25.6.4). A third page, because Bochs reads 16 bits for the last port and must
 * not find an APIC-access page there.
 */
#define IO_BITMAPS_SIZE (3 * PAGE_SIZE)

static int alloc_io_bitmaps(void)
{
	if (vmx_io_bitmaps)
		return 0;
	vmx_io_bitmaps = mem_alloc(IO_BITMAPS_SIZE, PAGE_SIZE, MEM_EPT);
	if (!vmx_io_bitmaps)
		return -ENOMEM;
	memset(phys_to_virt(vmx_io_bitmaps), 0xff, IO_BITMAPS_SIZE);
	return 0;
}

static struct vmx_cpu *alloc_cpu(struct cpu *cpu)
{
	struct vmx_cpu *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->vmxon_phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	if (!c->vmxon_phys) {
		free(c);
		return NULL;
	}
	*(u32 *)phys_to_virt(c->vmxon_phys) = vmx_caps.basic & VMX_BASIC_REVISION;
	cpu->arch.hvm = c;
	cpu->arch.hvm_phys = c->vmxon_phys;
	return c;
}

int vmx_cpu_enable(struct cpu *cpu)
{
	struct vmx_cpu *c = cpu->arch.hvm;
	char why[100];

	if (feature_control(why, sizeof(why))) {
		pr_err("vmx: cpu%u: %s", cpu->id, why);
		return -ENODEV;
	}
	if (fix_control_registers(cpu))
		return -ENODEV;
	if (!c)
		c = alloc_cpu(cpu);
	if (!c || alloc_io_bitmaps()) {
		pr_err("vmx: cpu%u: no memory for the VMXON region", cpu->id);
		return -ENOMEM;
	}
	if (vmxon(c->vmxon_phys)) {
		pr_err("vmx: cpu%u: VMXON failed", cpu->id);
		return -EIO;
	}
	return 0;
}

void vmx_cpu_disable(struct cpu *cpu)
{
	struct vmx_cpu *c = cpu->arch.hvm;

	if (c->current && vmclear(c->current->vmcs))
		pr_err("vmx: cpu%u: VMCLEAR failed", cpu->id);
	c->current = NULL;
	if (vmxoff())
		pr_err("vmx: cpu%u: VMXOFF failed", cpu->id);
	write_cr4(read_cr4() & ~(u64)CR4_VMXE);
}
