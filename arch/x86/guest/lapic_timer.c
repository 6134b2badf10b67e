/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC's timer: one-shot, periodic, TSC-deadline (SDM 3A 11.5.4). Everything is
 * reckoned in host TSC ticks and armed as a struct timer on the vCPU's CPU.
 */
#include "arch/x86/guest/lapic_regs.h"
#include "arch/x86/smp.h"
#include "kernel/guest.h"

/*
 * A guest may ask for periods shorter than its CPU can deliver; below this one several
 * expirations become one interrupt, so that a timer storm starves neither other guests nor the
 * guest itself. As KVM's min_timer_period_us.
 */
#define PERIOD_MIN_USEC	200

/* How far ahead a deadline is armed at most, so that the sums of ticks cannot wrap. */
#define DEADLINE_MAX_SEC 3600

static u64 host_tsc(void)
{
	return tsc_from_ns(time_ns());
}

/* The first nanosecond at which @tsc has been reached. */
static void arm(struct vlapic *apic, u64 tsc)
{
	timer_start(&apic->timer, tsc_to_ns(tsc) + 1);
}

static void post_lvt(struct vlapic *apic)
{
	u32 lvt = vlapic_reg(apic, LAPIC_LVT_TIMER);

	if (lvt & LVT_MASKED)
		return;
	if ((lvt & LVT_VECTOR) < LAPIC_VECTOR_MIN)
		vlapic_error(apic, ESR_RECV_ILLEGAL);
	else
		vlapic_post(apic->vcpu, (u8)(lvt & LVT_VECTOR), false);
}

/* ---- One-shot and periodic ---- */

/* Host TSC ticks that @count takes: at most 2^32 * 2^7 * VLAPIC_TSC_RATIO. */
static u64 count_ticks(const struct vlapic *apic, u32 count)
{
	return ((u64)count << apic->timer_shift) * VLAPIC_TSC_RATIO;
}

static u64 period_ticks(const struct vlapic *apic)
{
	return count_ticks(apic, vlapic_reg(apic, LAPIC_TMICT));
}

u32 vlapic_timer_current(const struct vlapic *apic)
{
	u64 period = period_ticks(apic), elapsed = host_tsc() - apic->timer_start;

	if (!period || apic->timer_mode == LVT_TIMER_DEADLINE)
		return 0;
	if (elapsed >= period) {
		if (apic->timer_mode != LVT_TIMER_PERIODIC)
			return 0;
		elapsed %= period;
	}
	return (u32)((period - elapsed) / VLAPIC_TSC_RATIO >> apic->timer_shift);
}

static void start_counting(struct vlapic *apic, u64 since)
{
	apic->timer_start = since;
	arm(apic, since + period_ticks(apic));
}

void vlapic_timer_count(struct vlapic *apic)
{
	if (apic->timer_mode == LVT_TIMER_DEADLINE)
		return;
	timer_stop(&apic->timer);
	if (vlapic_reg(apic, LAPIC_TMICT))
		start_counting(apic, host_tsc());
}

/* One or more periods are over: the next one begins at the end of the last whole one. */
static void period_over(struct vlapic *apic)
{
	u64 now = host_tsc(), period = period_ticks(apic);
	u64 min = tsc_khz() * PERIOD_MIN_USEC / 1000;
	u64 start = apic->timer_start;

	if (!period)
		return;
	start += (now - start) / period * period;
	apic->timer_start = start;
	arm(apic, start + MAX(period, (min + period - 1) / period * period));
}

void vlapic_timer_divide(struct vlapic *apic)
{
	u32 tdcr = vlapic_reg(apic, LAPIC_TDCR);
	u32 code = (tdcr & 3) | (tdcr & BIT(3)) >> 1;
	u32 current = vlapic_timer_current(apic);

	/* SDM 3A figure 11-10: 000 divides by 2, ... 110 by 128, 111 by 1 */
	apic->timer_shift = (u8)((code + 1) & 7);
	if (!timer_armed(&apic->timer) || apic->timer_mode == LVT_TIMER_DEADLINE)
		return;
	start_counting(apic, host_tsc() - (period_ticks(apic) - count_ticks(apic, current)));
}

/* ---- TSC-deadline: SDM 3A 11.5.4.1 ---- */

static s64 tsc_offset(const struct vlapic *apic)
{
	return apic->vcpu->guest->arch.tsc_offset;
}

static void deadline_check(struct vlapic *apic)
{
	u64 now = host_tsc() + (u64)tsc_offset(apic);

	if (apic->tsc_deadline > now) {
		u64 left = MIN(apic->tsc_deadline - now, tsc_khz() * 1000 * DEADLINE_MAX_SEC);

		arm(apic, now - (u64)tsc_offset(apic) + left);
		return;
	}
	apic->tsc_deadline = 0;
	post_lvt(apic);
}

void vlapic_deadline_set(struct vlapic *apic, u64 guest_tsc)
{
	if (apic->timer_mode != LVT_TIMER_DEADLINE)
		return;
	timer_stop(&apic->timer);
	apic->tsc_deadline = guest_tsc;
	if (guest_tsc)
		deadline_check(apic);
}

u64 vlapic_deadline_get(const struct vlapic *apic)
{
	return apic->timer_mode == LVT_TIMER_DEADLINE ? apic->tsc_deadline : 0;
}

/* ---- Both ---- */

void vlapic_timer_lvt(struct vlapic *apic)
{
	u32 mode = vlapic_reg(apic, LAPIC_LVT_TIMER) & LVT_TIMER_MODE, old = apic->timer_mode;

	apic->timer_mode = mode;
	/* To or from deadline mode disarms; between the other two, counting goes on. */
	if (mode != old && (mode == LVT_TIMER_DEADLINE || old == LVT_TIMER_DEADLINE)) {
		timer_stop(&apic->timer);
		vlapic_set(apic, LAPIC_TMICT, 0);
		apic->tsc_deadline = 0;
	}
}

static void timer_due(struct timer *timer)
{
	struct vlapic *apic = container_of(timer, struct vlapic, timer);

	if (apic->timer_mode == LVT_TIMER_DEADLINE) {
		if (apic->tsc_deadline)
			deadline_check(apic);
		return;
	}
	post_lvt(apic);
	if (apic->timer_mode == LVT_TIMER_PERIODIC)
		period_over(apic);
}

void vlapic_timer_stop(struct vlapic *apic)
{
	timer_stop(&apic->timer);
	apic->tsc_deadline = 0;
	apic->timer_mode = LVT_TIMER_ONE_SHOT;
	apic->timer_shift = 1;
}

void vlapic_timer_init(struct vlapic *apic)
{
	timer_init(&apic->timer, timer_due);
	apic->timer_shift = 1;
}
