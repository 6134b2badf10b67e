/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of one interrupt at a time (test_svm_avic*.c) share. */
#ifndef TESTS_UNIT_AVIC_STEPS_H
#define TESTS_UNIT_AVIC_STEPS_H

#include "tests/unit/avic_fixture.h"

static u64 entry_of(unsigned int i) { return *svm_of(i)->avic.entry; }

/* How often vCPU @i has taken @vector since this was last asked. */
static unsigned int count(unsigned int i, u8 vector)
{
	unsigned int n = mail[i][vector].taken;

	mail[i][vector].sent -= n;
	mail[i][vector].taken = 0;
	return n;
}

static void post(unsigned int i, u8 vector)
{
	expect(i, vector);
	vlapic_post(&board.vcpu[i], vector, false);
}

static void look(struct processor *p)
{
	assert_true(avic_is_on(p));
	assert_true(entry_of(p->id) & AVIC_PHYSICAL_RUNNING);
	guest_look(p);
}

static void post_41_unseen(void) { post(1, 0x41); }

#endif
