/* SPDX-License-Identifier: BSD-2-Clause */
/* What the test guests share: a serial line, a verdict, exceptions, ports, MSRs, the APIC, PCI. */
#ifndef TESTS_GUEST_LIB_H
#define TESTS_GUEST_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- The case: defined by each test ---- */

extern const char test_name[];
void test(void);		/* returns: PASS */

/* ---- Saying something ---- */

/* %d %u %x %lu %lx %s %c */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The verdict line, then the end of the guest by isa-debug-exit. */
void pass(void) __attribute__((noreturn));
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#define check(cond, ...) do { if (!(cond)) fail(__VA_ARGS__); } while (0)
#define check_eq(got, want) \
	do { \
		u64 g_ = (got), w_ = (want); \
		if (g_ != w_) \
			fail("%s is %#lx, expected %#lx", #got, g_, w_); \
	} while (0)

enum { EXIT_PORT = 0xf4, EXIT_PASS = 0x10, EXIT_FAIL = 0x11 };

/* ---- Where it runs ---- */

bool on_amd(void);		/* CPUID names an AMD processor */
/*
 * One of the words of -append: what the machine's emulator is, for what it does not do as the
 * processor's manual says: "tcg" (QEMU's translator), "bochs-svm".
 */
bool emulated_by(const char *word);

/* ---- Exceptions and interrupts ---- */

struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

enum { DE = 0, DB = 1, NMI = 2, BP = 3, UD = 6, NM = 7, DF = 8, TS = 10, NP = 11, SS = 12,
	GP = 13, PF = 14, AC = 17, NO_FAULT = -1 };

/* Call fn(arg): NO_FAULT or the vector; then fault_error, fault_rip and CR2 say more. */
int fault_catch(void (*fn)(void *arg), void *arg);
extern u64 fault_error, fault_rip;

/* handler() is called with interrupts off; it sends the EOI itself. */
void irq_handle(unsigned int vector, void (*handler)(struct frame *f));
void idt_set(unsigned int vector, void *stub);

static inline void sti(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void cli(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void hlt(void) { __asm__ volatile("hlt" ::: "memory"); }
static inline void sti_hlt_cli(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
/* A window of two instructions; after PAUSE QEMU's translator leaves it shut. */
static inline void sti_cli(void) { __asm__ volatile("sti; nop; nop; cli" ::: "memory"); }
static inline void pause(void) { __asm__ volatile("pause" ::: "memory"); }

/* ---- Instructions ---- */

static inline void outb(u16 port, u8 val)
{
	__asm__ volatile("outb %0, %1" :: "a"(val), "Nd"(port));
}
static inline void outw(u16 port, u16 val)
{
	__asm__ volatile("outw %0, %1" :: "a"(val), "Nd"(port));
}
static inline void outl(u16 port, u32 val)
{
	__asm__ volatile("outl %0, %1" :: "a"(val), "Nd"(port));
}
static inline u8 inb(u16 port)
{
	u8 val;

	__asm__ volatile("inb %1, %0" : "=a"(val) : "Nd"(port));
	return val;
}
static inline u16 inw(u16 port)
{
	u16 val;

	__asm__ volatile("inw %1, %0" : "=a"(val) : "Nd"(port));
	return val;
}
static inline u32 inl(u16 port)
{
	u32 val;

	__asm__ volatile("inl %1, %0" : "=a"(val) : "Nd"(port));
	return val;
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}
static inline void wrmsr(u32 msr, u64 val)
{
	__asm__ volatile("wrmsr" :: "c"(msr), "a"((u32)val), "d"((u32)(val >> 32)) : "memory");
}
/* The vector that RDMSR or WRMSR raised, or NO_FAULT. */
int rdmsr_fault(u32 msr, u64 *val);
int wrmsr_fault(u32 msr, u64 val);

struct regs { u32 a, b, c, d; };
static inline struct regs cpuid(u32 leaf, u32 subleaf)
{
	struct regs r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

#define CR_ACCESS(n) \
static inline u64 read_cr##n(void) \
{ \
	u64 val; \
	__asm__ volatile("mov %%cr" #n ", %0" : "=r"(val)); \
	return val; \
} \
static inline void write_cr##n(u64 val) \
{ \
	__asm__ volatile("mov %0, %%cr" #n :: "r"(val) : "memory"); \
}
CR_ACCESS(0) CR_ACCESS(2) CR_ACCESS(3) CR_ACCESS(4) CR_ACCESS(8)

static inline u64 rdtsc(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static inline u8 read8(u64 addr) { return *(volatile u8 *)addr; }
static inline u16 read16(u64 addr) { return *(volatile u16 *)addr; }
static inline u32 read32(u64 addr) { return *(volatile u32 *)addr; }
static inline u64 read64(u64 addr) { return *(volatile u64 *)addr; }
static inline void write8(u64 addr, u8 val) { *(volatile u8 *)addr = val; }
static inline void write16(u64 addr, u16 val) { *(volatile u16 *)addr = val; }
static inline void write32(u64 addr, u32 val) { *(volatile u32 *)addr = val; }
static inline void write64(u64 addr, u64 val) { *(volatile u64 *)addr = val; }

void *memset(void *dst, int c, size_t n);
void *memcpy(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

/* ---- Time ---- */

u32 tsc_khz(void);		/* CPUID 15H */
void wait_us(u32 us);
/* Until *flag is not 0, at most so long: false if it stayed 0. Interrupts on meanwhile. */
bool wait_for(volatile u32 *flag, u32 us);

/* ---- Local APIC ---- */

enum {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_EOI = 0xb0,
	APIC_LDR = 0xd0, APIC_DFR = 0xe0, APIC_SVR = 0xf0, APIC_ISR = 0x100, APIC_TMR = 0x180,
	APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300, APIC_ICR2 = 0x310,
	APIC_LVT_TIMER = 0x320, APIC_LVT_LINT0 = 0x350, APIC_LVT_ERROR = 0x370,
	APIC_TMICT = 0x380, APIC_TMCCT = 0x390, APIC_TDCR = 0x3e0, APIC_SELF_IPI = 0x3f0,
};
enum {
	MSR_TSC = 0x10, MSR_APIC_BASE = 0x1b, MSR_TSC_DEADLINE = 0x6e0, MSR_X2APIC = 0x800,
	MSR_EFER = 0xc0000080,
};
enum { APIC_BASE_EXTD = 1 << 10, APIC_BASE_EN = 1 << 11 };
#define APIC_MMIO 0xfee00000ul

/* In whichever mode it is in. */
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 val);
void apic_icr(u32 dest, u32 low);
void apic_eoi(void);
void apic_on(void);		/* SVR: enabled, spurious vector 0xff */
void apic_x2(void);		/* x2APIC mode */
void pic_mask(void);		/* both 8259s */

/* ---- I/O APIC ---- */

#define IOAPIC_MMIO 0xfec00000ul
u32 ioapic_read(u32 reg);
void ioapic_write(u32 reg, u32 val);
enum { RTE_LEVEL = 1 << 15, RTE_LOW = 1 << 13, RTE_MASKED = 1 << 16, RTE_REMOTE_IRR = 1 << 14 };
void ioapic_route(u32 pin, u32 low);	/* to APIC id 0 */

/* ---- CMOS ---- */

enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71 };
u8 cmos_read(u8 reg);
void cmos_write(u8 reg, u8 val);

/* ---- 32-bit protected mode ---- */

/* Call 32-bit code with paging off; see mode32.S. */
void mode32(void (*fn)(void));

/* ---- Further processors ---- */

/* INIT, SIPI; the AP runs fn() on its own stack. One at a time. */
void ap_start(u32 apic_id, void (*fn)(void));

/* ---- PCI, by 0xcf8 ---- */

u32 pci_read(u32 devfn, u32 off);
void pci_write(u32 devfn, u32 off, u32 val);
/* Function with this device id at any slot, or -1. */
int pci_find(u16 vendor, u16 device);
u32 pci_cap(u32 devfn, u8 id, u32 after);	/* offset or 0 */
u64 pci_bar(u32 devfn, u32 bar);		/* its address or port */

#endif
