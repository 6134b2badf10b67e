/* SPDX-License-Identifier: BSD-2-Clause */
/* panic(): the end that nobody wants. x86 build only. */
#include <stdarg.h>
#include <stdio.h>

#include "arch/x86/smp.h"
#include "asm/barrier.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/time.h"

#define NOBODY	UINT32_MAX

static u32 panic_cpu = NOBODY;

bool panic_enter(void)
{
	u32 nobody = NOBODY, self = this_cpu()->id;

	if (!__atomic_compare_exchange_n(&panic_cpu, &nobody, self, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST)) {
		if (nobody != self)
			machine_halt();
		return false;
	}
	arch_stop_other_cpus();
	lock_checks_stop();
	console_bust_lock();
	log_bust_lock();
	return true;
}

static void wait_s(unsigned int seconds)
{
	u64 end = time_ns() + seconds * NSEC_PER_SEC;

	while (time_ns() < end)
		cpu_relax();
}

void panic_end(void)
{
	static bool ending;

	if (ending)		/* it was the end itself that failed */
		machine_halt();
	ending = true;
	if (CONFIG_REBOOT_ON_PANIC) {
		pr_err("ringvisor: rebooting in %d s", CONFIG_REBOOT_ON_PANIC);
		console_flush();
		wait_s(CONFIG_REBOOT_ON_PANIC);
		machine_reboot();
	}
	pr_err("ringvisor: halted");
	console_flush();
	machine_halt();
}

void panic(const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;

	if (!panic_enter())
		panic_end();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pr_err("panic: CPU %u: %s", this_cpu()->id, text);
	arch_backtrace();
	panic_end();
}
