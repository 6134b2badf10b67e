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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_placement) };

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
