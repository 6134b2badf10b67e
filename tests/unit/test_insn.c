/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder. Its main test is the processor that runs it: the same bytes are
 * executed natively and by insn_execute(), from the same registers and memory, and must leave
 * the same behind. What that processor cannot run in a process (16-bit and 32-bit code, ports,
 * faults) has tests with the expected result written down.
 */
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

static void native_make(void)
{
	nat = mmap((void *)0x10000000, sizeof(*nat), PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_true(nat != MAP_FAILED);
}

static u8 *emit(u8 *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return at + n;
}

/* @op reg, [rip + target] */
static u8 *emit_rip(u8 *at, u8 op, unsigned int reg, const void *target)
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
static u8 *emit_stack(u8 *at, u8 op, u8 ext, const void *target)
{
	u8 head[2] = { op, 0x05 | ext << 3 };
	s32 disp = (s32)((const u8 *)target - (at + 6));

	return emit(emit(at, head, 2), &disp, 4);
}

/* Where the instruction will be, for RIP-relative operands. */
static u8 *native_head(void)
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

static void native_run(const u8 *insn, size_t len)
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

static u8 *at_linear(u64 linear, unsigned int size)
{
	u64 off = linear - (u64)nat->mem;

	assert_true(off < AREA && off + size <= AREA);
	return mem + off;
}

static int env_read(struct insn_env *env, u64 linear, unsigned int size, u64 *val)
{
	if (fail_read)
		return fail_read;
	*val = 0;
	memcpy(val, at_linear(linear, size), size);
	return 0;
}

static int env_write(struct insn_env *env, u64 linear, unsigned int size, u64 val)
{
	if (fail_write)
		return fail_write;
	memcpy(at_linear(linear, size), &val, size);
	return 0;
}

static int env_in(struct insn_env *env, u16 port, unsigned int size, u64 *val)
{
	port_seen = port;
	*val = port_val++ & ((1ull << 8 * size) - 1);
	return 0;
}

static int env_out(struct insn_env *env, u16 port, unsigned int size, u64 val)
{
	port_seen = port;
	port_val = port_val << 8 * size | val;
	return 0;
}

static struct insn_env env_make(u64 gpr[16], enum insn_mode mode)
{
	return (struct insn_env){
		.gpr = gpr, .mode = mode, .rflags = RFLAGS_FIXED,
		.read = env_read, .write = env_write, .in = env_in, .out = env_out,
	};
}

/* ---- Random numbers that come again with each run ---- */

static u64 seed;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Values that carry, overflow and sign-extend more often than random ones. */
static u64 rnd_value(void)
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
static u64 defined_flags(enum insn_op op)
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

static void compare(const u8 *code, const struct insn *insn, const u64 gpr[16], u64 flags)
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
static void aim(const struct insn *insn, u64 gpr[16])
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
static void tame_bit_number(const struct insn *insn, u64 gpr[16])
{
	if (insn->op >= INSN_BT && insn->op <= INSN_BTC && insn->src == OPND_REG &&
	    insn->reg != insn->base && insn->reg != insn->index)
		gpr[insn->reg] = (u64)(s64)((s32)(rnd() % 4096) - 2048);
}

static void run_both(const u8 *code, const struct insn *insn)
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

/* ---- Generated instructions ---- */

struct gen {
	u8 bytes[3];
	u8 n;
	int reg;		/* ModR/M reg field, or -1: any */
	u8 imm;			/* bytes; 4: of operand size */
};

static const struct gen forms[] = {
#define ALU(base) { { (base) }, 1, -1, 0 }, { { (base) + 1 }, 1, -1, 0 }, \
		  { { (base) + 2 }, 1, -1, 0 }, { { (base) + 3 }, 1, -1, 0 }
	ALU(0x00), ALU(0x08), ALU(0x10), ALU(0x18), ALU(0x20), ALU(0x28), ALU(0x30), ALU(0x38),
	{ { 0x63 }, 1, -1, 0 },
	{ { 0x80 }, 1, -1, 1 }, { { 0x81 }, 1, -1, 4 }, { { 0x83 }, 1, -1, 1 },
	{ { 0x84 }, 1, -1, 0 }, { { 0x85 }, 1, -1, 0 }, { { 0x86 }, 1, -1, 0 },
	{ { 0x87 }, 1, -1, 0 }, { { 0x88 }, 1, -1, 0 }, { { 0x89 }, 1, -1, 0 },
	{ { 0x8a }, 1, -1, 0 }, { { 0x8b }, 1, -1, 0 }, { { 0x8f }, 1, 0, 0 },
	{ { 0xc6 }, 1, 0, 1 }, { { 0xc7 }, 1, 0, 4 },
	{ { 0xf6 }, 1, 0, 1 }, { { 0xf6 }, 1, 2, 0 }, { { 0xf6 }, 1, 3, 0 },
	{ { 0xf7 }, 1, 1, 4 }, { { 0xf7 }, 1, 2, 0 }, { { 0xf7 }, 1, 3, 0 },
	{ { 0xfe }, 1, 0, 0 }, { { 0xfe }, 1, 1, 0 }, { { 0xff }, 1, 0, 0 },
	{ { 0xff }, 1, 1, 0 }, { { 0xff }, 1, 6, 0 },
	{ { 0x0f, 0x18 }, 2, 0, 0 },
	{ { 0x0f, 0x40 }, 2, -1, 0 }, { { 0x0f, 0x41 }, 2, -1, 0 }, { { 0x0f, 0x42 }, 2, -1, 0 },
	{ { 0x0f, 0x43 }, 2, -1, 0 }, { { 0x0f, 0x44 }, 2, -1, 0 }, { { 0x0f, 0x46 }, 2, -1, 0 },
	{ { 0x0f, 0x48 }, 2, -1, 0 }, { { 0x0f, 0x4a }, 2, -1, 0 }, { { 0x0f, 0x4c }, 2, -1, 0 },
	{ { 0x0f, 0x4d }, 2, -1, 0 }, { { 0x0f, 0x4e }, 2, -1, 0 }, { { 0x0f, 0x4f }, 2, -1, 0 },
	{ { 0x0f, 0x92 }, 2, -1, 0 }, { { 0x0f, 0x95 }, 2, -1, 0 }, { { 0x0f, 0x97 }, 2, -1, 0 },
	{ { 0x0f, 0xa3 }, 2, -1, 0 }, { { 0x0f, 0xab }, 2, -1, 0 }, { { 0x0f, 0xb3 }, 2, -1, 0 },
	{ { 0x0f, 0xbb }, 2, -1, 0 }, { { 0x0f, 0xae }, 2, 7, 0 },
	{ { 0x0f, 0xb0 }, 2, -1, 0 }, { { 0x0f, 0xb1 }, 2, -1, 0 },
	{ { 0x0f, 0xb6 }, 2, -1, 0 }, { { 0x0f, 0xb7 }, 2, -1, 0 },
	{ { 0x0f, 0xba }, 2, 4, 1 }, { { 0x0f, 0xba }, 2, 5, 1 }, { { 0x0f, 0xba }, 2, 6, 1 },
	{ { 0x0f, 0xba }, 2, 7, 1 },
	{ { 0x0f, 0xbe }, 2, -1, 0 }, { { 0x0f, 0xbf }, 2, -1, 0 },
	{ { 0x0f, 0xc0 }, 2, -1, 0 }, { { 0x0f, 0xc1 }, 2, -1, 0 }, { { 0x0f, 0xc3 }, 2, -1, 0 },
	{ { 0x0f, 0x38, 0xf0 }, 3, -1, 0 }, { { 0x0f, 0x38, 0xf1 }, 3, -1, 0 },
};

/* Prefixes, opcode, a ModR/M with a memory operand, displacement, immediate; 15 bytes at most. */
static void generate(const struct gen *g, u8 code[32])
{
	unsigned int n = 0, mod = rnd() % 3, rm = rnd() % 8;
	unsigned int reg = g->reg < 0 ? rnd() % 8 : (u64)g->reg;
	bool movnti = g->n == 2 && g->bytes[1] == 0xc3;

	if (!movnti && rnd() % 3 == 0)
		code[n++] = 0x66;
	if (rnd() % 2)
		code[n++] = 0x40 | rnd() % 16;
	memcpy(code + n, g->bytes, g->n);
	n += g->n;
	if (mod == 0 && rm == 5)
		mod = 1;		/* RIP-relative has its own test */
	code[n++] = mod << 6 | reg << 3 | rm;
	for (unsigned int i = n; i < 32; i++)
		code[i] = rnd();
	if (mod == 2)
		for (unsigned int at = n; at < n + 5; at++)
			code[at + (rm == 4)] &= at == n + 3 ? 0 : 0x7f;
}

/* Operands that cannot be aimed: no base (with or without index), RSP as target, base = index. */
static bool usable(const struct insn *insn)
{
	if (insn->base < 0 || insn->base == insn->index)
		return false;
	/* The stack pointer is needed for itself, and CMPXCHG's accumulator for comparing. */
	if (insn->op == INSN_PUSH || insn->op == INSN_POP)
		return insn->base != RSP && insn->index != RSP;
	/* A bit number that is the address as well leads anywhere. */
	if (insn->op >= INSN_BT && insn->op <= INSN_BTC && insn->src == OPND_REG)
		return insn->reg != insn->base && insn->reg != insn->index;
	return true;
}

static void same_as_the_processor(void **state)
{
	unsigned int runs = 0;

	seed = 0x9e3779b97f4a7c15;
	for (unsigned int f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		unsigned int done = 0;

		for (unsigned int n = 0; n < 2000 && done < 300; n++) {
			struct insn insn;
			u8 code[32];

			generate(&forms[f], code);
			if (insn_decode(code, sizeof(code), INSN_64, &insn))
				fail_msg("%s: not decoded", hex(code, 12));
			if (!usable(&insn))
				continue;
			run_both(code, &insn);
			done++;
		}
		if (done < 100)
			fail_msg("form %u: only %u runs", f, done);
		runs += done;
	}
	assert_true(runs > 20000);
}

static void rip_relative(void **state)
{
	/* add $0x11223344, x(%rip) */
	u8 code[] = { 0x48, 0x81, 0x05, 0, 0, 0, 0, 0x44, 0x33, 0x22, 0x11 };
	struct insn insn;
	s32 disp;

	seed = 1;
	disp = (s32)((u8 *)nat->mem + OPERAND - (native_head() + sizeof(code)));
	memcpy(code + 3, &disp, 4);
	assert_int_equal(insn_decode(code, sizeof(code), INSN_64, &insn), 0);
	assert_true(insn.rip_relative);
	assert_int_equal(insn.len, sizeof(code));
	run_both(code, &insn);
}

/* Forms without ModR/M, the address in the bytes. */
static void absolute_offsets(void **state)
{
	static const u8 ops[] = { 0xa0, 0xa1, 0xa2, 0xa3 };
	u64 addr = (u64)nat->mem + OPERAND;
	struct insn insn;

	seed = 2;
	for (unsigned int i = 0; i < 3 * sizeof(ops); i++) {
		static const u8 prefixes[] = { 0x66, 0x48, 0x40 };
		u8 code[10] = { prefixes[i / sizeof(ops)], ops[i % sizeof(ops)] };

		memcpy(code + 2, &addr, 8);
		assert_int_equal(insn_decode(code, sizeof(code), INSN_64, &insn), 0);
		assert_int_equal(insn.len, 10);
		run_both(code, &insn);
	}
}

/* ---- Strings ---- */

static void string_both(const u8 *code, size_t len, u64 rcx, bool down)
{
	u64 gpr[16];
	struct insn insn;
	struct insn_env env;

	assert_int_equal(insn_decode(code, len, INSN_64, &insn), 0);
	assert_int_equal(insn.len, len);
	for (unsigned int r = 0; r < 16; r++)
		gpr[r] = rnd_value();
	gpr[RSP] = (u64)nat->mem + 0xc00;
	gpr[RSI] = (u64)nat->mem + 0x400;
	gpr[RDI] = (u64)nat->mem + 0x700;
	gpr[RCX] = rcx;
	for (unsigned int i = 0; i < AREA; i++)
		mem[i] = rnd() % 4 ? 0x5a : rnd();	/* equal stretches for CMPS and SCAS */
	gpr[RAX] = 0x5a5a5a5a5a5a5a5a;
	memcpy(nat->mem, mem, AREA);
	memcpy(nat->in, gpr, sizeof(gpr));
	env = env_make(gpr, INSN_64);
	env.rflags |= down ? RFLAGS_DF : 0;
	nat->in_flags = env.rflags;
	assert_int_equal(insn_execute(&insn, &env), 0);
	native_run(code, len);
	compare(code, &insn, gpr, env.rflags);
}

static void strings_same_as_the_processor(void **state)
{
	static const u8 ops[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
	static const u8 reps[] = { 0, 0xf3, 0xf2 };
	static const u8 sizes[] = { 0, 0x66, 0x48 };

	seed = 3;
	for (unsigned int i = 0; i < sizeof(ops) * 9; i++)
		for (unsigned int n = 0; n < 20; n++) {
			u8 code[4], len = 0, rep = reps[i / sizeof(ops) % 3];

			if (rep)
				code[len++] = rep;
			if (sizes[i / sizeof(ops) / 3])
				code[len++] = sizes[i / sizeof(ops) / 3];
			code[len++] = ops[i % sizeof(ops)];
			string_both(code, len, n % 7, n & 1);
		}
}

static void long_repeat_gives_way(void **state)
{
	static const u8 code[] = { 0xf3, 0xaa };	/* rep stosb */
	u64 gpr[16] = { 0 };
	struct insn_env env = env_make(gpr, INSN_64);
	struct insn insn;

	gpr[RCX] = INSN_REP_CHUNK + 100;
	gpr[RDI] = (u64)nat->mem;
	gpr[RAX] = 0x77;
	memset(mem, 0, AREA);
	assert_int_equal(insn_decode(code, 2, INSN_64, &insn), 0);
	assert_int_equal(insn_execute(&insn, &env), INSN_AGAIN);
	assert_int_equal(gpr[RCX], 100);
	assert_int_equal(gpr[RDI], (u64)nat->mem + INSN_REP_CHUNK);
	assert_int_equal(mem[INSN_REP_CHUNK], 0);
	assert_int_equal(insn_execute(&insn, &env), 0);
	assert_int_equal(gpr[RCX], 0);
	assert_int_equal(mem[INSN_REP_CHUNK + 99], 0x77);
	assert_int_equal(mem[INSN_REP_CHUNK + 100], 0);
}

static void string_io(void **state)
{
	static const u8 insb[] = { 0xf3, 0x6c }, outsl[] = { 0x6f }, outsw[] = { 0x66, 0x6f };
	u64 gpr[16] = { 0 };
	struct insn_env env = env_make(gpr, INSN_64);
	struct insn insn;

	gpr[RDX] = 0xabcd01f0;		/* DX only */
	gpr[RDI] = gpr[RSI] = (u64)nat->mem + 0x100;
	gpr[RCX] = 3;
	port_val = 0x41;
	assert_int_equal(insn_decode(insb, 2, INSN_64, &insn), 0);
	assert_int_equal(insn_execute(&insn, &env), 0);
	assert_int_equal(port_seen, 0x01f0);
	assert_memory_equal(mem + 0x100, "ABC", 3);
	assert_int_equal(gpr[RDI], (u64)nat->mem + 0x103);

	memcpy(mem + 0x100, "\x44\x33\x22\x11\x66\x55", 6);
	port_val = 0;
	assert_int_equal(insn_decode(outsl, 1, INSN_64, &insn), 0);
	assert_int_equal(insn_execute(&insn, &env), 0);
	assert_int_equal(port_val, 0x11223344);
	assert_int_equal(insn_decode(outsw, 2, INSN_64, &insn), 0);
	assert_int_equal(insn_execute(&insn, &env), 0);
	assert_int_equal(port_val, 0x112233445566);
	assert_int_equal(gpr[RSI], (u64)nat->mem + 0x106);
	/* REX.W does not make it 64 bits wide */
	assert_int_equal(insn_decode((const u8[]){ 0x48, 0x6f }, 2, INSN_64, &insn), 0);
	assert_int_equal(insn.size, 4);
}

/* ---- Faults: nothing may have changed ---- */

static void a_fault_changes_nothing(void **state)
{
	static const u8 codes[][3] = {
		{ 0x01, 0x03 },		/* add %eax, (%rbx) */
		{ 0x87, 0x03 },		/* xchg */
		{ 0x0f, 0xc1, 0x03 },	/* xadd */
		{ 0x0f, 0xb1, 0x03 },	/* cmpxchg */
		{ 0xff, 0x33 },		/* push */
		{ 0x8f, 0x03 },		/* pop */
		{ 0xa5 },		/* movsd */
	};

	for (unsigned int i = 0; i < 2 * sizeof(codes) / sizeof(codes[0]); i++) {
		u64 gpr[16], before[16];
		struct insn_env env = env_make(gpr, INSN_64);
		struct insn insn;

		for (unsigned int r = 0; r < 16; r++)
			gpr[r] = (u64)nat->mem + OPERAND + 8 * r;
		memcpy(before, gpr, sizeof(gpr));
		assert_int_equal(insn_decode(codes[i / 2], 3, INSN_64, &insn), 0);
		fail_read = i & 1 ? -EFAULT : 0;
		fail_write = i & 1 ? 0 : -EFAULT;
		assert_int_equal(insn_execute(&insn, &env), -EFAULT);
		fail_read = fail_write = 0;
		assert_memory_equal(gpr, before, sizeof(gpr));
		assert_int_equal(env.rflags, RFLAGS_FIXED);
	}
}

static void a_fault_in_a_repeat_keeps_what_is_done(void **state)
{
	static const u8 code[] = { 0xf3, 0xa4 };
	u64 gpr[16] = { 0 };
	struct insn_env env = env_make(gpr, INSN_64);
	struct insn insn;

	gpr[RCX] = 5;
	gpr[RSI] = gpr[RDI] = (u64)nat->mem;
	assert_int_equal(insn_decode(code, 2, INSN_64, &insn), 0);
	fail_write = -EFAULT;
	assert_int_equal(insn_execute(&insn, &env), -EFAULT);
	fail_write = 0;
	assert_int_equal(gpr[RCX], 5);
	assert_int_equal(gpr[RSI], (u64)nat->mem);
}

/* ---- 16-bit and 32-bit code, by hand ---- */

struct expect {
	const char *what;
	enum insn_mode mode;
	u8 code[12], len;
	enum insn_op op;
	u8 size;
	enum insn_seg seg;
	u64 linear;		/* with the registers below, all segment bases 0x100000 * number */
};

static const struct expect expected[] = {
	{ "mov %al, (%bx,%si)", INSN_16, { 0x88, 0x00 }, 2, INSN_MOV, 1, INSN_DS, 0x300000 + 0x3300 + 0x6600 },
	{ "mov %ax, 0x1234", INSN_16, { 0xa3, 0x34, 0x12 }, 3, INSN_MOV, 2, INSN_DS, 0x301234 },
	{ "mov %ax, %es:0x8000", INSN_16, { 0x26, 0xa3, 0x00, 0x80 }, 4, INSN_MOV, 2, INSN_ES, 0x8000 },
	{ "mov 0x7f(%bp), %eax", INSN_16, { 0x66, 0x8b, 0x46, 0x7f }, 4, INSN_MOV, 4, INSN_SS, 0x200000 + 0x5500 + 0x7f },
	{ "mov -2(%bp,%di), %ax", INSN_16, { 0x8b, 0x43, 0xfe }, 3, INSN_MOV, 2, INSN_SS, 0x200000 + 0x5500 + 0x7700 - 2 },
	{ "wraps at 64 KiB", INSN_16, { 0x8b, 0x87, 0xf0, 0xff }, 4, INSN_MOV, 2, INSN_DS, 0x300000 + 0x32f0 },
	{ "addr32 mov (%eax), %ax", INSN_16, { 0x67, 0x8b, 0x00 }, 3, INSN_MOV, 2, INSN_DS, 0x300000 + 0x99990000 },
	{ "mov (%eax), %eax", INSN_32, { 0x8b, 0x00 }, 2, INSN_MOV, 4, INSN_DS, 0x300000 + 0x99990000 },
	{ "mov 0x12345678, %eax", INSN_32, { 0xa1, 0x78, 0x56, 0x34, 0x12 }, 5, INSN_MOV, 4, INSN_DS, 0x300000 + 0x12345678 },
	{ "mov 0x12345678 (ModR/M)", INSN_32, { 0x8b, 0x0d, 0x78, 0x56, 0x34, 0x12 }, 6, INSN_MOV, 4, INSN_DS, 0x300000 + 0x12345678 },
	{ "mov (%esp), %ax", INSN_32, { 0x66, 0x8b, 0x04, 0x24 }, 4, INSN_MOV, 2, INSN_SS, 0x200000 + 0x4400 },
	{ "mov %gs:4(%ebx,%ecx,4), %al", INSN_32, { 0x65, 0x8a, 0x44, 0x8b, 0x04 }, 5, INSN_MOV, 1, INSN_GS, 0x500000 + 0x3300 + 4 * 0x1100 + 4 },
	{ "addr16 mov (%bx), %eax", INSN_32, { 0x67, 0x8b, 0x07 }, 3, INSN_MOV, 4, INSN_DS, 0x303300 },
	{ "inc %eax is no REX", INSN_32, { 0xff, 0x00 }, 2, INSN_INC, 4, INSN_DS, 0x300000 + 0x99990000 },
	{ "ds: ignored in 64-bit mode", INSN_64, { 0x3e, 0x8b, 0x03 }, 3, INSN_MOV, 4, INSN_DS, 0x3300 },
	{ "fs: counts there", INSN_64, { 0x64, 0x8b, 0x03 }, 3, INSN_MOV, 4, INSN_FS, 0x403300 },
	{ "REX before another prefix is void", INSN_64, { 0x48, 0x66, 0x8b, 0x03 }, 4, INSN_MOV, 2, INSN_DS, 0x3300 },
	{ "addr32 cuts the address", INSN_64, { 0x67, 0x8b, 0x00 }, 3, INSN_MOV, 4, INSN_DS, 0x99990000 },
	{ "r13 needs a displacement", INSN_64, { 0x41, 0x8b, 0x45, 0x10 }, 4, INSN_MOV, 4, INSN_DS, 0xdd10 },
	{ "r12 needs a SIB", INSN_64, { 0x41, 0x8b, 0x04, 0x24 }, 4, INSN_MOV, 4, INSN_DS, 0xcc00 },
	{ "index without base", INSN_64, { 0x8b, 0x04, 0xcd, 0, 1, 0, 0 }, 7, INSN_MOV, 4, INSN_DS, 8 * 0x1100 + 0x100 },
};

static void modes_and_addresses(void **state)
{
	u64 gpr[16];

	for (unsigned int r = 0; r < 16; r++)
		gpr[r] = 0x1100 * r;
	gpr[RAX] = 0xabcd000099990000;
	for (unsigned int i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct expect *e = &expected[i];
		struct insn_env env = env_make(gpr, e->mode);
		struct insn insn;

		for (unsigned int s = 0; s < INSN_SEGS; s++)
			env.seg_base[s] = 0x100000 * s;
		if (insn_decode(e->code, e->len, e->mode, &insn) || insn.len != e->len ||
		    insn.op != e->op || insn.size != e->size || insn.seg != e->seg)
			fail_msg("%s: decoded as op %u size %u segment %u length %u", e->what,
				 insn.op, insn.size, insn.seg, insn.len);
		if (insn_linear(&insn, &env) != e->linear)
			fail_msg("%s: address %#lx, not %#lx", e->what, insn_linear(&insn, &env),
				 e->linear);
	}
}

/* 16-bit string: SI and DI wrap at 64 KiB, the rest of the registers stays. */
static void string_registers_are_as_wide_as_addresses(void **state)
{
	static const u8 code[] = { 0xaa };
	u64 gpr[16] = { 0 };
	struct insn_env env = env_make(gpr, INSN_16);
	struct insn insn;

	env.seg_base[INSN_ES] = (u64)nat->mem - 0xffff;
	gpr[RDI] = 0x1234ffff;
	assert_int_equal(insn_decode(code, 1, INSN_16, &insn), 0);
	assert_int_equal(insn_execute(&insn, &env), 0);
	assert_int_equal(gpr[RDI], 0x12340000);
}

/* ---- Refusals ---- */

static void unknown_instructions_are_refused(void **state)
{
	static const struct { enum insn_mode mode; u8 code[6]; } bad[] = {
		{ INSN_64, { 0x0f, 0x0b } },			/* ud2 */
		{ INSN_64, { 0x0f, 0x28, 0x00 } },		/* movaps */
		{ INSN_64, { 0xf2, 0x0f, 0x38, 0xf1, 0x00 } },	/* crc32 */
		{ INSN_64, { 0xc6, 0x08 } },			/* c6 /1 */
		{ INSN_64, { 0xf7, 0x20 } },			/* mul */
		{ INSN_64, { 0xff, 0x10 } },			/* call */
		{ INSN_64, { 0x0f, 0xba, 0x00, 0x00 } },	/* 0f ba /0 */
		{ INSN_64, { 0x0f, 0xae, 0x00 } },		/* fxsave */
		{ INSN_64, { 0x0f, 0xae, 0x30 } },		/* xsaveopt */
		{ INSN_64, { 0x04, 0x00 } },			/* add $0, %al: no memory */
		{ INSN_32, { 0x63, 0x00 } },			/* arpl */
		{ INSN_64, { 0xf4 } },				/* hlt */
	};
	struct insn insn;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (insn_decode(bad[i].code, sizeof(bad[i].code), bad[i].mode, &insn) != -EINVAL)
			fail_msg("%s is not refused", hex(bad[i].code, 4));
}

static void length_is_limited(void **state)
{
	u8 code[20];
	struct insn insn;

	memset(code, 0x66, sizeof(code));
	assert_int_equal(insn_decode(code, sizeof(code), INSN_64, &insn), -EINVAL);
	code[13] = 0x89;
	code[14] = 0x00;
	assert_int_equal(insn_decode(code, sizeof(code), INSN_64, &insn), 0);
	assert_int_equal(insn.len, 15);
	code[13] = 0x66;
	code[14] = 0x89;
	code[15] = 0x00;
	assert_int_equal(insn_decode(code, sizeof(code), INSN_64, &insn), -EINVAL);
}

static void truncated_bytes_are_told_apart(void **state)
{
	static const u8 code[] = { 0x48, 0x81, 0x84, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct insn insn;

	for (size_t n = 0; n < sizeof(code); n++)
		assert_int_equal(insn_decode(code, n, INSN_64, &insn), -ENODATA);
	assert_int_equal(insn_decode(code, sizeof(code), INSN_64, &insn), 0);
	assert_int_equal(insn.len, sizeof(code));
}

/* Whatever the bytes: an answer, no more bytes used than there are, a sane instruction. */
static void any_bytes(void **state)
{
	seed = 4;
	for (unsigned int n = 0; n < 300000; n++) {
		size_t len = rnd() % 16;
		u8 *code = malloc(len ? len : 1);	/* of exact size, for ASan */
		static const enum insn_mode modes[] = { INSN_16, INSN_32, INSN_64 };
		struct insn insn;

		for (size_t i = 0; i < len; i++)
			code[i] = rnd();
		if (!insn_decode(code, len, modes[n % 3], &insn)) {
			assert_true(insn.len >= 1 && insn.len <= len);
			assert_true(insn.size == 1 || insn.size == 2 || insn.size == 4 ||
				    insn.size == 8);
			assert_true(insn.base < 16 && insn.index < 16 && insn.seg < INSN_SEGS);
		}
		free(code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_the_processor),
		cmocka_unit_test(rip_relative),
		cmocka_unit_test(absolute_offsets),
		cmocka_unit_test(strings_same_as_the_processor),
		cmocka_unit_test(long_repeat_gives_way),
		cmocka_unit_test(string_io),
		cmocka_unit_test(a_fault_changes_nothing),
		cmocka_unit_test(a_fault_in_a_repeat_keeps_what_is_done),
		cmocka_unit_test(modes_and_addresses),
		cmocka_unit_test(string_registers_are_as_wide_as_addresses),
		cmocka_unit_test(unknown_instructions_are_refused),
		cmocka_unit_test(length_is_limited),
		cmocka_unit_test(truncated_bytes_are_told_apart),
		cmocka_unit_test(any_bytes),
	};

	native_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
