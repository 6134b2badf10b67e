/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder, against the processor that runs it: the same bytes are executed natively
 * and by insn_execute(), from the same registers and memory, and must leave the same behind.
 */
#include "tests/unit/insn_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_the_processor),
		cmocka_unit_test(rip_relative),
		cmocka_unit_test(absolute_offsets),
		cmocka_unit_test(strings_same_as_the_processor),
		cmocka_unit_test(long_repeat_gives_way),
		cmocka_unit_test(string_io),
	};

	native_make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
