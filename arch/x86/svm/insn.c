/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of the instruction that exited: the VMCB's (decode assists), or from memory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/guest/walk.h"
#include "arch/x86/svm/decode.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/log.h"

static enum insn_mode code_mode(const struct vmcb_save *s)
{
	if (svm_64bit(s))
		return INSN_64;
	if (!(s->cr0 & CR0_PE) || s->rflags & RFLAGS_VM)
		return INSN_16;
	return s->cs.attrib & ATTRIB_DB ? INSN_32 : INSN_16;
}

static void walk_regs_from(const struct vmcb_save *s, struct walk_regs *r)
{
	r->cr0 = s->cr0;
	r->cr3 = s->cr3;
	r->cr4 = s->cr4;
	r->efer = s->efer;
	r->rflags = s->rflags;
	r->user = s->cpl == 3;
}

static u64 rip_linear(const struct vmcb_save *s)
{
	return svm_64bit(s) ? s->rip : (u32)(s->rip + s->cs.base);
}

/*
 * As many bytes as are there, up to INSN_MAX_LEN, at least one: 0. -EFAULT: the page is not there,
 * @error is the fault's; -ENOENT: no RAM.
 */
static int fetch(struct vcpu *vcpu, u8 code[INSN_MAX_LEN], size_t *len, u32 *error)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	const struct guest_mem *mem = &vcpu->guest->mem;
	u64 linear = rip_linear(&v->vmcb->save);
	struct walk_regs regs;

	walk_regs_from(&v->vmcb->save, &regs);
	for (*len = 0; *len < INSN_MAX_LEN;) {
		u64 room = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
		u64 gpa, n = MIN(room, INSN_MAX_LEN - *len);
		const void *p;

		if (walk(mem, &regs, linear, HVM_X, &gpa, error))
			return *len ? 0 : -EFAULT;
		p = guest_mem_ptr(mem, gpa, n);
		if (!p)
			return *len ? 0 : -ENOENT;
		memcpy(code + *len, p, n);
		*len += n;
		linear += n;
	}
	return 0;
}

/* Another vCPU changed the bytes meanwhile, or a form that nobody uses. */
static void unknown(struct vcpu *vcpu, const u8 *code, size_t len)
{
	static struct ratelimit rl;
	char bytes[3 * INSN_MAX_LEN + 1] = "";

	for (size_t i = 0; i < len; i++)
		snprintf(bytes + 3 * i, sizeof(bytes) - 3 * i, " %02x", code[i]);
	log_ratelimited(&rl, LOG_WARN, "guest: %s: cpu %u: exit %#x by an instruction that is not "
			"known (RIP %#lx:%s): #UD", guest_name(vcpu->guest), vcpu->id,
			vcpu->arch.exit.reason, svm_rip(vcpu), bytes);
	hvm_inject_ud(vcpu);
}

int svm_insn_fetch(struct vcpu *vcpu, u32 ops, struct svm_insn *insn)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	u8 code[INSN_MAX_LEN];
	size_t len;
	u32 error;
	int err = fetch(vcpu, code, &len, &error);

	if (err == -ENOENT)
		guest_request(vcpu->guest, GUEST_REQ_CRASH, 0, "instruction outside RAM");
	if (err == -EFAULT) {
		vcpu_set_cr2(vcpu, rip_linear(&v->vmcb->save));
		hvm_inject_exception(vcpu, EXC_PF, true, error);
	}
	if (err)
		return err;
	err = svm_decode(code, len, code_mode(&v->vmcb->save), insn);
	if (!err && !(ops & BIT(insn->op)))
		err = -EINVAL;
	if (err)
		unknown(vcpu, code, len);
	return err;
}

bool svm_insn_is_mov_to_cr3(struct vcpu *vcpu)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	u8 code[INSN_MAX_LEN];
	struct svm_insn insn;
	size_t len;
	u32 error;

	if (fetch(vcpu, code, &len, &error) ||
	    svm_decode(code, len, code_mode(&v->vmcb->save), &insn))
		return false;
	return insn.op == SVM_INSN_MOV_TO_CR && insn.cr == 3;
}

int svm_lmsw_source(struct vcpu *vcpu, const struct svm_insn *insn, u16 *word)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	struct insn_env env = { .gpr = vcpu->arch.gpr, .rip = v->vmcb->save.rip };
	struct walk_regs regs;
	struct hvm_state st;
	u64 linear, gpa;
	u32 error;

	*word = vcpu->arch.gpr[insn->gpr];
	if (!insn->mem)
		return 0;
	svm_get_state(vcpu, &st);
	env.mode = code_mode(&v->vmcb->save);
	for (unsigned int seg = 0; seg < INSN_SEGS; seg++)
		env.seg_base[seg] = st.seg[seg].base;
	linear = insn_linear(&insn->operand, &env);
	walk_regs_from(&v->vmcb->save, &regs);
	if (walk(&vcpu->guest->mem, &regs, linear, HVM_R, &gpa, &error)) {
		vcpu_set_cr2(vcpu, linear);
		hvm_inject_exception(vcpu, EXC_PF, true, error);
		return -EFAULT;
	}
	if (guest_mem_read(&vcpu->guest->mem, gpa, word, sizeof(*word)))
		*word = UINT16_MAX;	/* nothing answers there */
	return 0;
}

/* The bytes that a nested page fault left in the VMCB: 15.33.5. */
static size_t assisted(const struct vmcb_control *c, u8 code[INSN_MAX_LEN])
{
	size_t len = MIN(c->bytes_fetched & 0xf, INSN_MAX_LEN);

	if (!(svm_caps.features & SVM_DECODE_ASSISTS))
		return 0;
	memcpy(code, c->instruction, len);
	return len;
}

unsigned int svm_store_len(struct vcpu *vcpu)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	u8 code[INSN_MAX_LEN];
	size_t len = assisted(&v->vmcb->control, code);
	struct insn insn;
	u32 error;

	if (!len && fetch(vcpu, code, &len, &error))
		return 0;
	if (insn_decode(code, len, code_mode(&v->vmcb->save), &insn))
		return 0;
	return insn.op == INSN_MOV && insn.dst == OPND_MEM ? insn.len : 0;
}
