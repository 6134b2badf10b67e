/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib.h"

#include <stdarg.h>

extern u32 multiboot_info;
enum { MULTIBOOT_CMDLINE = 4 };	/* dword */

/* ---- Memory ---- */

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return dst;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) :: "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* ---- Where it runs ---- */

bool on_amd(void)
{
	return cpuid(0, 0).c == 0x444d4163;	/* "cAMD" */
}

bool emulated_by(const char *word)
{
	/* multiboot 1: flags, ..., the command line's address */
	const u32 *info = (const u32 *)(u64)multiboot_info;
	const char *line = (const char *)(u64)info[MULTIBOOT_CMDLINE];
	size_t len = strlen(word);

	for (; *line; line++)
		if (line[0] == ' ' && !memcmp(line + 1, word, len) &&
		    (!line[len + 1] || line[len + 1] == ' '))
			return true;
	return false;
}

/* ---- Console ---- */

enum { COM1 = 0x3f8, COM1_LSR = COM1 + 5, LSR_THRE = 0x20 };

static void put(char c)
{
	while (!(inb(COM1_LSR) & LSR_THRE))
		pause();
	outb(COM1, c);
}

static void put_number(u64 val, unsigned int base, unsigned int width)
{
	char text[20];
	unsigned int n = 0;

	do {
		text[n++] = "0123456789abcdef"[val % base];
		val /= base;
	} while (val || n < width);
	while (n)
		put(text[--n]);
}

static void vsay(const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		bool is_long = false;
		unsigned int width = 0;

		if (*fmt != '%') {
			put(*fmt);
			continue;
		}
		fmt++;
		if (*fmt == '#') {
			put('0');
			put('x');
			fmt++;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = 10 * width + *fmt - '0';
		if (*fmt == 'l') {
			is_long = true;
			fmt++;
		}
		switch (*fmt) {
		case 's': {
			const char *s = va_arg(ap, const char *);

			while (*s)
				put(*s++);
			break;
		}
		case 'c':
			put(va_arg(ap, int));
			break;
		case 'd': {
			int v = va_arg(ap, int);

			if (v < 0)
				put('-');
			put_number(v < 0 ? -(u64)v : (u64)v, 10, width);
			break;
		}
		case 'u':
			put_number(is_long ? va_arg(ap, u64) : va_arg(ap, u32), 10, width);
			break;
		case 'x':
			put_number(is_long ? va_arg(ap, u64) : va_arg(ap, u32), 16, width);
			break;
		default:
			put(*fmt);
		}
	}
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
}

static void end(u8 code) __attribute__((noreturn));
static void end(u8 code)
{
	outb(EXIT_PORT, code);
	for (;;)
		hlt();
}

void pass(void)
{
	cli();
	say("PASS %s\n", test_name);
	end(EXIT_PASS);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	cli();
	say("FAIL %s: ", test_name);
	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	say("\n");
	end(EXIT_FAIL);
}

/* ---- Exceptions and interrupts ---- */

u64 fault_error, fault_rip, fault_stack;
u32 fault_vector;
extern char fault_resume[], stubs[];
static void (*handlers[256])(struct frame *f);

struct gate {
	u16 low, selector, type, middle;
	u32 high, reserved;
} __attribute__((packed));
static struct gate idt[256];

struct pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

void idt_set(unsigned int vector, void *stub)
{
	u64 at = (u64)stub;

	idt[vector] = (struct gate){ at, 0x08, 0x8e00, at >> 16, at >> 32, 0 };
}

static void idt_load(void)
{
	struct pointer p = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lidt %0" :: "m"(p));
}

void irq_handle(unsigned int vector, void (*handler)(struct frame *f))
{
	handlers[vector] = handler;
}

void trap(struct frame *f);
void trap(struct frame *f)
{
	if (handlers[f->vector]) {
		handlers[f->vector](f);
	} else if (f->vector < 32 && fault_stack) {
		fault_vector = f->vector;
		fault_error = f->error;
		fault_rip = f->rip;
		f->rip = (u64)fault_resume;
	} else {
		fail("unexpected vector %lu, error %#lx, at %#lx, CR2 %#lx", f->vector, f->error,
		     f->rip, read_cr2());
	}
}

struct msr_access { u32 msr; u64 val; };

static void do_rdmsr(void *arg)
{
	struct msr_access *m = arg;

	m->val = rdmsr(m->msr);
}

static void do_wrmsr(void *arg)
{
	struct msr_access *m = arg;

	wrmsr(m->msr, m->val);
}

int rdmsr_fault(u32 msr, u64 *val)
{
	struct msr_access m = { msr, 0 };
	int vector = fault_catch(do_rdmsr, &m);

	*val = m.val;
	return vector;
}

int wrmsr_fault(u32 msr, u64 val)
{
	struct msr_access m = { msr, val };

	return fault_catch(do_wrmsr, &m);
}

/* ---- Time ---- */

u32 tsc_khz(void)
{
	struct regs r = cpuid(0x15, 0);

	return (u64)r.c * r.b / r.a / 1000;
}

void wait_us(u32 us)
{
	u64 until = rdtsc() + (u64)us * tsc_khz() / 1000;

	while (rdtsc() < until)
		pause();
}

bool wait_for(volatile u32 *flag, u32 us)
{
	u64 until = rdtsc() + (u64)us * tsc_khz() / 1000;

	sti();
	while (!*flag && rdtsc() < until)
		pause();
	cli();
	return *flag;
}

/* ---- Local APIC ---- */

static bool x2apic(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD;
}

u32 apic_read(u32 reg)
{
	return x2apic() ? rdmsr(MSR_X2APIC + reg / 16) : read32(APIC_MMIO + reg);
}

void apic_write(u32 reg, u32 val)
{
	if (x2apic())
		wrmsr(MSR_X2APIC + reg / 16, val);
	else
		write32(APIC_MMIO + reg, val);
}

void apic_icr(u32 dest, u32 low)
{
	if (x2apic()) {
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)dest << 32 | low);
		return;
	}
	write32(APIC_MMIO + APIC_ICR2, dest << 24);
	write32(APIC_MMIO + APIC_ICR, low);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_on(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
}

void apic_x2(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_EXTD);
}

void pic_mask(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

/* ---- I/O APIC ---- */

u32 ioapic_read(u32 reg)
{
	write32(IOAPIC_MMIO, reg);
	return read32(IOAPIC_MMIO + 0x10);
}

void ioapic_write(u32 reg, u32 val)
{
	write32(IOAPIC_MMIO, reg);
	write32(IOAPIC_MMIO + 0x10, val);
}

void ioapic_route(u32 pin, u32 low)
{
	ioapic_write(0x11 + 2 * pin, 0);
	ioapic_write(0x10 + 2 * pin, low);
}

/* ---- CMOS ---- */

u8 cmos_read(u8 reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

void cmos_write(u8 reg, u8 val)
{
	outb(CMOS_INDEX, reg);
	outb(CMOS_DATA, val);
}

/* ---- Further processors ---- */

enum { AP_PAGE = 0x8 };
extern char ap_code[], ap_code_end[];
extern u64 ap_stack;
static void (*ap_fn)(void);

void ap_entry(void);
void ap_entry(void)
{
	idt_load();
	ap_fn();
}

void ap_start(u32 apic_id, void (*fn)(void))
{
	static u8 stacks[8][8192] __attribute__((aligned(16)));

	ap_fn = fn;
	ap_stack = (u64)stacks[apic_id % 8] + sizeof(stacks[0]);
	memcpy((void *)(AP_PAGE * 4096ul), ap_code, ap_code_end - ap_code);
	apic_icr(apic_id, 0x4500);		/* INIT */
	apic_icr(apic_id, 0x4600 | AP_PAGE);	/* SIPI */
}

/* ---- PCI ---- */

u32 pci_read(u32 devfn, u32 off)
{
	outl(0xcf8, 0x80000000 | devfn << 8 | (off & 0xfc));
	return inl(0xcfc);
}

void pci_write(u32 devfn, u32 off, u32 val)
{
	outl(0xcf8, 0x80000000 | devfn << 8 | (off & 0xfc));
	outl(0xcfc, val);
}

int pci_find(u16 vendor, u16 device)
{
	for (u32 slot = 0; slot < 32; slot++)
		if (pci_read(slot << 3, 0) == ((u32)device << 16 | vendor))
			return slot << 3;
	return -1;
}

u32 pci_cap(u32 devfn, u8 id, u32 after)
{
	u32 off = after ? pci_read(devfn, after) >> 8 & 0xff : pci_read(devfn, 0x34) & 0xff;

	for (int left = 48; off && left; left--) {
		u32 head = pci_read(devfn, off);

		if ((head & 0xff) == id)
			return off;
		off = head >> 8 & 0xff;
	}
	return 0;
}

u64 pci_bar(u32 devfn, u32 bar)
{
	u32 low = pci_read(devfn, 0x10 + 4 * bar);
	u64 high = (low & 7) == 4 ? pci_read(devfn, 0x14 + 4 * bar) : 0;

	return low & 1 ? low & ~3u : high << 32 | (low & ~15u);
}

/* ---- From start.S ---- */

void lib_main(void);
void lib_main(void)
{
	for (unsigned int v = 0; v < 256; v++)
		idt_set(v, stubs + 16 * v);
	idt_load();
	test();
	pass();
}
