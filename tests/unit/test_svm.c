/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V's tables: nested paging, permission maps, exit codes, the decoder of what exits. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/decode.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

u32 hvm_caps;
struct svm_caps svm_caps;
static struct guest guest;
static u64 held;

static int setup(void **state)
{
	memset(&guest, 0, sizeof(guest));
	hvm_caps = HVM_CAP_PAGE_1G;
	held = mem_used(MEM_EPT);
	return svm_guest_init(&guest);
}

static int teardown(void **state)
{
	svm_guest_free(&guest);
	return mem_used(MEM_EPT) == held ? 0 : -1;
}

/* ---- Nested paging ---- */

/* The entry that maps @gpa, and its level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB). */
static u64 entry_of(u64 gpa, unsigned int *level)
{
	const u64 *table = ((struct svm_guest *)guest.arch.hvm)->npt;

	for (*level = 4; ; --*level) {
		u64 e = table[gpa >> (12 + 9 * (*level - 1)) & 511];

		if (!e || *level == 1 || e & PTE_PS)
			return e;
		assert_true((e & (PTE_P | PTE_RW | PTE_US)) == (PTE_P | PTE_RW | PTE_US));
		assert_false(e & PTE_XD);
		table = phys_to_virt(e & PTE_ADDR);
	}
}

static void assert_maps(u64 gpa, u64 phys, unsigned int level)
{
	unsigned int found;
	u64 e = entry_of(gpa, &found);
	u64 size = PAGE_SIZE << 9 * (level - 1);

	assert_int_equal(found, level);
	assert_true(e & PTE_P);
	assert_true(e & PTE_US);		/* guests' accesses count as a user's */
	assert_int_equal((e & PTE_ADDR & ~(size - 1)) + (gpa & (size - 1)), phys);
}

static void assert_absent(u64 gpa)
{
	unsigned int level;

	assert_false(entry_of(gpa, &level) & PTE_P);
}

#define RWX (HVM_R | HVM_W | HVM_X)

static void largest_pages_that_fit(void **state)
{
	/* 4 KiB up to 2 MiB, 2 MiB up to 1 GiB, 1 GiB, and back */
	u64 base = GIB - 2 * MIB - PAGE_SIZE, size = GIB + 4 * MIB + 2 * PAGE_SIZE;

	assert_int_equal(svm_map(&guest, base, 8 * GIB + base, size, RWX), 0);
	assert_maps(base, 8 * GIB + base, 1);
	assert_maps(GIB - 2 * MIB, 9 * GIB - 2 * MIB, 2);
	assert_maps(GIB + 12345, 9 * GIB + 12345, 3);
	assert_maps(2 * GIB, 10 * GIB, 2);
	assert_maps(2 * GIB + 2 * MIB, 10 * GIB + 2 * MIB, 1);
	assert_absent(base - 1);
	assert_absent(base + size);
}

static void no_1g_pages_without_the_processor(void **state)
{
	hvm_caps = 0;
	assert_int_equal(svm_map(&guest, 0, 0, 2 * GIB, RWX), 0);
	assert_maps(GIB, GIB, 2);
}

/* The physical address decides as well. */
static void alignment_of_both(void **state)
{
	assert_int_equal(svm_map(&guest, 0, PAGE_SIZE, 4 * MIB, RWX), 0);
	assert_maps(2 * MIB, 2 * MIB + PAGE_SIZE, 1);
}

static void protection(void **state)
{
	unsigned int level;
	u64 e;

	assert_int_equal(svm_map(&guest, 0, 0, PAGE_SIZE, HVM_R), 0);
	assert_int_equal(svm_map(&guest, PAGE_SIZE, 0, PAGE_SIZE, RWX), 0);
	e = entry_of(0, &level);
	assert_false(e & PTE_RW);
	assert_true(e & PTE_XD);
	e = entry_of(PAGE_SIZE, &level);
	assert_true(e & PTE_RW);
	assert_false(e & PTE_XD);
	assert_false(e & (PTE_PCD | PTE_PWT));
}

static void nothing_is_mapped_twice(void **state)
{
	assert_int_equal(svm_map(&guest, 2 * MIB, 0, 2 * MIB, RWX), 0);
	assert_int_equal(svm_map(&guest, 2 * MIB + PAGE_SIZE, 0, PAGE_SIZE, RWX), -EEXIST);
	assert_int_equal(svm_map(&guest, 0, 0, 4 * MIB, RWX), -EEXIST);
	assert_maps(2 * MIB, 0, 2);
}

static void no_memory(void **state)
{
	host_mem_fail(2);
	assert_int_equal(svm_map(&guest, 0, 0, PAGE_SIZE, RWX), -ENOMEM);
	host_mem_fail(0);
	assert_absent(0);
}

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
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(largest_pages_that_fit), T(no_1g_pages_without_the_processor),
		T(alignment_of_both), T(protection), T(nothing_is_mapped_twice), T(no_memory),
		T(msr_permissions), T(maps_are_made), T(plain_instructions),
		T(prefixes_count), T(control_registers), T(lmsw), T(truncated_and_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
