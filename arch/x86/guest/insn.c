/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction decoding: prefixes, opcode tables, ModR/M, SIB, displacement, immediate. */
#include "arch/x86/guest/insn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Opcode tables (SDM 2D appendix A) ---- */

enum form {
	F_NONE,			/* not handled */
	F_RM_R,			/* r/m, reg */
	F_R_RM,			/* reg, r/m */
	F_RM,			/* r/m alone */
	F_RM_CMP,		/* r/m, reg with the accumulator (CMPXCHG) */
	F_ACC_MOFFS, F_MOFFS_ACC,
	F_STRING,
	F_GROUP,		/* decided by ModR/M reg: group() */
	F_ALU,			/* 00..3f: operation and form by the opcode's bits */
	F_HINT,			/* ModR/M, nothing else */
};

struct opcode {
	u8 form;
	u8 op;			/* enum insn_op */
	u8 flags;
};

enum { BYTE = 1, SRC8 = 2, SRC16 = 4, SRC32 = 8, COND = 16, STACK = 32 };

static const struct opcode one_byte[256] = {
	[0x00 ... 0x3f] = { F_ALU },
	[0x63] = { F_R_RM, INSN_MOVSX, SRC32 },		/* MOVSXD: 64-bit mode only */
	[0x6c] = { F_STRING, INSN_INS, BYTE }, [0x6d] = { F_STRING, INSN_INS },
	[0x6e] = { F_STRING, INSN_OUTS, BYTE }, [0x6f] = { F_STRING, INSN_OUTS },
	[0x80] = { F_GROUP, 0, BYTE }, [0x81] = { F_GROUP }, [0x83] = { F_GROUP },
	[0x84] = { F_RM_R, INSN_TEST, BYTE }, [0x85] = { F_RM_R, INSN_TEST },
	[0x86] = { F_RM_R, INSN_XCHG, BYTE }, [0x87] = { F_RM_R, INSN_XCHG },
	[0x88] = { F_RM_R, INSN_MOV, BYTE }, [0x89] = { F_RM_R, INSN_MOV },
	[0x8a] = { F_R_RM, INSN_MOV, BYTE }, [0x8b] = { F_R_RM, INSN_MOV },
	[0x8f] = { F_GROUP, 0, STACK },
	[0xa0] = { F_ACC_MOFFS, INSN_MOV, BYTE }, [0xa1] = { F_ACC_MOFFS, INSN_MOV },
	[0xa2] = { F_MOFFS_ACC, INSN_MOV, BYTE }, [0xa3] = { F_MOFFS_ACC, INSN_MOV },
	[0xa4] = { F_STRING, INSN_MOVS, BYTE }, [0xa5] = { F_STRING, INSN_MOVS },
	[0xa6] = { F_STRING, INSN_CMPS, BYTE }, [0xa7] = { F_STRING, INSN_CMPS },
	[0xaa] = { F_STRING, INSN_STOS, BYTE }, [0xab] = { F_STRING, INSN_STOS },
	[0xac] = { F_STRING, INSN_LODS, BYTE }, [0xad] = { F_STRING, INSN_LODS },
	[0xae] = { F_STRING, INSN_SCAS, BYTE }, [0xaf] = { F_STRING, INSN_SCAS },
	[0xc6] = { F_GROUP, 0, BYTE }, [0xc7] = { F_GROUP },
	[0xf6] = { F_GROUP, 0, BYTE }, [0xf7] = { F_GROUP },
	[0xfe] = { F_GROUP, 0, BYTE }, [0xff] = { F_GROUP },
};

static const struct opcode two_byte[256] = {
	[0x0d] = { F_HINT, INSN_NOTHING }, [0x18] = { F_HINT, INSN_NOTHING },
	[0x40 ... 0x4f] = { F_R_RM, INSN_CMOV, COND },
	[0x90 ... 0x9f] = { F_RM, INSN_SETCC, COND | BYTE },
	[0xa3] = { F_RM_R, INSN_BT }, [0xab] = { F_RM_R, INSN_BTS },
	[0xae] = { F_GROUP },
	[0xb0] = { F_RM_CMP, INSN_CMPXCHG, BYTE }, [0xb1] = { F_RM_CMP, INSN_CMPXCHG },
	[0xb3] = { F_RM_R, INSN_BTR },
	[0xb6] = { F_R_RM, INSN_MOVZX, SRC8 }, [0xb7] = { F_R_RM, INSN_MOVZX, SRC16 },
	[0xba] = { F_GROUP },
	[0xbb] = { F_RM_R, INSN_BTC },
	[0xbe] = { F_R_RM, INSN_MOVSX, SRC8 }, [0xbf] = { F_R_RM, INSN_MOVSX, SRC16 },
	[0xc0] = { F_RM_R, INSN_XADD, BYTE }, [0xc1] = { F_RM_R, INSN_XADD },
	[0xc3] = { F_RM_R, INSN_MOV },		/* MOVNTI */
};

static const struct opcode three_byte_38[256] = {
	[0xf0] = { F_R_RM, INSN_MOVBE }, [0xf1] = { F_RM_R, INSN_MOVBE },
};

enum map { MAP_ONE, MAP_0F, MAP_0F38 };

/* ---- The bytes ---- */

struct decoder {
	const u8 *code;
	size_t len, pos;
	enum insn_mode mode;
	u8 rex;			/* 0: none; else 0x40..0x4f */
	bool opsize, addrsize, repne, rep;
	int seg;		/* override or -1 */
	enum map map;
	u8 opcode;
	u8 mod, reg, rm;	/* ModR/M fields as they are */
	struct insn *insn;
};

enum { REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

/* The next @n bytes, sign-extended. */
static int take(struct decoder *d, unsigned int n, s64 *val)
{
	u64 v = 0;

	if (d->pos + n > INSN_MAX_LEN)
		return -EINVAL;
	if (d->pos + n > d->len)
		return -ENODATA;
	for (unsigned int i = 0; i < n; i++)
		v |= (u64)d->code[d->pos + i] << 8 * i;
	d->pos += n;
	*val = n < 8 ? (s64)(v << (64 - 8 * n)) >> (64 - 8 * n) : (s64)v;
	return 0;
}

static int take_byte(struct decoder *d, u8 *val)
{
	s64 v = 0;
	int err = take(d, 1, &v);

	*val = v;
	return err;
}

static bool legacy_prefix(struct decoder *d, u8 byte)
{
	static const u8 seg_prefix[INSN_SEGS] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

	for (int seg = 0; seg < INSN_SEGS; seg++)
		if (byte == seg_prefix[seg]) {
			/* In 64-bit mode the four old ones are ignored. */
			if (d->mode != INSN_64 || seg >= INSN_FS)
				d->seg = seg;
			return true;
		}
	switch (byte) {
	case 0x66:
		d->opsize = true;
		return true;
	case 0x67:
		d->addrsize = true;
		return true;
	case 0xf0:
		d->insn->lock = true;
		return true;
	case 0xf2:
		d->repne = true;
		d->rep = false;
		return true;
	case 0xf3:
		d->rep = true;
		d->repne = false;
		return true;
	}
	return false;
}

static int decode_opcode(struct decoder *d)
{
	u8 byte;
	int err;

	for (;;) {
		err = take_byte(d, &byte);
		if (err)
			return err;
		if (legacy_prefix(d, byte)) {
			d->rex = 0;	/* a REX that is not last does not count: SDM 2A 2.2.1 */
			continue;
		}
		if (d->mode != INSN_64 || (byte & 0xf0) != 0x40)
			break;
		d->rex = byte;
	}
	if (byte == 0x0f) {
		d->map = MAP_0F;
		err = take_byte(d, &byte);
		if (!err && byte == 0x38) {
			d->map = MAP_0F38;
			err = take_byte(d, &byte);
		}
	}
	d->opcode = byte;
	return err;
}

static void decode_sizes(struct decoder *d)
{
	struct insn *i = d->insn;

	i->rex = d->rex;
	i->size = d->mode == INSN_16 ? 2 : 4;
	if (d->opsize)
		i->size = d->mode == INSN_16 ? 4 : 2;
	if (d->rex & REX_W)
		i->size = 8;
	i->addr_size = d->mode;
	if (d->addrsize)
		i->addr_size = d->mode == INSN_32 ? 2 : 4;
	i->rep = d->rep ? INSN_REP : d->repne ? INSN_REPNE : INSN_NO_REP;
}

/* ---- ModR/M and SIB: SDM 2A tables 2-1 to 2-3 ---- */

static int displacement(struct decoder *d, unsigned int bytes)
{
	return bytes ? take(d, bytes, &d->insn->disp) : 0;
}

static int modrm_16(struct decoder *d)
{
	static const s8 base[8] = { 3, 3, 5, 5, -1, -1, 5, 3 };		/* BX BX BP BP - - BP BX */
	static const s8 index[8] = { 6, 7, 6, 7, 6, 7, -1, -1 };	/* SI DI SI DI SI DI - - */
	struct insn *i = d->insn;

	i->scale = 1;
	if (d->mod == 0 && d->rm == 6)
		return displacement(d, 2);
	i->base = base[d->rm];
	i->index = index[d->rm];
	return displacement(d, d->mod);
}

static int sib(struct decoder *d)
{
	struct insn *i = d->insn;
	u8 byte;
	int err = take_byte(d, &byte);

	if (err)
		return err;
	i->scale = 1 << (byte >> 6);
	i->index = (byte >> 3 & 7) | (d->rex & REX_X ? 8 : 0);
	if (i->index == 4)
		i->index = -1;
	i->base = (byte & 7) | (d->rex & REX_B ? 8 : 0);
	if ((byte & 7) == 5 && d->mod == 0) {
		i->base = -1;
		return displacement(d, 4);
	}
	return displacement(d, d->mod == 1 ? 1 : d->mod == 2 ? 4 : 0);
}

static int modrm_32(struct decoder *d)
{
	struct insn *i = d->insn;

	i->scale = 1;
	if (d->rm == 4)
		return sib(d);
	if (d->mod == 0 && d->rm == 5) {
		i->rip_relative = d->mode == INSN_64;
		return displacement(d, 4);
	}
	i->base = d->rm | (d->rex & REX_B ? 8 : 0);
	return displacement(d, d->mod == 1 ? 1 : d->mod == 2 ? 4 : 0);
}

static int modrm(struct decoder *d)
{
	struct insn *i = d->insn;
	u8 byte;
	int err = take_byte(d, &byte);

	if (err)
		return err;
	d->mod = byte >> 6;
	d->reg = byte >> 3 & 7;
	d->rm = byte & 7;
	i->reg = d->reg | (d->rex & REX_R ? 8 : 0);
	i->rm = d->rm | (d->rex & REX_B ? 8 : 0);
	if (d->mod == 3)
		return 0;
	return i->addr_size == 2 ? modrm_16(d) : modrm_32(d);
}

/* ---- Forms ---- */

static const u8 alu_ops[8] = {
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
};

static enum insn_operand rm_operand(const struct decoder *d)
{
	return d->mod == 3 ? OPND_RM : OPND_MEM;
}

static int immediate(struct decoder *d, unsigned int bytes)
{
	s64 val = 0;
	int err = take(d, bytes, &val);

	d->insn->imm = (u64)val;
	return err;
}

static int rm_imm(struct decoder *d, enum insn_op op, unsigned int imm_bytes)
{
	d->insn->op = op;
	d->insn->dst = rm_operand(d);
	d->insn->src = OPND_IMM;
	return immediate(d, imm_bytes);
}

static int rm_alone(struct decoder *d, enum insn_op op)
{
	d->insn->op = op;
	d->insn->dst = rm_operand(d);
	return 0;
}

/* The opcodes whose operation is in ModR/M's reg field: SDM 2D table A-6. */
static int group(struct decoder *d)
{
	struct insn *i = d->insn;
	unsigned int imm = MIN(i->size, 4);

	if (d->map == MAP_0F) {
		static const u8 bit_ops[4] = { INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC };

		if (d->opcode == 0xba)
			return d->reg >= 4 ? rm_imm(d, bit_ops[d->reg - 4], 1) : -EINVAL;
		/* 0F AE: CLFLUSH(OPT) is /7, CLWB 66 /6; others load and store state. */
		i->op = INSN_NOTHING;
		if (d->mod == 3 || d->rep || d->repne)
			return -EINVAL;
		return d->reg == 7 || (d->reg == 6 && d->opsize) ? 0 : -EINVAL;
	}
	switch (d->opcode) {
	case 0x80:
	case 0x83:
		return rm_imm(d, alu_ops[d->reg], 1);
	case 0x81:
		return rm_imm(d, alu_ops[d->reg], imm);
	case 0x8f:
		return d->reg == 0 ? rm_alone(d, INSN_POP) : -EINVAL;
	case 0xc6:
	case 0xc7:
		return d->reg == 0 ? rm_imm(d, INSN_MOV, imm) : -EINVAL;
	case 0xf6:
	case 0xf7:
		if (d->reg <= 1)
			return rm_imm(d, INSN_TEST, imm);
		if (d->reg <= 3)
			return rm_alone(d, d->reg == 2 ? INSN_NOT : INSN_NEG);
		return -EINVAL;
	case 0xff:
		if (d->reg == 6)
			return rm_alone(d, INSN_PUSH);
		/* fall through */
	case 0xfe:
		if (d->reg <= 1)
			return rm_alone(d, d->reg == 0 ? INSN_INC : INSN_DEC);
		return -EINVAL;
	}
	return -EINVAL;
}

static int operands(struct decoder *d, const struct opcode *oc)
{
	struct insn *i = d->insn;

	i->op = oc->op;
	switch ((enum form)oc->form) {
	case F_RM_R:
	case F_RM_CMP:
		i->dst = rm_operand(d);
		i->src = OPND_REG;
		return 0;
	case F_R_RM:
		i->dst = OPND_REG;
		i->src = rm_operand(d);
		return 0;
	case F_RM:
		return rm_alone(d, oc->op);
	case F_GROUP:
		return group(d);
	case F_HINT:
		return d->mod != 3 ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* 00..3f: bits 5:3 the operation, bits 2:0 the form; those with the accumulator have no memory. */
static int alu(struct decoder *d)
{
	struct opcode oc = { .op = alu_ops[d->opcode >> 3 & 7] };
	unsigned int form = d->opcode & 7;
	int err;

	if (form > 3)
		return -EINVAL;
	oc.form = form & 2 ? F_R_RM : F_RM_R;
	if (!(form & 1))
		d->insn->size = 1;
	err = modrm(d);
	return err ? err : operands(d, &oc);
}

/* The offset is as wide as an address, in 64-bit mode 8 bytes: SDM 2B "MOV". */
static int moffs(struct decoder *d, const struct opcode *oc)
{
	struct insn *i = d->insn;

	i->op = oc->op;
	i->scale = 1;
	i->dst = oc->form == F_ACC_MOFFS ? OPND_ACC : OPND_MEM;
	i->src = oc->form == F_ACC_MOFFS ? OPND_MEM : OPND_ACC;
	return displacement(d, i->addr_size);
}

static void string(struct decoder *d, const struct opcode *oc)
{
	struct insn *i = d->insn;

	i->op = oc->op;
	if (i->size == 8 && (oc->op == INSN_INS || oc->op == INSN_OUTS))
		i->size = 4;	/* no 64-bit I/O: SDM 2A "INS" */
}

static int decode_form(struct decoder *d)
{
	const struct opcode *oc = d->map == MAP_ONE ? &one_byte[d->opcode] :
				  d->map == MAP_0F ? &two_byte[d->opcode] :
				  &three_byte_38[d->opcode];
	struct insn *i = d->insn;
	int err;

	if (oc->form == F_NONE || (oc->op == INSN_MOVSX && oc->flags & SRC32 && d->mode != INSN_64))
		return -EINVAL;
	if (d->map == MAP_0F38 && (d->rep || d->repne))		/* CRC32 */
		return -EINVAL;
	if (oc->form == F_ALU)
		return alu(d);
	if (oc->flags & BYTE)
		i->size = 1;
	if (oc->flags & (SRC8 | SRC16 | SRC32))
		i->src_size = oc->flags & SRC8 ? 1 : oc->flags & SRC16 ? 2 : 4;
	if (oc->flags & COND)
		i->cond = d->opcode & 0xf;
	if (oc->form == F_ACC_MOFFS || oc->form == F_MOFFS_ACC)
		return moffs(d, oc);
	if (oc->form == F_STRING) {
		string(d, oc);
		return 0;
	}
	err = modrm(d);
	return err ? err : operands(d, oc);
}

/* PUSH and POP move 64 bits in 64-bit mode, or 16, never 32: SDM 2B "PUSH". */
static void stack_size(struct decoder *d)
{
	struct insn *i = d->insn;

	if ((i->op == INSN_PUSH || i->op == INSN_POP) && d->mode == INSN_64 && i->size == 4)
		i->size = 8;
}

/* DS unless overridden, SS with a stack register as base: SDM 1 table 3-5. */
static void default_segment(struct decoder *d)
{
	struct insn *i = d->insn;

	if (d->seg >= 0)
		i->seg = d->seg;
	else
		i->seg = i->base == 4 || i->base == 5 ? INSN_SS : INSN_DS;
}

int insn_decode(const u8 *code, size_t len, enum insn_mode mode, struct insn *insn)
{
	struct decoder d = { .code = code, .len = len, .mode = mode, .seg = -1, .insn = insn };
	int err;

	memset(insn, 0, sizeof(*insn));
	insn->base = insn->index = -1;
	err = decode_opcode(&d);
	if (err)
		return err;
	decode_sizes(&d);
	err = decode_form(&d);
	if (err)
		return err;
	if (!insn->src_size)
		insn->src_size = insn->size;
	stack_size(&d);
	default_segment(&d);
	insn->len = d.pos;
	return 0;
}

void insn_text(char text[INSN_TEXT_LEN], const u8 *code, size_t len)
{
	text[0] = '\0';
	for (size_t i = 0; i < len; i++)
		snprintf(text + 3 * i, INSN_TEXT_LEN - 3 * i, " %02x", code[i]);
}
