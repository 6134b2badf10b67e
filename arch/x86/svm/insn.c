/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of the instruction that exited: the VMCB's (decode assists), or from memory. */
#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/guest/walk.h"
#include "arch/x86/svm/decode.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/log.h"

#define CODE_BYTES sizeof(struct svm_code)

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

/* The bytes of an instruction as far as they could be had. */
struct code {
	union {
		u8 byte[CODE_BYTES];
		struct svm_code all;
	};
	size_t len;
	const struct svm_code *at;	/* in guest RAM, by @trace; NULL: otherwise */
	struct walk_trace trace;
};

/* From the next page, if the first one ends before the instruction may. */
static void fetch_rest(struct vcpu *vcpu, const struct walk_regs *regs, u64 linear,
		       struct code *code)
{
	u64 gpa, n = INSN_MAX_LEN - code->len;
	const void *p;
	u32 error;

	if (walk(&vcpu->guest->mem, regs, linear, HVM_X, &gpa, &error))
		return;
	p = guest_mem_ptr(&vcpu->guest->mem, gpa, n);
	if (!p)
		return;
	memcpy(code->byte + code->len, p, n);
	code->len += n;
}

/*
 * Up to INSN_MAX_LEN bytes, at least one: 0. -EFAULT: the page is not there, @error is the fault's;
 * -ENOENT: no RAM.
 */
static int fetch(struct vcpu *vcpu, struct code *code, u32 *error)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	const struct guest_mem *mem = &vcpu->guest->mem;
	u64 gpa, linear = rip_linear(&v->vmcb->save);
	u64 room = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
	struct walk_regs regs;
	const void *p;
	bool traced;

	walk_regs_from(&v->vmcb->save, &regs);
	traced = walk_traced(mem, &regs, linear, HVM_X, &gpa, &code->trace);
	if (!traced && walk(mem, &regs, linear, HVM_X, &gpa, error))
		return -EFAULT;
	p = guest_mem_ptr(mem, gpa, MIN(room, (u64)CODE_BYTES));
	if (!p)
		return -ENOENT;
	code->at = NULL;
	if (likely(room >= CODE_BYTES)) {
		if (traced && svm_64bit(&v->vmcb->save))
			code->at = p;
		memcpy(code->byte, p, CODE_BYTES);
		code->len = INSN_MAX_LEN;
		return 0;
	}
	memset(code->byte, 0, CODE_BYTES);
	code->len = MIN(room, (u64)INSN_MAX_LEN);
	memcpy(code->byte, p, code->len);
	if (code->len < INSN_MAX_LEN)
		fetch_rest(vcpu, &regs, linear + code->len, code);
	return 0;
}

/* For the next exit from there: memo.h. */
static void remember(struct svm_vcpu *v, const struct code *code, enum svm_insn_op op, u8 len)
{
	const struct vmcb_save *s = &v->vmcb->save;
	struct svm_memo *m = svm_memo_slot(v->memos, s->rip);

	*m = (struct svm_memo){
		.mode = code_mode(s), .op = BIT(op), .len = len, .code = code->all,
		.cr3 = SVM_MEMO_NONE,
	};
	if (!code->at)
		return;
	m->rip = s->rip;
	m->cr3 = s->cr3;
	m->cs_attrib = s->cs.attrib;
	m->cpl = s->cpl;
	m->trace = code->trace;
	m->at = code->at;
}

/* Another vCPU changed the bytes meanwhile, or a form that nobody uses. */
static void unknown(struct vcpu *vcpu, const u8 *code, size_t len)
{
	static struct ratelimit rl;
	char bytes[INSN_TEXT_LEN];

	insn_text(bytes, code, len);
	log_ratelimited(&rl, LOG_WARN, "guest: %s: cpu %u: exit %#x by an instruction that is not "
			"known (RIP %#lx:%s): #UD", guest_name(vcpu->guest), vcpu->id,
			vcpu->arch.exit.reason, svm_rip(vcpu), bytes);
	hvm_inject_ud(vcpu);
}

int svm_insn_fetch(struct vcpu *vcpu, u32 ops, struct svm_insn *insn)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	struct code code;
	u32 error;
	int err = fetch(vcpu, &code, &error);

	if (err == -ENOENT)
		guest_request(vcpu->guest, GUEST_REQ_CRASH, 0, "instruction outside RAM");
	if (err == -EFAULT) {
		vcpu_set_cr2(vcpu, rip_linear(&v->vmcb->save));
		hvm_inject_exception(vcpu, EXC_PF, true, error);
	}
	if (err)
		return err;
	err = svm_decode(code.byte, code.len, code_mode(&v->vmcb->save), insn);
	if (!err && !(ops & BIT(insn->op)))
		err = -EINVAL;
	if (err)
		unknown(vcpu, code.byte, code.len);
	else if (insn->op < SVM_INSN_LMSW)	/* the others have operands */
		remember(v, &code, insn->op, insn->len);
	return err;
}

int svm_insn_len(struct vcpu *vcpu, u32 ops)
{
	struct svm_insn insn;
	int err = svm_insn_fetch(vcpu, ops, &insn);

	return err ? err : insn.len;
}

bool svm_insn_is_mov_to_cr3(struct vcpu *vcpu)
{
	const struct svm_vcpu *v = vcpu->arch.hvm;
	struct svm_insn insn;
	struct code code;
	u32 error;

	if (fetch(vcpu, &code, &error) ||
	    svm_decode(code.byte, code.len, code_mode(&v->vmcb->save), &insn))
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
static bool assisted(const struct vmcb_control *c, struct code *code)
{
	code->len = MIN(c->bytes_fetched & 0xf, INSN_MAX_LEN);
	if (!(svm_caps.features & SVM_DECODE_ASSISTS) || !code->len)
		return false;
	memset(code->byte, 0, CODE_BYTES);
	memcpy(code->byte, c->instruction, code->len);
	code->at = NULL;
	return true;
}

static bool remembered(const struct svm_memo *m, const struct code *code, enum insn_mode mode)
{
	return m->op == BIT(SVM_INSN_STORE) && m->mode == mode && m->len <= code->len &&
	       !memcmp(&m->code, &code->all, sizeof(m->code));
}

/* Its length, or 0. */
static unsigned int plain_store(const struct code *code, enum insn_mode mode)
{
	struct insn insn;

	if (insn_decode(code->byte, code->len, mode, &insn) || insn.op != INSN_MOV ||
	    insn.dst != OPND_MEM)
		return 0;
	return insn.len;
}

/* What a store decodes to depends on its bytes alone, wherever they come from. */
static __noinline unsigned int fetch_store_len(struct vcpu *vcpu)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	enum insn_mode mode = code_mode(&v->vmcb->save);
	const struct svm_memo *m = svm_memo_slot(v->memos, v->vmcb->save.rip);
	struct code code;
	unsigned int len;
	u32 error;

	if (!assisted(&v->vmcb->control, &code) && fetch(vcpu, &code, &error))
		return 0;
	len = remembered(m, &code, mode) ? m->len : plain_store(&code, mode);
	if (len)
		remember(v, &code, SVM_INSN_STORE, len);
	return len;
}

unsigned int svm_store_len(struct vcpu *vcpu)
{
	struct svm_vcpu *v = vcpu->arch.hvm;
	const struct svm_memo *m = svm_memo_find(v->memos, &v->vmcb->save);

	return m && m->op == BIT(SVM_INSN_STORE) ? m->len : fetch_store_len(vcpu);
}
