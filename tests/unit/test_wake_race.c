/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that sleep, with real threads: one is the CPU with its loop, others wake its vCPUs, and
 * wait until they have been woken. That the barriers are needed shows in tests/model/cpu.pml: here
 * the instants that it takes are hardly ever met.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "asm/barrier.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/lifecycle.h"

#define VCPUS		2		/* each with a thread that wakes it */
#define ROUNDS		30000
#define PATIENCE_SEC	20

static struct cpu cpu, waker_cpu[VCPUS];
static struct guest guest;
static struct vcpu vcpu[VCPUS];
static u32 interrupt[VCPUS];
static u64 taken[VCPUS];
static sem_t ipi;
static bool stop;
static __thread jmp_buf out;

/* ---- The machine ---- */

void arch_cpu_kick(struct cpu *c)
{
	sem_post(&ipi);
}

void arch_cpu_idle(struct cpu *c, u64 deadline_ns)
{
	if (READ_ONCE(stop))
		longjmp(out, 1);
	sem_wait(&ipi);
}

void arch_vcpu_unload(struct vcpu *v) {}

bool arch_vcpu_has_interrupt(struct vcpu *v)
{
	return READ_ONCE(interrupt[v - vcpu]);
}

void arch_vcpu_run(struct vcpu *v, u64 deadline_ns)
{
	unsigned int i = v - vcpu;

	__atomic_exchange_n(&v->arch.kicked, 0, __ATOMIC_SEQ_CST);
	WRITE_ONCE(cpu.state, CPU_IN_GUEST);
	mb();
	if (!work_pending(&cpu) && !READ_ONCE(v->arch.kicked) && guest_runs(&guest)) {
		if (__atomic_exchange_n(&interrupt[i], 0, __ATOMIC_SEQ_CST))
			__atomic_fetch_add(&taken[i], 1, __ATOMIC_RELEASE);
		v->state = VCPU_HALTED;
	}
	WRITE_ONCE(cpu.state, CPU_RUNNING);
}

static void *loop(void *arg)
{
	host_this_cpu = &cpu.arch;
	if (!setjmp(out))
		cpu_loop();
	return NULL;
}

static void machine(void)
{
	memset(&cpu, 0, sizeof(cpu));
	cpu_init(&cpu, 0);
	guest.nr_vcpus = VCPUS;
	host_this_cpu = &cpu.arch;
	for (unsigned int i = 0; i < VCPUS; i++) {
		cpu_init(&waker_cpu[i], i + 1);
		guest.placement[i] = &cpu;
		guest.vcpus[i] = &vcpu[i];
		vcpu_init(&vcpu[i], &guest, i);
		vcpu[i].state = VCPU_HALTED;
	}
	guest.state = GUEST_RUNNING;
	vcpus_place(&guest, true);
	sem_init(&ipi, 0, 0);
}

/* ---- Those that wake ---- */

static bool comes_to(u64 *count, u64 want)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PATIENCE_SEC;
	do {
		for (unsigned int i = 0; i < 1000; i++)
			if (__atomic_load_n(count, __ATOMIC_ACQUIRE) >= want)
				return true;
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec);
	return false;
}

/* Interrupts one after the other; between some of them the CPU comes to rest. The number taken. */
static void *wake_many(void *arg)
{
	u64 i = (u64)(uintptr_t)arg;

	host_this_cpu = &waker_cpu[i].arch;
	for (u64 round = 1; round <= ROUNDS; round++) {
		for (unsigned int n = round % 97; n; n--)
			cpu_relax();
		WRITE_ONCE(interrupt[i], 1);
		vcpu_kick(&vcpu[i]);
		if (!comes_to(&taken[i], round))
			return (void *)(uintptr_t)(round - 1);
	}
	return (void *)(uintptr_t)ROUNDS;
}

static void no_wake_up_is_lost(void **state)
{
	pthread_t loops, wakers[VCPUS];
	void *rounds;

	machine();
	pthread_create(&loops, NULL, loop, NULL);
	for (uintptr_t i = 0; i < VCPUS; i++)
		pthread_create(&wakers[i], NULL, wake_many, (void *)i);
	for (unsigned int i = 0; i < VCPUS; i++) {
		pthread_join(wakers[i], &rounds);
		assert_int_equal((uintptr_t)rounds, ROUNDS);
	}
	WRITE_ONCE(stop, true);
	sem_post(&ipi);
	pthread_join(loops, NULL);
	assert_true(list_empty(&cpu.awake));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wake_up_is_lost),
	};
	return cmocka_run_group_tests_name("wake_race", tests, NULL, NULL);
}
