/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V: the permission maps, the decoder of what exits. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/decode.h"
#include "arch/x86/svm/svm.h"
#include "kernel/mem.h"

struct svm_caps svm_caps;

/* ---- Permission maps ---- */

static void msr_permissions(void **state)
{
	static u8 map[MSRPM_SIZE];
	static const u32 exits[] = {
		0, MSR_IA32_APIC_BASE, MSR_IA32_EFER, MSR_IA32_PAT, MSR_IA32_TSC_AUX,
		MSR_IA32_TSC_DEADLINE, MSR_IA32_X2APIC_EOI, MSR_VM_CR, MSR_VM_HSAVE_PA, MSR_HWCR,
		0x1fff, 0x2000, 0xbfffffff, 0xc0001fff, 0xc0002000, 0xc0012000, 0xffffffff,
	};

	svm_msrpm_fill(map);
	for (unsigned int i = 0; i < ARRAY_SIZE(exits); i++) {
		assert_true(svm_msr_exits(map, exits[i], false));
		assert_true(svm_msr_exits(map, exits[i], true));
	}
	assert_false(svm_msr_exits(map, MSR_IA32_LSTAR, false));
	assert_false(svm_msr_exits(map, MSR_IA32_LSTAR, true));
	assert_false(svm_msr_exits(map, MSR_IA32_GS_BASE, true));
	assert_true(svm_msr_exits(map, MSR_IA32_TIME_STAMP_COUNTER, false));
	assert_true(svm_msr_exits(map, MSR_IA32_TIME_STAMP_COUNTER, true));
	/* Two bits each: SYSENTER_CS is 174h, its byte 5dh, its bits 0 and 1. */
	assert_int_equal(map[0x174 / 4] & 3, 0);
	assert_int_equal(map[0x800 + 0x82 / 4] & 0x30, 0);
	assert_int_equal(map[0x800 + 0x82 / 4] & 0xc0, 0);	/* CSTAR, 83h */
}

static void maps_are_made(void **state)
{
	u64 before = mem_used(MEM_EPT);
	const u8 *iopm;

	assert_int_equal(svm_permission_init(), 0);
	iopm = phys_to_virt(svm_caps.iopm);
	for (unsigned int i = 0; i < IOPM_SIZE; i++)
		assert_int_equal(iopm[i], 0xff);
	mem_free(svm_caps.iopm, IOPM_SIZE, MEM_EPT);
	mem_free(svm_caps.msrpm, MSRPM_SIZE, MEM_EPT);
	assert_int_equal(mem_used(MEM_EPT), before);
}

/* ---- The decoder ---- */

static struct svm_insn insn;

#define DECODE(mode, ...) \
	svm_decode((const u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }), mode, &insn)
#define CHECK(mode, op_, len_, ...) do { \
	assert_int_equal(DECODE(mode, __VA_ARGS__), 0); \
	assert_int_equal(insn.op, op_); \
	assert_int_equal(insn.len, len_); \
} while (0)

static void plain_instructions(void **state)
{
	CHECK(INSN_64, SVM_INSN_CPUID, 2, 0x0f, 0xa2, 0x90);
	CHECK(INSN_16, SVM_INSN_HLT, 1, 0xf4);
	CHECK(INSN_64, SVM_INSN_PAUSE, 2, 0xf3, 0x90);
	CHECK(INSN_64, SVM_INSN_RDMSR, 2, 0x0f, 0x32);
	CHECK(INSN_32, SVM_INSN_WRMSR, 2, 0x0f, 0x30);
	CHECK(INSN_64, SVM_INSN_RDPMC, 2, 0x0f, 0x33);
	CHECK(INSN_64, SVM_INSN_INVD, 2, 0x0f, 0x08);
	CHECK(INSN_64, SVM_INSN_WBINVD, 2, 0x0f, 0x09);
	CHECK(INSN_64, SVM_INSN_WBINVD, 3, 0xf3, 0x0f, 0x09);	/* WBNOINVD */
	CHECK(INSN_64, SVM_INSN_XSETBV, 3, 0x0f, 0x01, 0xd1);
}

static void prefixes_count(void **state)
{
	CHECK(INSN_64, SVM_INSN_CPUID, 6, 0x66, 0x2e, 0xf2, 0x48, 0x0f, 0xa2);
	CHECK(INSN_64, SVM_INSN_HLT, 15, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	      0x66, 0x66, 0x66, 0x66, 0xf4);
	assert_int_equal(DECODE(INSN_64, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
				0x66, 0x66, 0x66, 0x66, 0x66, 0xf4), -EINVAL);
	/* 48h is DEC AX outside 64-bit mode */
	assert_int_equal(DECODE(INSN_32, 0x48, 0xf4), -EINVAL);
}

static void control_registers(void **state)
{
	CHECK(INSN_64, SVM_INSN_MOV_TO_CR, 3, 0x0f, 0x22, 0xe0);	/* mov %rax, %cr4 */
	assert_int_equal(insn.cr, 4);
	assert_int_equal(insn.gpr, 0);
	CHECK(INSN_64, SVM_INSN_MOV_FROM_CR, 4, 0x41, 0x0f, 0x20, 0xc7);	/* mov %cr0, %r15 */
	assert_int_equal(insn.cr, 0);
	assert_int_equal(insn.gpr, 15);
	CHECK(INSN_64, SVM_INSN_MOV_TO_CR, 4, 0x44, 0x0f, 0x22, 0xc1);	/* mov %rcx, %cr8 */
	assert_int_equal(insn.cr, 8);
	assert_int_equal(insn.gpr, 1);
	CHECK(INSN_32, SVM_INSN_MOV_TO_CR, 4, 0xf0, 0x0f, 0x22, 0xc2);	/* lock mov %edx, %cr0 */
	assert_int_equal(insn.cr, 8);
	/* a REX before another prefix does not count; mod does not either */
	CHECK(INSN_64, SVM_INSN_MOV_TO_CR, 5, 0x44, 0x66, 0x0f, 0x22, 0x03);
	assert_int_equal(insn.cr, 0);
	assert_int_equal(insn.gpr, 3);
}

static void lmsw(void **state)
{
	u64 gpr[16] = { [3] = 0x1000 };
	struct insn_env env = { .gpr = gpr, .mode = INSN_32 };

	CHECK(INSN_16, SVM_INSN_LMSW, 3, 0x0f, 0x01, 0xf0);	/* lmsw %ax */
	assert_int_equal(insn.gpr, 0);
	assert_false(insn.mem);
	CHECK(INSN_32, SVM_INSN_LMSW, 4, 0x0f, 0x01, 0x73, 0x10);	/* lmsw 0x10(%ebx) */
	assert_true(insn.mem);
	assert_int_equal(insn_linear(&insn.operand, &env), 0x1010);
	assert_int_equal(DECODE(INSN_32, 0x0f, 0x01, 0xe0), -EINVAL);	/* smsw: does not exit */
	assert_int_equal(DECODE(INSN_64, 0x0f, 0x01, 0xda), -EINVAL);	/* vmload */
	CHECK(INSN_64, SVM_INSN_VMMCALL, 3, 0x0f, 0x01, 0xd9);
}

static void truncated_and_unknown(void **state)
{
	assert_int_equal(svm_decode(NULL, 0, INSN_64, &insn), -ENODATA);
	assert_int_equal(DECODE(INSN_64, 0x0f), -ENODATA);
	assert_int_equal(DECODE(INSN_64, 0x66, 0x48), -ENODATA);
	assert_int_equal(DECODE(INSN_64, 0x0f, 0x22), -ENODATA);
	assert_int_equal(DECODE(INSN_64, 0x0f, 0x01, 0xb3, 1, 2), -ENODATA);
	assert_int_equal(DECODE(INSN_64, 0x90), -EINVAL);
	assert_int_equal(DECODE(INSN_64, 0x0f, 0x0b), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(msr_permissions), cmocka_unit_test(maps_are_made),
		cmocka_unit_test(plain_instructions), cmocka_unit_test(prefixes_count),
		cmocka_unit_test(control_registers), cmocka_unit_test(lmsw),
		cmocka_unit_test(truncated_and_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
