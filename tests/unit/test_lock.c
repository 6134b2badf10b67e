/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks of a debug build say to locks taken and released against the rules. */
#include "tests/unit/unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/lock.h"
#include "kernel/log.h"

static struct cpu cpu[2];
static struct spinlock guest, queue, memory, other_memory, plain;
static char said[160];
static jmp_buf out;

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	longjmp(out, 1);
}

static void be(unsigned int id)
{
	host_this_cpu = &cpu[id].arch;
}

#define expect_panic(what, text) do {				\
	said[0] = '\0';						\
	if (!setjmp(out))					\
		what;						\
	assert_string_equal(said, text);			\
} while (0)

/* Whatever a test has left taken is forgotten. */
static int setup(void **state)
{
	struct spinlock *all[] = { &guest, &queue, &memory, &other_memory, &plain };

	for (unsigned int id = 0; id < 2; id++) {
		cpu[id].id = id;
		be(id);
		for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
			if (all[i]->locked && all[i]->owner == id + 1)
				spin_unlock(all[i]);
	}
	be(0);
	spin_init(&guest, LOCK_GUEST);
	spin_init(&queue, LOCK_VQ_TX);
	spin_init(&memory, LOCK_MEM);
	spin_init(&other_memory, LOCK_MEM);
	spin_init(&plain, LOCK_UNRANKED);
	lock_checks_start();
	return 0;
}

static void the_order_is_fine(void **state)
{
	expect_panic({
		spin_lock(&guest);
		spin_lock(&plain);
		spin_lock(&memory);
		spin_unlock(&guest);
		spin_unlock(&memory);
		spin_unlock(&plain);
		spin_lock(&guest);
		spin_unlock(&guest);
	}, "");
}

static void against_the_order(void **state)
{
	spin_lock(&queue);
	spin_lock(&memory);
	expect_panic(spin_lock(&guest),
		     "lock: guest: taken inside transmit queue, against the order");
	spin_unlock(&queue);
	expect_panic(spin_lock(&other_memory),
		     "lock: memory allocator: taken inside memory allocator, against the order");
}

static void another_cpus_locks_do_not_count(void **state)
{
	spin_lock(&memory);
	be(1);
	expect_panic(spin_lock(&guest), "");
	spin_unlock(&guest);
}

static void taken_twice(void **state)
{
	spin_lock(&plain);
	expect_panic(spin_lock(&plain),
		     "lock: lock without a rank: taken again by CPU 0, which has it");
}

static void released_by_another(void **state)
{
	spin_lock(&guest);
	be(1);
	expect_panic(spin_unlock(&guest), "lock: guest: released by CPU 1, taken by CPU 0");
}

static void taken_before_the_checks(void **state)
{
	lock_checks_stop();
	spin_lock(&memory);
	lock_checks_start();
	expect_panic(spin_unlock(&memory), "");
	assert_int_equal(memory.locked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_order_is_fine, setup),
		cmocka_unit_test_setup(against_the_order, setup),
		cmocka_unit_test_setup(another_cpus_locks_do_not_count, setup),
		cmocka_unit_test_setup(taken_twice, setup),
		cmocka_unit_test_setup(released_by_another, setup),
		cmocka_unit_test_setup(taken_before_the_checks, setup),
	};
	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
