/* SPDX-License-Identifier: BSD-2-Clause */
/* AVIC on a model of the processor: what turns it off for an entry, and accesses that exit. */
#include "tests/unit/unit.h"

#include "tests/unit/avic_steps.h"

/* ---- What turns it off ---- */

static void pic_init(void)
{
	out8(0x20, 0x11);	/* ICW1 to ICW4, OCW1 */
	out8(0x21, 0x30);
	out8(0x21, 0x04);
	out8(0x21, 0x03);	/* automatic EOI */
	out8(0x21, 0x00);
}

static void off_and_shut(struct processor *p)
{
	assert_false(avic_is_on(p));
	guest_if(p, false);
}

static void cli(struct processor *p) { guest_if(p, false); }

/* The 8259 pair's is shown by V_IRQ, until it is taken; the APIC's own go that way meanwhile. */
static void extint_in_between(void **state)
{
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	pic_init();
	run(0, cli);
	guest_irq_line(&board.guest, 1, true);
	expect(0, 0x31);
	run(0, off_and_shut);
	assert_int_equal(svm_of(0)->avic.inhibit, AVIC_INHIBIT_EXTINT);
	post(0, 0x41);
	run(0, off_and_shut);
	assert_int_equal(count(0, 0x41) + count(0, 0x31), 0);
	run(0, end_all);			/* the APIC's first */
	assert_int_equal(count(0, 0x41), 1);
	for (unsigned int i = 0; i < 3; i++)
		run(0, end_all);
	assert_int_equal(count(0, 0x31), 1);
	guest_irq_line(&board.guest, 1, false);
	run(0, NULL);
	run(0, look);
	assert_int_equal(board_lapic(0)->isr_max, -1);
	assert_nothing_owed();
}

/* With NRIPS it is injected; a vector of the APIC's own may be the same number. */
static void extint_is_not_taken_for_its_own(void **state)
{
	svm_caps.features = SVM_NRIPS;
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	pic_init();
	run(0, look);
	vlapic_set_cr8(board_lapic(0), 15);
	post(0, 0x31);
	assert_false(has_interrupt(0));
	guest_irq_line(&board.guest, 1, true);
	enter(0);
	assert_int_equal(count(0, 0x31), 1);
	assert_int_equal(board_lapic(0)->isr_max, -1);
	assert_int_equal(board_lapic(0)->irr_max, 0x31);
	guest_irq_line(&board.guest, 1, false);
}

static void nmi_window(void **state)
{
	struct svm_vcpu *v = svm_of(1);

	board_lapic(1)->nmi_pending = 1;
	run(1, look);				/* injected, AVIC on */
	assert_true(v->nmi_blocked);
	board_lapic(1)->nmi_pending = 1;
	run(1, look);				/* until the IRET */
	v->iret_seen = true;
	v->iret_rip = v->vmcb->save.rip;
	run(1, off_and_shut);
	assert_int_equal(v->avic.inhibit, AVIC_INHIBIT_WINDOW);
	v->nmi_blocked = v->iret_seen = false;
	run(1, look);
	assert_false(board_lapic(1)->nmi_pending);
}

static u64 int_ctl_mode(unsigned int i)
{
	enter(i);
	return svm_of(i)->vmcb->control.int_ctl & (INT_CTL_AVIC_ENABLE | INT_CTL_X2AVIC_ENABLE);
}

static void modes(void **state)
{
	struct vlapic *apic = board_lapic(1);
	struct vmcb_control *c = &svm_of(1)->vmcb->control;

	assert_int_equal(int_ctl_mode(1), INT_CTL_AVIC_ENABLE);
	assert_int_equal(c->msrpm_base_pa, svm_caps.msrpm);
	vlapic_write(apic, LAPIC_SVR, SVR_VECTOR);
	assert_int_equal(entry_of(1), 0);
	assert_int_equal(int_ctl_mode(1), 0);
	post(1, 0x41);				/* stays, as in an APIC that is disabled */
	vlapic_write(apic, LAPIC_SVR, SVR_VECTOR | SVR_ENABLE);
	assert_int_equal(entry_of(1), apic->regs_phys | AVIC_PHYSICAL_VALID);
	assert_int_equal(int_ctl_mode(1), INT_CTL_AVIC_ENABLE);
	assert_int_equal(count(1, 0x41), 1);
	run(1, end_all);
	enter_x2apic(1);
	assert_int_equal(int_ctl_mode(1), INT_CTL_AVIC_ENABLE | INT_CTL_X2AVIC_ENABLE);
	assert_int_equal(c->msrpm_base_pa, svm_caps.msrpm_x2avic);
	post(1, 0x42);
	run(1, end_all);
	assert_int_equal(count(1, 0x42), 1);
	assert_int_equal(vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, APIC_DEFAULT_BASE), 0);
	assert_int_equal(entry_of(1), 0);
	assert_int_equal(int_ctl_mode(1), 0);
	assert_int_equal(c->msrpm_base_pa, svm_caps.msrpm);
	vlapic_wrmsr(apic, MSR_IA32_APIC_BASE, APIC_DEFAULT_BASE | APIC_BASE_EN);
	vlapic_write(apic, LAPIC_SVR, SVR_VECTOR | SVR_ENABLE);
	assert_int_equal(int_ctl_mode(1), INT_CTL_AVIC_ENABLE);
	vlapic_reset_init(&board.vcpu[1]);
	assert_int_equal(entry_of(1), 0);
}

/* An entry like the last one does not look for what speaks against AVIC. */
static void a_quiet_vcpu_hears_of_changes(void **state)
{
	svm_caps.x2avic = false;
	enter_x2apic(1);
	assert_int_equal(int_ctl_mode(1), 0);
	assert_int_equal(int_ctl_mode(1), 0);
	assert_true(svm_of(1)->quiet_int_ctl != SVM_NOT_QUIET);
	vlapic_wrmsr(board_lapic(1), MSR_IA32_APIC_BASE, APIC_DEFAULT_BASE);
	vlapic_wrmsr(board_lapic(1), MSR_IA32_APIC_BASE, APIC_DEFAULT_BASE | APIC_BASE_EN);
	vlapic_write(board_lapic(1), LAPIC_SVR, SVR_VECTOR | SVR_ENABLE);
	assert_int_equal(int_ctl_mode(1), INT_CTL_AVIC_ENABLE);
}

static void word_is_set(void) { assert_int_equal(*(u32 *)(board.ram + 0x3000), 1); }

static void word_is_clear(struct processor *p)
{
	look(p);
	assert_int_equal(*(u32 *)(board.ram + 0x3000), 0);
}

static void pv_eoi_is_not_offered(void **state)
{
	u32 *word = (u32 *)(board.ram + 0x3000);
	struct pv_eoi *eoi = &board_lapic(1)->pv_eoi;

	*word = 0;
	eoi->word = word;
	post(1, 0x41);
	run(1, look);
	run(1, word_is_clear);
	assert_int_equal(board_lapic(1)->isr_max, 0x41);
	assert_false(eoi->offered);
	vlapic_write(board_lapic(1), LAPIC_SVR, SVR_VECTOR);	/* without AVIC it is */
	processors[1].before_vmrun = word_is_set;
	enter(1);
	processors[1].before_vmrun = NULL;
	eoi->word = NULL;
}

static void clean_bits_of_a_switch(void **state)
{
	svm_caps.clean = CLEAN_ALL;
	svm_caps.features = SVM_FLUSH_BY_ASID;
	enter(1);
	enter(1);
	assert_int_equal(svm_of(1)->vmcb->control.clean & CLEAN_AVIC, CLEAN_AVIC);
	vlapic_write(board_lapic(1), LAPIC_SVR, SVR_VECTOR);
	enter(1);
	assert_int_equal(svm_of(1)->vmcb->control.clean, 0);
	assert_int_equal(svm_of(1)->vmcb->control.tlb_control, TLB_FLUSH_ASID);
}

/* What is mapped is so in both sets of nested tables. */
static void nested_tables_agree(void **state)
{
	struct svm_guest *g = board.guest.arch.hvm;
	const u64 *main_pdpt, *pdpt = g->avic->pdpt;

	hvm_caps |= HVM_CAP_PAGE_1G;
	assert_int_equal(svm_map(&board.guest, 0, 0x40000000, 0x40000000, HVM_R | HVM_W), 0);
	assert_int_equal(svm_map(&board.guest, VPC_HIGH_RAM_BASE, 0, PAGE_SIZE, HVM_R), 0);
	main_pdpt = phys_to_virt(g->npt[0] & PTE_ADDR);
	for (unsigned int i = 0; i < 512; i++) {
		if (i)
			assert_int_equal(g->avic->pml4[i], g->npt[i]);
		if (i != 3)
			assert_int_equal(pdpt[i], main_pdpt[i]);
	}
	assert_int_not_equal(pdpt[0], 0);
	assert_int_equal(main_pdpt[3], 0);
	enter(1);
}

/* ---- Accesses that exit ---- */

#define PIN 5

static void level_triggered(bool eoi_clears)
{
	quirks.eoi_clears = eoi_clears;
	ioapic_route_pin(PIN, 0x71, BIT(15));
	expect(0, 0x71);
	guest_irq_line(&board.guest, PIN, true);
	run(0, look);
	assert_int_equal(count(0, 0x71), 1);
	expect(0, 0x71);			/* still asserted: once more */
	run(0, end_all);
	run(0, look);
	assert_int_equal(count(0, 0x71), 1);
	guest_irq_line(&board.guest, PIN, false);
	run(0, end_all);
	run(0, end_all);
	assert_int_equal(count(0, 0x71), 0);
	assert_int_equal(board_lapic(0)->isr_max, -1);
	assert_false(ioapic_in(0x10 + 2 * PIN) & BIT(14));	/* remote IRR */
	assert_nothing_owed();
}

static void level_triggered_eoi(void **state)
{
	level_triggered(false);
	level_triggered(true);
	assert_int_equal(board.vcpu[0].exits[svm_reason(VMEXIT_AVIC_NOACCEL)], 4);
}

/* The same vector, edge-triggered again: its own CPU changes TMR. */
static void level_then_edge(void **state)
{
	level_triggered(false);
	run(1, NULL);
	vlapic_post(&board.vcpu[1], 0x41, true);
	expect(1, 0x41);
	run(1, look);
	run(1, end_all);
	assert_int_equal(count(1, 0x41), 1);
	processors[1].before_vmrun = post_41_unseen;
	enter(1);
	processors[1].before_vmrun = NULL;
	assert_int_equal(board.kicks[1], 2);
	enter(1);
	assert_int_equal(count(1, 0x41), 1);
	assert_false(vlapic_array_test(board_lapic(1), LAPIC_TMR, 0x41));
}

static void write_id(struct processor *p) { guest_apic_write(p, LAPIC_ID, UINT32_MAX); }
static void write_irr(struct processor *p) { guest_apic_write(p, LAPIC_IRR + 0x20, UINT32_MAX); }
static void read_tmcct(struct processor *p) { u32 val; guest_apic_read(p, LAPIC_TMCCT, &val); }
static void write_ldr(struct processor *p) { guest_apic_write(p, LAPIC_LDR, UINT32_MAX); }
static void disable(struct processor *p) { guest_apic_write(p, LAPIC_SVR, SVR_VECTOR); }
static void self_ipi(struct processor *p) { guest_apic_write(p, LAPIC_SELF_IPI, 0x51); }

static void traps_and_faults(void **state)
{
	struct vlapic *apic = board_lapic(1);

	run(1, write_id);
	assert_int_equal(board.vcpu[1].arch.exit.kind, HVM_EXIT_APIC_WRITE);
	assert_int_equal(vlapic_reg(apic, LAPIC_ID), 1 << 24);
	run(1, write_irr);
	assert_int_equal(board.vcpu[1].arch.exit.kind, HVM_EXIT_MMIO);
	assert_int_equal(vlapic_reg(apic, LAPIC_IRR + 0x20), 0);
	run(1, read_tmcct);
	assert_int_equal(board.vcpu[1].arch.exit.kind, HVM_EXIT_MMIO);
	run(1, write_ldr);
	assert_int_equal(vlapic_reg(apic, LAPIC_LDR), 0xff000000);
	run(1, disable);
	assert_int_equal(entry_of(1), 0);
	vlapic_write(apic, LAPIC_SVR, SVR_VECTOR | SVR_ENABLE);
	enter_x2apic(1);
	expect(1, 0x51);
	run(1, self_ipi);
	assert_int_equal(board.vcpu[1].arch.exit.kind, HVM_EXIT_WRMSR);
	enter(1);
	assert_int_equal(count(1, 0x51), 1);
}

/* x2AVIC: accesses that exit as such are RDMSR and WRMSR. */
static void x2avic_fault(struct processor *p)
{
	p->access_off = LAPIC_TPR;
	p->access_write = true;
	p->msr_val = 0x30;
	p->vmcb->save.rip = 0x1000;
	memcpy(board.ram + 0x1000, "\x0f\x30", 2);
	guest_exits(p, VMEXIT_AVIC_NOACCEL, LAPIC_TPR | AVIC_ACCESS_WRITE, 0);
}

static void x2avic_fault_is_an_msr_access(void **state)
{
	enter_x2apic(1);
	run(1, x2avic_fault);
	assert_int_equal(board.vcpu[1].arch.exit.kind, HVM_EXIT_WRMSR);
	assert_int_equal(vlapic_reg(board_lapic(1), LAPIC_TPR), 0x30);
}

static void unknown_cause(struct processor *p)
{
	guest_exits(p, VMEXIT_AVIC_INCOMPLETE_IPI, 0x51, 3ull << AVIC_IPI_CAUSE_SHIFT);
}

static void wrong_tables_end_the_guest(void **state)
{
	processors[1].guest = unknown_cause;
	processor = &processors[1];
	vcpu_charge_begin(&board.vcpu[1]);
	svm_run(&board.vcpu[1], 0);
	assert_int_equal(board.vcpu[1].arch.exit.kind, HVM_EXIT_FAILED);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(extint_in_between), T(extint_is_not_taken_for_its_own), T(nmi_window), T(modes),
		T(a_quiet_vcpu_hears_of_changes), T(pv_eoi_is_not_offered),
		T(clean_bits_of_a_switch), T(nested_tables_agree), T(level_triggered_eoi),
		T(level_then_edge), T(traps_and_faults), T(x2avic_fault_is_an_msr_access),
		T(wrong_tables_end_the_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
