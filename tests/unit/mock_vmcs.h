/* SPDX-License-Identifier: BSD-2-Clause */
/* A VMCS in memory, for sources of the VT-x backend: in place of arch/x86/vmx/insn.h. */
#ifndef ARCH_X86_VMX_INSN_H
#define ARCH_X86_VMX_INSN_H

#include "arch/x86/vmx/vmcs.h"
#include "kernel/types.h"

#define MOCK_VMCS_FIELDS 0x7000

extern u64 mock_vmcs[MOCK_VMCS_FIELDS];

/* SDM 3C table 25-21: bits 14:13 of a field's number are its width. */
static inline u64 mock_vmcs_mask(enum vmcs_field field)
{
	switch (field >> 13 & 3) {
	case 0:
		return UINT16_MAX;
	case 2:
		return UINT32_MAX;
	default:
		return UINT64_MAX;
	}
}

static inline u64 vmcs_read(enum vmcs_field field)
{
	return mock_vmcs[field] & mock_vmcs_mask(field);
}

static inline void vmcs_write(enum vmcs_field field, u64 val)
{
	mock_vmcs[field] = val & mock_vmcs_mask(field);
}

#endif
