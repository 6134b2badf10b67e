/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instructions with which guests reach device registers in memory, and string I/O: decoding
 * and execution on given registers and memory callbacks (SDM 2A, 2B, chapter 2 for the format,
 * 2D appendix A for the opcode maps). Portable: tested natively.
 *
 * The bytes are a private copy: decoded once, executed from the decoded form.
 */
#ifndef ARCH_X86_GUEST_INSN_H
#define ARCH_X86_GUEST_INSN_H

#include "kernel/types.h"

#define INSN_MAX_LEN 15		/* SDM 2A 2.3.11 */

enum insn_mode { INSN_16 = 2, INSN_32 = 4, INSN_64 = 8 };	/* bytes of an address by default */

/* Encoding order: SDM 2A table 3-1 for general registers, ModR/M reg field for segments. */
enum insn_seg { INSN_ES, INSN_CS, INSN_SS, INSN_DS, INSN_FS, INSN_GS, INSN_SEGS };

enum insn_op {
	INSN_MOV,		/* and MOVNTI */
	INSN_MOVZX, INSN_MOVSX,
	INSN_MOVBE,
	INSN_XCHG, INSN_XADD, INSN_CMPXCHG,
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
	INSN_TEST,
	INSN_NOT, INSN_NEG, INSN_INC, INSN_DEC,
	INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC,
	INSN_CMOV, INSN_SETCC,
	INSN_PUSH, INSN_POP,
	INSN_MOVS, INSN_STOS, INSN_LODS, INSN_CMPS, INSN_SCAS, INSN_INS, INSN_OUTS,
	INSN_NOTHING,		/* CLFLUSH, CLWB, PREFETCHh: no effect on a device register */
};

enum insn_rep { INSN_NO_REP, INSN_REP, INSN_REPNE };

/* Where a value comes from or goes to. */
enum insn_operand {
	OPND_NONE,
	OPND_MEM,		/* ModR/M memory operand or moffs */
	OPND_REG,		/* insn->reg */
	OPND_RM,		/* ModR/M register operand: insn->rm */
	OPND_ACC,		/* AL, AX, EAX, RAX */
	OPND_IMM,
};

struct insn {
	u8 len;
	enum insn_op op;
	enum insn_operand dst, src;
	u8 size;		/* bytes of the operation: 1, 2, 4, 8 */
	u8 src_size;		/* of the source, where it differs (MOVZX, MOVSX) */
	u8 addr_size;		/* bytes: 2, 4, 8 */
	bool rex, lock;
	enum insn_rep rep;
	enum insn_seg seg;	/* of the memory operand */
	u8 reg, rm;		/* general registers */
	u8 cond;		/* CMOVcc, SETcc: low four bits of the opcode */
	/* Memory operand: base + index * scale + disp; -1: none */
	s8 base, index;
	u8 scale;
	bool rip_relative;
	s64 disp;
	u64 imm;		/* sign-extended to 64 bits */
};

/*
 * Decode the instruction at @code, of which @len bytes can be had. 0; -ENODATA: it goes on
 * beyond them; -EINVAL: not one of those above (or longer than INSN_MAX_LEN).
 */
int insn_decode(const u8 *code, size_t len, enum insn_mode mode, struct insn *insn);

/* The bytes of one for a message, as " 0f 01 d9"; @len: up to INSN_MAX_LEN. */
#define INSN_TEXT_LEN	(3 * INSN_MAX_LEN + 1)
void insn_text(char text[INSN_TEXT_LEN], const u8 *code, size_t len);

struct insn_env {
	u64 *gpr;		/* 16, encoding order, RSP included; changed */
	u64 rip;		/* of the instruction; not changed */
	u64 rflags;		/* changed: status flags */
	enum insn_mode mode;
	u64 seg_base[INSN_SEGS];	/* in 64-bit mode those of FS and GS only */
	void *arg;
	/*
	 * Memory by linear address, @size 1, 2, 4 or 8, and ports. 0, or a negative errno that
	 * insn_execute() passes on: the access did not happen.
	 */
	int (*read)(struct insn_env *env, u64 linear, unsigned int size, u64 *val);
	int (*write)(struct insn_env *env, u64 linear, unsigned int size, u64 val);
	int (*in)(struct insn_env *env, u16 port, unsigned int size, u64 *val);
	int (*out)(struct insn_env *env, u16 port, unsigned int size, u64 val);
};

/* Repeated string instructions do so many elements at most before they give way. */
#define INSN_REP_CHUNK 512

/*
 * Execute. 0: done, RIP moves by insn->len. INSN_AGAIN: registers have moved on, RIP stays (a
 * repeated string instruction with elements left). Negative: what a callback said; of a
 * repeated instruction the elements before are done and in the registers, else nothing changed.
 */
#define INSN_AGAIN 1
int insn_execute(const struct insn *insn, struct insn_env *env);

/* The linear address of the memory operand. */
u64 insn_linear(const struct insn *insn, const struct insn_env *env);

#endif
