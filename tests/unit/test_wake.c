/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that sleep: the CPU's loop does not look at them, and what is there for them wakes them at
 * whichever instant it comes. The loop, vCPUs and work are the real ones; the guests are played.
 */
#include "tests/unit/loop_fixture.h"

#include "asm/barrier.h"
#include "kernel/guest.h"
#include "kernel/lifecycle.h"

#define VCPUS		3
#define BUSY		0		/* computes, if it is to; the others halt */
#define SLEEPER		1

static struct guest guest;
static struct vcpu vcpu[VCPUS];
static bool interrupt[VCPUS], computes[VCPUS];
static unsigned int taken[VCPUS], asked[VCPUS], ipis;
static bool ipi;

/* ---- Instants: what happens at the one whose number is `when` ---- */

static unsigned int now, when;
static void (*happens)(void);

static void instant(void)
{
	if (++now == when && happens)
		happens();
}

/* As another CPU would do it. */
static void on_other(void (*what)(void))
{
	host_this_cpu = &other.arch;
	what();
	host_this_cpu = &cpu.arch;
}

/* ---- The machine ---- */

void arch_cpu_kick(struct cpu *c)
{
	assert_ptr_equal(c, &cpu);
	ipi = true;
	ipis++;
}

/* For good, if nobody interrupts it: the test is over. */
static void until_interrupted(u64 deadline_ns)
{
	instant();
	if (!ipi && deadline_ns == TIME_NEVER)
		longjmp(out, 1);
	if (!ipi)
		host_time_set(deadline_ns);
	ipi = false;
}

void arch_cpu_idle(struct cpu *c, u64 deadline_ns)
{
	assert_int_equal(c->state, CPU_IDLE);
	until_interrupted(deadline_ns);
}

bool arch_vcpu_has_interrupt(struct vcpu *v)
{
	bool has;

	asked[v - vcpu]++;
	instant();
	has = interrupt[v - vcpu];
	instant();
	return has;
}

void arch_vcpu_unload(struct vcpu *v) {}

static void run_guest(struct vcpu *v, u64 deadline_ns)
{
	unsigned int i = v - vcpu;

	instant();
	taken[i] += interrupt[i];
	interrupt[i] = false;
	if (computes[i])
		until_interrupted(deadline_ns);
	else
		v->state = VCPU_HALTED;
}

/* As the one of arch/x86 does it. */
void arch_vcpu_run(struct vcpu *v, u64 deadline_ns)
{
	cpu.resched = false;
	for (bool go_on = true; go_on && v->state == VCPU_RUNNABLE && guest_runs(v->guest);) {
		v->arch.kicked = 0;
		instant();
		WRITE_ONCE(cpu.state, CPU_IN_GUEST);
		mb();
		go_on = !work_pending(&cpu);
		if (go_on && !v->arch.kicked) {
			run_guest(v, deadline_ns);
			go_on = false;
		}
		WRITE_ONCE(cpu.state, CPU_RUNNING);
		instant();
	}
}

static void machine(void)
{
	cpus_init();
	memset(vcpu, 0, sizeof(vcpu));
	memset(&guest, 0, sizeof(guest));
	guest.nr_vcpus = VCPUS;
	for (unsigned int i = 0; i < VCPUS; i++) {
		guest.placement[i] = &cpu;
		guest.vcpus[i] = &vcpu[i];
		vcpu_init(&vcpu[i], &guest, i);
		vcpu[i].state = VCPU_RUNNABLE;
		interrupt[i] = computes[i] = false;
		taken[i] = asked[i] = 0;
	}
	guest.state = GUEST_RUNNING;
	vcpus_place(&guest, true);
	ipi = false;
	ipis = now = when = 0;
	happens = NULL;
}

static int setup(void **state)
{
	machine();
	return 0;
}

/* ---- What comes at any instant ---- */

static void post(void)
{
	interrupt[SLEEPER] = true;
	vcpu_kick(&vcpu[SLEEPER]);
}

static void post_from_other(void)
{
	on_other(post);
}

/* @what at each instant in turn of the time until all is quiet. @check: what must be so then. */
static void at_each_instant(void (*what)(void), bool busy, void (*check)(void))
{
	unsigned int instants = 1;

	for (unsigned int at = 1; at <= instants; at++) {
		machine();
		computes[BUSY] = busy;
		when = at;
		happens = what;
		loop();
		check();
		if (at == instants && now > instants)
			instants = now;
	}
	assert_in_range(instants, VCPUS * 3, 1000);
}

static void taken_once(void)
{
	assert_false(interrupt[SLEEPER]);
	assert_int_equal(taken[SLEEPER], now >= when);
	assert_in_range(ipis, 0, 1);
}

static void an_interrupt_at_any_instant_is_taken(void **state)
{
	at_each_instant(post_from_other, false, taken_once);
}

/* Also when there is one that would compute for ever. */
static void an_interrupt_beside_a_busy_one_is_taken(void **state)
{
	at_each_instant(post_from_other, true, taken_once);
}

static void an_interrupt_from_its_own_cpu_is_taken(void **state)
{
	machine();
	loop();
	assert_int_equal(vcpu[SLEEPER].asleep, 1);
	post();
	assert_int_equal(vcpu[SLEEPER].asleep, 0);
	assert_int_equal(ipis, 0);
	loop();
	taken_once();
}

/* As guest_pause() and guest_cont() do it. */
static void change_state(u32 to)
{
	guest.state = to;
	for (unsigned int i = 0; i < VCPUS; i++)
		vcpu_kick(&vcpu[i]);
}

static void pause_guest(void) { change_state(GUEST_PAUSED); }
static void resume_guest(void) { change_state(GUEST_RUNNING); }
static void pause_from_other(void) { on_other(pause_guest); }

static void pause_and_resume(void)
{
	pause_from_other();
	on_other(resume_guest);
}

static unsigned int sum_taken(void)
{
	return taken[0] + taken[1] + taken[2];
}

static void all_at_rest_until_it_goes_on(void)
{
	unsigned int before = sum_taken();

	if (now < when)
		return;
	for (unsigned int i = 0; i < VCPUS; i++) {
		interrupt[i] = true;
		vcpu_kick(&vcpu[i]);
	}
	loop();
	assert_int_equal(sum_taken(), before);
	assert_true(list_empty(&cpu.awake));
	on_other(resume_guest);
	loop();
	assert_int_equal(sum_taken(), before + VCPUS);
}

static void a_guest_paused_at_any_instant_misses_nothing(void **state)
{
	at_each_instant(pause_from_other, false, all_at_rest_until_it_goes_on);
	at_each_instant(pause_from_other, true, all_at_rest_until_it_goes_on);
}

static void busy_one_goes_on(void)
{
	assert_int_equal(cpu.state, CPU_IN_GUEST);
}

static void paused_for_an_instant(void **state)
{
	at_each_instant(pause_and_resume, true, busy_one_goes_on);
}

/* A SIPI: the sender changes the state, then kicks. */
static void start_up(void)
{
	u32 waiting = VCPU_WAIT_SIPI;

	interrupt[SLEEPER] = true;
	__atomic_compare_exchange_n(&vcpu[SLEEPER].state, &waiting, VCPU_RUNNABLE, false,
				    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	vcpu_kick(&vcpu[SLEEPER]);
}

static void one_that_waits_for_a_sipi_is_started(void **state)
{
	machine();
	vcpu[SLEEPER].state = VCPU_WAIT_SIPI;
	interrupt[SLEEPER] = true;
	loop();
	assert_int_equal(taken[SLEEPER], 0);
	on_other(start_up);
	loop();
	taken_once();
}

/* ---- A timer of its own ---- */

static struct timer timer;

static void timer_due(struct timer *t)
{
	post();
}

static void a_timer_wakes_it(void **state)
{
	timer_init(&timer, timer_due);
	timer_start(&timer, 5000);
	loop();
	assert_int_equal(time_ns(), 5000);
	taken_once();
	assert_int_equal(taken[SLEEPER], 1);
}

static void start_timer(void)
{
	timer_init(&timer, timer_due);
	timer_start(&timer, time_ns() + 500);
}

static void a_timer_set_at_any_instant_wakes_it(void **state)
{
	unsigned int last;

	loop();
	last = now;		/* the last one is in its sleep, when it sets no timer */
	for (unsigned int at = 1; at < last; at++) {
		machine();
		when = at;
		happens = start_timer;
		loop();
		assert_int_equal(taken[SLEEPER], 1);
	}
}

/* ---- What it costs ---- */

static unsigned int turns;

static void next_turn(struct work *work)
{
	if (++turns < 100)
		work_queue(work);
}

/* A hundred passes, and nobody asks those that sleep. */
static void who_sleeps_is_not_asked(void **state)
{
	struct work work;
	unsigned int before;

	loop();
	before = asked[SLEEPER];
	turns = 0;
	work_init(&work, &cpu, next_turn);
	work_queue(&work);
	loop();
	assert_int_equal(turns, 100);
	assert_int_equal(asked[SLEEPER], before);
	assert_true(list_empty(&cpu.awake));
}

/* Many of them in a row, and the CPU is interrupted once. */
static void kicks_coalesce(void **state)
{
	loop();
	assert_int_equal(cpu.state, CPU_IDLE);
	on_other(post);
	on_other(post);
	assert_int_equal(ipis, 1);
	assert_int_equal(other.stats.kicks_sent, 1);
}

static void kicked_for_nothing_it_sleeps_on(void **state)
{
	loop();
	vcpu_kick(&vcpu[SLEEPER]);
	assert_int_equal(vcpu[SLEEPER].asleep, 0);
	loop();
	assert_int_equal(vcpu[SLEEPER].asleep, 1);
	assert_int_equal(vcpu[SLEEPER].state, VCPU_HALTED);
}

/* ---- Taken off ---- */

static void run_work(void)
{
	work_run(&cpu);
}

static void a_late_kick_does_not_wake_who_is_gone(void **state)
{
	struct work work;

	loop();
	on_other(post);
	vcpus_place(&guest, false);
	run_work();
	assert_true(list_empty(&cpu.awake));
	on_other(post);
	assert_false(work_pending(&cpu));
	/* Made anew while the kick's work is still queued, behind another. */
	vcpus_place(&guest, true);
	loop();
	turns = 99;
	work_init(&work, &cpu, next_turn);
	work_queue(&work);
	on_other(post);
	vcpus_place(&guest, false);
	vcpu_init(&vcpu[SLEEPER], &guest, SLEEPER);
	run_work();
	assert_true(list_empty(&cpu.awake));
	assert_int_equal(turns, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_interrupt_at_any_instant_is_taken, setup),
		cmocka_unit_test_setup(an_interrupt_beside_a_busy_one_is_taken, setup),
		cmocka_unit_test_setup(an_interrupt_from_its_own_cpu_is_taken, setup),
		cmocka_unit_test_setup(a_guest_paused_at_any_instant_misses_nothing, setup),
		cmocka_unit_test_setup(paused_for_an_instant, setup),
		cmocka_unit_test_setup(one_that_waits_for_a_sipi_is_started, setup),
		cmocka_unit_test_setup(a_timer_wakes_it, setup),
		cmocka_unit_test_setup(a_timer_set_at_any_instant_wakes_it, setup),
		cmocka_unit_test_setup(who_sleeps_is_not_asked, setup),
		cmocka_unit_test_setup(kicks_coalesce, setup),
		cmocka_unit_test_setup(kicked_for_nothing_it_sleeps_on, setup),
		cmocka_unit_test_setup(a_late_kick_does_not_wake_who_is_gone, setup),
	};
	return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}
