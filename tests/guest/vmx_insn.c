/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions of virtualization and of features that CPUID does not show: #UD; and hypercalls, of
 * which there is none.
 */
#include "lib.h"

const char test_name[] = "vmx_insn";

static u64 area[512] __attribute__((aligned(4096)));

#define INSN(name, ...) static void name(void *arg) { (void)arg; __asm__ volatile(__VA_ARGS__); }
static long hypercall_result;

static void vmcall(void *arg)
{
	__asm__ volatile("vmcall" : "=a"(hypercall_result) : "a"(arg) : "memory");
}

static void vmmcall(void *arg)
{
	__asm__ volatile("vmmcall" : "=a"(hypercall_result) : "a"(arg) : "memory");
}

INSN(vmxon, "vmxon %0" :: "m"(area[0]))
INSN(vmxoff, "vmxoff")
INSN(vmclear, "vmclear %0" : "=m"(area[0]))
INSN(vmptrld, "vmptrld %0" :: "m"(area[0]))
INSN(vmptrst, "vmptrst %0" : "=m"(area[0]))
INSN(vmread, "vmread %%rax, %%rbx" ::: "rbx")
INSN(vmwrite, "vmwrite %%rax, %%rbx" ::)
INSN(vmlaunch, "vmlaunch")
INSN(vmresume, "vmresume")
INSN(vmfunc, "vmfunc" :: "a"(0), "c"(0))
INSN(invept, "invept %0, %1" :: "m"(area[0]), "r"(2ul))
INSN(invvpid, "invvpid %0, %1" :: "m"(area[0]), "r"(2ul))
INSN(getsec, "getsec" :: "a"(0))
INSN(monitor, "monitor" :: "a"(area), "c"(0), "d"(0))
INSN(mwait, "mwait" :: "a"(0), "c"(0))
INSN(rsm, "rsm")
INSN(vmrun, "vmrun" :: "a"(0))
INSN(encls, ".byte 0x0f, 0x01, 0xcf" :: "a"(0))
INSN(xsaves, "xsaves64 %0" : "=m"(area[0]) : "a"(0), "d"(0))

static void rdpmc(void *arg)
{
	(void)arg;
	__asm__ volatile("rdpmc" :: "c"(0) : "eax", "edx");
}

static const struct {
	const char *name;
	void (*fn)(void *arg);
} insns[] = {
#define ROW(i) { #i, i }
	ROW(vmxon), ROW(vmxoff), ROW(vmclear), ROW(vmptrld),
	ROW(vmptrst), ROW(vmread), ROW(vmwrite), ROW(vmlaunch), ROW(vmresume), ROW(vmfunc),
	ROW(invept), ROW(invvpid), ROW(getsec), ROW(monitor), ROW(mwait), ROW(rsm), ROW(vmrun),
	ROW(encls), ROW(xsaves),
};

/* KVM's answer to a number that it does not know, by the processor's own instruction. */
static void hypercalls(void)
{
	for (long number = 0; number < 20; number++) {
		int vector = fault_catch(on_amd() ? vmmcall : vmcall, (void *)number);

		check(vector == NO_FAULT, "hypercall %d: vector %d", (int)number, vector);
		check_eq(hypercall_result, -1000);		/* KVM_ENOSYS */
	}
	check_eq(fault_catch(on_amd() ? vmcall : vmmcall, NULL), UD);
}

void test(void)
{
	write_cr4(read_cr4() | 1 << 9 | (cpuid(1, 0).c & 1 << 26 ? 1 << 18 : 0));
	for (u32 i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		int vector = fault_catch(insns[i].fn, NULL);

		check(vector == UD, "%s: vector %d, expected #UD", insns[i].name, vector);
	}
	hypercalls();
	check_eq(fault_catch(rdpmc, NULL), GP);
	/* caches are the host's, so these do nothing */
	__asm__ volatile("wbinvd" ::: "memory");
	__asm__ volatile("invd" ::: "memory");
}
