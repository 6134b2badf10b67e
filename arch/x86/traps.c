/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptor tables, exceptions and what they say, non-maskable interrupts. */
#include <errno.h>

#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/hvm.h"
#include "arch/x86/msr.h"
#include "arch/x86/smp.h"
#include "arch/x86/traps.h"
#include "asm/barrier.h"
#include "asm/io.h"
#include "boot/boot.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/ksym.h"
#include "kernel/log.h"
#include "kernel/mem.h"
#include "kernel/panic.h"

#define STUB_SIZE	16		/* entry.S */
#define BACKTRACE_MAX	32

/* SDM 3A 3.4.5 segment and 6.14.1 gate descriptors */
#define GDT_CODE64	0x00af9b000000ffffull	/* long mode, ring 0, accessed */
#define GDT_DATA	0x00cf93000000ffffull
#define DESC_PRESENT	BIT_ULL(47)
#define DESC_TSS64	(0x9ull << 40)		/* available; table 3-2 */
#define GATE_INTERRUPT	(0xeull << 40)

/* System control port B: bits of an NMI's cause (chipset datasheets, NMI_SC) */
#define NMI_SC		0x61
#define NMI_SC_IOCHK	BIT(6)
#define NMI_SC_SERR	BIT(7)

struct gate {
	u64 low, high;
};

extern char trap_stubs[];
extern char rdmsr_safe_insn[], wrmsr_safe_insn[], msr_fault[];
void gdt_load(const struct desc_ptr *gdtr, u16 code, u16 data, u16 tss);
void trap_dispatch(struct trap_frame *frame);

static struct gate idt[VECTORS] __aligned(16);
static struct gdt_tss bsp_gdt_tss;
static u64 nmis[CONFIG_MAX_CPUS];
static bool stopping;			/* the next NMI of the other CPUs is their last */

static const char *const exception_names[EXCEPTIONS] = {
	[EXC_DE] = "#DE divide error",
	[EXC_DB] = "#DB debug",
	[EXC_NMI] = "NMI",
	[EXC_BP] = "#BP breakpoint",
	[EXC_OF] = "#OF overflow",
	[EXC_BR] = "#BR bound range exceeded",
	[EXC_UD] = "#UD invalid opcode",
	[EXC_NM] = "#NM device not available",
	[EXC_DF] = "#DF double fault",
	[EXC_TS] = "#TS invalid TSS",
	[EXC_NP] = "#NP segment not present",
	[EXC_SS] = "#SS stack-segment fault",
	[EXC_GP] = "#GP general protection",
	[EXC_PF] = "#PF page fault",
	[EXC_MF] = "#MF x87 floating-point error",
	[EXC_AC] = "#AC alignment check",
	[EXC_MC] = "#MC machine check",
	[EXC_XM] = "#XM SIMD floating-point exception",
	[EXC_VE] = "#VE virtualization exception",
	[EXC_CP] = "#CP control protection",
	[EXC_HV] = "#HV hypervisor injection",
	[EXC_VC] = "#VC VMM communication",
	[EXC_SX] = "#SX security exception",
};

static void idt_init(void)
{
	static const u8 ist[EXCEPTIONS] = {
		[EXC_NMI] = IST_NMI, [EXC_DF] = IST_DF, [EXC_MC] = IST_MC, [EXC_DB] = IST_DB,
	};

	for (unsigned int v = 0; v < VECTORS; v++) {
		u64 entry = (u64)trap_stubs + v * STUB_SIZE;

		idt[v].low = (entry & 0xffff) | (u64)SEL_CODE << 16 | (entry & 0xffff0000) << 32 |
			     DESC_PRESENT | GATE_INTERRUPT;
		if (v < EXCEPTIONS)
			idt[v].low |= (u64)ist[v] << 32;
		idt[v].high = entry >> 32;
	}
}

/* 16-byte TSS descriptor: SDM 3A 7.2.3 */
static void tss_descriptor(u64 desc[2], const struct tss *tss)
{
	u64 base = (u64)tss;

	desc[0] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 | DESC_TSS64 | DESC_PRESENT |
		  (base >> 24 & 0xff) << 56;
	desc[1] = base >> 32;
}

static struct gdt_tss *gdt_tss_alloc(struct cpu *cpu)
{
	u64 phys;

	if (cpu->id == 0)
		return &bsp_gdt_tss;
	phys = mem_alloc(sizeof(struct gdt_tss), PAGE_SIZE, MEM_STACK);
	return phys ? phys_to_virt(phys) : NULL;
}

/* this_cpu() from here on. */
static void gs_load(struct cpu *cpu)
{
	cpu->arch.self = &cpu->arch;
	wrmsr(MSR_IA32_GS_BASE, (u64)&cpu->arch);
	wrmsr(MSR_IA32_KERNEL_GS_BASE, 0);
}

void traps_init(struct cpu *cpu)
{
	struct desc_ptr gdtr = { .limit = sizeof(cpu->arch.gdt_tss->gdt) - 1 };
	struct desc_ptr idtr = { .limit = sizeof(idt) - 1, .base = (u64)idt };
	struct gdt_tss *gt;

	gs_load(cpu);		/* allocation takes locks, and they may want to know who does */
	gt = gdt_tss_alloc(cpu);
	if (!gt)
		panic("traps: CPU %u: no memory for its descriptor tables", cpu->id);
	if (cpu->id == 0)
		idt_init();
	gt->gdt[SEL_CODE / 8] = GDT_CODE64;
	gt->gdt[SEL_DATA / 8] = GDT_DATA;
	tss_descriptor(&gt->gdt[SEL_TSS / 8], &gt->tss);
	gt->tss.iomap_base = sizeof(gt->tss);
	for (unsigned int i = 0; i < IST_LAST; i++)
		gt->tss.ist[i] = (u64)gt->stack[i] + IST_STACK_SIZE;
	cpu->arch.gdt_tss = gt;
	gdtr.base = (u64)gt->gdt;
	gdt_load(&gdtr, SEL_CODE, SEL_DATA, SEL_TSS);
	gs_load(cpu);		/* loading the selector has cleared it */
	__asm__ volatile("lidt %0" :: "m"(idtr));
}

static void print_symbol(u64 addr)
{
	u64 offset;
	const char *name = ksym_lookup(addr, &offset);

	if (name)
		pr_err("  %016lx %s+%#lx", addr, name,
		       offset);
	else
		pr_err("  %016lx", addr);
}

static bool within(u64 addr, const void *base, u64 size)
{
	return addr - (u64)base < size;
}

/* On a stack of this CPU: its own, one of the IST, or the boot stack. */
static bool plausible_frame(u64 rbp)
{
	const struct arch_cpu *self = arch_this_cpu();

	return IS_ALIGNED(rbp, sizeof(u64)) &&
	       (within(rbp, (char *)self->stack_top - CPU_STACK_SIZE, CPU_STACK_SIZE) ||
		within(rbp, self->gdt_tss->stack, sizeof(self->gdt_tss->stack)) ||
		within(rbp, __bss_start, __bss_end - __bss_start));
}

/* Frame-pointer chain from @rbp, one line a frame with its symbol; stops at anything odd. */
static void backtrace(u64 rip, u64 rbp)
{
	pr_err("backtrace:");
	print_symbol(rip);
	for (unsigned int i = 0; i < BACKTRACE_MAX && plausible_frame(rbp); i++) {
		const u64 *frame = (const u64 *)rbp;

		if (frame[1])
			print_symbol(frame[1]);
		if (frame[0] <= rbp)	/* stacks grow down */
			break;
		rbp = frame[0];
	}
}

void arch_backtrace(void)
{
	const u64 *frame = __builtin_frame_address(0);

	backtrace((u64)__builtin_return_address(0), frame[0]);
}

static void dump_registers(const struct trap_frame *f)
{
	pr_err("  rip %016lx cs %04lx rflags %08lx rsp %016lx ss %04lx", f->rip, f->cs, f->rflags,
	       f->rsp, f->ss);
	pr_err("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
	pr_err("  rsi %016lx rdi %016lx rbp %016lx", f->rsi, f->rdi, f->rbp);
	pr_err("  r8  %016lx r9  %016lx r10 %016lx r11 %016lx", f->r8, f->r9, f->r10, f->r11);
	pr_err("  r12 %016lx r13 %016lx r14 %016lx r15 %016lx", f->r12, f->r13, f->r14, f->r15);
	pr_err("  cr0 %08lx cr2 %016lx cr3 %08lx cr4 %08lx efer %04lx", read_cr0(), read_cr2(),
	       read_cr3(), read_cr4(), rdmsr(MSR_IA32_EFER));
}

static void dump_page_fault(const struct trap_frame *f)
{
	pr_err("  %s of %016lx: %s%s", f->error & PF_I ? "execution" :
	       f->error & PF_W ? "write" : "read", read_cr2(),
	       f->error & PF_P ? "not permitted" : "not mapped",
	       f->error & PF_RSVD ? ", reserved bit set" : "");
}

/* SDM 3B 16.3.2: banks with a valid error */
static void dump_machine_check(void)
{
	unsigned int banks = rdmsr(MSR_IA32_MCG_CAP) & 0xff;

	pr_err("  IA32_MCG_STATUS %lx", rdmsr(MSR_IA32_MCG_STATUS));
	for (unsigned int i = 0; i < banks; i++) {
		u64 status = rdmsr(MSR_IA32_MC0_STATUS + 4 * i);

		if (status & BIT_ULL(63))
			pr_err("  IA32_MC%u_STATUS %016lx", i, status);
	}
}

/* Registers, backtrace and guest state on the console. */
static void dump(const struct trap_frame *f)
{
	struct vcpu *loaded = arch_this_cpu()->loaded;
	const char *stack_top = arch_this_cpu()->stack_top;

	if (f->vector == EXC_PF)
		dump_page_fault(f);
	if (f->vector == EXC_DF && stack_top &&
	    within(read_cr2(), stack_top - CPU_STACK_SIZE - PAGE_SIZE, PAGE_SIZE))
		pr_err("  stack overflow (guard page hit at %016lx)", read_cr2());
	if (f->vector == EXC_MC)
		dump_machine_check();
	dump_registers(f);
	backtrace(f->rip, f->rbp);
	if (loaded && hvm) {
		pr_err("guest state:");
		hvm->dump(loaded);
	}
}

static void exception(struct trap_frame *f)
{
	const char *name = exception_names[f->vector];

	if (!panic_enter())
		panic_end();
	pr_err("panic: CPU %u: %s (vector %lu, error %#lx)", this_cpu()->id,
	       name ? name : "reserved exception", f->vector,
	       f->error);
	dump(f);
	panic_end();
}

void arch_stop_other_cpus(void)
{
	WRITE_ONCE(stopping, true);
	mb();
	if (nr_cpus > 1)
		apic_send_nmi_others();
}

/*
 * An NMI is either arch_stop_other_cpus()'s, or the machine reporting an error, or unknown (a
 * performance counter's, a firmware's): counted. It may have interrupted anything, so nothing
 * else is done.
 */
static void nmi(struct trap_frame *f)
{
	if (READ_ONCE(stopping))
		machine_halt();
	nmis[this_cpu()->id]++;
	if (this_cpu()->id == 0 && inb(NMI_SC) & (NMI_SC_IOCHK | NMI_SC_SERR))
		exception(f);
}

u64 nmi_count(unsigned int cpu)
{
	return READ_ONCE(nmis[cpu]);
}

static bool fixup_msr(struct trap_frame *f)
{
	if (f->vector != EXC_GP ||
	    (f->rip != (u64)rdmsr_safe_insn && f->rip != (u64)wrmsr_safe_insn))
		return false;
	f->rip = (u64)msr_fault;
	f->rax = -EIO;
	return true;
}

void trap_dispatch(struct trap_frame *f)
{
	if (f->vector >= EXCEPTIONS)
		irq_dispatch(f->vector);
	else if (f->vector == EXC_NMI)
		nmi(f);
	else if (!fixup_msr(f))
		exception(f);
}
