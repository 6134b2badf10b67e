/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's life is asked for: reset, poweroff, crash, quit; and its ends. */
#include "tests/unit/guest_fixture.h"

static void test_reset(void **state)
{
	struct guest *guest = running();

	guest->vcpus[0]->state = VCPU_HALTED;
	guest->vcpus[1]->state = VCPU_RUNNABLE;
	guest_request(guest, GUEST_REQ_RESET, 0, "port 0xcf9");
	assert_false(vcpu_runnable(guest->vcpus[1]));
	work_run(this_cpu());
	expect_calls("quiet pci reset load ");
	assert_int_equal(nic_resumes, 2);	/* as it was started, and again */
	assert_int_equal(host_log_count("guest web: reset requested (port 0xcf9)"), 1);
	assert_string_equal(host_log_last(), "guest web: started again (reset 1)");
	assert_true(vcpu_runnable(guest->vcpus[0]));
	assert_int_equal(guest->vcpus[1]->state, VCPU_WAIT_SIPI);
	assert_int_equal(guest->resets, 1);
	assert_int_equal(mem_used(MEM_GUEST), 4 * MIB);
}

/* Others on its CPU have waited that long. */
static void test_reset_counts_as_time_of_the_guest(void **state)
{
	struct guest *guest = running();
	u64 before = guest->vcpus[0]->ran_ns;

	load_takes = 30 * NSEC_PER_MSEC;
	ask(guest, GUEST_REQ_RESET, 0, "port 0xcf9");
	ask(guest, GUEST_REQ_RESET, 0, "port 0xcf9");
	assert_int_equal(guest->resets, 2);
	assert_int_equal(guest->vcpus[0]->ran_ns - before, 2 * load_takes);
}

static void test_reset_waits_for_frames_in_flight(void **state)
{
	struct guest *guest = running();

	frames_in_flight = 1;
	ask(guest, GUEST_REQ_RESET, 0, "x");
	expect_calls("quiet ");
	assert_false(vcpu_runnable(guest->vcpus[0]));
	guest_request(guest, GUEST_REQ_POWEROFF, 0, NULL);	/* too late: dropped */
	work_run(this_cpu());
	assert_int_equal(guest->state, GUEST_RUNNING);
	calls[0] = '\0';
	frames_in_flight = 0;
	work_queue(nic_again);
	work_run(this_cpu());
	expect_calls("quiet pci reset load ");
	assert_true(vcpu_runnable(guest->vcpus[0]));
}

static void test_first_request_wins(void **state)
{
	struct guest *guest = running();

	guest_request(guest, GUEST_REQ_DEBUG_EXIT, 33, NULL);
	guest_request(guest, GUEST_REQ_RESET, 0, NULL);
	work_run(this_cpu());
	assert_int_equal(guest->state, GUEST_ENDED);
	assert_string_equal(host_log_last(), "guest web: ended by isa-debug-exit, code 33");
}

static void test_half_written_request_is_left_alone(void **state)
{
	struct guest *guest = running();

	guest->request = GUEST_REQ_CLAIMED;
	work_queue(&guest->lifecycle);
	work_run(this_cpu());
	assert_int_equal(guest->request, GUEST_REQ_CLAIMED);
	expect_calls("");
	guest->request = GUEST_REQ_NONE;
}

static void test_no_reboot(void **state)
{
	struct guest *guest;

	config.no_reboot = true;
	guest = running();
	ask(guest, GUEST_REQ_RESET, 0, "keyboard controller");
	assert_int_equal(guest->state, GUEST_ENDED);
	assert_string_equal(host_log_last(),
			    "guest web: ended: reset requested (keyboard controller), -no-reboot");
}

static void test_poweroff_ends_everything(void **state)
{
	struct guest *guest = running();

	this_cpu()->current = guest->vcpus[0];
	ask(guest, GUEST_REQ_POWEROFF, 0, NULL);
	assert_string_equal(host_log_last(), "guest web: powered off");
	expect_calls("quiet -console -nic -vcpu1 -vcpu0 -board ");
	assert_true(list_empty(&this_cpu()->vcpus));
	assert_null(this_cpu()->current);
	assert_false(vcpu_runnable(guest->vcpus[0]));
	assert_int_equal(mem_used(MEM_GUEST), 0);
	assert_true(guests_all_ended());
	work_run(this_cpu());
	assert_int_equal(all_ended, 1);
}

static void test_crash_stops(void **state)
{
	struct guest *guest = running();

	ask(guest, GUEST_REQ_CRASH, 0, "triple fault");
	assert_int_equal(guest->state, GUEST_ENDED);
	assert_string_equal(host_log_last(), "guest web: triple fault, stopped");
}

static void test_crash_resets(void **state)
{
	struct guest *guest;

	config.on_crash = ON_CRASH_RESET;
	guest = running();
	ask(guest, GUEST_REQ_CRASH, 0, "triple fault");
	assert_int_equal(guest->state, GUEST_RUNNING);
	assert_int_equal(host_log_count("guest web: triple fault, reset"), 1);
	expect_calls("quiet pci reset load ");
}

static void test_crash_loop_ends(void **state)
{
	struct guest *guest;

	config.on_crash = ON_CRASH_RESET;
	guest = running();
	for (unsigned int i = 0; i < 20; i++) {		/* each time after a while of work */
		host_time_advance(NSEC_PER_SEC);
		calls[0] = '\0';
		ask(guest, GUEST_REQ_CRASH, 0, "triple fault");
		assert_int_equal(guest->state, GUEST_RUNNING);
	}
	for (unsigned int i = 0; i < 4; i++) {		/* the last of them was the first of five */
		assert_int_equal(guest->state, GUEST_RUNNING);
		calls[0] = '\0';
		ask(guest, GUEST_REQ_CRASH, 0, "triple fault");
	}
	assert_int_equal(guest->state, GUEST_ENDED);
	assert_string_equal(host_log_last(),
			    "guest web: triple fault, stopped: 5 times soon after its start");
}

static void test_load_fails_at_reset(void **state)
{
	struct guest *guest = running();

	fail_at = "load";
	ask(guest, GUEST_REQ_RESET, 0, NULL);
	assert_int_equal(guest->state, GUEST_ENDED);
	assert_int_equal(mem_used(MEM_GUEST), 0);
}

static void test_reset_of_an_ended_guest_makes_it_anew(void **state)
{
	struct guest *guest = running();

	ask(guest, GUEST_REQ_POWEROFF, 0, NULL);
	ask(guest, GUEST_REQ_POWEROFF, 0, NULL);
	calls[0] = '\0';
	guest->vcpus[0]->exits[3] = 7;
	ask(guest, GUEST_REQ_RESET, 0, "monitor");
	expect_calls("board map vcpu0 vcpu1 net0 pci reset load console ");
	assert_int_equal(guest->state, GUEST_RUNNING);
	assert_true(vcpu_runnable(guest->vcpus[0]));
	assert_int_equal(guest->vcpus[0]->exits[3], 0);
	assert_int_equal(guest->starts, 2);
	ask(guest, GUEST_REQ_POWEROFF, 0, NULL);
	fail_at = "map";
	ask(guest, GUEST_REQ_RESET, 0, "monitor");
	assert_int_equal(guest->state, GUEST_ENDED);
	assert_int_equal(mem_used(MEM_GUEST), 0);
}

static void test_all_ended_is_told_after_the_last(void **state)
{
	struct guest *a = running(), *b = running();

	ask(a, GUEST_REQ_POWEROFF, 0, NULL);
	work_run(this_cpu());
	assert_int_equal(all_ended, 0);
	ask(b, GUEST_REQ_POWEROFF, 0, NULL);
	work_run(this_cpu());
	assert_int_equal(all_ended, 1);
}

static void test_summary(void **state)
{
	struct guest *guest = running();
	u64 leak;

	host_time_advance(1234 * NSEC_PER_MSEC);
	guest->vcpus[0]->exits[1] = 2;
	guest->vcpus[1]->exits[2] = 3;
	guest->vcpus[1]->doorbells = 4;
	guest->vcpus[0]->injected = 5;
	ask(guest, GUEST_REQ_POWEROFF, 0, NULL);
	leak = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_EPT);
	guests_summary();
	mem_free(leak, PAGE_SIZE, MEM_EPT);
	assert_string_equal(host_console_text(),
			    "summary: guest web: powered off; seconds=1.234 starts=1 resets=0 "
			    "exits=5 doorbells=4 interrupts=5\n"
			    "summary: memory still held for guests: ram=0 tables=4096 vhost=0 "
			    "bytes\n");
}

/* The last test: there is no way back from it. */
static void test_quit_ends_all(void **state)
{
	struct guest *a = running(), *b = running(), *c = create();

	guest_pause(b);
	guest_request(a, GUEST_REQ_RESET, 0, NULL);	/* not any more */
	assert_false(guests_quitting());
	guests_quit();
	assert_true(guests_quitting());
	frames_in_flight = 1;
	work_run(this_cpu());
	assert_false(vcpu_runnable(a->vcpus[0]));
	assert_int_equal(a->state, GUEST_RUNNING);
	frames_in_flight = 0;
	guests_quit();		/* impatient */
	work_run(this_cpu());
	assert_int_equal(a->state, GUEST_ENDED);
	assert_int_equal(b->state, GUEST_ENDED);
	assert_int_equal(c->state, GUEST_ENDED);
	ask(a, GUEST_REQ_RESET, 0, "monitor");
	assert_int_equal(a->state, GUEST_ENDED);
	assert_int_equal(all_ended, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_reset),
		TEST(test_reset_counts_as_time_of_the_guest),
		TEST(test_reset_waits_for_frames_in_flight),
		TEST(test_first_request_wins),
		TEST(test_half_written_request_is_left_alone),
		TEST(test_no_reboot),
		TEST(test_poweroff_ends_everything),
		TEST(test_crash_stops),
		TEST(test_crash_resets),
		TEST(test_crash_loop_ends),
		TEST(test_load_fails_at_reset),
		TEST(test_reset_of_an_ended_guest_makes_it_anew),
		TEST(test_all_ended_is_told_after_the_last),
		TEST(test_summary),
		TEST(test_quit_ends_all),
	};

	return cmocka_run_group_tests(tests, machine_setup, machine_teardown);
}
