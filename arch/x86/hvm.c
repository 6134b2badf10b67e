/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend in use, and what all backends share: reset state, queued exceptions. */
#include "arch/x86/hvm.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/lapic.h"
#include "kernel/guest.h"
#include "kernel/log.h"

const struct hvm_ops *hvm;
u32 hvm_caps;
bool hvm_use_apicv = true;

static const struct hvm_ops *const backends[] = {
#ifdef CONFIG_VMX
	&vmx_ops,
#endif
#ifdef CONFIG_SVM
	&svm_ops,
#endif
	NULL,
};

int hvm_set_apicv(const char *value)
{
	bool on = !strcmp(value, "on");

	if (!on && strcmp(value, "off"))
		return -EINVAL;
	hvm_use_apicv = on;
	return 0;
}

static void say_why_not(void)
{
	char text[200];

	for (const struct hvm_ops *const *b = backends; *b; b++) {
		(*b)->probe(text, sizeof(text));
		pr_err("hvm: %s: not usable: %s", (*b)->name, text);
	}
	if (!backends[0])
		pr_err("hvm: no backend is built in (CONFIG_VMX, CONFIG_SVM)");
}

int hvm_init(void)
{
	char text[200];

	for (const struct hvm_ops *const *b = backends; *b; b++) {
		if ((*b)->probe(text, sizeof(text)))
			continue;
		hvm = *b;
		return 0;
	}
	say_why_not();
	return -ENODEV;
}

/* ---- Power-on state: SDM 3A table 10-1 ---- */

#define RESET_RIP	0xfff0
#define RESET_CS	0xf000
#define RESET_CS_BASE	0xffff0000
#define RESET_LIMIT	0xffff

/* Segment types: SDM 3A tables 3-1 and 3-2; P, and S for code and data. */
enum {
	SEG_DATA_RW_ACCESSED = 0x93,
	SEG_CODE_RX_ACCESSED = 0x9b,
	SEG_LDT = 0x82,
	SEG_TSS32_BUSY = 0x8b,
};

void hvm_reset_state(struct hvm_state *st)
{
	memset(st, 0, sizeof(*st));
	st->rip = RESET_RIP;
	st->rflags = RFLAGS_FIXED;
	st->cr0 = CR0_CD | CR0_NW | CR0_ET;
	st->dr7 = DR7_INIT;
	st->gdtr_limit = st->idtr_limit = RESET_LIMIT;
	for (enum hvm_seg seg = 0; seg < HVM_SEGS; seg++) {
		st->seg[seg].limit = RESET_LIMIT;
		st->seg[seg].attr = SEG_DATA_RW_ACCESSED;
	}
	st->seg[HVM_CS].selector = RESET_CS;
	st->seg[HVM_CS].base = RESET_CS_BASE;
	st->seg[HVM_CS].attr = SEG_CODE_RX_ACCESSED;
	st->seg[HVM_LDTR].attr = SEG_LDT;
	st->seg[HVM_TR].attr = SEG_TSS32_BUSY;
}

/* ---- Exceptions: SDM 3A 6.15, tables 6-4 and 6-5 ---- */

#define CONTRIBUTORY (BIT(EXC_DE) | BIT(EXC_TS) | BIT(EXC_NP) | BIT(EXC_SS) | BIT(EXC_GP))

static bool contributory(u8 vector)
{
	return BIT(vector) & CONTRIBUTORY;
}

/* Do @first, being delivered, and @second make a double fault? */
static bool doubles(u8 first, u8 second)
{
	if (contributory(first))
		return contributory(second);
	return first == EXC_PF && (second == EXC_PF || contributory(second));
}

void hvm_inject_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct hvm_event *ev = &vcpu->arch.pending;
	struct hvm_event next = {
		.valid = true, .vector = vector, .type = HVM_EVENT_EXCEPTION,
		.has_error = has_error, .error = error,
	};

	if (ev->valid && ev->type == HVM_EVENT_EXCEPTION) {
		if (ev->vector == EXC_DF && (contributory(vector) || vector == EXC_PF)) {
			guest_request(vcpu->guest, GUEST_REQ_CRASH, 0, "triple fault");
			return;
		}
		if (doubles(ev->vector, vector)) {
			next.vector = EXC_DF;
			next.has_error = true;
			next.error = 0;
		}
	}
	if (ev->valid && ev->type == HVM_EVENT_NMI)	/* its turn comes after the handler */
		__atomic_store_n(&vcpu->arch.lapic->nmi_pending, 1, __ATOMIC_RELAXED);
	*ev = next;
}

void hvm_inject_gp(struct vcpu *vcpu)
{
	hvm_inject_exception(vcpu, EXC_GP, true, 0);
}

void hvm_inject_ud(struct vcpu *vcpu)
{
	hvm_inject_exception(vcpu, EXC_UD, false, 0);
}
