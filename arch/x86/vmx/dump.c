/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's VMCS on the console, in the manual's words and order. */
#include "arch/x86/vmx/insn.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/guest.h"
#include "kernel/log.h"

/* SDM 3C 31.4: VM-instruction error numbers */
static const char *const instruction_errors[] = {
	[1] = "VMCALL executed in VMX root operation",
	[2] = "VMCLEAR with invalid physical address",
	[3] = "VMCLEAR with VMXON pointer",
	[4] = "VMLAUNCH with non-clear VMCS",
	[5] = "VMRESUME with non-launched VMCS",
	[6] = "VMRESUME after VMXOFF",
	[7] = "VM entry with invalid control field(s)",
	[8] = "VM entry with invalid host-state field(s)",
	[9] = "VMPTRLD with invalid physical address",
	[10] = "VMPTRLD with VMXON pointer",
	[11] = "VMPTRLD with incorrect VMCS revision identifier",
	[12] = "VMREAD/VMWRITE from/to unsupported VMCS component",
	[13] = "VMWRITE to read-only VMCS component",
	[15] = "VMXON executed in VMX root operation",
	[16] = "VM entry with invalid executive-VMCS pointer",
	[17] = "VM entry with non-launched executive VMCS",
	[18] = "VM entry with executive-VMCS pointer not VMXON pointer",
	[19] = "VMCALL with non-clear VMCS",
	[20] = "VMCALL with invalid VM-exit control fields",
	[22] = "VMCALL with incorrect MSEG revision identifier",
	[23] = "VMXOFF under dual-monitor treatment of SMIs and SMM",
	[24] = "VMCALL with invalid SMM-monitor features",
	[25] = "VM entry with invalid VM-execution control fields in executive VMCS",
	[26] = "VM entry with events blocked by MOV SS",
	[28] = "Invalid operand to INVEPT/INVVPID",
};

const char *vmx_instruction_error(u32 error)
{
	if (error < ARRAY_SIZE(instruction_errors) && instruction_errors[error])
		return instruction_errors[error];
	return "no such error number";
}

struct dump_field {
	enum vmcs_field field;
	const char *name;
};

static const struct dump_field state_fields[] = {
	{ VMCS_GUEST_CR0, "CR0" },
	{ VMCS_CR0_SHADOW, "CR0 read shadow" },
	{ VMCS_CR0_MASK, "CR0 guest/host mask" },
	{ VMCS_GUEST_CR3, "CR3" },
	{ VMCS_GUEST_CR4, "CR4" },
	{ VMCS_CR4_SHADOW, "CR4 read shadow" },
	{ VMCS_CR4_MASK, "CR4 guest/host mask" },
	{ VMCS_GUEST_DR7, "DR7" },
	{ VMCS_GUEST_RSP, "RSP" },
	{ VMCS_GUEST_RIP, "RIP" },
	{ VMCS_GUEST_RFLAGS, "RFLAGS" },
	{ VMCS_GUEST_PENDING_DEBUG, "pending debug exceptions" },
	{ VMCS_GUEST_INTERRUPTIBILITY, "interruptibility state" },
	{ VMCS_GUEST_ACTIVITY, "activity state" },
	{ VMCS_GUEST_DEBUGCTL, "IA32_DEBUGCTL" },
	{ VMCS_GUEST_PAT, "IA32_PAT" },
	{ VMCS_GUEST_EFER, "IA32_EFER" },
	{ VMCS_GUEST_PDPTE0, "PDPTE0" },
	{ VMCS_GUEST_PDPTE1, "PDPTE1" },
	{ VMCS_GUEST_PDPTE2, "PDPTE2" },
	{ VMCS_GUEST_PDPTE3, "PDPTE3" },
	{ VMCS_LINK_POINTER, "VMCS link pointer" },
	{ VMCS_GUEST_GDTR_BASE, "GDTR base" },
	{ VMCS_GUEST_GDTR_LIMIT, "GDTR limit" },
	{ VMCS_GUEST_IDTR_BASE, "IDTR base" },
	{ VMCS_GUEST_IDTR_LIMIT, "IDTR limit" },
	{ VMCS_PIN_CONTROLS, "pin-based controls" },
	{ VMCS_PROC_CONTROLS, "primary processor-based controls" },
	{ VMCS_SECONDARY_PROC_CONTROLS, "secondary processor-based controls" },
	{ VMCS_EXIT_CONTROLS, "VM-exit controls" },
	{ VMCS_ENTRY_CONTROLS, "VM-entry controls" },
	{ VMCS_ENTRY_INTR_INFO, "VM-entry interruption information" },
	{ VMCS_ENTRY_EXCEPTION_ERROR, "VM-entry exception error code" },
	{ VMCS_ENTRY_INSN_LEN, "VM-entry instruction length" },
	{ VMCS_TPR_THRESHOLD, "TPR threshold" },
	{ VMCS_EPT_POINTER, "EPT pointer" },
	{ VMCS_INSTRUCTION_ERROR, "VM-instruction error" },
	{ VMCS_EXIT_REASON, "exit reason" },
	{ VMCS_EXIT_QUALIFICATION, "exit qualification" },
	{ VMCS_EXIT_INTR_INFO, "VM-exit interruption information" },
	{ VMCS_IDT_VECTORING_INFO, "IDT-vectoring information" },
	{ VMCS_EXIT_INSN_LEN, "VM-exit instruction length" },
	{ VMCS_EXIT_INSN_INFO, "VM-exit instruction information" },
	{ VMCS_GUEST_LINEAR_ADDR, "guest-linear address" },
	{ VMCS_GUEST_PHYSICAL_ADDR, "guest-physical address" },
};

static const char *const segment_names[HVM_SEGS] = {
	[HVM_ES] = "ES", [HVM_CS] = "CS", [HVM_SS] = "SS", [HVM_DS] = "DS",
	[HVM_FS] = "FS", [HVM_GS] = "GS", [HVM_LDTR] = "LDTR", [HVM_TR] = "TR",
};

static const char *const gpr_names[16] = {
	"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
	"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
};

static void dump_gprs(const struct vcpu *vcpu, const char *who)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(gpr_names); i += 4)
		pr_err("vmx: %s:   %-3s %016llx  %-3s %016llx  %-3s %016llx  %-3s %016llx", who,
		       gpr_names[i], (unsigned long long)vcpu->arch.gpr[i],
		       gpr_names[i + 1], (unsigned long long)vcpu->arch.gpr[i + 1],
		       gpr_names[i + 2], (unsigned long long)vcpu->arch.gpr[i + 2],
		       gpr_names[i + 3], (unsigned long long)vcpu->arch.gpr[i + 3]);
}

static void dump_segments(const char *who)
{
	for (enum hvm_seg seg = 0; seg < HVM_SEGS; seg++) {
		unsigned int off = seg * VMCS_SEG_STRIDE;

		pr_err("vmx: %s:   %-4s selector %04x base %016llx limit %08x access rights %05x",
		       who, segment_names[seg],
		       (unsigned int)vmcs_read(VMCS_GUEST_ES_SELECTOR + off),
		       (unsigned long long)vmcs_read(VMCS_GUEST_ES_BASE + off),
		       (unsigned int)vmcs_read(VMCS_GUEST_ES_LIMIT + off),
		       (unsigned int)vmcs_read(VMCS_GUEST_ES_ACCESS_RIGHTS + off));
	}
}

void vmx_dump(struct vcpu *vcpu)
{
	const char *who = guest_name(vcpu->guest);

	vmx_load(vcpu->arch.hvm);
	vcpu->arch.gpr[HVM_RSP] = vmcs_read(VMCS_GUEST_RSP);
	pr_err("vmx: %s: cpu %u: VMCS:", who, vcpu->id);
	for (unsigned int i = 0; i < ARRAY_SIZE(state_fields); i++)
		pr_err("vmx: %s:   %-36s %016llx", who, state_fields[i].name,
		       (unsigned long long)vmcs_read(state_fields[i].field));
	dump_segments(who);
	dump_gprs(vcpu, who);
}
