/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's paravirtual EOI: what its MSR takes; each interrupt ends once, by the word or without. */
#include "lib.h"

const char test_name[] = "pv_eoi";

enum { MSR_PV_EOI = 0x4b564d04, ENABLED = 1, FEATURE_PV_EOI = 1 << 6 };
enum { LOW = 0x50, HIGH = 0x60, ROUNDS = 200 };

static u32 words[1024] __attribute__((aligned(4096)));
static u32 *word = &words[1];

static volatile u32 hits, by_word, offered_with_another;
static bool ignore;		/* the word, as old software does */
static u32 order[4];

static bool test_and_clear(u32 *at)
{
	bool was;

	__asm__ volatile("btrl $0, %1" : "=@ccc"(was), "+m"(*at) :: "memory");
	return was;
}

static void end(void)
{
	if (!ignore && test_and_clear(word))
		by_word++;
	else
		apic_eoi();
}

static void on_low(struct frame *f)
{
	(void)f;
	order[hits++ & 3] = LOW;
	end();
}

static void on_high(struct frame *f)
{
	(void)f;
	order[hits++ & 3] = HIGH;
	offered_with_another += *word & 1;
	end();
}

static void self_ipi(u32 vector)
{
	apic_icr(0, 1 << 18 | vector);
}

static void nothing_in_service(void)
{
	for (u32 reg = APIC_ISR; reg < APIC_ISR + 0x80; reg += 0x10)
		check(apic_read(reg) == 0, "ISR at %#x is %#x", reg, apic_read(reg));
	check_eq(apic_read(APIC_PPR), 0);
	check(!(*word & 1), "the word is set outside of an interrupt");
}

static void refused(u64 val)
{
	int vector = wrmsr_fault(MSR_PV_EOI, val);

	check(vector == GP, "WRMSR of %#lx: vector %d, expected #GP", val, vector);
}

static void msr(void)
{
	u64 ram = (u64)word;

	check_eq(rdmsr(MSR_PV_EOI), 0);
	refused(ram | 2);
	refused(ram | 3);
	refused(2);
	refused((ram + 2) | ENABLED);
	refused(0xd0000000ul | ENABLED);		/* no RAM there */
	refused(0xfee00000ul | ENABLED);
	refused(1ul << 40 | ENABLED);
	refused((0ul - 4) | ENABLED);
	check_eq(rdmsr(MSR_PV_EOI), 0);
	wrmsr(MSR_PV_EOI, ram | ENABLED);
	check_eq(rdmsr(MSR_PV_EOI), ram | ENABLED);
	refused(ram + 1 + 1);				/* and the one before stays */
	check_eq(rdmsr(MSR_PV_EOI), ram | ENABLED);
}

static void one_at_a_time(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 before = hits;

		self_ipi(i % 2 ? LOW : HIGH);
		sti_cli();
		check(hits == before + 1, "round %u: %u interrupts", i, hits - before);
		if (i % 16 == 0)
			nothing_in_service();
	}
	nothing_in_service();
}

/* The lower one waits for the end of the other, which therefore has to be seen. */
static void two_at_once(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 before = hits;

		self_ipi(LOW);
		self_ipi(HIGH);
		sti_cli();
		sti_cli();
		check(hits == before + 2, "round %u: %u of 2 interrupts", i, hits - before);
		check(order[before & 3] == HIGH, "round %u: %#x first", i, order[before & 3]);
	}
	check(!offered_with_another, "an EOI was left out with another interrupt waiting");
	nothing_in_service();
}

static void all(bool expect_words)
{
	by_word = offered_with_another = 0;
	one_at_a_time();
	check(!expect_words == !by_word, "%u EOIs by the word", by_word);
	offered_with_another = 0;
	two_at_once();
}

static void absent(void)
{
	u64 val;

	check_eq(rdmsr_fault(MSR_PV_EOI, &val), GP);
	refused((u64)word | ENABLED);
	refused(0);
}

/* EOIs that nobody asked for, and bits that the guest sets: its own business. */
static void nonsense(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		u32 before = hits;

		words[1] = i & 1 ? 0 : 0xffffffff;
		self_ipi(LOW);
		words[1] = i & 2 ? 0 : 0xffffffff;
		sti_cli();
		words[1] = 0;
		apic_eoi();
		apic_eoi();
		check(hits == before + 1, "round %u: %u interrupts", i, hits - before);
	}
	nothing_in_service();
}

void test(void)
{
	pic_mask();
	irq_handle(LOW, on_low);
	irq_handle(HIGH, on_high);
	apic_on();
	if (!(cpuid(0x40000001, 0).a & FEATURE_PV_EOI)) {
		absent();
		all(false);
		return;
	}
	all(false);			/* not switched on */
	msr();
	all(true);
	ignore = true;
	all(false);
	ignore = false;
	nonsense();
	word = &words[1023];		/* moved; the old one stays as it is */
	wrmsr(MSR_PV_EOI, (u64)word | ENABLED);
	words[1] = 0;
	all(true);
	check_eq(words[1], 0);
	apic_x2();
	word = &words[1];
	wrmsr(MSR_PV_EOI, (u64)word | ENABLED);
	all(true);
	wrmsr(MSR_PV_EOI, 0);
	all(false);
}
