/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's life: made of its parts in order, unmade in reverse, reset, paused, ended. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/archive.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"
#include "kernel/mem.h"
#include "kernel/vpci.h"
#include "virtio/net.h"

/* ---- What the guest is made of: each call noted as a word ---- */

static struct cpu *built_on;
static char calls[8192];
static const char *fail_at;		/* the word that answers with an error */
static unsigned int unloads;
static unsigned int nic_resumes;	/* virtio_net_resume(): before vCPUs run */
static unsigned int frames_in_flight;	/* virtio_net_reset() waits for them */
static struct work *nic_again;
static bool has_interrupt;
static struct vpci_bus bus;

static int note(const char *word)
{
	strcat(calls, word);
	strcat(calls, " ");
	return fail_at && !strcmp(fail_at, word) ? -ENOSPC : 0;
}

static void expect_calls(const char *want)
{
	assert_string_equal(calls, want);
	calls[0] = '\0';
}

int arch_guest_init(struct guest *guest)
{
	built_on = this_cpu();
	assert_string_equal(guest->mmio.name, "mmio");
	guest->pci = &bus;
	return note("board");
}

void arch_guest_free(struct guest *guest) { note("-board"); }
int arch_guest_map_ram(struct guest *guest) { return note("map"); }
void arch_guest_reset(struct guest *guest) { note("reset"); }
int arch_guest_load(struct guest *guest, const struct archive *archive) { return note("load"); }
int arch_vcpu_init(struct vcpu *vcpu) { return note(vcpu->id ? "vcpu1" : "vcpu0"); }
void arch_vcpu_free(struct vcpu *vcpu) { note(vcpu->id ? "-vcpu1" : "-vcpu0"); }
void arch_vcpu_unload(struct vcpu *vcpu) { unloads++; }
bool arch_vcpu_has_interrupt(struct vcpu *vcpu) { return has_interrupt; }
void vpci_bus_reset(struct vpci_bus *b) { note(b == &bus ? "pci" : "?"); }

int virtio_net_create(struct guest *guest, const struct nic_config *config, struct cpu *cpu,
		      struct virtio_net **out)
{
	*out = (struct virtio_net *)config->id;
	return note(config->id);
}

int virtio_net_reset(struct virtio_net *net, struct work *again)
{
	note("quiet");
	nic_again = again;
	return frames_in_flight ? -EINPROGRESS : 0;
}

void virtio_net_resume(struct virtio_net *net) { nic_resumes++; }
void virtio_net_destroy(struct virtio_net *net) { note("-nic"); }
void console_guest_add(struct guest_console *gc, struct guest *guest) { note("console"); }
void console_guest_remove(struct guest_console *gc) { note("-console"); }

static unsigned int kicks;

void cpu_kick(struct cpu *cpu) { kicks++; }

/* ---- Setting up ---- */

static struct guest_config config;
static const struct archive archive;
static struct cpu *where[2];
static struct work ended;
static unsigned int all_ended;

static void count_ended(struct work *work)
{
	all_ended++;
}

static struct guest *create(void)
{
	int err = 1;
	struct guest *guest = guest_create(&config, &archive, where, &err);

	assert_int_equal(!guest, err != 0);
	return guest;
}

/* A guest that runs, nothing noted yet. */
static struct guest *running(void)
{
	struct guest *guest = create();

	guest_start(guest);
	work_run(this_cpu());
	assert_int_equal(guest->state, GUEST_RUNNING);
	calls[0] = '\0';
	return guest;
}

static void ask(struct guest *guest, enum guest_request req, u32 code, const char *why)
{
	guest_request(guest, req, code, why);
	work_run(this_cpu());
}

static int setup(void **state)
{
	memset(this_cpu(), 0, sizeof(*this_cpu()));
	list_init(&this_cpu()->vcpus);
	list_init(&this_cpu()->awake);
	where[0] = where[1] = this_cpu();
	config = (struct guest_config){ .name = "web", .memory = 4 * MIB, .nr_vcpus = 2,
					.kernel = "vmlinuz", .append = "", .nr_nics = 1 };
	strcpy(config.nic[0].id, "net0");
	host_time_set(100 * NSEC_PER_SEC);
	host_log_clear();
	host_console_clear();
	host_mem_fail(0);
	calls[0] = '\0';
	fail_at = NULL;
	has_interrupt = false;
	unloads = 0;
	nic_resumes = frames_in_flight = kicks = all_ended = 0;
	work_init(&ended, this_cpu(), count_ended);
	guests_on_all_ended(&ended);
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < nr_guests; i++)
		if (guests[i]->state != GUEST_ENDED)
			ask(guests[i], GUEST_REQ_STOP, 0, NULL);
	for (unsigned int i = 0; i < nr_guests; i++) {
		for (unsigned int j = 0; j < GUEST_VCPUS_MAX; j++)
			free(guests[i]->vcpus[j]);
		free(guests[i]);
	}
	nr_guests = 0;
	return mem_used(MEM_GUEST) != 0;
}

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
	assert_false(vcpu_runnable(guest->vcpus[1]));	/* neither SIPI nor the end of the request */
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

/* ---- Requests ---- */

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
		TEST(test_reset),
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

	/* The machine's own, before the first guest. */
	u64 own = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_VHOST);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	mem_free(own, PAGE_SIZE, MEM_VHOST);
	return failed;
}
