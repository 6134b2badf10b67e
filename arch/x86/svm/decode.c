/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/svm/decode.h"

#include <errno.h>
#include <string.h>

enum prefix {
	PREFIX_OPSIZE = 0x66, PREFIX_ADDRSIZE = 0x67, PREFIX_LOCK = 0xf0, PREFIX_REPNE = 0xf2,
	PREFIX_REP = 0xf3,
};
enum rex { REX = 0x40, REX_MASK = 0xf0, REX_B = 1, REX_R = 4 };
enum opcode {
	OP_HLT = 0xf4, OP_NOP = 0x90, OP_TWO_BYTE = 0x0f, OP_GROUP_7 = 0x01, OP_MOVZX_WORD = 0xb7,
};
enum group_7 { GROUP_7_LMSW = 6, GROUP_7_XSETBV = 0xd1, GROUP_7_VMMCALL = 0xd9 };

/* 0F xx, table A-3: those without further bytes, and MOV CR */
static const struct {
	u8 opcode;
	u8 op;			/* enum svm_insn_op */
} two_byte[] = {
	{ 0x08, SVM_INSN_INVD },
	{ 0x09, SVM_INSN_WBINVD },
	{ 0x20, SVM_INSN_MOV_FROM_CR },
	{ 0x22, SVM_INSN_MOV_TO_CR },
	{ 0x30, SVM_INSN_WRMSR },
	{ 0x32, SVM_INSN_RDMSR },
	{ 0x33, SVM_INSN_RDPMC },
	{ 0xa2, SVM_INSN_CPUID },
};

struct decoder {
	const u8 *code;
	size_t len, pos;
	enum insn_mode mode;
	u8 rex;
	bool lock, rep;
};

static int take(struct decoder *d, u8 *byte)
{
	if (d->pos >= INSN_MAX_LEN)
		return -EINVAL;
	if (d->pos >= d->len)
		return -ENODATA;
	*byte = d->code[d->pos++];
	return 0;
}

static bool is_prefix(struct decoder *d, u8 byte)
{
	switch (byte) {
	case PREFIX_LOCK:
		d->lock = true;
		return true;
	case PREFIX_REP:
		d->rep = true;
		return true;
	case PREFIX_OPSIZE:
	case PREFIX_ADDRSIZE:
	case PREFIX_REPNE:
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:	/* segments */
		return true;
	default:
		return false;
	}
}

/* The first byte of the opcode. */
static int prefixes(struct decoder *d, u8 *byte)
{
	for (;;) {
		int err = take(d, byte);

		if (err)
			return err;
		if (is_prefix(d, *byte)) {
			d->rex = 0;	/* a REX that is not last does not count */
			continue;
		}
		if (d->mode != INSN_64 || (*byte & REX_MASK) != REX)
			return 0;
		d->rex = *byte;
	}
}

/* Mod is ignored: APM volume 3, "MOV CRn". LOCK stands for CR8 (AltMovCr8). */
static int mov_cr(struct decoder *d, struct svm_insn *insn)
{
	u8 modrm;
	int err = take(d, &modrm);

	if (err)
		return err;
	insn->cr = (modrm >> 3 & 7) | (d->rex & REX_R ? 8 : 0);
	if (d->lock && insn->cr == 0)
		insn->cr = 8;
	insn->gpr = (modrm & 7) | (d->rex & REX_B ? 8 : 0);
	return 0;
}

/* The same operand as of a MOVZX, which the general decoder knows. */
static int memory_word(struct decoder *d, struct svm_insn *insn)
{
	u8 code[INSN_MAX_LEN];
	int err;

	memcpy(code, d->code, MIN(d->len, sizeof(code)));
	code[d->pos - 2] = OP_MOVZX_WORD;
	err = insn_decode(code, MIN(d->len, sizeof(code)), d->mode, &insn->operand);
	if (err)
		return err;
	insn->mem = true;
	d->pos = insn->operand.len;
	return 0;
}

static int group_7(struct decoder *d, struct svm_insn *insn)
{
	u8 modrm;
	int err = take(d, &modrm);

	if (err)
		return err;
	if (modrm == GROUP_7_XSETBV || modrm == GROUP_7_VMMCALL) {
		insn->op = modrm == GROUP_7_XSETBV ? SVM_INSN_XSETBV : SVM_INSN_VMMCALL;
		return 0;
	}
	if ((modrm >> 3 & 7) != GROUP_7_LMSW)
		return -EINVAL;
	insn->op = SVM_INSN_LMSW;
	if (modrm >> 6 != 3)
		return memory_word(d, insn);
	insn->gpr = (modrm & 7) | (d->rex & REX_B ? 8 : 0);
	return 0;
}

static int opcode(struct decoder *d, struct svm_insn *insn)
{
	u8 byte;
	int err = prefixes(d, &byte);

	if (err)
		return err;
	if (byte == OP_HLT) {
		insn->op = SVM_INSN_HLT;
		return 0;
	}
	if (byte == OP_NOP && d->rep) {
		insn->op = SVM_INSN_PAUSE;
		return 0;
	}
	if (byte != OP_TWO_BYTE)
		return -EINVAL;
	err = take(d, &byte);
	if (err)
		return err;
	if (byte == OP_GROUP_7)
		return group_7(d, insn);
	for (unsigned int i = 0; i < ARRAY_SIZE(two_byte); i++) {
		if (two_byte[i].opcode != byte)
			continue;
		insn->op = two_byte[i].op;
		return insn->op >= SVM_INSN_MOV_TO_CR ? mov_cr(d, insn) : 0;
	}
	return -EINVAL;
}

int svm_decode(const u8 *code, size_t len, enum insn_mode mode, struct svm_insn *insn)
{
	struct decoder d = { .code = code, .len = len, .mode = mode };
	int err;

	insn->cr = insn->gpr = 0;
	insn->mem = false;
	err = opcode(&d, insn);
	if (err)
		return err;
	insn->len = d.pos;
	return 0;
}
