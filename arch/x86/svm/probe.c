/* SPDX-License-Identifier: BSD-2-Clause */
/* Is AMD-V there, and what of it (APM volume 2, 15.4); switching it on and off on a CPU. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"

#ifdef CONFIG_APICV
#define USE_AVIC 1
#else
#define USE_AVIC 0
#endif

struct svm_caps svm_caps;

#define ASIDS_MIN 2		/* 0 is the host's */

static int refuse(char *why, size_t len, const char *what)
{
	snprintf(why, len, "%s", what);
	return -ENODEV;
}

/* Firmware decides whether EFER.SVME may be set: 15.4, 15.30.1. The register is per CPU. */
static int vm_cr(char *why, size_t len)
{
	u64 val;

	if (rdmsr_safe(MSR_VM_CR, &val))
		return refuse(why, len, "VM_CR (C001_0114h) cannot be read");
	if (!(val & VM_CR_SVMDIS))
		return 0;
	if (val & VM_CR_LOCK)
		return refuse(why, len, "VM_CR[SVMDIS]: AMD-V disabled by firmware "
			      "(VM_CR[LOCK] is 1)");
	if (wrmsr_safe(MSR_VM_CR, val & ~(u64)VM_CR_SVMDIS))
		return refuse(why, len, "VM_CR[SVMDIS] cannot be cleared");
	return 0;
}

/* APM volume 3, CPUID Fn0000_0001_EAX */
static unsigned int cpu_family(void)
{
	u32 id = cpuid_or_zero(CPUID_FEATURES, 0).eax;
	unsigned int base = id >> 8 & 0xf;

	return base == 0xf ? base + (id >> 20 & 0xff) : base;
}

/*
 * Erratum 1235 (AMD, Revision Guide for family 17h): a processor that sends an IPI may not see that
 * its target has stopped running, and no exit tells of it. Family 18h is of the same make.
 */
enum { FAMILY_17H = 0x17, FAMILY_18H = 0x18 };

static void choose_avic(void)
{
	unsigned int family = cpu_family();

	svm_caps.avic = USE_AVIC && hvm_use_apicv && svm_caps.features & SVM_AVIC;
	svm_caps.x2avic = svm_caps.avic && svm_caps.features & SVM_X2AVIC;
	svm_caps.avic_ipis_exit = family == FAMILY_17H || family == FAMILY_18H;
}

static void choose_caps(void)
{
	choose_avic();
	hvm_caps = HVM_CAP_SWITCHES | HVM_CAP_RDTSCP | HVM_CAP_INVPCID;
	if (cpuid_or_zero(CPUID_EXT_AMD, 0).edx & CPUID_81_EDX_PAGE_1G)
		hvm_caps |= HVM_CAP_PAGE_1G;
	if (svm_caps.avic)
		hvm_caps |= HVM_CAP_POST;
}

int svm_probe(char *why, size_t len)
{
	struct cpuid c = cpuid_or_zero(CPUID_SVM, 0);
	int err;

	if (!(cpuid_or_zero(CPUID_EXT_AMD, 0).ecx & CPUID_81_ECX_SVM))
		return refuse(why, len, "CPUID Fn8000_0001_ECX[SVM] is 0");
	if (!(c.edx & SVM_NP))
		return refuse(why, len, "CPUID Fn8000_000A_EDX[NP] is 0: no nested paging");
	if (c.ebx < ASIDS_MIN)
		return refuse(why, len, "CPUID Fn8000_000A_EBX: no ASID for guests");
	if (!(cpuid_or_zero(CPUID_EXT_AMD, 0).edx & CPUID_81_EDX_NX))
		return refuse(why, len, "CPUID Fn8000_0001_EDX[NX] is 0");
	err = vm_cr(why, len);
	if (err)
		return err;
	svm_caps.features = c.edx;
	svm_caps.nr_asids = c.ebx;
	svm_caps.clean = svm_caps.features & SVM_VMCB_CLEAN ? CLEAN_ALL : 0;
	choose_caps();
	if (!svm_caps.iopm && svm_permission_init())
		return refuse(why, len, "no memory for permission maps");
	return 0;
}

void svm_describe(char *buf, size_t len)
{
	snprintf(buf, len, "nested paging (2 MiB%s pages), %u ASIDs%s%s%s%s%s%s",
		 hvm_caps & HVM_CAP_PAGE_1G ? ", 1 GiB" : "", svm_caps.nr_asids,
		 svm_caps.features & SVM_NRIPS ? ", NRIPS" : "",
		 svm_caps.features & SVM_DECODE_ASSISTS ? ", DecodeAssists" : "",
		 svm_caps.features & SVM_FLUSH_BY_ASID ? ", FlushByAsid" : "",
		 svm_caps.features & SVM_VMCB_CLEAN ? ", VmcbClean" : "",
		 svm_caps.avic ? ", AVIC" : "", svm_caps.x2avic ? ", x2AVIC" : "");
}

struct svm_cpu *svm_this_cpu(void)
{
	return arch_this_cpu()->hvm;
}

static struct svm_cpu *cpu_alloc(void)
{
	struct svm_cpu *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->hsave_phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	c->host_vmcb_phys = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	if (c->hsave_phys && c->host_vmcb_phys)
		return c;
	if (c->hsave_phys)
		mem_free(c->hsave_phys, PAGE_SIZE, MEM_EPT);
	if (c->host_vmcb_phys)
		mem_free(c->host_vmcb_phys, PAGE_SIZE, MEM_EPT);
	free(c);
	return NULL;
}

int svm_cpu_enable(struct cpu *cpu)
{
	struct svm_cpu *c = cpu->arch.hvm;
	char why[100];

	if (vm_cr(why, sizeof(why))) {
		pr_err("svm: cpu%u: %s", cpu->id, why);
		return -ENODEV;
	}
	if (!c) {
		c = cpu_alloc();
		if (!c)
			return -ENOMEM;
		cpu->arch.hvm = c;
		cpu->arch.hvm_phys = c->hsave_phys;
	}
	if (wrmsr_safe(MSR_IA32_EFER, rdmsr(MSR_IA32_EFER) | EFER_SVME)) {
		pr_err("svm: cpu%u: EFER[SVME] cannot be set", cpu->id);
		return -EIO;
	}
	c->apic_id = cpu->arch.apic_id;
	wrmsr(MSR_VM_HSAVE_PA, c->hsave_phys);
	/* FS, GS, TR, LDTR and the system-call MSRs do not change any more on this CPU. */
	__asm__ volatile("vmsave %0" :: "a"(c->host_vmcb_phys) : "memory");
	c->asid_gen = 1;
	c->next_asid = 1;
	return 0;
}

void svm_doorbell(u32 apic_id)
{
	wrmsr(MSR_AVIC_DOORBELL, apic_id);
}

void svm_cpu_disable(struct cpu *cpu)
{
	wrmsr(MSR_IA32_EFER, rdmsr(MSR_IA32_EFER) & ~(u64)EFER_SVME);
}
