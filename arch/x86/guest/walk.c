/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/walk.h"

#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/exit.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "kernel/guest.h"

/* SDM 3A 4.3, 4.4, 4.5: what the walk needs to know of a paging mode. */
struct paging_mode {
	unsigned int levels;
	unsigned int index_bits;	/* of a linear address, at each level */
	unsigned int entry_size;
	u64 cr3_mask;
};

static const struct paging_mode legacy = { 2, 10, 4, 0xfffff000 };
static const struct paging_mode pae = { 3, 9, 8, 0xffffffe0 };
static const struct paging_mode four_level = { 4, 9, 8, PTE_ADDR };

static const struct paging_mode *paging_mode(const struct walk_regs *r)
{
	if (r->efer & EFER_LMA)
		return &four_level;
	return r->cr4 & CR4_PAE ? &pae : &legacy;
}

static u32 fault(const struct walk_regs *r, unsigned int access, u32 bits)
{
	u32 error = bits;

	if (access & HVM_W)
		error |= PF_W;
	if (r->user)
		error |= PF_U;
	/* SDM 3A 4.7: I/D only where execution can be forbidden. */
	if (access & HVM_X && (r->efer & EFER_NXE || r->cr4 & CR4_SMEP))
		error |= PF_I;
	return error;
}

/* Reserved bits: only those that a guest can meet with; 51:MAXPHYADDR are for the real walk. */
static bool reserved(const struct walk_regs *r, const struct paging_mode *m, u64 entry,
		     unsigned int level)
{
	if (m == &legacy)
		return false;
	if (entry & PTE_XD && !(r->efer & EFER_NXE))
		return true;
	return m == &four_level && level == 4 && entry & PTE_PS;
}

/* Does the entry map a large page? */
static bool is_large(const struct walk_regs *r, const struct paging_mode *m, u64 entry,
		     unsigned int level)
{
	if (level == 1 || !(entry & PTE_PS))
		return false;
	if (m == &legacy)
		return r->cr4 & CR4_PSE;
	return level == 2 || (level == 3 && m == &four_level);
}

/* What all entries of the path allow together. SDM 3A 4.6.1. */
struct rights {
	bool write, user, xd;
};

static bool permitted(const struct walk_regs *r, const struct rights *have, unsigned int access)
{
	bool write_protect = r->user || r->cr0 & CR0_WP;

	if (r->user && !have->user)
		return false;
	if (access & HVM_W && !have->write && write_protect)
		return false;
	if (access & HVM_X)
		return !have->xd && !(!r->user && have->user && r->cr4 & CR4_SMEP);
	return r->user || !have->user || !(r->cr4 & CR4_SMAP) || r->rflags & RFLAGS_AC;
}

static u64 entry_read(const void *p, unsigned int size)
{
	return size == 8 ? READ_ONCE(*(const u64 *)p) : READ_ONCE(*(const u32 *)p);
}

/* SDM 3A 4.8. The entry is the guest's memory: set bits only, atomically. */
static void entry_mark(void *p, u64 entry, u64 bits)
{
	if ((entry & bits) != bits)
		__atomic_fetch_or((u8 *)p, bits, __ATOMIC_RELAXED);
}

static u64 page_base(const struct paging_mode *m, u64 entry)
{
	return m == &legacy ? entry & 0xfffff000 : entry & PTE_ADDR;
}

/* SDM 3A table 4-4: a 4-MByte page's address has its bits 39:32 in 20:13. */
static u64 large_base(const struct paging_mode *m, u64 entry, u64 size)
{
	if (m == &legacy)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return entry & PTE_ADDR & ~(size - 1);
}

int walk(const struct guest_mem *gm, const struct walk_regs *r, u64 gva, unsigned int access,
	 u64 *gpa, u32 *error)
{
	const struct paging_mode *m = paging_mode(r);
	struct rights have = { true, true, false };
	u64 table = r->cr3 & m->cr3_mask;

	if (!(r->cr0 & CR0_PG)) {
		*gpa = (u32)gva;
		return 0;
	}
	for (unsigned int level = m->levels; level > 0; level--) {
		unsigned int shift = 12 + m->index_bits * (level - 1);
		u64 index = gva >> shift & (BIT(m->index_bits) - 1);
		void *p = guest_mem_ptr(gm, table + index * m->entry_size, m->entry_size);
		/* Nothing answers there: all ones, and so reserved bits set. */
		u64 entry = p ? entry_read(p, m->entry_size) : ~0ull;
		bool is_pdpte = m == &pae && level == 3;
		bool leaf;

		if (!(entry & PTE_P)) {
			*error = fault(r, access, 0);
			return -EFAULT;
		}
		if (!p || reserved(r, m, entry, level)) {
			*error = fault(r, access, PF_P | PF_RSVD);
			return -EFAULT;
		}
		if (!is_pdpte) {
			have.write &= !!(entry & PTE_RW);
			have.user &= !!(entry & PTE_US);
			have.xd |= m != &legacy && entry & PTE_XD;
		}
		leaf = level == 1 || is_large(r, m, entry, level);
		if (leaf && !permitted(r, &have, access)) {
			*error = fault(r, access, PF_P);
			return -EFAULT;
		}
		if (!is_pdpte)
			entry_mark(p, entry, PTE_A | (leaf && access & HVM_W ? PTE_D : 0));
		if (leaf) {
			u64 size = BIT_ULL(shift);
			u64 base = level == 1 ? page_base(m, entry) : large_base(m, entry, size);

			*gpa = base | (gva & (size - 1));
			return 0;
		}
		table = page_base(m, entry);
	}
	*error = fault(r, access, 0);
	return -EFAULT;
}

void walk_regs_get(struct vcpu *vcpu, const struct hvm_state *st, struct walk_regs *r)
{
	r->cr0 = st->cr0;
	r->cr3 = st->cr3;
	r->cr4 = st->cr4;
	r->efer = st->efer;
	r->rflags = st->rflags;
	r->user = (st->seg[HVM_SS].attr >> HVM_SEG_DPL_SHIFT & 3) == 3;
}

int guest_walk(struct vcpu *vcpu, u64 gva, unsigned int access, u64 *gpa, u32 *error)
{
	struct walk_regs r;
	struct hvm_state st;

	hvm->get_state(vcpu, &st);
	walk_regs_get(vcpu, &st, &r);
	return walk(&vcpu->guest->mem, &r, gva, access, gpa, error);
}
