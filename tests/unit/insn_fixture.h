/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two machines for the tests of the instruction decoder: the processor that runs them, natively,
 * and insn_execute(), from the same registers and memory.
 */
#ifndef TESTS_UNIT_INSN_FIXTURE_H
#define TESTS_UNIT_INSN_FIXTURE_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/insn.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/* ---- The two machines ---- */

#define AREA 0x1000
#define OPERAND 0x800		/* in the middle of the memory that instructions reach */

struct native {
	u8 code[AREA];
	u64 in[16], out[16];
	u64 in_flags, out_flags, saved_rsp;
	u8 rest[AREA - 35 * 8];
	u8 mem[AREA];
};

static struct native *nat;

static inline void native_make(void)
{
	nat = mmap((void *)0x10000000, sizeof(*nat), PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_true(nat != MAP_FAILED);
}

static inline u8 *emit(u8 *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return at + n;
}

/* @op reg, [rip + target] */
static inline u8 *emit_rip(u8 *at, u8 op, unsigned int reg, const void *target)
{
	u8 head[3] = { 0x48 | (reg >= 8 ? 4 : 0), op, 0x05 | (reg & 7) << 3 };
	s32 disp = (s32)((const u8 *)target - (at + 7));

	return emit(emit(at, head, 3), &disp, 4);
}

static const u8 prologue[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57 };
static const u8 epilogue[] = {
	0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3,
};
static const u8 load_rsp = 0x8b, store = 0x89, load = 0x8b;

/* push/pop qword [rip + target] */
static inline u8 *emit_stack(u8 *at, u8 op, u8 ext, const void *target)
{
	u8 head[2] = { op, 0x05 | ext << 3 };
	s32 disp = (s32)((const u8 *)target - (at + 6));

	return emit(emit(at, head, 2), &disp, 4);
}

/* Where the instruction will be, for RIP-relative operands. */
static inline u8 *native_head(void)
{
	u8 *at = emit(nat->code, prologue, sizeof(prologue));
	static const u8 popfq = 0x9d;

	at = emit_rip(at, store, RSP, &nat->saved_rsp);
	at = emit_stack(at, 0xff, 6, &nat->in_flags);
	at = emit(at, &popfq, 1);
	for (unsigned int r = 0; r < 16; r++)
		at = emit_rip(at, load, r, &nat->in[r]);
	return at;
}

static inline void native_run(const u8 *insn, size_t len)
{
	u8 *at = emit(native_head(), insn, len);
	static const u8 pushfq = 0x9c;

	for (unsigned int r = 0; r < 16; r++)
		at = emit_rip(at, store, r, &nat->out[r]);
	at = emit_rip(at, load_rsp, RSP, &nat->saved_rsp);
	at = emit(at, &pushfq, 1);
	at = emit_stack(at, 0x8f, 0, &nat->out_flags);
	emit(at, epilogue, sizeof(epilogue));
	((void (*)(void))nat->code)();
}

static u8 mem[AREA];		/* the emulated machine's copy of nat->mem */
static int fail_read, fail_write;
static u16 port_seen;
static u64 port_val;

static inline u8 *at_linear(u64 linear, unsigned int size)
{
	u64 off = linear - (u64)nat->mem;

	assert_true(off < AREA && off + size <= AREA);
	return mem + off;
}

static inline int env_read(struct insn_env *env, u64 linear, unsigned int size, u64 *val)
{
	if (fail_read)
		return fail_read;
	*val = 0;
	memcpy(val, at_linear(linear, size), size);
	return 0;
}

static inline int env_write(struct insn_env *env, u64 linear, unsigned int size, u64 val)
{
	if (fail_write)
		return fail_write;
	memcpy(at_linear(linear, size), &val, size);
	return 0;
}

static inline int env_in(struct insn_env *env, u16 port, unsigned int size, u64 *val)
{
	port_seen = port;
	*val = port_val++ & ((1ull << 8 * size) - 1);
	return 0;
}

static inline int env_out(struct insn_env *env, u16 port, unsigned int size, u64 val)
{
	port_seen = port;
	port_val = port_val << 8 * size | val;
	return 0;
}

static inline struct insn_env env_make(u64 gpr[16], enum insn_mode mode)
{
	return (struct insn_env){
		.gpr = gpr, .mode = mode, .rflags = RFLAGS_FIXED,
		.read = env_read, .write = env_write, .in = env_in, .out = env_out,
	};
}

/* ---- Random numbers that come again with each run ---- */

static u64 seed;

static inline u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Values that carry, overflow and sign-extend more often than random ones. */
static inline u64 rnd_value(void)
{
	static const u64 edges[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX,
	};

	return rnd() % 3 ? rnd() : edges[rnd() % (sizeof(edges) / sizeof(edges[0]))];
}

/* ---- Comparison ---- */

#define STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* Flags that the manual leaves undefined are not compared. */
static inline u64 defined_flags(enum insn_op op)
{
	if (op == INSN_AND || op == INSN_OR || op == INSN_XOR || op == INSN_TEST)
		return STATUS & ~RFLAGS_AF;
	if (op >= INSN_BT && op <= INSN_BTC)
		return RFLAGS_CF | RFLAGS_ZF;
	return STATUS;
}

static const char *hex(const u8 *bytes, size_t n)
{
	static char text[64];

	for (size_t i = 0; i < n; i++)
		sprintf(text + 3 * i, "%02x ", bytes[i]);
	return text;
}

static inline void compare(const u8 *code, const struct insn *insn, const u64 gpr[16], u64 flags)
{
	u64 fmask = defined_flags(insn->op);

	for (unsigned int r = 0; r < 16; r++)
		if (gpr[r] != nat->out[r])
			fail_msg("%s: register %u is %#lx, the processor's %#lx",
				 hex(code, insn->len), r, gpr[r], nat->out[r]);
	if ((flags ^ nat->out_flags) & fmask)
		fail_msg("%s: flags %#lx, the processor's %#lx", hex(code, insn->len),
			 flags & fmask, nat->out_flags & fmask);
	if (memcmp(mem, nat->mem, AREA))
		fail_msg("%s: memory differs", hex(code, insn->len));
}

/* Point the operand's registers at the middle of the memory. */
static inline void aim(const struct insn *insn, u64 gpr[16])
{
	u64 want = (u64)nat->mem + OPERAND - (u64)insn->disp;

	if (insn->index >= 0 && insn->index != insn->base) {
		gpr[insn->index] = rnd() % 64;
		want -= gpr[insn->index] * insn->scale;
	} else if (insn->index >= 0) {
		want /= insn->scale + 1;
	}
	if (insn->base >= 0)
		gpr[insn->base] = want;
}

/* A bit number from a register goes with the address: keep it near. */
static inline void tame_bit_number(const struct insn *insn, u64 gpr[16])
{
	if (insn->op >= INSN_BT && insn->op <= INSN_BTC && insn->src == OPND_REG &&
	    insn->reg != insn->base && insn->reg != insn->index)
		gpr[insn->reg] = (u64)(s64)((s32)(rnd() % 4096) - 2048);
}

static inline void run_both(const u8 *code, const struct insn *insn)
{
	u64 gpr[16], start[16];
	struct insn_env env;

	for (unsigned int r = 0; r < 16; r++)
		gpr[r] = rnd_value();
	gpr[RSP] = (u64)nat->mem + 0xc00;
	tame_bit_number(insn, gpr);
	aim(insn, gpr);
	for (unsigned int i = 0; i < AREA / 8; i++)
		((u64 *)mem)[i] = rnd_value();
	/* CMPXCHG must find its value now and then. */
	if (insn->op == INSN_CMPXCHG && rnd() % 2)
		memcpy(mem + OPERAND, &gpr[RAX], 8);
	memcpy(nat->mem, mem, AREA);
	memcpy(start, gpr, sizeof(start));
	memcpy(nat->in, gpr, sizeof(gpr));
	env = env_make(gpr, INSN_64);
	env.rflags |= rnd() & STATUS;
	env.rip = (u64)native_head();
	nat->in_flags = env.rflags;
	assert_int_equal(insn_execute(insn, &env), 0);
	native_run(code, insn->len);
	compare(code, insn, gpr, env.rflags);
}

#endif
