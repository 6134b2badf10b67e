/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "tests/unit/avic_processor.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "kernel/mem.h"

struct processor processors[BOARD_VCPUS];
__thread struct processor *processor;
struct avic_quirks quirks;
void (*avic_delivered)(struct processor *p, u8 vector);

struct svm_cpu *svm_this_cpu(void) { return &processor->svm; }

void processors_init(void)
{
	memset(processors, 0, sizeof(processors));
	memset(&quirks, 0, sizeof(quirks));
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		processors[i] = (struct processor){
			.id = i,
			.svm = { .asid_gen = 1, .next_asid = 1, .host_vmcb_phys = 0x1000,
				 .apic_id = 0x10 + i },
		};
	processor = &processors[0];
}

/* ---- Doorbells: 15.29.8.2 ---- */

static struct processor *by_apic_id(u32 id)
{
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		if (processors[i].svm.apic_id == id)
			return &processors[i];
	fail_msg("doorbell of APIC ID %u", id);
	return NULL;
}

static void ring(u32 apic_id)
{
	__atomic_store_n(&by_apic_id(apic_id)->doorbell, 1, __ATOMIC_SEQ_CST);
}

void svm_doorbell(u32 apic_id)
{
	assert_in_range(apic_id, 0, 0xff);
	processor->doorbells++;
	ring(apic_id);
}

/* ---- Pages ---- */

static u32 *page_of(const struct processor *p)
{
	return phys_to_virt(p->vmcb->control.avic_backing_page);
}

static u32 *page_reg(u32 *page, u32 off)
{
	return &page[off / 4];
}

static bool array_test(u32 *page, u32 array, u8 vector)
{
	u32 *reg = lapic_array_reg(page, array, vector);

	return __atomic_load_n(reg, __ATOMIC_SEQ_CST) & BIT(vector % 32);
}

static int highest(u32 *page, u32 array)
{
	for (int v = 255; v >= 0; v--)
		if (array_test(page, array, (u8)v))
			return v;
	return -1;
}

static void array_set(u32 *page, u32 array, u8 vector)
{
	__atomic_fetch_or(lapic_array_reg(page, array, vector), BIT(vector % 32),
			  __ATOMIC_SEQ_CST);
}

static void array_clear(u32 *page, u32 array, u8 vector)
{
	__atomic_fetch_and(lapic_array_reg(page, array, vector), ~(u32)BIT(vector % 32),
			   __ATOMIC_SEQ_CST);
}

/* Does the guest's nested page table map the APIC's address for reads and writes? */
static bool apic_is_mapped(const struct vmcb_control *c)
{
	const u64 *table = phys_to_virt(c->n_cr3);

	for (unsigned int shift = 39; ; shift -= 9) {
		u64 e = table[APIC_DEFAULT_BASE >> shift & 511];

		if (!(e & PTE_P))
			return false;
		assert_true(e & PTE_RW && e & PTE_US);
		if (shift == 12)
			return true;
		table = phys_to_virt(e & PTE_ADDR);
	}
}

/* ---- What can be taken ---- */

static bool can_take(const struct vmcb *vmcb)
{
	return vmcb->save.rflags & RFLAGS_IF && !(vmcb->control.int_state & INT_STATE_SHADOW);
}

static u32 priority(u32 *page)
{
	u32 tpr = *page_reg(page, LAPIC_TPR), ppr;
	int isr = highest(page, LAPIC_ISR);
	u32 class = isr < 0 ? 0 : (u32)isr & 0xf0;

	ppr = (tpr & 0xf0) >= class ? tpr : class;
	*page_reg(page, LAPIC_PPR) = ppr;
	return ppr & 0xf0;
}

static void take_by_avic(struct processor *p)
{
	u32 *page = page_of(p);
	int irr;

	for (;;) {
		u32 ppr = priority(page);

		irr = highest(page, LAPIC_IRR);
		if (irr < 0 || ((u32)irr & 0xf0) <= ppr || !can_take(p->vmcb))
			return;
		assert_in_range(irr, 16, 255);
		array_clear(page, LAPIC_IRR, (u8)irr);
		array_set(page, LAPIC_ISR, (u8)irr);
		avic_delivered(p, (u8)irr);
	}
}

/* 15.21.4, with V_IGN_TPR; the intercept comes before (15.21.6). */
static bool take_virtual(struct processor *p)
{
	struct vmcb_control *c = &p->vmcb->control;

	if (!(c->int_ctl & INT_CTL_V_IRQ) || !can_take(p->vmcb))
		return true;
	assert_true(c->int_ctl & INT_CTL_V_IGN_TPR);
	if (c->intercept_3 & INTERCEPT_VINTR)
		return guest_exits(p, VMEXIT_VINTR, 0, 0);
	c->int_ctl &= ~INT_CTL_V_IRQ;
	avic_delivered(p, (u8)(c->int_ctl >> INT_CTL_V_INTR_VECTOR_SHIFT));
	return true;
}

bool guest_look(struct processor *p)
{
	if (p->exited)
		return false;
	if (!avic_is_on(p))
		return take_virtual(p);
	if (__atomic_exchange_n(&p->doorbell, 0, __ATOMIC_SEQ_CST))
		take_by_avic(p);
	return true;
}

static bool reevaluate(struct processor *p)
{
	if (avic_is_on(p))
		take_by_avic(p);
	return guest_look(p);
}

/* ---- VMRUN ---- */

bool guest_exits(struct processor *p, u64 code, u64 info1, u64 info2)
{
	if (p->exited)
		return false;
	p->exited = true;
	p->vmcb->control.exitcode = code;
	p->vmcb->control.exitinfo1 = info1;
	p->vmcb->control.exitinfo2 = info2;
	return false;
}

/* 15.29.4.1, 15.29.4.3 */
static void check_avic(const struct vmcb_control *c, struct vlapic *apic)
{
	u64 ctl = c->int_ctl;

	if (!(ctl & INT_CTL_AVIC_ENABLE)) {
		assert_false(ctl & INT_CTL_X2AVIC_ENABLE);
		assert_false(apic_is_mapped(c));
		return;
	}
	assert_true(c->np & NP_ENABLE);
	assert_int_equal(c->avic_physical_table & 0xfff, BOARD_VCPUS - 1);
	assert_int_equal((c->avic_backing_page | c->avic_logical_table) & ~AVIC_PHYSICAL_PAGE, 0);
	assert_int_equal(c->avic_backing_page, apic->regs_phys);
	assert_int_equal(ctl & INT_CTL_V_TPR, vlapic_get_cr8(apic));
	assert_false(ctl & INT_CTL_V_IRQ);
	assert_int_equal(apic_is_mapped(c), !(ctl & INT_CTL_X2AVIC_ENABLE));
	assert_int_equal(c->avic_apic_bar, APIC_DEFAULT_BASE);
	assert_false(c->intercept_cr & INTERCEPT_CR_WRITE(8));
	assert_false(c->intercept_3 & INTERCEPT_VINTR);
	assert_true(vlapic_reg(apic, LAPIC_SVR) & SVR_ENABLE);
}

/* Other nested page tables: what is translated by the last ones must not be used. */
static void check_translations(struct processor *p, const struct vmcb_control *c)
{
	if (p->n_cr3 && p->n_cr3 != c->n_cr3)
		assert_true(c->asid != p->asid || c->tlb_control != TLB_DO_NOTHING);
	p->n_cr3 = c->n_cr3;
	p->asid = c->asid;
}

static void inject(struct processor *p)
{
	u64 inj = p->vmcb->control.eventinj;

	p->vmcb->control.eventinj = 0;
	if (inj & EVENT_VALID && (inj & EVENT_TYPE) == EVENT_TYPE_INTR) {
		assert_true(can_take(p->vmcb));
		assert_false(avic_is_on(p));
		avic_delivered(p, inj & EVENT_VECTOR);
	}
}

void svm_enter(u64 gpr[16], u64 vmcb_phys, u64 host_vmcb_phys)
{
	struct processor *p = processor;
	struct vmcb *vmcb = phys_to_virt(vmcb_phys);

	if (p->before_vmrun)
		p->before_vmrun();
	check_avic(&vmcb->control, board_lapic(p->id));
	check_translations(p, &vmcb->control);
	vmcb->control.exitintinfo = 0;
	p->vmcb = vmcb;
	p->exited = false;
	inject(p);
	__atomic_store_n(&p->doorbell, 0, __ATOMIC_SEQ_CST);
	if (avic_is_on(p))
		take_by_avic(p);
	if (guest_look(p) && p->guest)
		p->guest(p);
	guest_exits(p, VMEXIT_VINTR, 0, 0);	/* if nothing else: no more than an exit */
	p->vmcb = NULL;
	if (p->after_exit)
		p->after_exit();
}

/* ---- IPIs: 15.29.6.1 ---- */

static bool incomplete(struct processor *p, enum avic_ipi_cause cause, u64 icr)
{
	if (quirks.busy)
		*page_reg(page_of(p), LAPIC_ICR) |= ICR_PENDING;
	return guest_exits(p, VMEXIT_AVIC_INCOMPLETE_IPI, icr, (u64)cause << AVIC_IPI_CAUSE_SHIFT);
}

static u64 *entry_of(const struct vmcb_control *c, u32 id)
{
	u64 *table = phys_to_virt(c->avic_physical_table & AVIC_PHYSICAL_PAGE);

	if (id > (c->avic_physical_table & 0xfff) || !(table[id] & AVIC_PHYSICAL_VALID))
		return NULL;
	return &table[id];
}

/* True: it runs. */
static bool send_to(u64 *entry, u8 vector)
{
	u64 e = __atomic_load_n(entry, __ATOMIC_SEQ_CST);

	array_set(phys_to_virt(e & AVIC_PHYSICAL_PAGE), LAPIC_IRR, vector);
	e = __atomic_load_n(entry, __ATOMIC_SEQ_CST);
	if (!(e & AVIC_PHYSICAL_RUNNING))
		return false;
	ring(e & AVIC_PHYSICAL_HOST_ID);
	return true;
}

static bool finish_ipi(struct processor *p, bool all_run, u64 icr)
{
	if (!all_run)
		return incomplete(p, AVIC_IPI_NOT_RUNNING, icr);
	return reevaluate(p);
}

static bool broadcast(struct processor *p, u64 icr, bool self_too)
{
	bool all_run = true;

	for (u32 id = 0; id < BOARD_VCPUS; id++) {
		u64 *entry = entry_of(&p->vmcb->control, id);

		if (entry && (self_too || id != p->id))
			all_run &= send_to(entry, icr & ICR_VECTOR);
	}
	return finish_ipi(p, all_run, icr);
}

/* IDs, as bits, of those that a logical destination names; false: a table lacks one. */
static bool logical(const struct vmcb_control *c, u32 dest, u32 *ids)
{
	if (!(c->int_ctl & INT_CTL_X2AVIC_ENABLE)) {
		const u32 *table = phys_to_virt(c->avic_logical_table);

		for (u32 i = 0; i < 1024; i++)
			assert_int_equal(table[i], 0);		/* kept empty */
		return false;
	}
	*ids = 0;
	for (u32 i = 0; i < 16; i++) {
		if (!(dest & BIT(i)))
			continue;
		if ((dest >> 16) * 16 + i >= 32 || !entry_of(c, (dest >> 16) * 16 + i))
			return false;
		*ids |= BIT((dest >> 16) * 16 + i);
	}
	return true;
}

static bool directed(struct processor *p, u64 icr, u32 dest)
{
	const struct vmcb_control *c = &p->vmcb->control;
	bool all_run = true;
	u32 ids;

	if (!(icr & ICR_LOGICAL)) {
		if (!entry_of(c, dest))
			return incomplete(p, AVIC_IPI_INVALID_TARGET, icr);
		return finish_ipi(p, send_to(entry_of(c, dest), icr & ICR_VECTOR), icr);
	}
	if (!logical(c, dest, &ids))
		return incomplete(p, AVIC_IPI_INVALID_TARGET, icr);
	for (; ids; ids &= ids - 1)
		all_run &= send_to(entry_of(c, (u32)__builtin_ctz(ids)), icr & ICR_VECTOR);
	return finish_ipi(p, all_run, icr);
}

static bool send_ipi(struct processor *p)
{
	u32 *page = page_of(p);
	u64 icr = (u64)*page_reg(page, LAPIC_ICR2) << 32 | *page_reg(page, LAPIC_ICR);
	bool x2 = p->vmcb->control.int_ctl & INT_CTL_X2AVIC_ENABLE;
	u32 dest = x2 ? icr >> 32 : icr >> 56;

	if ((icr & ICR_MODE) >> 8 != DELIVER_FIXED || icr & ICR_LEVEL)
		return incomplete(p, AVIC_IPI_INVALID_TYPE, icr);
	if ((icr & ICR_VECTOR) < 16)
		return incomplete(p, AVIC_IPI_INVALID_VECTOR, icr);
	switch (icr & ICR_SHORTHAND) {
	case ICR_SELF:
		array_set(page, LAPIC_IRR, icr & ICR_VECTOR);
		return reevaluate(p);
	case ICR_ALL:
		return broadcast(p, icr, true);
	case ICR_OTHERS:
		return broadcast(p, icr, false);
	}
	if (!x2 && dest == XAPIC_BROADCAST)
		return broadcast(p, icr, true);
	return directed(p, icr, dest);
}

/* ---- Accesses: table 15-22 ---- */

static bool noaccel(struct processor *p, u32 off, u32 val, bool write, u64 info2)
{
	p->access_off = off;
	p->access_val = val;
	p->access_write = write;
	return guest_exits(p, VMEXIT_AVIC_NOACCEL, off | (write ? AVIC_ACCESS_WRITE : 0), info2);
}

static bool end_of_interrupt(struct processor *p)
{
	u32 *page = page_of(p);
	int isr = highest(page, LAPIC_ISR);

	if (isr < 0)
		return reevaluate(p);
	if (array_test(page, LAPIC_TMR, (u8)isr)) {
		if (quirks.eoi_clears)
			array_clear(page, LAPIC_ISR, (u8)isr);
		return noaccel(p, LAPIC_EOI, 0, true, (u64)isr);
	}
	array_clear(page, LAPIC_ISR, (u8)isr);
	return reevaluate(p);
}

static bool by_table(struct processor *p, u32 off, u32 val)
{
	u32 *page = page_of(p);

	switch (off) {
	case LAPIC_VERSION:
	case LAPIC_APR:
	case LAPIC_PPR:
	case LAPIC_ISR ... LAPIC_IRR + 0x70:
	case LAPIC_TMCCT:
	case 0x400 ... 0x420:
	case 0x480 ... 0xff0:
		return noaccel(p, off, val, true, 0);
	case LAPIC_TPR:
		*page_reg(page, off) = val & 0xff;
		p->vmcb->control.int_ctl = (p->vmcb->control.int_ctl & ~INT_CTL_V_TPR) |
					   (val >> 4 & 0xf);
		return reevaluate(p);
	case LAPIC_EOI:
		return end_of_interrupt(p);
	case LAPIC_ICR:
		*page_reg(page, off) = val;
		return send_ipi(p);
	}
	*page_reg(page, off) = val;
	switch (off) {
	case LAPIC_ID:
	case LAPIC_RRD ... LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_LVT_TIMER ... LAPIC_TMICT:
	case LAPIC_TDCR:
		return noaccel(p, off, val, true, 0);
	}
	return reevaluate(p);
}

/* Where each guest's instruction is: real mode, CS base 0. */
static void put_code(struct processor *p, const char *code, size_t len)
{
	p->vmcb->save.rip = 0x1000 + 0x100 * p->id;
	memcpy(board.ram + p->vmcb->save.rip, code, len);
}

/* No decoding here: an access that the emulator finishes is known by its offset. */
static bool nested_fault(struct processor *p, u32 off, u32 val, bool write)
{
	assert_false(apic_is_mapped(&p->vmcb->control));
	p->access_off = off;
	p->access_val = val;
	p->access_write = write;
	put_code(p, write ? "\x89\x07" : "\x8b\x07", 2);
	return guest_exits(p, VMEXIT_NPF, NPF_FINAL | NPF_USER | (write ? NPF_WRITE : 0),
			   APIC_DEFAULT_BASE + off);
}

static bool msr_exits(const struct processor *p, u32 off, bool write)
{
	return svm_msr_exits(phys_to_virt(p->vmcb->control.msrpm_base_pa),
			     X2APIC_MSR_FIRST + off / 16, write);
}

static bool msr_exit(struct processor *p, u32 off, u64 val, bool write)
{
	p->access_off = off;
	p->msr_val = val;
	p->access_write = write;
	put_code(p, write ? "\x0f\x30" : "\x0f\x32", 2);
	return guest_exits(p, VMEXIT_MSR, write, 0);
}

bool guest_apic_write(struct processor *p, u32 off, u32 val)
{
	if (!guest_look(p))
		return false;
	if (vlapic_x2apic(board_lapic(p->id)) && msr_exits(p, off, true))
		return msr_exit(p, off, val, true);
	if (!avic_is_on(p))
		return nested_fault(p, off, val, true);
	return by_table(p, off, val);
}

bool guest_apic_read(struct processor *p, u32 off, u32 *val)
{
	if (!guest_look(p))
		return false;
	if (vlapic_x2apic(board_lapic(p->id)) && msr_exits(p, off, false))
		return msr_exit(p, off, 0, false);
	if (!avic_is_on(p))
		return nested_fault(p, off, 0, false);
	if (off == LAPIC_APR || off == LAPIC_TMCCT || off >= 0x400)
		return noaccel(p, off, 0, false, 0);
	*val = *page_reg(page_of(p), off);
	return true;
}

bool guest_ipi(struct processor *p, u32 dest, u32 low)
{
	if (!guest_look(p))
		return false;
	if (vlapic_x2apic(board_lapic(p->id))) {
		if (msr_exits(p, LAPIC_ICR, true))
			return msr_exit(p, LAPIC_ICR, (u64)dest << 32 | low, true);
		*page_reg(page_of(p), LAPIC_ICR2) = dest;
		*page_reg(page_of(p), LAPIC_ICR) = low;
		return send_ipi(p);
	}
	return guest_apic_write(p, LAPIC_ICR2, dest << 24) && guest_apic_write(p, LAPIC_ICR, low);
}

/* V_TPR, and with AVIC the page as well; where such a write exits it is made one of TPR. */
bool guest_cr8(struct processor *p, u64 val)
{
	struct vmcb_control *c = &p->vmcb->control;

	if (!guest_look(p))
		return false;
	if (c->intercept_cr & INTERCEPT_CR_WRITE(8))
		return guest_apic_write(p, LAPIC_TPR, (u32)val << 4);
	c->int_ctl = (c->int_ctl & ~INT_CTL_V_TPR) | (val & 0xf);
	if (avic_is_on(p))
		*page_reg(page_of(p), LAPIC_TPR) = (u32)(val & 0xf) << 4;
	return reevaluate(p);
}

bool guest_if(struct processor *p, bool on)
{
	if (!guest_look(p))
		return false;
	if (on)
		p->vmcb->save.rflags |= RFLAGS_IF;
	else
		p->vmcb->save.rflags &= ~(u64)RFLAGS_IF;
	return reevaluate(p);
}
