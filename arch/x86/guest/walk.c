/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/x86/guest/walk.h"

#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"

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

/* One walk: where it is, and what it has met. */
struct walk {
	const struct guest_mem *gm;
	const struct walk_regs *regs;
	const struct paging_mode *mode;
	u64 gva;
	unsigned int access;
	unsigned int level;
	u64 table;
	struct rights have;
};

/* PAE's top entries have no rights and no accessed bit: SDM 3A table 4-8. */
static bool is_pdpte(const struct walk *w)
{
	return w->mode == &pae && w->level == 3;
}

static void collect_rights(struct walk *w, u64 entry)
{
	if (is_pdpte(w))
		return;
	w->have.write &= !!(entry & PTE_RW);
	w->have.user &= !!(entry & PTE_US);
	w->have.xd |= w->mode != &legacy && entry & PTE_XD;
}

enum step { STEP_DOWN, STEP_DONE, STEP_FAULT };

static enum step step(struct walk *w, u64 *gpa, u32 *error)
{
	const struct paging_mode *m = w->mode;
	unsigned int shift = 12 + m->index_bits * (w->level - 1);
	u64 index = w->gva >> shift & (BIT(m->index_bits) - 1);
	void *p = guest_mem_ptr(w->gm, w->table + index * m->entry_size, m->entry_size);
	/* Nothing answers there: all ones, and so reserved bits set. */
	u64 entry = p ? entry_read(p, m->entry_size) : ~0ull;
	bool leaf = w->level == 1 || is_large(w->regs, m, entry, w->level);
	u64 mark = leaf && w->access & HVM_W ? PTE_A | PTE_D : PTE_A;

	*error = 0;
	if (entry & PTE_P)
		*error = PF_P;
	if (*error && (!p || reserved(w->regs, m, entry, w->level)))
		*error |= PF_RSVD;
	collect_rights(w, entry);
	if (*error != PF_P || (leaf && !permitted(w->regs, &w->have, w->access))) {
		*error = fault(w->regs, w->access, *error);
		return STEP_FAULT;
	}
	if (!is_pdpte(w))
		entry_mark(p, entry, mark);
	w->table = page_base(m, entry);
	if (!leaf)
		return STEP_DOWN;
	*gpa = (w->level == 1 ? w->table : large_base(m, entry, BIT_ULL(shift))) |
	       (w->gva & (BIT_ULL(shift) - 1));
	return STEP_DONE;
}

/* @trace: NULL if nobody wants it. */
static inline bool usual(const struct guest_mem *gm, const struct walk_regs *r, u64 gva,
			 unsigned int access, u64 *gpa, struct walk_trace *trace)
{
	u64 all = ~0ull, any = 0, entry = r->cr3;
	unsigned int shift = 48, n = 0;
	const u64 *p;

	if (!(r->efer & EFER_LMA))
		return false;
	do {
		shift -= 9;
		p = guest_mem_ptr(gm, (entry & PTE_ADDR) + (gva >> shift & 511) * sizeof(*p),
				  sizeof(*p));
		if (!p)
			return false;
		entry = READ_ONCE(*p);
		all &= entry;
		any |= entry;
		if (~entry & (PTE_P | PTE_A) || (entry & PTE_PS && shift == 39))
			return false;
		if (trace) {
			trace->entry[n] = p;
			trace->value[n++] = entry;
		}
	} while (shift > 12 && !(entry & PTE_PS));
	if ((any & PTE_XD && !(r->efer & EFER_NXE)) || (access & HVM_W && !(entry & PTE_D)))
		return false;
	for (; trace && n < ARRAY_SIZE(trace->entry); n++) {
		trace->entry[n] = p;
		trace->value[n] = entry;
	}
	*gpa = (entry & PTE_ADDR & ~(BIT_ULL(shift) - 1)) | (gva & (BIT_ULL(shift) - 1));
	return permitted(r, &(struct rights){ all & PTE_RW, all & PTE_US, any & PTE_XD }, access);
}

bool walk_traced(const struct guest_mem *gm, const struct walk_regs *r, u64 gva,
		 unsigned int access, u64 *gpa, struct walk_trace *trace)
{
	return r->cr0 & CR0_PG && usual(gm, r, gva, access, gpa, trace);
}

int walk(const struct guest_mem *gm, const struct walk_regs *r, u64 gva, unsigned int access,
	 u64 *gpa, u32 *error)
{
	const struct paging_mode *m = paging_mode(r);
	struct walk w = {
		.gm = gm, .regs = r, .mode = m, .gva = gva, .access = access,
		.table = r->cr3 & m->cr3_mask, .have = { true, true, false },
	};

	if (!(r->cr0 & CR0_PG)) {
		*gpa = (u32)gva;
		return 0;
	}
	if (usual(gm, r, gva, access, gpa, NULL))
		return 0;
	for (w.level = m->levels; w.level > 0; w.level--) {
		enum step s = step(&w, gpa, error);

		if (s != STEP_DOWN)
			return s == STEP_DONE ? 0 : -EFAULT;
	}
	return -EFAULT;		/* not reached: level 1 is a leaf */
}
