/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AVIC in any order: guests and others send, mask, end and are switched at random, by turns with
 * known seeds and then with a thread for each processor. Each interrupt comes once.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/avic_fixture.h"

static __thread unsigned int seed;
static unsigned int dice(unsigned int sides) { return (unsigned int)rand_r(&seed) % sides; }

/* ---- By turns ---- */

#define EXTINT 0x31

static void post_any(void)
{
	unsigned int i = dice(BOARD_VCPUS);
	u8 vector = (u8)(0x40 + dice(0xc0));

	expect(i, vector);
	vlapic_post(&board.vcpu[i], vector, false);
}

static void post_sometimes(void)
{
	if (!dice(4))
		post_any();
}

static void send_any(struct processor *p)
{
	static const u32 kinds[] = { 0, ICR_SELF, ICR_ALL, ICR_OTHERS };
	bool x2 = vlapic_x2apic(board_lapic(p->id));
	u32 kind = kinds[avic_is_on(p) || x2 ? dice(4) : 1 + dice(3)], dest = dice(BOARD_VCPUS + 2);
	u8 vector = (u8)(0x40 + dice(0xc0));

	if (!guest_look(p))
		return;
	for (u32 i = 0; i < BOARD_VCPUS; i++)
		if (kind == ICR_ALL || (!kind && i == dest) || (kind == ICR_SELF && i == p->id) ||
		    (kind == ICR_OTHERS && i != p->id))
			expect(i, vector);
	if (kind && !x2)
		guest_apic_write(p, LAPIC_ICR, kind | vector);
	else
		guest_ipi(p, dest, kind | vector);
}

static void interrupt_delivery(struct processor *p)
{
	int isr = vlapic_highest_isr(board_lapic(p->id));

	/* As far as it concerns one that this entry took: nothing else is in service. */
	if (!avic_is_on(p) || p->exited || isr >= 0 || !in_service(p->id))
		return;
	vlapic_refresh(board_lapic(p->id));
	isr = board_lapic(p->id)->isr_max;
	mail[p->id][isr].owed = true;
	mail[p->id][isr].taken--;
	p->vmcb->control.exitintinfo = EVENT_VALID | EVENT_TYPE_INTR | (u64)isr;
	guest_exits(p, VMEXIT_VINTR, 0, 0);
}

static void anything(struct processor *p)
{
	for (unsigned int n = dice(12); n && !p->exited; n--) {
		switch (dice(8)) {
		case 0:
			post_any();
			break;
		case 1:
			send_any(p);
			break;
		case 2:
			guest_cr8(p, dice(16));
			break;
		case 3:
			guest_if(p, dice(2));
			break;
		case 4:
			interrupt_delivery(p);
			break;
		case 5:
			guest_exits(p, VMEXIT_VINTR, 0, 0);
			break;
		default:
			guest_apic_write(p, LAPIC_EOI, 0);
		}
		guest_look(p);
	}
}

static void extint(bool level)
{
	if (level && !mail[0][EXTINT].owed) {
		guest_irq_line(&board.guest, 1, false);
		expect(0, EXTINT);
		guest_irq_line(&board.guest, 1, true);
	}
}

static void drain(void)
{
	for (unsigned int n = 0; n < 8000; n++)
		run(n % BOARD_VCPUS, end_all);
	assert_nothing_owed();
	for (unsigned int i = 0; i < BOARD_VCPUS; i++)
		assert_false(in_service(i) || has_interrupt(i));
}

static void any_order(unsigned int n, bool x2avic)
{
	seed = n;
	svm_caps.x2avic = x2avic;
	svm_caps.avic_ipis_exit = n & 1;
	svm_caps.features = n & 2 ? SVM_NRIPS : 0;
	quirks.busy = n & 4;
	for (unsigned int turn = 0; turn < 400; turn++) {
		unsigned int i = dice(BOARD_VCPUS);

		processor = &processors[dice(BOARD_VCPUS)];
		processors[i].before_vmrun = processors[i].after_exit = post_sometimes;
		extint(!dice(20));
		if (!dice(200) && !vlapic_x2apic(board_lapic(i)))
			enter_x2apic(i);
		if (!dice(3))
			post_any();
		run(i, anything);
		if (dice(2))
			has_interrupt(i);
		processors[i].before_vmrun = processors[i].after_exit = NULL;
	}
	drain();
}

static void connect_8259s(void)
{
	vlapic_write(board_lapic(0), LAPIC_LVT_LINT0, DELIVER_EXTINT << 8);
	out8(0x20, 0x11);	/* ICW1 to ICW4, OCW1 */
	out8(0x21, 0x30);
	out8(0x21, 0x04);
	out8(0x21, 0x03);	/* automatic EOI */
	out8(0x21, 0x00);
}

static void neither_lost_nor_doubled(void **state)
{
	u64 total = 0;

	for (unsigned int n = 0; n < 120; n++) {
		setup(state);
		connect_8259s();
		any_order(n, n % 3);
		total += taken_total;
		svm_caps.x2avic = true;
		teardown(state);
	}
	assert_in_range(total, 50000, UINT64_MAX);
}

/* ---- A guest that writes anything anywhere ---- */

static void garbage(struct processor *p)
{
	for (unsigned int n = 0; n < 20 && !p->exited; n++) {
		u32 off = dice(dice(8) ? 0x40 : 0x100) * 16, val = (u32)rand_r(&seed);

		if (off == LAPIC_SVR)
			val |= SVR_ENABLE;
		guest_apic_write(p, off, val);
		guest_apic_read(p, dice(0x40) * 16, &val);
		if (!dice(4))
			guest_apic_write(p, LAPIC_ICR, (u32)rand_r(&seed) & ~(u32)ICR_LEVEL);
		if (!dice(4))
			end_all(p);
	}
}

static void any_vector(struct processor *p, u8 vector)
{
	assert_in_range(vector, 16, 255);
	taken_total++;
}

static void garbage_in_registers(void **state)
{
	const u64 *table = ((struct svm_guest *)board.guest.arch.hvm)->avic->physical;

	avic_delivered = any_vector;
	seed = 1;
	for (unsigned int turn = 0; turn < 20000; turn++) {
		unsigned int i = dice(BOARD_VCPUS);

		run(i, garbage);
		board.vcpu[i].arch.pending.valid = false;
		for (unsigned int j = 0; j < BOARD_VCPUS; j++) {
			struct vlapic *apic = board_lapic(j);

			apic->nmi_pending = apic->init_pending = apic->sipi_pending = 0;
			svm_of(j)->nmi_blocked = svm_of(j)->iret_seen = false;
			board.vcpu[j].state = VCPU_RUNNABLE;
			assert_int_equal(table[j] & ~AVIC_PHYSICAL_HOST_ID,
					 apic->regs_phys | AVIC_PHYSICAL_VALID);
			assert_int_equal(vlapic_reg(apic, LAPIC_ID), j << 24);
			assert_int_equal(vlapic_reg(apic, LAPIC_IRR) & 0xffff, 0);
			assert_int_equal(vlapic_reg(apic, LAPIC_VERSION), LAPIC_VERSION_VALUE);
		}
		for (unsigned int j = BOARD_VCPUS; j < 512; j++)
			assert_int_equal(table[j], 0);
	}
	assert_in_range(taken_total, 100, UINT64_MAX);
}

/* ---- With threads: each vector from one sender, which waits for it to be taken ---- */

#define SENDERS		(BOARD_VCPUS + 1)	/* and one that is no vCPU */
#define OWN		8			/* vectors of each sender, at each vCPU */
#define LETTERS		1000			/* of each sender */

static struct { u32 sent, taken; } post_box[BOARD_VCPUS][256];
static u32 at_work, stop;

#define check(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		abort(); \
	} \
} while (0)

static void letter_taken(struct processor *p, u8 vector)
{
	u32 n = __atomic_add_fetch(&post_box[p->id][vector].taken, 1, __ATOMIC_SEQ_CST);

	check(n <= __atomic_load_n(&post_box[p->id][vector].sent, __ATOMIC_SEQ_CST));
}

/* A vector that the last letter of has been taken, to vCPU *@to; 0: none just now. */
static u8 next_letter(unsigned int sender, u32 *to)
{
	u8 vector = (u8)(0x30 + 0x20 * sender + dice(OWN) * 3);

	*to = dice(BOARD_VCPUS);
	if (post_box[*to][vector].sent != __atomic_load_n(&post_box[*to][vector].taken,
							  __ATOMIC_SEQ_CST))
		return 0;
	__atomic_store_n(&post_box[*to][vector].sent, post_box[*to][vector].sent + 1,
			 __ATOMIC_SEQ_CST);
	return vector;
}

static __thread unsigned int letters;

static bool post_letter(unsigned int sender)
{
	u32 to;
	u8 vector = next_letter(sender, &to);

	if (!vector)
		return false;
	vlapic_post(&board.vcpu[to], vector, false);
	letters++;
	return true;
}

static u32 kicks_of(unsigned int i)
{
	return __atomic_load_n(&board.kicks[i], __ATOMIC_SEQ_CST);
}

static __thread u32 kicks_seen;

static void letter_by_ipi(struct processor *p)
{
	u32 to;
	u8 vector;

	if (!avic_is_on(p) || letters >= LETTERS)
		return;
	vector = next_letter(p->id, &to);
	if (vector && guest_look(p)) {
		guest_ipi(p, to, vector);
		letters++;
	}
}

static void guest_at_work(struct processor *p)
{
	for (unsigned int n = dice(30); n && !p->exited; n--) {
		if (kicks_of(p->id) != kicks_seen)
			return;			/* a physical interrupt */
		if (!dice(4))
			letter_by_ipi(p);
		else if (!dice(3))
			guest_cr8(p, dice(16));
		else
			end_all(p);
	}
	end_all(p);
}

/* Now and then a window is wanted, for which AVIC is off. */
static void want_window(struct svm_vcpu *v, bool want)
{
	v->nmi_blocked = v->iret_seen = want;
	v->iret_rip = v->vmcb->save.rip;
	board_lapic(v->vcpu->id)->nmi_pending = want;
}

static void *vcpu_thread(void *arg)
{
	unsigned int i = (unsigned int)(uintptr_t)arg;
	struct processor *p = &processors[i];
	bool done = false;

	processor = p;
	seed = i + 1;
	p->guest = guest_at_work;
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		kicks_seen = kicks_of(i);
		want_window(svm_of(i), !dice(10));
		enter(i);
		want_window(svm_of(i), false);
		if (letters < LETTERS && dice(2))
			post_letter(i);
		if (letters >= LETTERS && !done) {
			done = true;
			__atomic_sub_fetch(&at_work, 1, __ATOMIC_SEQ_CST);
		}
		if (in_service(i) || vlapic_get_cr8(board_lapic(i)) ||
		    (dice(4) && letters < LETTERS))
			continue;
		kicks_seen = kicks_of(i);
		while (!has_interrupt(i) && kicks_of(i) == kicks_seen &&
		       !__atomic_load_n(&stop, __ATOMIC_SEQ_CST) && (done || dice(50)))
			usleep(10);	/* HLT; one that has letters left has a timer, too */
	}
	return NULL;
}

static void *other_thread(void *arg)
{
	struct processor host = { .id = BOARD_VCPUS };

	processor = &host;
	seed = 77;
	while (letters < LETTERS)
		if (!post_letter(BOARD_VCPUS))
			usleep(10);
	__atomic_sub_fetch(&at_work, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* How many letters were taken; *@all: as many as were sent. */
static u32 letters_taken(bool *all)
{
	u32 sent = 0, total = 0;

	for (unsigned int i = 0; i < BOARD_VCPUS; i++) {
		for (unsigned int v = 0; v < 256; v++) {
			total += __atomic_load_n(&post_box[i][v].taken, __ATOMIC_SEQ_CST);
			sent += __atomic_load_n(&post_box[i][v].sent, __ATOMIC_SEQ_CST);
		}
	}
	*all = total == sent;
	return total;
}

#define PATIENCE	5000	/* milliseconds without a letter taken */

/* Nobody wakes a vCPU that sleeps but what was sent to it: lost is what is not taken in time. */
static void each_letter_comes_once(void)
{
	pthread_t thread[SENDERS];
	unsigned int patience = PATIENCE;
	u32 before = 0, now;
	bool all = false;

	memset(post_box, 0, sizeof(post_box));
	avic_delivered = letter_taken;
	at_work = SENDERS;
	stop = 0;
	for (uintptr_t i = 0; i < SENDERS; i++)
		check(!pthread_create(&thread[i], NULL,
				      i < BOARD_VCPUS ? vcpu_thread : other_thread, (void *)i));
	while (__atomic_load_n(&at_work, __ATOMIC_SEQ_CST) || !all) {
		usleep(1000);
		now = letters_taken(&all);
		patience = now == before ? patience - 1 : PATIENCE;
		check(patience);
		before = now;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	processor = &processors[0];
}

static void with_threads(void **state)
{
	each_letter_comes_once();
	assert_true(processors[0].doorbells + processors[1].doorbells);
}

static void with_threads_and_erratum(void **state)
{
	svm_caps.avic_ipis_exit = true;
	each_letter_comes_once();
}

static void with_threads_where_one_has_no_avic(void **state)
{
	svm_caps.x2avic = false;
	enter_x2apic(2);
	each_letter_comes_once();
	svm_caps.x2avic = true;
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neither_lost_nor_doubled), T(garbage_in_registers),
		T(with_threads), T(with_threads_and_erratum), T(with_threads_where_one_has_no_avic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
