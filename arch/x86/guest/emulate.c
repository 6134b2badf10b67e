/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/emulate.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/insn.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/guest/vpc.h"
#include "arch/x86/guest/walk.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "kernel/guest.h"
#include "kernel/log.h"

struct emulation {
	struct vcpu *vcpu;
	struct hvm_state st;
	struct walk_regs regs;
	struct insn insn;
	struct insn_env env;
};

/* ---- Memory ---- */

static struct walk_regs walk_regs(const struct hvm_state *st)
{
	return (struct walk_regs){
		.cr0 = st->cr0, .cr3 = st->cr3, .cr4 = st->cr4, .efer = st->efer,
		.rflags = st->rflags,
		.user = (st->seg[HVM_SS].attr >> HVM_SEG_DPL_SHIFT & 3) == 3,
	};
}

/*
 * Linear to guest-physical. The address that exited was translated by the processor: that
 * answer is used, so that a page table changed meanwhile by another vCPU changes nothing.
 */
static int translate(struct emulation *e, u64 linear, unsigned int access, u64 *gpa)
{
	const struct hvm_exit *x = &e->vcpu->arch.exit;
	u32 error;

	if (x->kind == HVM_EXIT_MMIO && x->mmio.gla_valid && x->mmio.gla == linear) {
		*gpa = x->mmio.gpa;
		return 0;
	}
	if (!walk(&e->vcpu->guest->mem, &e->regs, linear, access, gpa, &error))
		return 0;
	vcpu_set_cr2(e->vcpu, linear);
	hvm_inject_exception(e->vcpu, EXC_PF, true, error);
	return -EFAULT;
}

static void read_physical(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 *val)
{
	void *p = guest_mem_ptr(&vcpu->guest->mem, gpa, size);

	*val = 0;
	if (p) {
		memcpy(val, p, size);
		return;
	}
	spin_lock(&vcpu->guest->lock);
	*val = vpc_mmio_read(vcpu, gpa, size);
	spin_unlock(&vcpu->guest->lock);
}

static void write_physical(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 val)
{
	void *p = guest_mem_ptr(&vcpu->guest->mem, gpa, size);

	if (p) {
		memcpy(p, &val, size);
		return;
	}
	if (doorbell_ring(&vcpu->guest->doorbells, false, gpa)) {
		vcpu->doorbells++;
		return;
	}
	spin_lock(&vcpu->guest->lock);
	vpc_mmio_write(vcpu, gpa, size, val);
	spin_unlock(&vcpu->guest->lock);
}

static bool crosses_page(u64 linear, unsigned int size)
{
	return (linear & (PAGE_SIZE - 1)) + size > PAGE_SIZE;
}

/* Over a page boundary byte by byte, after both pages were found to be there. */
static int mem_read(struct insn_env *env, u64 linear, unsigned int size, u64 *val)
{
	struct emulation *e = env->arg;
	u64 gpa, last, byte;
	int err = translate(e, linear, HVM_R, &gpa);

	if (err)
		return err;
	if (!crosses_page(linear, size)) {
		read_physical(e->vcpu, gpa, size, val);
		return 0;
	}
	err = translate(e, linear + size - 1, HVM_R, &last);
	if (err)
		return err;
	*val = 0;
	for (unsigned int i = 0; i < size; i++) {
		bool second = crosses_page(linear, i + 1);

		read_physical(e->vcpu, second ? last - (size - 1 - i) : gpa + i, 1, &byte);
		*val |= byte << 8 * i;
	}
	return 0;
}

static int mem_write(struct insn_env *env, u64 linear, unsigned int size, u64 val)
{
	struct emulation *e = env->arg;
	u64 gpa, last;
	int err = translate(e, linear, HVM_W, &gpa);

	if (err)
		return err;
	if (!crosses_page(linear, size)) {
		write_physical(e->vcpu, gpa, size, val);
		return 0;
	}
	err = translate(e, linear + size - 1, HVM_W, &last);
	if (err)
		return err;
	for (unsigned int i = 0; i < size; i++) {
		bool second = crosses_page(linear, i + 1);

		write_physical(e->vcpu, second ? last - (size - 1 - i) : gpa + i, 1,
			       val >> 8 * i & 0xff);
	}
	return 0;
}

static int port_in(struct insn_env *env, u16 port, unsigned int size, u64 *val)
{
	struct guest *guest = ((struct emulation *)env->arg)->vcpu->guest;

	spin_lock(&guest->lock);
	*val = vpc_pio_read(guest, port, size);
	spin_unlock(&guest->lock);
	return 0;
}

static int port_out(struct insn_env *env, u16 port, unsigned int size, u64 val)
{
	struct guest *guest = ((struct emulation *)env->arg)->vcpu->guest;

	spin_lock(&guest->lock);
	vpc_pio_write(guest, port, size, val);
	spin_unlock(&guest->lock);
	return 0;
}

/* ---- Registers ---- */

static enum insn_mode code_mode(const struct hvm_state *st)
{
	u16 cs = st->seg[HVM_CS].attr;

	if (st->efer & EFER_LMA && cs & HVM_SEG_L)
		return INSN_64;
	if (!(st->cr0 & CR0_PE) || st->rflags & RFLAGS_VM)
		return INSN_16;
	return cs & HVM_SEG_DB ? INSN_32 : INSN_16;
}

static void begin(struct emulation *e, struct vcpu *vcpu)
{
	struct insn_env *env = &e->env;

	e->vcpu = vcpu;
	hvm->get_state(vcpu, &e->st);
	e->regs = walk_regs(&e->st);
	vcpu->arch.gpr[HVM_RSP] = e->st.rsp;
	*env = (struct insn_env){
		.gpr = vcpu->arch.gpr, .rip = e->st.rip, .rflags = e->st.rflags,
		.mode = code_mode(&e->st), .arg = e,
		.read = mem_read, .write = mem_write, .in = port_in, .out = port_out,
	};
	for (unsigned int seg = 0; seg < INSN_SEGS; seg++)
		env->seg_base[seg] = e->st.seg[seg].base;
}

/* RSP and the flags are the backend's. */
static void end(struct emulation *e)
{
	struct vcpu *vcpu = e->vcpu;

	if (vcpu->arch.gpr[HVM_RSP] == e->st.rsp && e->env.rflags == e->st.rflags)
		return;
	e->st.rsp = vcpu->arch.gpr[HVM_RSP];
	e->st.rflags = e->env.rflags;
	e->st.cr2 = vcpu_get_cr2(vcpu);
	hvm->set_state(vcpu, &e->st);
}

/* ---- The instruction ---- */

/* Its bytes as far as they can be had: up to where the next page is not there. */
static int fetch(struct emulation *e, u8 code[INSN_MAX_LEN], size_t *len)
{
	u64 linear = e->env.rip;

	if (e->env.mode != INSN_64)
		linear = (u32)(linear + e->env.seg_base[INSN_CS]);
	for (*len = 0; *len < INSN_MAX_LEN;) {
		u64 gpa, room = PAGE_SIZE - (linear & (PAGE_SIZE - 1));
		u64 n = MIN(room, INSN_MAX_LEN - *len);
		u32 error;
		const void *p;

		if (walk(&e->vcpu->guest->mem, &e->regs, linear, HVM_X, &gpa, &error)) {
			if (*len)
				return 0;
			vcpu_set_cr2(e->vcpu, linear);
			hvm_inject_exception(e->vcpu, EXC_PF, true, error);
			return -EFAULT;
		}
		p = guest_mem_ptr(&e->vcpu->guest->mem, gpa, n);
		if (!p)
			return *len ? 0 : -ENOENT;
		memcpy(code + *len, p, n);
		*len += n;
		linear += n;
	}
	return 0;
}

static void unknown(struct emulation *e, const u8 *code, size_t len)
{
	static struct ratelimit rl;
	char bytes[INSN_TEXT_LEN];

	insn_text(bytes, code, len);
	log_ratelimited(&rl, LOG_WARN, "guest: %s: cpu %u: %s: instruction not emulated at RIP "
			"%#lx (%u-bit code%s): #UD", guest_name(e->vcpu->guest), e->vcpu->id,
			hvm->reason_name(e->vcpu->arch.exit.reason), e->st.rip, 8 * e->env.mode,
			bytes);
	hvm_inject_ud(e->vcpu);
}

void emulate(struct vcpu *vcpu)
{
	struct emulation e;
	u8 code[INSN_MAX_LEN];
	size_t len;
	int err;

	begin(&e, vcpu);
	err = fetch(&e, code, &len);
	if (err == -ENOENT)
		guest_request(vcpu->guest, GUEST_REQ_CRASH, 0, "instruction outside RAM");
	if (err)
		return;
	if (insn_decode(code, len, e.env.mode, &e.insn)) {
		unknown(&e, code, len);
		return;
	}
	err = insn_execute(&e.insn, &e.env);
	end(&e);
	if (!err)
		hvm->skip(vcpu, e.insn.len);
}
