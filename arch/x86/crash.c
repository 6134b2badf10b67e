/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways to break the hypervisor on purpose. */
#include "arch/x86/crash.h"

#include <string.h>

#include "boot/boot.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/time.h"
#include "kernel/work.h"

static struct work work;
static struct timer timer;
static volatile u64 sink;

static void crash_panic(void)
{
	panic("crash: on purpose");
}

static void crash_read(void)
{
	sink = *(volatile u64 *)PAGE_SIZE;
}

static void crash_text(void)
{
	*(volatile char *)__text_start = 0;
}

static void crash_rodata(void)
{
	*(volatile char *)__rodata_start = 0;
}

/* The image is not in the direct map, where it would be writable. */
static void crash_alias(void)
{
	*(volatile char *)phys_to_virt(virt_to_phys(__text_start)) = 0;
}

static void crash_execute(void)
{
	((void (*)(void))__data_start)();
}

static u64 recurse(volatile u64 n)
{
	volatile char frame[256];

	frame[0] = n;
	return n ? recurse(n - 1) + frame[0] : 0;
}

static void crash_stack(void)
{
	sink = recurse(MIB);
}

static void crash_canary(void)
{
	char bytes[16];
	volatile size_t len = sizeof(bytes) + 16;

	memset(bytes, 0xff, len);
	sink = bytes[0];
}

/* Twice. */
static void crash_free(void)
{
	u64 page = mem_alloc(PAGE_SIZE, PAGE_SIZE, MEM_HEAP);

	for (unsigned int i = 0; i < 2; i++)
		mem_free(page, PAGE_SIZE, MEM_HEAP);
}

static const struct way {
	const char *name;
	void (*fn)(void);
} ways[] = {
	{ "panic", crash_panic }, { "read", crash_read }, { "text", crash_text },
	{ "rodata", crash_rodata }, { "alias", crash_alias }, { "execute", crash_execute },
	{ "stack", crash_stack }, { "canary", crash_canary }, { "free", crash_free },
};
static const struct way *chosen;

int crash_choose(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!strcmp(ways[i].name, name)) {
			chosen = &ways[i];
			return 0;
		}
	}
	return -EINVAL;
}

static void crash_now(struct timer *t)
{
	chosen->fn();
	pr_err("crash: %s: nothing has happened", chosen->name);
}

/* Timers are armed on their own CPU. */
static void arm(struct work *w)
{
	timer_init(&timer, crash_now);
	timer_start(&timer, time_ns() + NSEC_PER_SEC);
}

void crash_start(struct cpu *cpu)
{
	if (!chosen)
		return;
	work_init(&work, cpu, arm);
	work_queue(&work);
}
