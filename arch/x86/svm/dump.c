/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's VMCB on the console, in the manual's words and order. */
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/log.h"

struct dump_field {
	u16 offset;
	u8 size;
	const char *name;
};

#define CONTROL(field, name) { offsetof(struct vmcb, control.field), \
	sizeof(((struct vmcb *)0)->control.field), name }
#define SAVE(field, name) { offsetof(struct vmcb, save.field), \
	sizeof(((struct vmcb *)0)->save.field), name }

static const struct dump_field fields[] = {
	CONTROL(intercept_cr, "CR intercepts"),
	CONTROL(intercept_dr, "DR intercepts"),
	CONTROL(intercept_exceptions, "exception intercepts"),
	CONTROL(intercept_3, "intercepts, vector 3"),
	CONTROL(intercept_4, "intercepts, vector 4"),
	CONTROL(intercept_5, "intercepts, vector 5"),
	CONTROL(tsc_offset, "TSC_OFFSET"),
	CONTROL(asid, "guest ASID"),
	CONTROL(tlb_control, "TLB_CONTROL"),
	CONTROL(int_ctl, "V_TPR, V_IRQ, V_INTR_VECTOR"),
	CONTROL(int_state, "interrupt shadow"),
	CONTROL(exitcode, "EXITCODE"),
	CONTROL(exitinfo1, "EXITINFO1"),
	CONTROL(exitinfo2, "EXITINFO2"),
	CONTROL(exitintinfo, "EXITINTINFO"),
	CONTROL(np, "NP_ENABLE"),
	CONTROL(avic_apic_bar, "AVIC APIC_BAR"),
	CONTROL(eventinj, "EVENTINJ"),
	CONTROL(n_cr3, "N_CR3"),
	CONTROL(clean, "VMCB clean bits"),
	CONTROL(nrip, "nRIP"),
	CONTROL(bytes_fetched, "bytes fetched"),
	CONTROL(avic_backing_page, "AVIC backing page"),
	CONTROL(avic_logical_table, "AVIC logical table"),
	CONTROL(avic_physical_table, "AVIC physical table"),
	SAVE(cpl, "CPL"),
	SAVE(efer, "EFER"),
	SAVE(cr4, "CR4"),
	SAVE(cr3, "CR3"),
	SAVE(cr0, "CR0"),
	SAVE(dr7, "DR7"),
	SAVE(dr6, "DR6"),
	SAVE(rflags, "RFLAGS"),
	SAVE(rip, "RIP"),
	SAVE(rsp, "RSP"),
	SAVE(rax, "RAX"),
	SAVE(star, "STAR"),
	SAVE(lstar, "LSTAR"),
	SAVE(cstar, "CSTAR"),
	SAVE(sfmask, "SFMASK"),
	SAVE(kernel_gs_base, "KernelGsBase"),
	SAVE(sysenter_cs, "SYSENTER_CS"),
	SAVE(sysenter_esp, "SYSENTER_ESP"),
	SAVE(sysenter_eip, "SYSENTER_EIP"),
	SAVE(cr2, "CR2"),
	SAVE(g_pat, "G_PAT"),
};

static const struct {
	u16 offset;
	const char *name;
} segments[] = {
	{ offsetof(struct vmcb, save.es), "ES" },
	{ offsetof(struct vmcb, save.cs), "CS" },
	{ offsetof(struct vmcb, save.ss), "SS" },
	{ offsetof(struct vmcb, save.ds), "DS" },
	{ offsetof(struct vmcb, save.fs), "FS" },
	{ offsetof(struct vmcb, save.gs), "GS" },
	{ offsetof(struct vmcb, save.gdtr), "GDTR" },
	{ offsetof(struct vmcb, save.ldtr), "LDTR" },
	{ offsetof(struct vmcb, save.idtr), "IDTR" },
	{ offsetof(struct vmcb, save.tr), "TR" },
};

static const char *const gpr_names[16] = {
	"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
	"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
};

static u64 read_field(const struct vmcb *vmcb, const struct dump_field *f)
{
	u64 val = 0;

	for (unsigned int i = f->size; i > 0; i--)
		val = val << 8 | ((const u8 *)vmcb)[f->offset + i - 1];
	return val;
}

static void dump_segments(const struct vmcb *vmcb, const char *who)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++) {
		const struct vmcb_segment *s = (const void *)((const char *)vmcb +
							       segments[i].offset);

		pr_err("svm: %s:   %-4s selector %04x base %016lx limit %08x attributes %03x", who,
		       segments[i].name, s->selector, s->base, s->limit, s->attrib);
	}
}

static void dump_gprs(const u64 *gpr, const char *who)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(gpr_names); i += 4)
		pr_err("svm: %s:   %-3s %016lx  %-3s %016lx  %-3s %016lx  %-3s %016lx", who,
		       gpr_names[i], gpr[i], gpr_names[i + 1], gpr[i + 1], gpr_names[i + 2],
		       gpr[i + 2], gpr_names[i + 3], gpr[i + 3]);
}

void svm_dump(struct vcpu *vcpu)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	const char *who = guest_name(vcpu->guest);

	pr_err("svm: %s: cpu %u: VMCB:", who, vcpu->id);
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
		pr_err("svm: %s:   %-28s %016lx", who, fields[i].name,
		       read_field(v->vmcb, &fields[i]));
	dump_segments(v->vmcb, who);
	dump_gprs(vcpu->arch.gpr, who);
}
