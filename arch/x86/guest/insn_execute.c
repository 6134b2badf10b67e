/* SPDX-License-Identifier: BSD-2-Clause */
/* Executing a decoded instruction on registers and memory callbacks. */
#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/insn.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static u64 size_mask(unsigned int size)
{
	return size >= 8 ? UINT64_MAX : BIT_ULL(8 * size) - 1;
}

static u64 sign_bit(unsigned int size)
{
	return BIT_ULL(8 * size - 1);
}

static s64 sign_extend(u64 val, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (s64)(val << shift) >> shift;
}

/* ---- Registers ---- */

/* Without REX the byte registers 4..7 are AH, CH, DH, BH: SDM 2A table 3-1. */
static bool high_byte(const struct insn *i, unsigned int reg, unsigned int size)
{
	return size == 1 && !i->rex && reg >= 4 && reg < 8;
}

static u64 reg_read(const struct insn *i, const struct insn_env *env, unsigned int reg,
		    unsigned int size)
{
	if (high_byte(i, reg, size))
		return env->gpr[reg - 4] >> 8 & 0xff;
	return env->gpr[reg] & size_mask(size);
}

/* 32-bit results clear the upper half, narrower ones keep the rest: SDM 1 3.4.1.1. */
static void merge(u64 *reg, unsigned int size, u64 val)
{
	if (size >= 4)
		*reg = val & size_mask(size);
	else
		*reg = (*reg & ~size_mask(size)) | (val & size_mask(size));
}

static void reg_write(const struct insn *i, struct insn_env *env, unsigned int reg,
		      unsigned int size, u64 val)
{
	if (high_byte(i, reg, size))
		env->gpr[reg - 4] = (env->gpr[reg - 4] & ~0xff00ull) | (val & 0xff) << 8;
	else
		merge(&env->gpr[reg], size, val);
}

/* ---- Addresses ---- */

static u64 to_linear(const struct insn_env *env, enum insn_seg seg, u64 offset)
{
	u64 linear = env->seg_base[seg] + offset;

	if (env->mode == INSN_64)
		return seg >= INSN_FS ? linear : offset;
	return (u32)linear;
}

u64 insn_linear(const struct insn *i, const struct insn_env *env)
{
	u64 offset = i->disp;

	if (i->rip_relative)
		offset += env->rip + i->len;
	if (i->base >= 0)
		offset += env->gpr[i->base];
	if (i->index >= 0)
		offset += env->gpr[i->index] * i->scale;
	return to_linear(env, i->seg, offset & size_mask(i->addr_size));
}

/* ---- Flags: SDM 1 appendix A ---- */

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static u64 result_flags(u64 val, unsigned int size)
{
	u64 flags = 0;

	val &= size_mask(size);
	if (!val)
		flags |= RFLAGS_ZF;
	if (val & sign_bit(size))
		flags |= RFLAGS_SF;
	if (!(__builtin_popcount(val & 0xff) & 1))
		flags |= RFLAGS_PF;
	return flags;
}

static void set_flags(u64 *rflags, u64 affected, u64 val)
{
	*rflags = (*rflags & ~affected) | (val & affected);
}

/* a + b + carry */
static u64 add(u64 a, u64 b, unsigned int carry, unsigned int size, u64 *rflags)
{
	u64 m = size_mask(size), val = (a + b + carry) & m, flags = result_flags(val, size);
	u64 carries = (a & b) | ((a | b) & ~val);	/* out of each bit */

	if (carries & sign_bit(size))
		flags |= RFLAGS_CF;
	if (carries & 8)
		flags |= RFLAGS_AF;
	if ((a ^ val) & (b ^ val) & sign_bit(size))
		flags |= RFLAGS_OF;
	set_flags(rflags, STATUS_FLAGS, flags);
	return val;
}

/* a - b - borrow */
static u64 sub(u64 a, u64 b, unsigned int borrow, unsigned int size, u64 *rflags)
{
	u64 m = size_mask(size), val = (a - b - borrow) & m, flags = result_flags(val, size);
	u64 borrows = (~a & b) | (~(a ^ b) & val);	/* into each bit */

	if (borrows & sign_bit(size))
		flags |= RFLAGS_CF;
	if (borrows & 8)
		flags |= RFLAGS_AF;
	if ((a ^ b) & (a ^ val) & sign_bit(size))
		flags |= RFLAGS_OF;
	set_flags(rflags, STATUS_FLAGS, flags);
	return val;
}

static u64 logic(u64 val, unsigned int size, u64 *rflags)
{
	set_flags(rflags, STATUS_FLAGS, result_flags(val, size));
	return val & size_mask(size);
}

/* SDM 1 appendix B: conditions in pairs, the odd one negated. */
static bool condition(u8 cond, u64 f)
{
	bool sign = !(f & RFLAGS_SF) != !(f & RFLAGS_OF), val = false;

	switch (cond >> 1) {
	case 0: val = f & RFLAGS_OF; break;
	case 1: val = f & RFLAGS_CF; break;
	case 2: val = f & RFLAGS_ZF; break;
	case 3: val = f & (RFLAGS_CF | RFLAGS_ZF); break;
	case 4: val = f & RFLAGS_SF; break;
	case 5: val = f & RFLAGS_PF; break;
	case 6: val = sign; break;
	case 7: val = sign || f & RFLAGS_ZF; break;
	}
	return val != (cond & 1);
}

/* ---- Operands ---- */

static int operand_read(const struct insn *i, struct insn_env *env, enum insn_operand opnd,
			unsigned int size, u64 *val)
{
	switch (opnd) {
	case OPND_MEM:
		return env->read(env, insn_linear(i, env), size, val);
	case OPND_REG:
		*val = reg_read(i, env, i->reg, size);
		return 0;
	case OPND_RM:
		*val = reg_read(i, env, i->rm, size);
		return 0;
	case OPND_ACC:
		*val = env->gpr[RAX] & size_mask(size);
		return 0;
	case OPND_IMM:
		*val = i->imm & size_mask(size);
		return 0;
	case OPND_NONE:
		break;
	}
	*val = 0;
	return 0;
}

static int operand_write(const struct insn *i, struct insn_env *env, enum insn_operand opnd,
			 unsigned int size, u64 val)
{
	switch (opnd) {
	case OPND_MEM:
		return env->write(env, insn_linear(i, env), size, val & size_mask(size));
	case OPND_REG:
		reg_write(i, env, i->reg, size, val);
		return 0;
	case OPND_RM:
		reg_write(i, env, i->rm, size, val);
		return 0;
	case OPND_ACC:
		merge(&env->gpr[RAX], size, val);
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- Moves ---- */

static u64 byte_swap(u64 val, unsigned int size)
{
	return __builtin_bswap64(val) >> (64 - 8 * size);
}

static int move(const struct insn *i, struct insn_env *env)
{
	u64 val;
	int err = operand_read(i, env, i->src, i->src_size, &val);

	if (err)
		return err;
	if (i->op == INSN_MOVSX)
		val = sign_extend(val, i->src_size);
	else if (i->op == INSN_MOVBE)
		val = byte_swap(val, i->size);
	else if (i->op == INSN_CMOV && !condition(i->cond, env->rflags))
		val = reg_read(i, env, i->reg, i->size);
	return operand_write(i, env, i->dst, i->size, val);
}

static int setcc(const struct insn *i, struct insn_env *env)
{
	return operand_write(i, env, i->dst, 1, condition(i->cond, env->rflags));
}

static int exchange(const struct insn *i, struct insn_env *env)
{
	u64 a, b = reg_read(i, env, i->reg, i->size), flags = env->rflags;
	int err = operand_read(i, env, i->dst, i->size, &a);

	if (err)
		return err;
	err = operand_write(i, env, i->dst, i->size,
			    i->op == INSN_XADD ? add(a, b, 0, i->size, &flags) : b);
	if (err)
		return err;
	if (i->op == INSN_XCHG || i->dst == OPND_MEM || i->reg != i->rm)
		reg_write(i, env, i->reg, i->size, a);
	env->rflags = flags;
	return 0;
}

/* Memory is written in either case: SDM 2A "CMPXCHG". */
static int cmpxchg(const struct insn *i, struct insn_env *env)
{
	u64 acc = env->gpr[RAX] & size_mask(i->size), flags = env->rflags, dst;
	int err = operand_read(i, env, i->dst, i->size, &dst);
	bool equal;

	if (err)
		return err;
	sub(acc, dst, 0, i->size, &flags);
	equal = flags & RFLAGS_ZF;
	err = operand_write(i, env, i->dst, i->size,
			    equal ? reg_read(i, env, i->reg, i->size) : dst);
	if (err)
		return err;
	if (!equal)
		merge(&env->gpr[RAX], i->size, dst);
	env->rflags = flags;
	return 0;
}

/* ---- Arithmetic ---- */

static u64 compute(const struct insn *i, u64 a, u64 b, u64 *flags)
{
	unsigned int carry = *flags & RFLAGS_CF ? 1 : 0;
	u64 kept = *flags, val;

	switch (i->op) {
	case INSN_ADD:
		return add(a, b, 0, i->size, flags);
	case INSN_ADC:
		return add(a, b, carry, i->size, flags);
	case INSN_SUB:
	case INSN_CMP:
		return sub(a, b, 0, i->size, flags);
	case INSN_SBB:
		return sub(a, b, carry, i->size, flags);
	case INSN_AND:
	case INSN_TEST:
		return logic(a & b, i->size, flags);
	case INSN_OR:
		return logic(a | b, i->size, flags);
	case INSN_XOR:
		return logic(a ^ b, i->size, flags);
	case INSN_NEG:
		return sub(0, a, 0, i->size, flags);
	case INSN_INC:		/* INC and DEC leave CF alone */
		val = add(a, 1, 0, i->size, flags);
		set_flags(flags, RFLAGS_CF, kept);
		return val;
	case INSN_DEC:
		val = sub(a, 1, 0, i->size, flags);
		set_flags(flags, RFLAGS_CF, kept);
		return val;
	default:		/* INSN_NOT */
		return ~a & size_mask(i->size);
	}
}

static int arithmetic(const struct insn *i, struct insn_env *env)
{
	u64 a, b, val, flags = env->rflags;
	int err = operand_read(i, env, i->dst, i->size, &a);

	if (!err)
		err = operand_read(i, env, i->src, i->size, &b);
	if (err)
		return err;
	val = compute(i, a, b, &flags);
	if (i->op != INSN_CMP && i->op != INSN_TEST)
		err = operand_write(i, env, i->dst, i->size, val);
	if (!err)
		env->rflags = flags;
	return err;
}

/* A bit number from a register reaches beyond the operand, both ways: SDM 2A "BT". */
static int bit_test(const struct insn *i, struct insn_env *env)
{
	unsigned int bits = 8 * i->size;
	u64 number, linear = 0, val, bit;
	int err = operand_read(i, env, i->src, i->size, &number);

	if (err)
		return err;
	if (i->dst == OPND_MEM) {
		struct insn moved = *i;

		if (i->src == OPND_REG)
			moved.disp += (sign_extend(number, i->size) >> (3 + __builtin_ctz(i->size)))
				      * i->size;
		linear = insn_linear(&moved, env);
		err = env->read(env, linear, i->size, &val);
	} else {
		err = operand_read(i, env, i->dst, i->size, &val);
	}
	if (err)
		return err;
	bit = BIT_ULL(number & (bits - 1));
	number = val & bit ? RFLAGS_CF : 0;
	val = i->op == INSN_BTS ? val | bit : i->op == INSN_BTR ? val & ~bit : val ^ bit;
	if (i->op != INSN_BT)
		err = i->dst == OPND_MEM ? env->write(env, linear, i->size, val) :
		      operand_write(i, env, i->dst, i->size, val);
	if (!err)
		set_flags(&env->rflags, RFLAGS_CF, number);
	return err;
}

/* ---- Stack ---- */

static unsigned int stack_addr_size(const struct insn_env *env)
{
	return env->mode;	/* SS.B is taken to be as CS.D is */
}

static int push(const struct insn *i, struct insn_env *env)
{
	unsigned int sp_size = stack_addr_size(env);
	u64 sp = (env->gpr[RSP] - i->size) & size_mask(sp_size), val;
	int err = operand_read(i, env, i->dst, i->size, &val);

	if (!err)
		err = env->write(env, to_linear(env, INSN_SS, sp), i->size, val);
	if (!err)
		merge(&env->gpr[RSP], sp_size, sp);
	return err;
}

/* A destination addressed by RSP is computed after the increment: SDM 2B "POP". */
static int pop(const struct insn *i, struct insn_env *env)
{
	unsigned int sp_size = stack_addr_size(env);
	u64 old = env->gpr[RSP], val;
	int err = env->read(env, to_linear(env, INSN_SS, old & size_mask(sp_size)), i->size, &val);

	if (err)
		return err;
	merge(&env->gpr[RSP], sp_size, old + i->size);
	err = operand_write(i, env, i->dst, i->size, val);
	if (err)
		env->gpr[RSP] = old;
	return err;
}

/* ---- Strings: SDM 2A "REP" ---- */

static u64 string_linear(const struct insn *i, const struct insn_env *env, enum insn_seg seg,
			 unsigned int reg)
{
	return to_linear(env, seg, env->gpr[reg] & size_mask(i->addr_size));
}

static void string_step(const struct insn *i, struct insn_env *env, unsigned int reg)
{
	s64 step = env->rflags & RFLAGS_DF ? -(s64)i->size : i->size;

	merge(&env->gpr[reg], i->addr_size, env->gpr[reg] + step);
}

static int string_compare(const struct insn *i, struct insn_env *env)
{
	u64 a = env->gpr[RAX] & size_mask(i->size), b;
	int err = 0;

	if (i->op == INSN_CMPS)
		err = env->read(env, string_linear(i, env, i->seg, RSI), i->size, &a);
	if (!err)
		err = env->read(env, string_linear(i, env, INSN_ES, RDI), i->size, &b);
	if (err)
		return err;
	sub(a, b, 0, i->size, &env->rflags);
	if (i->op == INSN_CMPS)
		string_step(i, env, RSI);
	string_step(i, env, RDI);
	return 0;
}

/* INS, LODS, MOVS, OUTS, STOS: from one place to another. */
static int string_move(const struct insn *i, struct insn_env *env)
{
	bool from_si = i->op == INSN_MOVS || i->op == INSN_LODS || i->op == INSN_OUTS;
	bool to_di = i->op == INSN_MOVS || i->op == INSN_STOS || i->op == INSN_INS;
	u16 port = env->gpr[RDX];
	u64 val = env->gpr[RAX] & size_mask(i->size);
	int err = 0;

	if (from_si)
		err = env->read(env, string_linear(i, env, i->seg, RSI), i->size, &val);
	else if (i->op == INSN_INS)
		err = env->in(env, port, i->size, &val);
	if (err)
		return err;
	if (to_di)
		err = env->write(env, string_linear(i, env, INSN_ES, RDI), i->size, val);
	else if (i->op == INSN_OUTS)
		err = env->out(env, port, i->size, val);
	else
		merge(&env->gpr[RAX], i->size, val);
	if (err)
		return err;
	if (from_si)
		string_step(i, env, RSI);
	if (to_di)
		string_step(i, env, RDI);
	return 0;
}

static bool compares(const struct insn *i)
{
	return i->op == INSN_CMPS || i->op == INSN_SCAS;
}

static int string(const struct insn *i, struct insn_env *env)
{
	u64 mask = size_mask(i->addr_size);

	if (i->rep == INSN_NO_REP)
		return compares(i) ? string_compare(i, env) : string_move(i, env);
	for (unsigned int n = 0; n < INSN_REP_CHUNK; n++) {
		int err;

		if (!(env->gpr[RCX] & mask))
			return 0;
		err = compares(i) ? string_compare(i, env) : string_move(i, env);
		if (err)
			return err;
		merge(&env->gpr[RCX], i->addr_size, (env->gpr[RCX] & mask) - 1);
		if (compares(i) && !(env->rflags & RFLAGS_ZF) == (i->rep == INSN_REP))
			return 0;
	}
	return env->gpr[RCX] & mask ? INSN_AGAIN : 0;
}

/* ---- All ---- */

int insn_execute(const struct insn *i, struct insn_env *env)
{
	switch (i->op) {
	case INSN_MOV:
	case INSN_MOVZX:
	case INSN_MOVSX:
	case INSN_MOVBE:
	case INSN_CMOV:
		return move(i, env);
	case INSN_XCHG:
	case INSN_XADD:
		return exchange(i, env);
	case INSN_CMPXCHG:
		return cmpxchg(i, env);
	case INSN_ADD ... INSN_DEC:
		return arithmetic(i, env);
	case INSN_BT ... INSN_BTC:
		return bit_test(i, env);
	case INSN_SETCC:
		return setcc(i, env);
	case INSN_PUSH:
		return push(i, env);
	case INSN_POP:
		return pop(i, env);
	case INSN_MOVS ... INSN_OUTS:
		return string(i, env);
	case INSN_NOTHING:
		return 0;
	}
	return -EINVAL;
}
