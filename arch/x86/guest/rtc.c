/* SPDX-License-Identifier: BSD-2-Clause */
/* The MC146818's registers, alarm, periodic and update interrupts. */
#include <errno.h>
#include <string.h>

#include "arch/x86/guest/rtc.h"
#include "arch/x86/guest/vpc.h"
#include "kernel/cpu.h"
#include "kernel/guest.h"

/* MC146818 data sheet, "address map"; CENTURY as in the FADT */
enum {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM,
	WEEKDAY, DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,
	CENTURY = VRTC_CENTURY,
};

/* MC146818 data sheet, "registers" */
enum {
	A_UIP = BIT(7),		/* update in progress */
	A_DV_RUN = 2 << 4,	/* 32.768 kHz, divider running */
	A_RATE = 0xf,
	B_SET = BIT(7),
	B_PIE = BIT(6),
	B_AIE = BIT(5),
	B_UIE = BIT(4),
	B_BINARY = BIT(2),
	B_24H = BIT(1),
	C_IRQF = BIT(7),
	C_PF = BIT(6),
	C_AF = BIT(5),
	C_UF = BIT(4),
	D_VRT = BIT(7),		/* valid RAM and time */
	HOURS_PM = BIT(7),
	ALARM_ANY = 0xc0,	/* don't care code */
	INDEX_MASK = 0x7f,	/* bit 7 of port 0x70 gates NMI */
};

#define RATE_A_1024HZ	6
#define OSC_HZ		32768ull
#define UIP_NS		244141ull	/* UIP leads the update by 8 cycles */
#define SEC_PER_DAY	86400ull
#define CENTURY_MAX	24	/* 64 bits of nanoseconds since 1970 last until 2554 */

/* ---- Dates ---- */

static bool leap_year(unsigned int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned int month_days(unsigned int year, unsigned int month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && leap_year(year));
}

static u8 encode(u8 b, unsigned int val)
{
	return (u8)(b & B_BINARY ? val : val / 10 << 4 | val % 10);
}

static unsigned int decode(u8 b, u8 val)
{
	return b & B_BINARY ? val : (val >> 4) * 10u + (val & 0xf);
}

static u8 encode_hour(u8 b, unsigned int hour)
{
	if (b & B_24H)
		return encode(b, hour);
	return encode(b, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOURS_PM : 0);
}

static unsigned int decode_hour(u8 b, u8 val)
{
	if (b & B_24H)
		return decode(b, val);
	return decode(b, val & (u8)~HOURS_PM) % 12 + (val & HOURS_PM ? 12 : 0);
}

void cmos_from_seconds(u8 *cmos, u64 seconds)
{
	u8 b = cmos[REG_B];
	u64 days = seconds / SEC_PER_DAY;
	unsigned int second = (unsigned int)(seconds % SEC_PER_DAY);
	unsigned int year = 1970, month = 0;

	cmos[SECONDS] = encode(b, second % 60);
	cmos[MINUTES] = encode(b, second / 60 % 60);
	cmos[HOURS] = encode_hour(b, second / 3600);
	cmos[WEEKDAY] = encode(b, (unsigned int)((days + 4) % 7) + 1);	/* Thursday; Sunday is 1 */
	for (; days >= 365u + leap_year(year) && year < 9999; year++)
		days -= 365u + leap_year(year);
	for (; month < 11 && days >= month_days(year, month); month++)
		days -= month_days(year, month);
	cmos[DAY] = encode(b, (unsigned int)days + 1);
	cmos[MONTH] = encode(b, month + 1);
	cmos[YEAR] = encode(b, year % 100);
	cmos[CENTURY] = encode(0, year / 100);
}

int cmos_to_seconds(const u8 *cmos, u64 *seconds)
{
	u8 b = cmos[REG_B];
	unsigned int second = decode(b, cmos[SECONDS]), minute = decode(b, cmos[MINUTES]);
	unsigned int hour = decode_hour(b, cmos[HOURS]), day = decode(b, cmos[DAY]);
	unsigned int month = decode(b, cmos[MONTH]), year = decode(b, cmos[YEAR]);
	unsigned int century = decode(0, cmos[CENTURY]);
	u64 days;

	if (century < 19 || century > CENTURY_MAX)	/* no such byte: the one around 2000 */
		century = year >= 70 ? 19 : 20;
	year += century * 100;
	if (second > 59 || minute > 59 || hour > 23 || month < 1 || month > 12 || year < 1970 ||
	    day < 1 || day > month_days(year, month - 1))
		return -EINVAL;
	days = day - 1;
	for (unsigned int y = 1970; y < year; y++)
		days += 365u + leap_year(y);
	for (unsigned int m = 0; m < month - 1; m++)
		days += month_days(year, m);
	*seconds = days * SEC_PER_DAY + hour * 3600u + minute * 60u + second;
	return 0;
}

/* ---- The clock ---- */

static u64 clock_ns(const struct vrtc *rtc)
{
	return wallclock_boot_ns() + time_ns() + rtc->offset_ns;
}

/* Bring the time's bytes up to date, unless SET halts them. */
static void time_show(struct vrtc *rtc)
{
	if (!(rtc->cmos[REG_B] & B_SET))
		cmos_from_seconds(rtc->cmos, clock_ns(rtc) / NSEC_PER_SEC);
}

/* The clock goes on from the time's bytes. Nonsense that a guest left there is not taken. */
static void time_take(struct vrtc *rtc)
{
	u64 seconds;

	if (cmos_to_seconds(rtc->cmos, &seconds) < 0)
		return;
	rtc->offset_ns += seconds * NSEC_PER_SEC - clock_ns(rtc);
	rtc->updated_s = seconds;
}

/* ---- Interrupts ---- */

static u64 period_ns(const struct vrtc *rtc)
{
	unsigned int rate = rtc->cmos[REG_A] & A_RATE;

	if (!rate)
		return 0;
	if (rate <= 2)		/* with this time base 1 and 2 are as 8 and 9 */
		rate += 7;
	return (NSEC_PER_SEC << (rate - 1)) / OSC_HZ;
}

static void schedule(struct vrtc *rtc)
{
	u8 b = rtc->cmos[REG_B];
	u64 due = TIME_NEVER;

	shared_timer_stop(&rtc->timer);
	if ((b & B_PIE) && period_ns(rtc))
		due = rtc->periodic_ns + period_ns(rtc);
	if ((b & (B_UIE | B_AIE)) && !(b & B_SET))
		due = MIN(due, time_ns() + NSEC_PER_SEC - clock_ns(rtc) % NSEC_PER_SEC);
	if (due != TIME_NEVER)
		shared_timer_start(&rtc->timer, due);
}

static void flags_set(struct vrtc *rtc, u8 flags)
{
	rtc->cmos[REG_C] |= flags;
	if (rtc->cmos[REG_B] & rtc->cmos[REG_C] & (B_PIE | B_AIE | B_UIE)) {
		rtc->cmos[REG_C] |= C_IRQF;
		guest_irq_line(rtc->guest, VPC_GSI_RTC, true);
	}
}

static bool alarm_matches(struct vrtc *rtc)
{
	time_show(rtc);
	for (unsigned int i = SECONDS; i <= HOURS; i += 2) {
		u8 alarm = rtc->cmos[i + 1];

		if ((alarm & ALARM_ANY) != ALARM_ANY && alarm != rtc->cmos[i])
			return false;
	}
	return true;
}

/* Flags for the updates since somebody looked last; the alarm is looked at once a second. */
static void update_flags(struct vrtc *rtc)
{
	u64 now_s = clock_ns(rtc) / NSEC_PER_SEC;

	if ((rtc->cmos[REG_B] & B_SET) || now_s == rtc->updated_s)
		return;
	rtc->updated_s = now_s;
	flags_set(rtc, alarm_matches(rtc) ? C_UF | C_AF : C_UF);
}

static void periodic_flags(struct vrtc *rtc)
{
	u64 period = period_ns(rtc), since = time_ns() - rtc->periodic_ns;

	if (!period || since < period)
		return;
	rtc->periodic_ns += since / period * period;
	flags_set(rtc, C_PF);
}

static void timer_due(struct shared_timer *timer)
{
	struct vrtc *rtc = container_of(timer, struct vrtc, timer);

	spin_lock(&rtc->guest->lock);
	if (shared_timer_take(timer)) {
		periodic_flags(rtc);
		update_flags(rtc);
		schedule(rtc);
	}
	spin_unlock(&rtc->guest->lock);
}

/* ---- Registers ---- */

static u8 reg_c_read(struct vrtc *rtc)
{
	u8 val;

	periodic_flags(rtc);
	update_flags(rtc);
	val = rtc->cmos[REG_C];
	rtc->cmos[REG_C] = 0;
	guest_irq_line(rtc->guest, VPC_GSI_RTC, false);
	return val;
}

static u8 cmos_read(struct vrtc *rtc)
{
	bool uip;

	switch (rtc->index) {
	case REG_A:
		uip = !(rtc->cmos[REG_B] & B_SET) &&
		      clock_ns(rtc) % NSEC_PER_SEC >= NSEC_PER_SEC - UIP_NS;
		return rtc->cmos[REG_A] | (uip ? A_UIP : 0);
	case REG_C:
		return reg_c_read(rtc);
	case SECONDS ... YEAR:
	case CENTURY:
		time_show(rtc);
		break;
	}
	return rtc->cmos[rtc->index];
}

static void reg_b_write(struct vrtc *rtc, u8 val)
{
	u8 old = rtc->cmos[REG_B];

	time_show(rtc);		/* what SET halts */
	if ((val & B_PIE) && !(old & B_PIE))
		rtc->periodic_ns = time_ns();
	rtc->cmos[REG_B] = val;
	if ((old & B_SET) && !(val & B_SET))
		time_take(rtc);
	flags_set(rtc, 0);
	schedule(rtc);
}

static void cmos_write(struct vrtc *rtc, u8 val)
{
	switch (rtc->index) {
	case REG_A:
		rtc->cmos[REG_A] = val & (u8)~A_UIP;
		rtc->periodic_ns = time_ns();
		schedule(rtc);
		return;
	case REG_B:
		reg_b_write(rtc, val);
		return;
	case REG_C:
	case REG_D:
		return;
	}
	time_show(rtc);
	rtc->cmos[rtc->index] = val;
	if (rtc->index <= YEAR || rtc->index == CENTURY) {
		if (!(rtc->cmos[REG_B] & B_SET))
			time_take(rtc);
	}
}

static u64 vrtc_read(void *dev, u64 off, unsigned int size)
{
	return off == 0 ? 0xff : cmos_read(dev);	/* the index is write-only */
}

static void vrtc_write(void *dev, u64 off, unsigned int size, u64 val)
{
	struct vrtc *rtc = dev;

	if (off == 0)
		rtc->index = (u8)val & INDEX_MASK;
	else
		cmos_write(rtc, (u8)val);
}

const struct io_ops vrtc_ops = { .read = vrtc_read, .write = vrtc_write };

/* ---- Life ---- */

void vrtc_stop(struct vrtc *rtc)
{
	shared_timer_cancel(&rtc->timer);
}

/* MC146818, "RESET": interrupts off, flags cleared; firmware chooses rate and format. */
void vrtc_reset(struct vrtc *rtc)
{
	vrtc_stop(rtc);
	rtc->index = 0;
	rtc->cmos[REG_A] = A_DV_RUN | RATE_A_1024HZ;
	rtc->cmos[REG_B] = B_24H;
	rtc->cmos[REG_C] = 0;
	rtc->cmos[REG_D] = D_VRT;
	rtc->updated_s = clock_ns(rtc) / NSEC_PER_SEC;
}

void vrtc_init(struct vrtc *rtc, struct guest *guest)
{
	memset(rtc, 0, sizeof(*rtc));
	rtc->guest = guest;
	shared_timer_init(&rtc->timer, guest->cpu, timer_due);
	rtc->timer.work.payer = &guest->payers[guest->cpu->id];
	vrtc_reset(rtc);
}
