/* SPDX-License-Identifier: BSD-2-Clause */
/* guest: -smp 2 */
/* A processor that stays in real mode: unrestricted guest, 16-bit code that exits, like a BIOS. */
#include "lib.h"

const char test_name[] = "real_mode";

enum { PAGE = 0x9, RESULT = 0x7000 };

extern char real_code[], real_code_end[];

/*
 * Segments with bases, string output with a 16-bit count, an interrupt by the real-mode vector
 * table, MMIO by 32-bit addresses in 16-bit code ("unreal mode"), and back in real mode.
 */
__asm__(
	".pushsection .text\n"
	".code16\n"
	".globl real_code, real_code_end\n"
"real_code:\n"
	"cli\n"
	"xor %ax, %ax\n"
	"mov %ax, %ds\n"
	"mov %ax, %ss\n"
	"mov $0x6ff0, %sp\n"
	"movl $0x11111111, 0x7000\n"
	/* vector 0x21 at 0x84: CS:IP of the handler */
	"movw $(rm_handler - real_code), 0x84\n"
	"mov %cs, %ax\n"
	"mov %ax, 0x86\n"
	"int $0x21\n"
	/* an exception of the hypervisor's making: no error code in real mode */
	"movw $(rm_gp - real_code), 0x34\n"
	"mov %ax, 0x36\n"
	"mov $0x12345678, %ecx\n"
	"rdmsr\n"
	/* CPUID exits in real mode too */
	"mov $0x40000000, %eax\n"
	"cpuid\n"
	"mov %ebx, 0x7004\n"
	/* string output: DS:SI, count in CX only */
	"mov $0xffff0003, %ecx\n"
	"mov $(rm_text - real_code), %si\n"
	"mov $0x3ff, %dx\n"
	"push %ds\n"
	"push %cs\n"
	"pop %ds\n"
	"rep outsb\n"
	"pop %ds\n"
	"inb %dx, %al\n"
	"mov %al, 0x7008\n"
	"mov %ecx, 0x700c\n"
	"mov %si, 0x7010\n"
	/* unreal mode: a 4 GiB data segment, then an I/O APIC register */
	"lgdtl %cs:(rm_gdt - real_code)\n"
	"mov %cr0, %eax\n"
	"or $1, %al\n"
	"mov %eax, %cr0\n"
	"mov $0x10, %bx\n"
	"mov %bx, %fs\n"
	"and $0xfe, %al\n"
	"mov %eax, %cr0\n"
	"mov $0xfec00000, %edi\n"
	"movl $1, %fs:(%edi)\n"
	"mov %fs:0x10(%edi), %eax\n"
	"mov %eax, 0x7014\n"
	"movl $0x22222222, 0x7000\n"
"1:	hlt\n"
	"jmp 1b\n"
"rm_handler:\n"
	"movl $0x33333333, %ss:0x7018\n"
	"iret\n"
"rm_gp:\n"
	"mov %sp, %ss:0x701c\n"
	"push %bp\n"
	"mov %sp, %bp\n"
	"addw $2, 2(%bp)\n"		/* behind RDMSR */
	"pop %bp\n"
	"iret\n"
"rm_text: .ascii \"xyz\"\n"
	".align 4\n"
"rm_gdt: .word 31\n"
	".long gdt\n"
"real_code_end:\n"
	".code64\n"
	".popsection\n");

static u32 result(u32 off)
{
	return read32(RESULT + off);
}

void test(void)
{
	u64 until;

	pic_mask();
	apic_on();
	for (u32 i = 0; i < 0x40; i += 4)
		write32(RESULT + i, 0);
	memcpy((void *)(PAGE * 4096ul), real_code, real_code_end - real_code);
	apic_icr(1, 0x4500);
	apic_icr(1, 0x4600 | PAGE);
	for (until = rdtsc() + 1000ul * tsc_khz(); rdtsc() < until && result(0) != 0x22222222;)
		pause();
	check_eq(result(0), 0x22222222);
	check_eq(result(0x18), 0x33333333);
	check_eq(result(0x1c) & 0xffff, 0x6ff0 - 6);	/* flags, CS, IP */
	check_eq(result(4), 0x4b4d564b);		/* "KVMK" */
	check_eq(result(8) & 0xff, 'z');
	check_eq(result(0xc), 0xffff0000);
	check(result(0x14) >> 16 == 23, "I/O APIC version register %#x", result(0x14));
}
