/* SPDX-License-Identifier: BSD-2-Clause */
/* dsdt.asl as iasl compiled it. */
	.section .rodata.dsdt_aml, "a", @progbits
	.balign 8
	.globl dsdt_aml, dsdt_aml_end
dsdt_aml:
	.incbin "arch/x86/guest/dsdt.aml"
dsdt_aml_end:

	.section .note.GNU-stack, "", @progbits
