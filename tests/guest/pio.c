/* SPDX-License-Identifier: BSD-2-Clause */
/* Port I/O: widths, partial registers, ports without a device, string instructions. */
#include "lib.h"

const char test_name[] = "pio";

enum { SCRATCH = 0x3ff, NOBODY = 0x1230 };

static u64 in_keeping(u16 port, u64 rax, unsigned int size)
{
	switch (size) {
	case 1:
		__asm__ volatile("inb %w1, %%al" : "+a"(rax) : "d"(port));
		break;
	case 2:
		__asm__ volatile("inw %w1, %%ax" : "+a"(rax) : "d"(port));
		break;
	case 4:
		__asm__ volatile("inl %w1, %%eax" : "+a"(rax) : "d"(port));
		break;
	}
	return rax;
}

static void widths(void)
{
	outb(SCRATCH, 0x5a);
	check_eq(in_keeping(SCRATCH, 0x1122334455667788, 1), 0x112233445566775a);
	check_eq(in_keeping(NOBODY, 0x1122334455667788, 1), 0x11223344556677ff);
	check_eq(in_keeping(NOBODY, 0x1122334455667788, 2), 0x112233445566ffff);
	check_eq(in_keeping(NOBODY, 0x1122334455667788, 4), 0xffffffff);
	/* The PCI address port knows 32 bits only. */
	outl(0xcf8, 0x80000000);
	outw(0xcf8, 0x1234);
	outb(0xcf8, 0x12);
	check_eq(inl(0xcf8), 0x80000000);
	check_eq(inw(0xcfe) << 16 | inw(0xcfc), inl(0xcfc));
	check_eq(inb(0xcfd), inl(0xcfc) >> 8 & 0xff);
	outl(0xcf8, 0);
	outb(0xffff, 1);
	outl(0xffff, 1);		/* over the end */
	check_eq(inl(0xfffe), 0xffffffff);
}

static u8 buffer[8192 + 16] __attribute__((aligned(4096)));

static void strings(void)
{
	u8 *p = buffer + 100;
	u64 n = 300;

	outb(SCRATCH, 0xa7);
	__asm__ volatile("rep insb" : "+D"(p), "+c"(n) : "d"(SCRATCH) : "memory");
	check_eq(n, 0);
	check_eq(p - buffer, 400);
	check(buffer[99] == 0 && buffer[100] == 0xa7 && buffer[399] == 0xa7 && buffer[400] == 0,
	      "insb wrote elsewhere");

	/* the last one stays */
	for (int i = 0; i < 256; i++)
		buffer[i] = i;
	p = buffer;
	n = 0x43;
	__asm__ volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(SCRATCH) : "memory");
	check_eq(inb(SCRATCH), 0x42);

	/* backwards */
	p = buffer + 0x20;
	n = 4;
	__asm__ volatile("std; rep outsb; cld" : "+S"(p), "+c"(n) : "d"(SCRATCH) : "memory");
	check_eq(inb(SCRATCH), 0x1d);
	check_eq(p - buffer, 0x1c);

	/* more than one exit's worth, over a page, dwords */
	p = buffer + 2;
	n = 2000;
	__asm__ volatile("rep insl" : "+D"(p), "+c"(n) : "d"(NOBODY) : "memory");
	check_eq(n, 0);
	check_eq(p - buffer, 8002);
	for (int i = 2; i < 8002; i++)
		check(buffer[i] == 0xff, "insl left byte %d", i);
	check(buffer[8002] == 0, "insl went too far");

	/* none */
	n = 0;
	__asm__ volatile("rep insl" : "+D"(p), "+c"(n) : "d"(NOBODY) : "memory");
	check_eq(p - buffer, 8002);
	p = buffer;
	__asm__ volatile("outsw" : "+S"(p) : "d"(NOBODY));
	check_eq(p - buffer, 2);
}

static void ins_to_nowhere(void *arg)
{
	u64 to = 0x8000000000, n = 3;

	(void)arg;
	__asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(SCRATCH) : "memory");
}

static void ins_to_read_only(void *arg)
{
	u64 to = (u64)arg, n = 1;

	__asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(SCRATCH) : "memory");
}

extern u64 directories[];

static void faults(void)
{
	check_eq(fault_catch(ins_to_nowhere, NULL), PF);
	check_eq(fault_error, 2);
	check_eq(read_cr2(), 0x8000000000);
	/* 2 MiB page at 32 MiB: read only */
	write_cr0(read_cr0() | 1 << 16);
	directories[16] &= ~2ul;
	write_cr3(read_cr3());
	check_eq(fault_catch(ins_to_read_only, (void *)0x2000000), PF);
	check_eq(fault_error, 3);
	check_eq(read_cr2(), 0x2000000);
}

void test(void)
{
	widths();
	strings();
	faults();
}
