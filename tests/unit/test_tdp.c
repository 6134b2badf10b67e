/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests' physical addresses: the walker that both backends share, with the entries of each. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/guest.h"
#include "kernel/mem.h"

u32 hvm_caps;
struct svm_caps svm_caps;
struct vmx_caps vmx_caps;
static struct guest guest;
static u64 held;

static const u64 *svm_root(void) { return ((struct svm_guest *)guest.arch.hvm)->npt; }
static const u64 *vmx_root(void) { return ((struct vmx_guest *)guest.arch.hvm)->ept; }

/* What a processor makes of an entry. */
struct backend {
	int (*init)(struct guest *guest);
	void (*free)(struct guest *guest);
	int (*map)(struct guest *guest, u64 gpa, u64 phys, u64 size, unsigned int prot);
	const u64 *(*root)(void);
	u64 read, write, not_execute, execute;	/* allowed by bits that are set */
	u64 type, type_wb;
};

static const struct backend svm = {
	.init = svm_guest_init, .free = svm_guest_free, .map = svm_map, .root = svm_root,
	.read = PTE_P | PTE_US,			/* guests' accesses count as a user's */
	.write = PTE_RW, .not_execute = PTE_XD, .type = PTE_PCD | PTE_PWT,
};

static const struct backend vmx = {
	.init = vmx_guest_init, .free = vmx_guest_free, .map = vmx_map, .root = vmx_root,
	.read = EPT_READ, .write = EPT_WRITE, .execute = EPT_EXECUTE,
	.type = 7 << EPT_TYPE_SHIFT | EPT_IGNORE_PAT, .type_wb = MEM_TYPE_WB << EPT_TYPE_SHIFT,
};

static const struct backend *backend;

static int setup(void **state)
{
	backend = *state;
	memset(&guest, 0, sizeof(guest));
	hvm_caps = HVM_CAP_PAGE_1G;
	vmx_caps.apicv = false;
	held = mem_used(MEM_EPT);
	return backend->init(&guest);
}

static int teardown(void **state)
{
	backend->free(&guest);
	return mem_used(MEM_EPT) == held ? 0 : -1;
}

static unsigned int allows(u64 entry)
{
	const struct backend *b = backend;

	return ((entry & b->read) == b->read ? HVM_R : 0) | (entry & b->write ? HVM_W : 0) |
	       ((b->execute ? entry & b->execute : !(entry & b->not_execute)) ? HVM_X : 0);
}

#define RWX (HVM_R | HVM_W | HVM_X)

/* The entry that maps @gpa, and its level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB). */
static u64 entry_of(u64 gpa, unsigned int *level)
{
	const u64 *table = backend->root();

	for (*level = 4; ; --*level) {
		u64 e = table[gpa >> (12 + 9 * (*level - 1)) & 511];

		if (!e || *level == 1 || e & PTE_PS)
			return e;
		assert_int_equal(allows(e), RWX);
		assert_int_equal(e & backend->type, 0);	/* in EPT: must be 0 */
		table = phys_to_virt(e & PTE_ADDR);
	}
}

static void assert_maps(u64 gpa, u64 phys, unsigned int level, unsigned int prot)
{
	unsigned int found;
	u64 e = entry_of(gpa, &found);
	u64 size = PAGE_SIZE << 9 * (level - 1);

	assert_int_equal(found, level);
	assert_int_equal(allows(e), prot);
	assert_int_equal(e & backend->type, backend->type_wb);
	assert_int_equal((e & PTE_ADDR & ~(size - 1)) + (gpa & (size - 1)), phys);
}

static void assert_absent(u64 gpa)
{
	unsigned int level;

	assert_int_equal(entry_of(gpa, &level), 0);
}

static int map(u64 gpa, u64 phys, u64 size, unsigned int prot)
{
	return backend->map(&guest, gpa, phys, size, prot);
}

/* ---- Cases ---- */

static void largest_pages_that_fit(void **state)
{
	/* 4 KiB up to 2 MiB, 2 MiB up to 1 GiB, 1 GiB, and back */
	u64 base = GIB - 2 * MIB - PAGE_SIZE, size = GIB + 4 * MIB + 2 * PAGE_SIZE;

	assert_int_equal(map(base, 8 * GIB + base, size, RWX), 0);
	assert_maps(base, 8 * GIB + base, 1, RWX);
	assert_maps(GIB - 2 * MIB, 9 * GIB - 2 * MIB, 2, RWX);
	assert_maps(GIB + 12345, 9 * GIB + 12345, 3, RWX);
	assert_maps(2 * GIB, 10 * GIB, 2, RWX);
	assert_maps(2 * GIB + 2 * MIB, 10 * GIB + 2 * MIB, 1, RWX);
	assert_absent(base - 1);
	assert_absent(base + size);
}

static void no_1g_pages_without_the_processor(void **state)
{
	hvm_caps = 0;
	assert_int_equal(map(0, 0, 2 * GIB, RWX), 0);
	assert_maps(GIB, GIB, 2, RWX);
}

/* The physical address decides as well. */
static void alignment_of_both(void **state)
{
	assert_int_equal(map(0, PAGE_SIZE, 4 * MIB, RWX), 0);
	assert_maps(2 * MIB, 2 * MIB + PAGE_SIZE, 1, RWX);
}

static void protection(void **state)
{
	assert_int_equal(map(0, 0, PAGE_SIZE, HVM_R), 0);
	assert_int_equal(map(PAGE_SIZE, 0, PAGE_SIZE, HVM_R | HVM_W), 0);
	assert_int_equal(map(2 * MIB, 0, 2 * MIB, HVM_R | HVM_X), 0);
	assert_maps(0, 0, 1, HVM_R);
	assert_maps(PAGE_SIZE, 0, 1, HVM_R | HVM_W);
	assert_maps(2 * MIB, 0, 2, HVM_R | HVM_X);
}

static void nothing_is_mapped_twice(void **state)
{
	assert_int_equal(map(2 * MIB, 0, 2 * MIB, RWX), 0);
	assert_int_equal(map(2 * MIB + PAGE_SIZE, 0, PAGE_SIZE, RWX), -EEXIST);
	assert_int_equal(map(0, 0, 4 * MIB, RWX), -EEXIST);
	assert_maps(2 * MIB, 0, 2, RWX);
	assert_int_equal(map(8 * MIB + PAGE_SIZE, 0, PAGE_SIZE, RWX), 0);
	assert_int_equal(map(8 * MIB, 0, 2 * MIB, RWX), -EEXIST);
}

static void no_memory(void **state)
{
	host_mem_fail(2);
	assert_int_equal(map(0, 0, PAGE_SIZE, RWX), -ENOMEM);
	host_mem_fail(0);
	assert_absent(0);
}

static void apic_access_page(void **state)
{
	backend->free(&guest);
	vmx_caps.apicv = true;
	assert_int_equal(backend->init(&guest), 0);
	assert_maps(APIC_DEFAULT_BASE, ((struct vmx_guest *)guest.arch.hvm)->apic_access, 1,
		    HVM_R | HVM_W);
}

int main(void)
{
#define T(fn, with) { #with ": " #fn, fn, setup, teardown, (void *)&(with) }
#define BOTH(fn) T(fn, svm), T(fn, vmx)
	const struct CMUnitTest tests[] = {
		BOTH(largest_pages_that_fit), BOTH(no_1g_pages_without_the_processor),
		BOTH(alignment_of_both), BOTH(protection), BOTH(nothing_is_mapped_twice),
		BOTH(no_memory), T(apic_access_page, vmx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
