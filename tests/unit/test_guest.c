/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest: made of its parts in order, unmade in reverse, run, paused. */
#include "tests/unit/guest_fixture.h"

#include <pthread.h>

/* ---- Making ---- */

static void test_made_in_order_and_unmade_in_reverse(void **state)
{
	struct guest *guest = create();

	expect_calls("board map vcpu0 vcpu1 net0 pci reset load console ");
	assert_int_equal(mem_used(MEM_GUEST), 4 * MIB);
	assert_int_equal(guest->mem.region[0].hva[123], 0);
	assert_ptr_equal(guest_find("web"), guest);
	assert_null(guest_find("we"));
	ask(guest, GUEST_REQ_STOP, 0, NULL);
	expect_calls("quiet -console -nic -vcpu1 -vcpu0 -board ");
	assert_int_equal(mem_used(MEM_GUEST), 0);
}

static void test_every_failure_leaves_nothing(void **state)
{
	static const char *const steps[][3] = {
		{ "board", "board ", "devices cannot be made" },
		{ "map", "board map -board ", "memory cannot be mapped" },
		{ "vcpu1", "board map vcpu0 vcpu1 -vcpu0 -board ", "vCPU 1 cannot be made" },
		{ "net0", "board map vcpu0 vcpu1 net0 -vcpu1 -vcpu0 -board ",
		  "net0: virtio-net-pci at addr 0x0 cannot be made" },
		{ "load", "board map vcpu0 vcpu1 net0 pci reset load -nic -vcpu1 -vcpu0 -board ",
		  NULL },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
		fail_at = steps[i][0];
		assert_null(create());
		expect_calls(steps[i][1]);
		assert_int_equal(mem_used(MEM_GUEST), 0);
		assert_int_equal(nr_guests, 0);
		if (steps[i][2])	/* arch_guest_load() says its own */
			assert_int_equal(host_log_count(steps[i][2]), 1);
	}
}

static bool other_ends;

/* Another CPU's loop. */
static void *other_loop(void *arg)
{
	struct cpu *cpu = arg;

	host_this_cpu = &cpu->arch;
	while (!__atomic_load_n(&other_ends, __ATOMIC_ACQUIRE))
		work_run(cpu);
	return NULL;
}

static void test_made_on_its_own_cpu(void **state)
{
	static struct cpu other;
	struct guest *guest;
	pthread_t thread;
	int err;

	list_init(&other.vcpus);
	list_init(&other.awake);
	other_ends = false;
	pthread_create(&thread, NULL, other_loop, &other);
	where[0] = where[1] = &other;
	guest = guest_create(&config, &archive, where, &err);
	assert_non_null(guest);
	assert_ptr_equal(built_on, &other);
	fail_at = "board";
	assert_null(guest_create(&config, &archive, where, &err));
	assert_int_equal(err, -ENOSPC);
	guest_start(guest);
	while (READ_ONCE(guest->request))
		;
	guest_request(guest, GUEST_REQ_STOP, 0, NULL);
	while (READ_ONCE(guest->request))
		;
	__atomic_store_n(&other_ends, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(guest->state, GUEST_ENDED);
}

static bool other_placed(struct guest *guest)
{
	return !vcpus_moving(guest) && !list_empty(&guest->vcpus[1]->cpu_node);
}

/* The life-cycle work waits until the other CPU has taken its vCPU on, and then off. */
static void test_vcpus_on_two_cpus(void **state)
{
	static struct cpu other;
	struct guest *guest;

	list_init(&other.vcpus);
	list_init(&other.awake);
	where[1] = &other;
	guest = running();
	assert_ptr_equal(guest->vcpus[1]->cpu, &other);
	assert_true(vcpus_moving(guest));
	ask(guest, GUEST_REQ_RESET, 0, "test");
	expect_calls("");
	host_this_cpu = &other.arch;
	assert_int_equal(work_run(&other), 1);
	assert_ptr_equal(other.vcpus.next, &guest->vcpus[1]->cpu_node);
	assert_ptr_equal(other.awake.next, &guest->vcpus[1]->awake_node);
	/* Neither SIPI nor the end of the request has come. */
	assert_false(vcpu_runnable(guest->vcpus[1]));
	assert_true(list_empty(&other.awake));
	host_this_cpu = &where[0]->arch;
	assert_true(other_placed(guest));
	/* The request is looked at again: now the vCPUs are taken off, the other one not yet. */
	work_run(this_cpu());
	expect_calls("");
	assert_true(list_empty(&this_cpu()->vcpus));
	host_this_cpu = &other.arch;
	work_run(&other);
	assert_true(list_empty(&other.vcpus));
	host_this_cpu = &where[0]->arch;
	assert_int_equal(unloads, 2);
	work_run(this_cpu());
	expect_calls("quiet pci reset load ");
	assert_false(list_empty(&this_cpu()->vcpus));
	host_this_cpu = &other.arch;
	work_run(&other);
	host_this_cpu = &where[0]->arch;
	work_run(this_cpu());
	guest_request(guest, GUEST_REQ_STOP, 0, NULL);
	work_run(this_cpu());
	expect_calls("");
	host_this_cpu = &other.arch;
	work_run(&other);
	host_this_cpu = &where[0]->arch;
	work_run(this_cpu());
	expect_calls("quiet -console -nic -vcpu1 -vcpu0 -board ");
}

static void test_memory_in_pieces(void **state)
{
	struct guest *guest;

	config.memory = 8 * MIB;
	host_mem_fail(1);	/* no 8 MiB in one piece */
	guest = create();
	assert_int_equal(guest->mem.nr, 2);
	assert_int_equal(guest->mem.region[0].size, 4 * MIB);
	assert_int_equal(guest->mem.region[1].gpa, 4 * MIB);
	assert_int_equal(mem_used(MEM_GUEST), 8 * MIB);
}

static void test_memory_that_is_not_there(void **state)
{
	config.memory = 2 * MIB;
	host_mem_fail(1);
	assert_null(create());
	expect_calls("");
	assert_int_equal(host_log_count("guest web: -m 2M: not enough memory"), 1);
}

static void test_no_room_for_more_guests(void **state)
{
	config.memory = 2 * MIB;
	for (unsigned int i = 0; i < CONFIG_MAX_GUESTS; i++)
		assert_non_null(create());
	assert_null(create());
}

/* ---- Running ---- */

static void test_start(void **state)
{
	struct guest *guest = create();

	assert_false(vcpu_runnable(guest->vcpus[0]));
	guest_start(guest);
	assert_false(vcpu_runnable(guest->vcpus[0]));
	work_run(this_cpu());
	assert_string_equal(host_log_last(),
			    "guest web: started (4 MiB, 2 vCPUs, kernel vmlinuz)");
	assert_true(vcpu_runnable(guest->vcpus[0]));
	assert_false(vcpu_runnable(guest->vcpus[1]));
	assert_int_equal(guest->vcpus[1]->state, VCPU_WAIT_SIPI);
	assert_false(list_empty(&this_cpu()->vcpus));
	assert_false(guests_all_ended());
}

static void test_halted_until_an_interrupt(void **state)
{
	struct vcpu *vcpu = running()->vcpus[0];

	vcpu->state = VCPU_HALTED;
	assert_false(vcpu_runnable(vcpu));
	assert_true(list_empty(&vcpu->awake_node));
	vcpu_kick(vcpu);
	assert_int_equal(vcpu->arch.kicked, 1);
	assert_int_equal(kicks, 1);	/* guest_start()'s work; its own CPU needs none */
	assert_false(list_empty(&vcpu->awake_node));
	assert_false(vcpu_runnable(vcpu));
	has_interrupt = true;
	assert_true(vcpu_runnable(vcpu));
	assert_int_equal(vcpu->state, VCPU_RUNNABLE);
}

static void test_pause_and_continue(void **state)
{
	struct guest *guest = running();

	assert_int_equal(guest_cont(guest), -EINVAL);
	assert_int_equal(guest_pause(guest), 0);
	assert_int_equal(guest->vcpus[0]->arch.kicked, 1);
	assert_false(vcpu_runnable(guest->vcpus[0]));
	assert_true(list_empty(&guest->vcpus[0]->awake_node));
	assert_int_equal(guest_pause(guest), -EINVAL);
	assert_int_equal(guest_cont(guest), 0);
	assert_false(list_empty(&guest->vcpus[0]->awake_node));
	assert_true(vcpu_runnable(guest->vcpus[0]));
	ask(guest, GUEST_REQ_STOP, 0, NULL);
	assert_int_equal(guest_pause(guest), -EINVAL);
	assert_int_equal(guest_cont(guest), -EINVAL);
}

/* One that goes to sleep on its CPU because of a request is awake when that has been served. */
static void test_request_served_without_taking_off(void **state)
{
	struct guest *guest = running();
	struct vcpu *vcpu = guest->vcpus[0];

	guest_start(guest);		/* it runs already */
	assert_false(vcpu_runnable(vcpu));
	assert_true(list_empty(&vcpu->awake_node));
	work_run(this_cpu());
	assert_false(list_empty(&vcpu->awake_node));
	assert_true(vcpu_runnable(vcpu));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_made_in_order_and_unmade_in_reverse),
		TEST(test_every_failure_leaves_nothing),
		TEST(test_made_on_its_own_cpu),
		TEST(test_vcpus_on_two_cpus),
		TEST(test_memory_in_pieces),
		TEST(test_memory_that_is_not_there),
		TEST(test_no_room_for_more_guests),
		TEST(test_start),
		TEST(test_halted_until_an_interrupt),
		TEST(test_pause_and_continue),
		TEST(test_request_served_without_taking_off),
	};

	return cmocka_run_group_tests(tests, machine_setup, machine_teardown);
}
