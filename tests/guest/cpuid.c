/* SPDX-License-Identifier: BSD-2-Clause */
/* What CPUID says of the virtual processor. */
#include "lib.h"

const char test_name[] = "cpuid";

void test(void)
{
	struct regs r = cpuid(0, 0);
	u32 khz;

	check(r.a >= 0x16, "highest leaf %#x", r.a);
	r = cpuid(1, 0);
	check(!(r.c & 1 << 5), "VMX is shown");
	check(r.c & 1 << 21, "no x2APIC");
	check(r.c & 1 << 24, "no TSC-deadline timer");
	check(r.c & 1u << 31, "no hypervisor bit");
	check_eq(r.b >> 24, 0);
	check(!(r.c & 1 << 27), "OSXSAVE is set before CR4 is");
	if (r.c & 1 << 26) {
		write_cr4(read_cr4() | 1 << 18);
		check(cpuid(1, 0).c & 1 << 27, "OSXSAVE does not follow CR4");
	}
	r = cpuid(0x40000000, 0);
	check_eq(r.a, 0x40000010);
	check(!memcmp(&r.b, "KVMKVMKVM\0\0", 12), "signature of KVM's leaves");
	check_eq(cpuid(0x40000001, 0).a & ~(1u << 6), 1 << 1);	/* PV_EOI: pv_eoi.c */
	check_eq(cpuid(0x40000001, 0).d, 0);
	r = cpuid(0x40000100, 0);
	check_eq(r.a, 0x40000100);
	check(!memcmp(&r.b, "RingvisorHVM", 12), "signature");
	check_eq(cpuid(0x40000101, 0).a, 0);
	khz = cpuid(0x40000010, 0).a;
	check_eq(tsc_khz(), khz / 2 * 2);
	check(cpuid(0x80000007, 0).d & 1 << 8, "TSC not invariant");
	r = cpuid(0xb, 1);
	check_eq(r.b, 1);
	check_eq(r.c, 0x201);
	check_eq(cpuid(0xb, 2).c >> 8, 0);
}
