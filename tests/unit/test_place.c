/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs onto CPUs: as configured, otherwise spread. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "kernel/cpu.h"
#include "kernel/place.h"

static struct cpu cpu[4];
struct cpu *cpus[CONFIG_MAX_CPUS] = { &cpu[0], &cpu[1], &cpu[2], &cpu[3] };
unsigned int nr_cpus = 4;

static struct guest_config with(unsigned int vcpus)
{
	return (struct guest_config){ .nr_vcpus = vcpus };
}

static void expect(const struct guest_config *config, const unsigned int *want)
{
	struct cpu *where[GUEST_VCPUS_MAX];
	unsigned int bad;

	assert_int_equal(place_vcpus(config, where, &bad), 0);
	for (unsigned int i = 0; i < config->nr_vcpus; i++)
		assert_ptr_equal(where[i], &cpu[want[i]]);
}

/* One after the other on the same machine: each finds what the ones before have taken. */
static void test_placement(void **state)
{
	struct guest_config five = with(5), pinned = with(3), two = with(2);
	struct cpu *where[GUEST_VCPUS_MAX];
	unsigned int bad;

	for (unsigned int i = 0; i < 4; i++)
		cpu[i].runs_guests = i != 2;
	expect(&five, (unsigned int[]){ 1, 3, 0, 1, 3 });
	pinned.affinity.nr = 2;
	pinned.affinity.cpu[0] = 3;
	pinned.affinity.cpu[1] = 0;
	expect(&pinned, (unsigned int[]){ 3, 0, 3 });		/* now 2, 4 and 2 of them */
	expect(&two, (unsigned int[]){ 1, 0 });
	pinned.affinity.cpu[1] = 2;
	assert_int_equal(place_vcpus(&pinned, where, &bad), -ENODEV);
	assert_int_equal(bad, 2);
	pinned.affinity.cpu[1] = 4;
	assert_int_equal(place_vcpus(&pinned, where, &bad), -ENODEV);
	expect(&two, (unsigned int[]){ 1, 0 });			/* it has taken nothing */
}

static struct host_config workers(unsigned int nr, u16 a, u16 b)
{
	return (struct host_config){ .workers = { .nr = nr, .cpu = { a, b } } };
}

/* Without workers' CPUs a queue is with its owner; with them all are spread over these. */
static void test_queues(void **state)
{
	struct cpu *home[] = { &cpu[3], &cpu[0] };
	struct host_config two = workers(2, 2, 1);
	unsigned int bad;

	assert_ptr_equal(place_queue(home, 2, 1, 0), &cpu[3]);
	assert_ptr_equal(place_queue(home, 2, 1, 3), &cpu[0]);
	assert_int_equal(place_workers(&two, &bad), 0);
	assert_ptr_equal(place_queue(home, 2, 0, 0), &cpu[1]);
	assert_ptr_equal(place_queue(home, 2, 0, 1), &cpu[2]);
	assert_ptr_equal(place_queue(home, 2, 1, 1), &cpu[1]);
}

static void test_workers_cpus(void **state)
{
	struct host_config one = workers(1, 3, 0), missing = workers(2, 1, 4);
	struct host_config all = workers(2, 0, 1), none = workers(0, 0, 0);
	struct guest_config pinned = with(1), four = with(4);
	struct cpu *where[GUEST_VCPUS_MAX];
	unsigned int bad;

	for (unsigned int i = 0; i < 4; i++) {
		cpu[i].runs_guests = i < 2 || i == 3;
		cpu[i].workers_only = false;
	}
	assert_int_equal(place_workers(&none, &bad), 0);
	assert_int_equal(place_workers(&missing, &bad), -ENODEV);
	assert_int_equal(bad, 4);
	assert_false(cpu[1].workers_only);			/* nothing was given away */
	assert_int_equal(place_workers(&one, &bad), 0);
	assert_int_equal(place_workers(&all, &bad), -ENOSPC);	/* CPU 2 runs no guests */
	assert_false(cpu[0].workers_only || cpu[3].workers_only);
	assert_int_equal(place_workers(&one, &bad), 0);
	assert_int_equal(place_vcpus(&four, where, &bad), 0);
	for (unsigned int i = 0; i < 4; i++)
		assert_true(where[i] == &cpu[0] || where[i] == &cpu[1]);
	pinned.affinity.nr = 1;
	pinned.affinity.cpu[0] = 3;
	assert_int_equal(place_vcpus(&pinned, where, &bad), -EBUSY);
	assert_int_equal(bad, 3);
}

static void test_nics(void **state)
{
	struct guest_config c = { .nr_nics = 2 };
	unsigned int nic, bad;

	assert_int_equal(place_check_nics(&c, &nic, &bad), 0);
	c.nic[1].netdev.workers.nr = 2;
	c.nic[1].netdev.workers.cpu[0] = 3;
	assert_int_equal(place_check_nics(&c, &nic, &bad), 0);
	c.nic[1].netdev.workers.cpu[1] = 4;
	assert_int_equal(place_check_nics(&c, &nic, &bad), -ENODEV);
	assert_int_equal(nic, 1);
	assert_int_equal(bad, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_workers_cpus),
		cmocka_unit_test(test_nics),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
