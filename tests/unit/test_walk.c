/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk through a guest's page tables: paging modes, rights, accessed and dirty bits. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/walk.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"

#define RAM_SIZE 0x20000

static u8 ram[RAM_SIZE] __attribute__((aligned(4096)));
static struct guest_mem gm;

enum { TOP = 0x1000, L3 = 0x2000, L2 = 0x3000, L1 = 0x4000 };

static u64 *entry64(u64 table, unsigned int i) { return (u64 *)(ram + table) + i; }
static u32 *entry32(u64 table, unsigned int i) { return (u32 *)(ram + table) + i; }

#define RWU (PTE_P | PTE_RW | PTE_US)

static struct walk_regs regs(u64 cr4, u64 efer)
{
	return (struct walk_regs){
		.cr0 = CR0_PE | CR0_PG | CR0_WP, .cr3 = TOP, .cr4 = cr4, .efer = efer,
	};
}

static struct walk_regs four_level(void)
{
	return regs(CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE);
}

static int setup(void **state)
{
	memset(ram, 0, sizeof(ram));
	memset(&gm, 0, sizeof(gm));
	return guest_mem_add(&gm, 0, RAM_SIZE, ram, 0);
}

/* 0x8040201000 + off: entry 1 at each level */
#define GVA 0x8040201000ull

static void map_four_level(u64 leaf)
{
	*entry64(TOP, 1) = L3 | RWU;
	*entry64(L3, 1) = L2 | RWU;
	*entry64(L2, 1) = L1 | RWU;
	*entry64(L1, 1) = leaf;
}

static void without_paging_linear_is_physical(void **state)
{
	struct walk_regs r = { .cr0 = CR0_PE };
	u64 gpa;
	u32 error;

	assert_int_equal(walk(&gm, &r, 0x123456789, HVM_R, &gpa, &error), 0);
	assert_int_equal(gpa, 0x23456789);
}

static void four_levels(void **state)
{
	struct walk_regs r = four_level();
	u64 gpa;
	u32 error;

	map_four_level(0xabc000 | RWU);
	assert_int_equal(walk(&gm, &r, GVA + 0x123, HVM_R, &gpa, &error), 0);
	assert_int_equal(gpa, 0xabc123);
	assert_true(*entry64(TOP, 1) & PTE_A);
	assert_true(*entry64(L1, 1) & PTE_A);
	assert_false(*entry64(L1, 1) & PTE_D);
	assert_int_equal(walk(&gm, &r, GVA, HVM_W, &gpa, &error), 0);
	assert_true(*entry64(L1, 1) & PTE_D);
	assert_false(*entry64(L2, 1) & PTE_D);
}

static void large_pages(void **state)
{
	struct walk_regs r = four_level();
	u64 gpa;
	u32 error;

	map_four_level(0);
	*entry64(L2, 1) = 0x40000000 | RWU | PTE_PS;
	assert_int_equal(walk(&gm, &r, GVA + 0x1000, HVM_W, &gpa, &error), 0);
	assert_int_equal(gpa, 0x40000000 + 0x2000);
	assert_true(*entry64(L2, 1) & PTE_D);
	*entry64(L3, 1) = 0x80000000 | RWU | PTE_PS;
	assert_int_equal(walk(&gm, &r, GVA, HVM_R, &gpa, &error), 0);
	assert_int_equal(gpa, 0x80000000 + 0x201000);
}

static void absent_at_each_level(void **state)
{
	static const u64 tables[] = { TOP, L3, L2, L1 };
	struct walk_regs r = four_level();
	u64 gpa;
	u32 error;

	for (unsigned int i = 0; i < 4; i++) {
		map_four_level(0xabc000 | RWU);
		*entry64(tables[i], 1) &= ~PTE_P;
		assert_int_equal(walk(&gm, &r, GVA, HVM_R, &gpa, &error), -EFAULT);
		assert_int_equal(error, 0);
		assert_int_equal(walk(&gm, &r, GVA, HVM_W, &gpa, &error), -EFAULT);
		assert_int_equal(error, PF_W);
		r.user = true;
		assert_int_equal(walk(&gm, &r, GVA, HVM_X, &gpa, &error), -EFAULT);
		assert_int_equal(error, PF_U | PF_I);
		r.user = false;
	}
}

static void a_fetch_is_told_apart_where_it_can_be_forbidden(void **state)
{
	struct walk_regs r = regs(CR4_PAE, EFER_LME | EFER_LMA);
	u64 gpa;
	u32 error;

	assert_int_equal(walk(&gm, &r, GVA, HVM_X, &gpa, &error), -EFAULT);
	assert_int_equal(error, 0);
	r.cr4 |= CR4_SMEP;
	assert_int_equal(walk(&gm, &r, GVA, HVM_X, &gpa, &error), -EFAULT);
	assert_int_equal(error, PF_I);
}

struct rights_case {
	const char *what;
	u64 upper, leaf;	/* bits of the entries */
	bool user, wp, smep, smap, ac;
	unsigned int access;
	u32 error;		/* 0: allowed */
};

static const struct rights_case rights_cases[] = {
	{ "kernel reads kernel", PTE_RW, PTE_RW, 0, 1, 1, 1, 0, HVM_R, 0 },
	{ "user reads kernel", RWU, PTE_RW, 1, 1, 0, 0, 0, HVM_R, PF_P | PF_U },
	{ "user reads, upper level kernel", PTE_RW, RWU, 1, 1, 0, 0, 0, HVM_R, PF_P | PF_U },
	{ "user reads user", RWU, RWU, 1, 1, 1, 1, 0, HVM_R, 0 },
	{ "user writes read-only", RWU, PTE_US, 1, 0, 0, 0, 0, HVM_W, PF_P | PF_U | PF_W },
	{ "user writes, upper level read-only", PTE_US, RWU, 1, 0, 0, 0, 0, HVM_W, PF_P | PF_U | PF_W },
	{ "kernel writes read-only, WP", RWU, 0, 0, 1, 0, 0, 0, HVM_W, PF_P | PF_W },
	{ "kernel writes read-only, no WP", RWU, 0, 0, 0, 0, 0, 0, HVM_W, 0 },
	{ "kernel reads user, no SMAP", RWU, RWU, 0, 1, 0, 0, 0, HVM_R, 0 },
	{ "kernel reads user, SMAP", RWU, RWU, 0, 1, 0, 1, 0, HVM_R, PF_P },
	{ "kernel reads user, SMAP and AC", RWU, RWU, 0, 1, 0, 1, 1, HVM_R, 0 },
	{ "kernel writes user, SMAP", RWU, RWU, 0, 1, 0, 1, 0, HVM_W, PF_P | PF_W },
	{ "kernel executes user, no SMEP", RWU, RWU, 0, 1, 0, 0, 0, HVM_X, 0 },
	{ "kernel executes user, SMEP", RWU, RWU, 0, 1, 1, 0, 0, HVM_X, PF_P | PF_I },
	{ "kernel executes kernel, SMEP", PTE_RW, PTE_RW, 0, 1, 1, 0, 0, HVM_X, 0 },
	{ "SMAP does not bar execution", RWU, RWU, 0, 1, 0, 1, 0, HVM_X, 0 },
	{ "XD", RWU, RWU | PTE_XD, 1, 1, 0, 0, 0, HVM_X, PF_P | PF_U | PF_I },
	{ "XD above", RWU | PTE_XD, RWU, 0, 1, 0, 0, 0, HVM_X, PF_P | PF_I },
};

static void rights(void **state)
{
	for (unsigned int i = 0; i < sizeof(rights_cases) / sizeof(rights_cases[0]); i++) {
		const struct rights_case *c = &rights_cases[i];
		struct walk_regs r = four_level();
		u64 gpa;
		u32 error = 0;

		map_four_level(0xabc000 | PTE_P | c->leaf);
		*entry64(L2, 1) = L1 | PTE_P | c->upper;
		r.user = c->user;
		r.cr0 = CR0_PE | CR0_PG | (c->wp ? CR0_WP : 0);
		r.cr4 |= (c->smep ? CR4_SMEP : 0) | (c->smap ? CR4_SMAP : 0);
		r.rflags = c->ac ? RFLAGS_AC : 0;
		if (walk(&gm, &r, GVA, c->access, &gpa, &error) != (c->error ? -EFAULT : 0) ||
		    (c->error && error != c->error))
			fail_msg("%s: error %#x, not %#x", c->what, error, c->error);
	}
}

static void a_refused_access_marks_nothing_dirty(void **state)
{
	struct walk_regs r = four_level();
	u64 gpa;
	u32 error;

	map_four_level(0xabc000 | PTE_P | PTE_US);
	assert_int_equal(walk(&gm, &r, GVA, HVM_W, &gpa, &error), -EFAULT);
	assert_false(*entry64(L1, 1) & (PTE_D | PTE_A));
}

static void reserved_bits(void **state)
{
	struct walk_regs r = four_level();
	u64 gpa;
	u32 error;

	map_four_level(0xabc000 | RWU);
	*entry64(TOP, 1) |= PTE_PS;
	assert_int_equal(walk(&gm, &r, GVA, HVM_R, &gpa, &error), -EFAULT);
	assert_int_equal(error, PF_P | PF_RSVD);
	map_four_level(0xabc000 | RWU | PTE_XD);
	r.efer &= ~(u64)EFER_NXE;
	assert_int_equal(walk(&gm, &r, GVA, HVM_R, &gpa, &error), -EFAULT);
	assert_int_equal(error, PF_P | PF_RSVD);
}

static void tables_outside_ram(void **state)
{
	struct walk_regs r = four_level();
	u64 gpa;
	u32 error;

	r.cr3 = RAM_SIZE;
	assert_int_equal(walk(&gm, &r, GVA, HVM_R, &gpa, &error), -EFAULT);
	assert_int_equal(error, PF_P | PF_RSVD);
	r.cr3 = TOP;
	*entry64(TOP, 1) = 0x000ffffffffff000ull | RWU;
	assert_int_equal(walk(&gm, &r, GVA, HVM_R, &gpa, &error), -EFAULT);
	assert_int_equal(error, PF_P | PF_RSVD);
}

static void pae(void **state)
{
	struct walk_regs r = regs(CR4_PAE, EFER_NXE);
	u64 gpa;
	u32 error;

	r.cr3 = TOP + 0x20;		/* 32-byte aligned, four entries */
	*entry64(TOP, 4 + 3) = L2 | PTE_P;	/* no rights there */
	*entry64(L2, 5) = L1 | RWU;
	*entry64(L1, 6) = 0xabc000 | RWU;
	r.user = true;
	assert_int_equal(walk(&gm, &r, 0xc0a06789, HVM_W, &gpa, &error), 0);
	assert_int_equal(gpa, 0xabc789);
	assert_false(*entry64(TOP, 7) & PTE_A);
	*entry64(L2, 5) = 0x40000000 | RWU | PTE_PS;
	assert_int_equal(walk(&gm, &r, 0xc0a06789, HVM_R, &gpa, &error), 0);
	assert_int_equal(gpa, 0x40006789);
}

static void two_levels(void **state)
{
	struct walk_regs r = regs(CR4_PSE, 0);
	u64 gpa;
	u32 error;

	*entry32(TOP, 3) = L1 | RWU;
	*entry32(L1, 5) = 0xabc000 | RWU;
	assert_int_equal(walk(&gm, &r, 3u << 22 | 5 << 12 | 0x678, HVM_W, &gpa, &error), 0);
	assert_int_equal(gpa, 0xabc678);
	assert_true(*entry32(L1, 5) & PTE_D);
	assert_int_equal(*entry32(L1, 6), 0);
	/* 4 MiB, with PSE-36 */
	*entry32(TOP, 3) = 0x40000000 | 1 << 13 | RWU | PTE_PS;
	assert_int_equal(walk(&gm, &r, 3u << 22 | 0x212345, HVM_R, &gpa, &error), 0);
	assert_int_equal(gpa, 0x140212345);
	/* without CR4.PSE the bit means nothing */
	r.cr4 = 0;
	*entry32(TOP, 3) = L1 | RWU | PTE_PS;
	assert_int_equal(walk(&gm, &r, 3u << 22 | 5 << 12, HVM_R, &gpa, &error), 0);
	assert_int_equal(gpa, 0xabc000);
	/* a fetch is not told apart where execution cannot be forbidden */
	*entry32(L1, 5) = 0;
	assert_int_equal(walk(&gm, &r, 3u << 22 | 5 << 12, HVM_X, &gpa, &error), -EFAULT);
	assert_int_equal(error, 0);
}

/* What a walk has read says whether the next one is the same. */
static void a_trace_holds_until_an_entry_changes(void **state)
{
	static const u64 tables[] = { TOP, L3, L2, L1 };
	struct walk_regs r = four_level();
	struct walk_trace trace;
	u64 gpa;
	u32 error;

	map_four_level(0xabc000 | RWU);
	/* Not yet: accessed bits would have to be set. */
	assert_false(walk_traced(&gm, &r, GVA + 0x123, HVM_R, &gpa, &trace));
	assert_false(*entry64(TOP, 1) & PTE_A);
	assert_int_equal(walk(&gm, &r, GVA + 0x123, HVM_R, &gpa, &error), 0);
	gpa = 0;
	assert_true(walk_traced(&gm, &r, GVA + 0x123, HVM_R, &gpa, &trace));
	assert_int_equal(gpa, 0xabc123);
	assert_true(walk_holds(&trace));
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		for (unsigned int bit = 0; bit < 64; bit++) {
			*entry64(tables[i], 1) ^= BIT_ULL(bit);
			assert_false(walk_holds(&trace));
			*entry64(tables[i], 1) ^= BIT_ULL(bit);
		}
		assert_true(walk_holds(&trace));
	}
}

static void only_the_usual_is_traced(void **state)
{
	struct walk_regs r = four_level();
	struct walk_trace trace;
	u64 gpa;
	u32 error;

	map_four_level(0xabc000 | RWU);
	assert_int_equal(walk(&gm, &r, GVA, HVM_R, &gpa, &error), 0);
	/* A write would set the dirty bit. */
	assert_false(walk_traced(&gm, &r, GVA, HVM_W, &gpa, &trace));
	*entry64(L1, 1) |= PTE_D;
	assert_true(walk_traced(&gm, &r, GVA, HVM_W, &gpa, &trace));
	/* Faults. */
	*entry64(L1, 1) |= PTE_XD;
	assert_false(walk_traced(&gm, &r, GVA, HVM_X, &gpa, &trace));
	assert_false(walk_traced(&gm, &r, GVA + PAGE_SIZE, HVM_R, &gpa, &trace));
	r.cr3 = RAM_SIZE;
	assert_false(walk_traced(&gm, &r, GVA, HVM_R, &gpa, &trace));
	r.cr3 = TOP;
	/* Fewer entries, and none. */
	*entry64(L2, 1) = 0x40000000 | RWU | PTE_PS | PTE_A;
	assert_true(walk_traced(&gm, &r, GVA, HVM_R, &gpa, &trace));
	assert_int_equal(gpa, 0x40001000);
	assert_true(walk_holds(&trace));
	*entry64(L2, 1) |= PTE_D;
	assert_false(walk_holds(&trace));
	r.cr0 &= ~(u64)CR0_PG;
	assert_false(walk_traced(&gm, &r, GVA, HVM_R, &gpa, &trace));
	r = regs(CR4_PAE, EFER_NXE);
	assert_false(walk_traced(&gm, &r, GVA, HVM_R, &gpa, &trace));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_paging_linear_is_physical, setup),
		cmocka_unit_test_setup(four_levels, setup),
		cmocka_unit_test_setup(large_pages, setup),
		cmocka_unit_test_setup(absent_at_each_level, setup),
		cmocka_unit_test_setup(a_fetch_is_told_apart_where_it_can_be_forbidden, setup),
		cmocka_unit_test_setup(rights, setup),
		cmocka_unit_test_setup(a_refused_access_marks_nothing_dirty, setup),
		cmocka_unit_test_setup(reserved_bits, setup),
		cmocka_unit_test_setup(tables_outside_ram, setup),
		cmocka_unit_test_setup(pae, setup),
		cmocka_unit_test_setup(two_levels, setup),
		cmocka_unit_test_setup(a_trace_holds_until_an_entry_changes, setup),
		cmocka_unit_test_setup(only_the_usual_is_traced, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
