/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AMD-V's entries and exits with a processor that the test plays: what the VMCB says at VMRUN,
 * and what becomes of what it says after #VMEXIT. Processors with decode assists, NRIPS or
 * FlushByAsid and without.
 */
#include "tests/unit/unit.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/guest/ticks.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "kernel/cpu.h"
#include "kernel/event.h"
#include "kernel/mem.h"
#include "tests/unit/mock_board.h"

struct svm_caps svm_caps;
static struct svm_cpu cpu;
static struct svm_vcpu *v;
static struct vcpu *vcpu;
static struct vmcb *vmcb;
static struct event bell;
static unsigned int rings;

/* ---- The processor ---- */

static void (*processor)(void);		/* what happens between VMRUN and #VMEXIT */
static u64 code, info1, info2;		/* EXITCODE, EXITINFO1, EXITINFO2 */

void svm_enter(u64 gpr[16], u64 vmcb_phys, u64 host_vmcb_phys)
{
	assert_ptr_equal(phys_to_virt(vmcb_phys), vmcb);
	assert_int_equal(host_vmcb_phys, cpu.host_vmcb_phys);
	assert_int_not_equal(vmcb->control.asid, 0);
	assert_true(vmcb->control.intercept_4 & INTERCEPT_VMRUN);
	assert_true(vmcb->save.efer & EFER_SVME);
	vmcb->control.exitcode = code;
	vmcb->control.exitinfo1 = info1;
	vmcb->control.exitinfo2 = info2;
	vmcb->control.exitintinfo = 0;
	if (processor)
		processor();
	vmcb->control.eventinj = 0;
}

struct svm_cpu *svm_this_cpu(void) { return &cpu; }
void svm_dump(struct vcpu *vc) { }
void svm_doorbell(u32 apic_id) { }
static void rung(struct event *event) { rings++; }

void vcpu_set_cr2(struct vcpu *vc, u64 val) { vc->arch.cr2 = val; }

void vcpu_reset_state(struct vcpu *vc, struct hvm_state *st)
{
	memset(vc->arch.gpr, 0, sizeof(vc->arch.gpr));
	memset(st, 0, sizeof(*st));
	vc->arch.msrs.pat = PAT_POWER_ON;
	st->rip = 0xfff0;
	st->rflags = RFLAGS_FIXED;
	st->cr0 = CR0_ET;
	st->seg[HVM_CS].base = 0;
	st->seg[HVM_CS].attr = 0x9b;
	st->seg[HVM_CS].limit = 0xffff;
}

void hvm_inject_exception(struct vcpu *vc, u8 vector, bool has_error, u32 error)
{
	vc->arch.pending = (struct hvm_event){
		.valid = true, .type = HVM_EVENT_EXCEPTION, .vector = vector,
		.has_error = has_error, .error = error,
	};
}

void hvm_inject_gp(struct vcpu *vc) { hvm_inject_exception(vc, EXC_GP, true, 0); }
void hvm_inject_ud(struct vcpu *vc) { hvm_inject_exception(vc, EXC_UD, false, 0); }

/* ---- The test's side ---- */

static int setup(void **state)
{
	board_init(1);
	board_enable_apics();
	svm_caps = (struct svm_caps){ .nr_asids = 4 };
	cpu = (struct svm_cpu){ .next_asid = 1, .asid_gen = 1, .host_vmcb_phys = 0x1000 };
	hvm_caps = HVM_CAP_SWITCHES;
	assert_int_equal(svm_guest_init(&board.guest), 0);
	vcpu = &board.vcpu[0];
	assert_int_equal(svm_vcpu_init(vcpu), 0);
	v = vcpu->arch.hvm;
	vmcb = v->vmcb;
	svm_vcpu_reset(vcpu);
	processor = NULL;
	code = VMEXIT_INTR;
	info1 = info2 = 0;
	event_init(&bell, rung);
	rings = 0;
	return 0;
}

static int teardown(void **state)
{
	svm_vcpu_free(vcpu);
	svm_guest_free(&board.guest);
	board_free();
	return 0;
}

/* VMEXIT_INTR would open a window for interrupts: not in a Linux process. */
static const struct hvm_exit *run(u64 exitcode)
{
	code = exitcode;
	vcpu_charge_begin(vcpu);
	svm_run(vcpu, 0);
	return &vcpu->arch.exit;
}

/* What RIP is at (real mode, CS base 0). */
static void put_code(const char *bytes, size_t len)
{
	vmcb->save.rip = 0x1000;
	memcpy(board.ram + vmcb->save.rip, bytes, len);
}
#define CODE(text) put_code(text, sizeof(text) - 1)

/* Only where somebody else could use the processor. */
static void pause_exits_on_a_shared_cpu(void **state)
{
	CODE("\xf3\x90");
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.intercept_3 & INTERCEPT_PAUSE, 0);
	list_append(&vcpu->cpu->vcpus, &board.vcpu[0].cpu_node);
	list_append(&vcpu->cpu->vcpus, &board.vcpu[1].cpu_node);
	assert_int_equal(run(VMEXIT_PAUSE)->kind, HVM_EXIT_PAUSE);
	assert_int_equal(vcpu->arch.exit.insn_len, 2);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_PAUSE);
}

static void interrupt_taken(void) { vmcb->control.int_ctl &= ~INT_CTL_V_IRQ; }

static u8 shown_vector(void) { return vmcb->control.int_ctl >> INT_CTL_V_INTR_VECTOR_SHIFT; }

static u64 injected;
static void note_injected(void) { injected = vmcb->control.eventinj; }

/* ---- Interrupts ---- */

static void check_shown(void)
{
	assert_true(vmcb->control.int_ctl & INT_CTL_V_IRQ);
	assert_int_equal(shown_vector(), 0x41);
	assert_int_equal(vmcb->control.eventinj, 0);
	assert_true(vmcb->control.intercept_cr & INTERCEPT_CR_WRITE(8));
}

static void each_entry_has_one_exit_and_its_time(void **state)
{
	u64 begin = rdtsc(), charged;
	unsigned int reason;

	CODE("\xf4");
	reason = run(VMEXIT_HLT)->reason;
	assert_int_equal(vcpu->entries, 1);
	assert_int_equal(vcpu->exits[reason], 1);
	assert_ptr_equal(vcpu->charged, &vcpu->exit_ticks[reason]);
	vcpu_charge(vcpu, &vcpu->entry_ticks);
	charged = vcpu->entry_ticks + vcpu->guest_ticks + vcpu->exit_ticks[reason];
	assert_in_range(charged, 1, rdtsc() - begin);
}

static void interrupt_stays_pending_until_taken(void **state)
{
	vlapic_post(vcpu, 0x41, false);
	processor = check_shown;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
	assert_int_equal(vlapic_highest_isr(board_lapic(0)), -1);
	processor = interrupt_taken;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), -1);
	assert_int_equal(vlapic_highest_isr(board_lapic(0)), 0x41);
	assert_int_equal(vcpu->injected, 1);
	processor = NULL;
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.int_ctl & INT_CTL_V_IRQ);
	assert_false(vmcb->control.intercept_cr & INTERCEPT_CR_WRITE(8));
}

static void check_injected(void)
{
	assert_int_equal(vmcb->control.eventinj, EVENT_VALID | EVENT_TYPE_INTR | 0x41);
	assert_false(vmcb->control.int_ctl & INT_CTL_V_IRQ);
}

static void injection_interrupted(void)
{
	check_injected();
	vmcb->control.exitintinfo = vmcb->control.eventinj;
}

/* Processors with NRIPS: at once if the guest can take it, and again until it has. */
static void interrupt_is_injected(void **state)
{
	svm_caps.features = SVM_NRIPS;
	vlapic_post(vcpu, 0x41, false);
	processor = check_shown;
	run(VMEXIT_VINTR);
	vmcb->save.rflags |= RFLAGS_IF;
	vmcb->control.int_state = INT_STATE_SHADOW;
	run(VMEXIT_VINTR);
	vmcb->control.int_state = 0;
	processor = injection_interrupted;
	info2 = 0x80000000;
	run(VMEXIT_NPF);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
	processor = check_injected;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), -1);
	assert_int_equal(vlapic_highest_isr(board_lapic(0)), 0x41);
	assert_int_equal(vcpu->injected, 1);
}

/* What is injected already goes first. */
static void exception_before_interrupt(void **state)
{
	svm_caps.features = SVM_NRIPS;
	vmcb->save.rflags |= RFLAGS_IF;
	vlapic_post(vcpu, 0x41, false);
	hvm_inject_gp(vcpu);
	processor = note_injected;
	run(VMEXIT_VINTR);
	assert_int_equal(injected & EVENT_TYPE, EVENT_TYPE_EXCEPTION);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
}

/* A nested page fault in its delivery: shown again, accepted once. */
static void delivery_interrupted(void)
{
	interrupt_taken();
	vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_INTR | 0x41;
}

static void interrupted_delivery_is_repeated(void **state)
{
	vlapic_post(vcpu, 0x41, false);
	processor = delivery_interrupted;
	info2 = 0x80000000;
	assert_int_equal(run(VMEXIT_NPF)->kind, HVM_EXIT_MMIO);
	assert_true(vcpu->arch.exit.mmio.delivery);
	assert_false(vcpu->arch.pending.valid);
	assert_int_equal(vlapic_highest_irr(board_lapic(0)), 0x41);
	processor = check_shown;
	run(VMEXIT_VINTR);
}

static void higher_interrupt_replaces(void **state)
{
	vlapic_post(vcpu, 0x41, false);
	run(VMEXIT_VINTR);
	vlapic_post(vcpu, 0x82, false);
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x82);
}

static void write_tpr(void)
{
	vmcb->control.int_ctl = (vmcb->control.int_ctl & ~INT_CTL_V_TPR) | 9;
}

static void cr8_is_the_task_priority(void **state)
{
	vlapic_write(board_lapic(0), LAPIC_TPR, 0x50);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.int_ctl & INT_CTL_V_TPR, 5);
	processor = write_tpr;
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_TPR), 0x90);
	/* What it masks waits for a write of CR8, which then exits. */
	vlapic_post(vcpu, 0x41, false);
	processor = NULL;
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.int_ctl & INT_CTL_V_IRQ);
	assert_true(vmcb->control.intercept_cr & INTERCEPT_CR_WRITE(8));
}

/* Entries with nothing to deliver, until the next one would not be like the last. */
static void be_quiet(void)
{
	processor = NULL;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_true(v->quiet_int_ctl == vmcb->control.int_ctl);
	processor = note_injected;
}

static void a_quiet_vcpu_gets_what_comes(void **state)
{
	be_quiet();
	vlapic_write(board_lapic(0), LAPIC_TPR, 0x20);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.int_ctl & INT_CTL_V_TPR, 2);
	be_quiet();
	processor = write_tpr;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_int_equal(vlapic_read(board_lapic(0), LAPIC_TPR), 0x90);
	assert_int_equal(vmcb->control.int_ctl & INT_CTL_V_TPR, 9);
	be_quiet();
	board_lapic(0)->nmi_pending = 1;
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI);
	v->nmi_blocked = false;
	be_quiet();
	hvm_inject_gp(vcpu);
	run(VMEXIT_VINTR);
	assert_int_equal(injected & ~EVENT_ERROR_VALID,
			 EVENT_VALID | EVENT_TYPE_EXCEPTION | EXC_GP);
	be_quiet();
	list_append(&vcpu->cpu->vcpus, &board.vcpu[0].cpu_node);
	list_append(&vcpu->cpu->vcpus, &board.vcpu[1].cpu_node);
	run(VMEXIT_VINTR);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_PAUSE);
	list_remove(&board.vcpu[1].cpu_node);
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.intercept_3 & INTERCEPT_PAUSE);
	vlapic_write(board_lapic(0), LAPIC_TPR, 0);
	be_quiet();
	vlapic_post(vcpu, 0x41, false);
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x41);
	assert_true(vmcb->control.int_ctl & INT_CTL_V_IRQ);
}

/* One that was moved to IRR by somebody else, and one of the 8259 pair. */
static void a_quiet_vcpu_sees_irr_and_the_pic(void **state)
{
	be_quiet();
	vlapic_post(vcpu, 0x41, false);
	vlapic_sync(board_lapic(0));
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x41);
	processor = interrupt_taken;
	run(VMEXIT_VINTR);
	vlapic_eoi(board_lapic(0));
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	be_quiet();
	out8(0x20, 0x11);	/* ICW1 to ICW4, OCW1 */
	out8(0x21, 0x30);
	out8(0x21, 0x04);
	out8(0x21, 0x01);
	out8(0x21, 0x00);
	guest_irq_line(&board.guest, 1, true);
	run(VMEXIT_VINTR);
	assert_int_equal(shown_vector(), 0x31);
}

static void nmi_until_iret(void **state)
{
	processor = note_injected;
	board_lapic(0)->nmi_pending = 1;
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_IRET);
	/* The next one waits for the IRET, and then for it to be over. */
	board_lapic(0)->nmi_pending = 1;
	run(VMEXIT_IRET);
	assert_int_equal(injected, 0);
	run(VMEXIT_VINTR);
	assert_int_equal(injected, 0);
	assert_true(vmcb->control.intercept_3 & INTERCEPT_VINTR);
	assert_false(vmcb->control.intercept_3 & INTERCEPT_IRET);
	vmcb->save.rip += 0x100;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_NMI | EXC_NMI);
}

static void fault_in_delivery(void)
{
	vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_ERROR_VALID |
				    EXC_PF | 7ull << EVENT_ERROR_SHIFT;
}

static void interrupted_exception_is_kept(void **state)
{
	processor = fault_in_delivery;
	run(VMEXIT_VINTR);
	assert_true(vcpu->arch.pending.valid);
	processor = note_injected;
	run(VMEXIT_VINTR);
	assert_int_equal(injected, EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_ERROR_VALID | EXC_PF |
			 7ull << EVENT_ERROR_SHIFT);
	run(VMEXIT_VINTR);
	assert_int_equal(injected, 0);
}

static void int3_in_delivery(void)
{
	vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_EXCEPTION | EXC_BP;
}

static void interrupted_int3_is_executed_again(void **state)
{
	processor = int3_in_delivery;
	run(VMEXIT_VINTR);
	assert_false(vcpu->arch.pending.valid);
}

/* ---- Translations ---- */

static void asids(void **state)
{
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 1);
	assert_int_equal(vmcb->control.tlb_control, TLB_DO_NOTHING);
	svm_unmap(&board.guest, 0, PAGE_SIZE);		/* without FlushByAsid: another one */
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 2);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 2);
	svm_flush(v);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 3);
	svm_flush(v);				/* none left: all over again */
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 1);
	assert_int_equal(vmcb->control.tlb_control, TLB_FLUSH_ALL);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.tlb_control, TLB_DO_NOTHING);
	cpu.asid_gen++;					/* others used them up */
	cpu.next_asid = 2;
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 2);
}

static void flush_by_asid(void **state)
{
	svm_caps.features = SVM_FLUSH_BY_ASID;
	run(VMEXIT_VINTR);
	svm_flush(v);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.asid, 1);
	assert_int_equal(vmcb->control.tlb_control, TLB_FLUSH_ASID);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.tlb_control, TLB_DO_NOTHING);
}

static void clean_bits(void **state)
{
	struct hvm_state st;

	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.clean, 0);	/* not there */
	svm_caps.features = SVM_FLUSH_BY_ASID;
	svm_caps.clean = CLEAN_ALL;
	run(VMEXIT_VINTR);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.clean, CLEAN_ALL);
	svm_get_state(vcpu, &st);
	st.cr4 |= CR4_PGE;
	svm_set_state(vcpu, &st);
	run(VMEXIT_VINTR);
	assert_false(vmcb->control.clean & (CLEAN_CRX | CLEAN_SEG | CLEAN_DT | CLEAN_DRX));
	assert_int_equal(vmcb->control.tlb_control, TLB_FLUSH_ASID);
	board.guest.arch.tsc_offset = 5;
	vcpu->arch.cr2 = 0x1234;
	vlapic_post(vcpu, 0x41, false);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->control.clean,
			 CLEAN_ALL & ~(CLEAN_INTERCEPTS | CLEAN_CR2 | CLEAN_TPR));
	assert_int_equal(vmcb->control.tsc_offset, 5);
	assert_int_equal(vmcb->save.cr2, 0x1234);
}

/* ---- State ---- */

static void assert_segment(const struct hvm_segment *a, const struct hvm_segment *b)
{
	assert_int_equal(a->selector, b->selector);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->limit, b->limit);
	assert_int_equal(a->attr, b->attr);
	assert_int_equal(a->granular, b->granular);
}

static void state_both_ways(void **state)
{
	struct hvm_state in, out;

	svm_get_state(vcpu, &in);
	in.rip = 0xffffffff81000000;
	in.rsp = 0x1234;
	in.cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_CD;
	in.cr3 = 0x5000;
	in.cr4 = CR4_PAE;
	in.efer = EFER_LME | EFER_LMA | EFER_SCE;
	in.seg[HVM_CS] = (struct hvm_segment){
		.selector = 0x33, .limit = UINT32_MAX, .attr = 0x20fb, .granular = true };
	in.seg[HVM_SS] = (struct hvm_segment){ .attr = HVM_SEG_UNUSABLE | 3 << HVM_SEG_DPL_SHIFT };
	in.seg[HVM_TR] = (struct hvm_segment){ .selector = 0x40, .base = 0xfffffe0000003000,
		.limit = 0x4087, .attr = 0x8b };
	in.seg[HVM_LDTR] = (struct hvm_segment){ .attr = HVM_SEG_UNUSABLE };
	svm_set_state(vcpu, &in);
	assert_int_equal(vmcb->save.cpl, 3);
	assert_int_equal(vmcb->save.cs.attrib, 0xafb);
	assert_int_equal(vmcb->save.ss.attrib & ATTRIB_P, 0);
	assert_int_equal(vmcb->save.efer, in.efer | EFER_SVME);
	assert_true(vmcb->save.cr4 & CR4_MCE);
	assert_true(svm_64bit(&vmcb->save));
	svm_get_state(vcpu, &out);
	assert_int_equal(out.rip, in.rip);
	assert_int_equal(out.rsp, in.rsp);
	assert_int_equal(out.cr0, in.cr0);
	assert_int_equal(out.cr4, in.cr4);
	assert_int_equal(out.efer, in.efer);
	assert_segment(&out.seg[HVM_CS], &in.seg[HVM_CS]);
	assert_segment(&out.seg[HVM_TR], &in.seg[HVM_TR]);
	assert_int_equal(out.seg[HVM_SS].attr, in.seg[HVM_SS].attr);
	run(VMEXIT_VINTR);
	assert_int_equal(vmcb->save.rsp, 0x1234);
}

static void skipped(void **state)
{
	vmcb->save.rip = 0xffffffff;
	vmcb->control.int_state = INT_STATE_SHADOW;
	svm_skip(vcpu, 2);
	assert_int_equal(vmcb->save.rip, 1);		/* EIP */
	assert_false(vmcb->control.int_state & INT_STATE_SHADOW);
	assert_false(vcpu->arch.pending.valid);
	vmcb->save.rflags |= RFLAGS_TF;
	svm_skip(vcpu, 1);
	assert_int_equal(vcpu->arch.pending.vector, EXC_DB);
	assert_true(vmcb->save.dr6 & DR6_BS);
}

/* ---- Exits ---- */

static void lengths(void **state)
{
	CODE("\x66\x0f\xa2");
	assert_int_equal(run(VMEXIT_CPUID)->kind, HVM_EXIT_CPUID);
	assert_int_equal(vcpu->arch.exit.insn_len, 3);
	/* The processor's word counts where it has one. */
	svm_caps.features = SVM_NRIPS;
	vmcb->control.nrip = 0x1002;
	run(VMEXIT_CPUID);
	assert_int_equal(vcpu->arch.exit.insn_len, 2);
}

/* Another vCPU has changed it: not done as what it is now. */
static void another_instruction(void **state)
{
	CODE("\xf4");
	assert_int_equal(run(VMEXIT_CPUID)->kind, HVM_EXIT_DONE);
	assert_int_equal(vcpu->arch.pending.vector, EXC_UD);
}

static void msr(void **state)
{
	CODE("\x0f\x32");
	assert_int_equal(run(VMEXIT_MSR)->kind, HVM_EXIT_RDMSR);
	CODE("\x0f\x30");
	info1 = 1;
	assert_int_equal(run(VMEXIT_MSR)->kind, HVM_EXIT_WRMSR);
}

static void mov_cr(void **state)
{
	const struct hvm_exit *x = &vcpu->arch.exit;

	CODE("\x0f\x22\xe3");				/* mov %ebx, %cr4 */
	assert_int_equal(run(VMEXIT_CR0_WRITE + 4)->kind, HVM_EXIT_MOV_CR);
	assert_int_equal(x->cr.cr, 4);
	assert_int_equal(x->cr.op, HVM_CR_WRITE);
	assert_int_equal(x->cr.gpr, HVM_RBX);
	assert_int_equal(x->insn_len, 3);
	svm_caps.features = SVM_NRIPS | SVM_DECODE_ASSISTS;
	info1 = MOV_CR_VALID | HVM_R9;
	vmcb->control.nrip = 0x1004;
	run(VMEXIT_CR0_READ + 4);
	assert_int_equal(x->cr.op, HVM_CR_READ);
	assert_int_equal(x->cr.gpr, HVM_R9);
	assert_int_equal(x->insn_len, 4);
	/* LMSW has no general register there. */
	info1 = 0;
	CODE("\x0f\x01\xf2");				/* lmsw %dx */
	vcpu->arch.gpr[HVM_RDX] = 0x11;
	run(VMEXIT_CR0_SEL_WRITE);
	assert_int_equal(x->cr.op, HVM_CR_LMSW);
	assert_int_equal(x->cr.lmsw, 0x11);
}

static void io(void **state)
{
	const struct hvm_exit *x = &vcpu->arch.exit;

	vmcb->save.rip = 0x1000;
	info1 = 0x3fd << IOIO_PORT_SHIFT | 1 << IOIO_SIZE_SHIFT | IOIO_IN;
	info2 = 0x1001;
	assert_int_equal(run(VMEXIT_IOIO)->kind, HVM_EXIT_PIO);
	assert_int_equal(x->pio.port, 0x3fd);
	assert_int_equal(x->pio.size, 1);
	assert_true(x->pio.in);
	assert_int_equal(x->insn_len, 1);
	info1 = 0x1f0 << IOIO_PORT_SHIFT | 4 << IOIO_SIZE_SHIFT | IOIO_STRING | IOIO_REP;
	run(VMEXIT_IOIO);
	assert_int_equal(x->pio.size, 4);
	assert_true(x->pio.string && x->pio.rep && !x->pio.in);
}

#define BELL 0xd0003000ull

static void ring(u64 error)
{
	info1 = NPF_FINAL | NPF_USER | error;
	info2 = BELL;
	vmcb->save.rip = 0x1000;
	run(VMEXIT_NPF);
}

static void doorbell(void **state)
{
	assert_int_equal(doorbell_add(&board.guest.doorbells, false, BELL, 4, &bell), 0);
	CODE("\x89\x07");				/* mov %ax, (%bx) */
	ring(NPF_WRITE);
	assert_int_equal(vcpu->arch.exit.kind, HVM_EXIT_DONE);
	assert_int_equal(rings, 1);
	assert_int_equal(vmcb->save.rip, 0x1002);
	/* Once more, by what is remembered of it; and then other bytes in its place. */
	CODE("\x89\x07");
	ring(NPF_WRITE);
	assert_int_equal(vmcb->save.rip, 0x1002);
	CODE("\xc7\x07\x01\x00");			/* movw $1, (%bx) */
	ring(NPF_WRITE);
	assert_int_equal(vmcb->save.rip, 0x1004);
	assert_int_equal(rings, 3);
	/* The bytes that the processor left. */
	svm_caps.features = SVM_DECODE_ASSISTS;
	vmcb->control.bytes_fetched = 4;
	memcpy(vmcb->control.instruction, "\x66\x89\x07\x90", 4);
	ring(NPF_WRITE);
	assert_int_equal(vmcb->save.rip, 0x1003);
	svm_caps.features = 0;
	/* No plain store: the emulator's. */
	CODE("\xf3\xaa");				/* rep stosb */
	ring(NPF_WRITE);
	assert_int_equal(vcpu->arch.exit.kind, HVM_EXIT_MMIO);
	assert_int_equal(vmcb->save.rip, 0x1000);
	/* A read rings nothing. */
	rings = 0;
	CODE("\x8b\x07");
	ring(0);
	assert_int_equal(vcpu->arch.exit.kind, HVM_EXIT_MMIO);
	assert_int_equal(rings, 0);
	assert_true(vcpu->arch.exit.mmio.read);
	doorbell_remove(&board.guest.doorbells, false, BELL);
}

/* No value, no emulation: the interrupt in service is over. */
static void eoi_store(void **state)
{
	struct vlapic *apic = vcpu->arch.lapic;

	vlapic_write(apic, LAPIC_SVR, SVR_ENABLE | SVR_VECTOR);
	vlapic_post(vcpu, 0x41, false);
	vlapic_sync(apic);
	vlapic_accept(apic, (u8)vlapic_pending(apic));
	assert_int_equal(vlapic_highest_isr(apic), 0x41);
	CODE("\x89\x07");
	info1 = NPF_WRITE;
	info2 = APIC_DEFAULT_BASE + LAPIC_EOI;
	assert_int_equal(run(VMEXIT_NPF)->kind, HVM_EXIT_DONE);
	assert_int_equal(vmcb->save.rip, 0x1002);
	assert_int_equal(vlapic_highest_isr(apic), -1);
}

static void nested_page_fault(void **state)
{
	const struct hvm_exit *x = &vcpu->arch.exit;

	info1 = NPF_WALK | NPF_USER | NPF_WRITE;
	info2 = 0x90000000;
	assert_int_equal(run(VMEXIT_NPF)->kind, HVM_EXIT_MMIO);
	assert_true(x->mmio.walk && x->mmio.write && !x->mmio.exec && !x->mmio.gla_valid);
	assert_int_equal(x->mmio.gpa, 0x90000000);
	info1 = NPF_FINAL | NPF_USER | NPF_FETCH;
	run(VMEXIT_NPF);
	assert_true(x->mmio.exec && !x->mmio.walk);
}

static void failed_entry(void **state)
{
	CODE("\x90");
	assert_int_equal(run(0xffffffff)->kind, HVM_EXIT_FAILED);	/* QEMU's 32 bits */
	assert_int_equal(run((u64)VMEXIT_INVALID)->kind, HVM_EXIT_FAILED);
	assert_int_equal(run(0x12345)->kind, HVM_EXIT_FAILED);
	assert_int_equal(run(VMEXIT_SMI)->kind, HVM_EXIT_FAILED);
	CODE("\x0f\x22\xd8");				/* mov %eax, %cr3 */
	assert_int_equal(run(0xffffffff)->kind, HVM_EXIT_DONE);
	assert_int_equal(vcpu->arch.pending.vector, EXC_GP);
}

static void every_code_has_a_name(void **state)
{
	bool seen[VCPU_EXIT_KINDS] = { false };
	unsigned int nr = 0;

	for (s64 c = -6; c < 0x410; c++) {
		int reason = svm_reason(c);

		if (reason < 0)
			continue;
		assert_in_range(reason, 0, svm_nr_reasons() - 1);
		assert_false(seen[reason]);
		assert_non_null(svm_reason_name(reason));
		seen[reason] = true;
		nr++;
	}
	assert_int_equal(nr, svm_nr_reasons());
	assert_null(svm_reason_name(nr));
	assert_string_equal(svm_reason_name(svm_reason(VMEXIT_NPF)), "nested page fault");
	assert_string_equal(svm_reason_name(svm_reason(VMEXIT_CR0_WRITE + 8)), "CR8 write");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_entry_has_one_exit_and_its_time),
		T(interrupt_stays_pending_until_taken), T(interrupt_is_injected),
		T(exception_before_interrupt), T(interrupted_delivery_is_repeated),
		T(pause_exits_on_a_shared_cpu),
		T(a_quiet_vcpu_gets_what_comes), T(a_quiet_vcpu_sees_irr_and_the_pic),
		T(higher_interrupt_replaces), T(cr8_is_the_task_priority), T(nmi_until_iret),
		T(interrupted_exception_is_kept), T(interrupted_int3_is_executed_again), T(asids),
		T(flush_by_asid), T(clean_bits), T(state_both_ways), T(skipped), T(lengths),
		T(another_instruction), T(msr), T(mov_cr), T(io), T(doorbell), T(eoi_store),
		T(nested_page_fault), T(failed_entry), T(every_code_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
