/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX instructions, each with a look at the flags it answers with (SDM 3C 31.2: VMsucceed,
 * VMfailValid sets ZF, VMfailInvalid sets CF).
 */
#ifndef ARCH_X86_VMX_INSN_H
#define ARCH_X86_VMX_INSN_H

#include <errno.h>

#include "arch/x86/vmx/vmcs.h"
#include "kernel/types.h"

/* An instruction failed that cannot unless the hypervisor is broken: panics. */
void vmx_insn_failed(const char *insn, u64 operand) __noreturn;

static inline u64 vmcs_read(enum vmcs_field field)
{
	u64 val;
	bool fail;

	__asm__ volatile("vmread %[field], %[val]"
			 : [val] "=rm"(val), "=@ccbe"(fail) : [field] "r"((u64)field));
	if (unlikely(fail))
		vmx_insn_failed("VMREAD", field);
	return val;
}

static inline void vmcs_write(enum vmcs_field field, u64 val)
{
	bool fail;

	__asm__ volatile("vmwrite %[val], %[field]"
			 : "=@ccbe"(fail) : [val] "rm"(val), [field] "r"((u64)field));
	if (unlikely(fail))
		vmx_insn_failed("VMWRITE", field);
}

/* The rest answer 0, or -EIO for VMfail. */

static inline int vmxon(u64 phys)
{
	bool fail;

	__asm__ volatile("vmxon %[phys]" : "=@ccbe"(fail) : [phys] "m"(phys) : "memory");
	return fail ? -EIO : 0;
}

static inline int vmxoff(void)
{
	bool fail;

	__asm__ volatile("vmxoff" : "=@ccbe"(fail) :: "memory");
	return fail ? -EIO : 0;
}

static inline int vmclear(u64 phys)
{
	bool fail;

	__asm__ volatile("vmclear %[phys]" : "=@ccbe"(fail) : [phys] "m"(phys) : "memory");
	return fail ? -EIO : 0;
}

static inline int vmptrld(u64 phys)
{
	bool fail;

	__asm__ volatile("vmptrld %[phys]" : "=@ccbe"(fail) : [phys] "m"(phys) : "memory");
	return fail ? -EIO : 0;
}

static inline int invept(enum invept_type type, u64 eptp)
{
	struct { u64 eptp, reserved; } desc = { eptp, 0 };
	bool fail;

	__asm__ volatile("invept %[desc], %[type]"
			 : "=@ccbe"(fail) : [desc] "m"(desc), [type] "r"((u64)type) : "memory");
	return fail ? -EIO : 0;
}

static inline int invvpid(enum invvpid_type type, u16 vpid, u64 linear)
{
	struct { u64 vpid, linear; } desc = { vpid, linear };
	bool fail;

	__asm__ volatile("invvpid %[desc], %[type]"
			 : "=@ccbe"(fail) : [desc] "m"(desc), [type] "r"((u64)type) : "memory");
	return fail ? -EIO : 0;
}

#endif
