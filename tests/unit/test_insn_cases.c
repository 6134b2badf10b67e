/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction decoder, in what a process cannot have its processor run (16-bit and 32-bit code,
 * faults) and in what it refuses: the expected result is written down.
 */
#include "tests/unit/insn_fixture.h"

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
