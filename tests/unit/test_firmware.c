/* SPDX-License-Identifier: BSD-2-Clause */
/* Firmware decides whether VT-x and AMD-V may be used: its registers, and what is said of them. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "arch/x86/cpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/svm.h"
#include "arch/x86/vmx/vmx.h"

/* ---- The processor ---- */

u32 hvm_caps;
bool hvm_use_apicv;

static u64 vm_cr, vm_cr_written;
static bool no_vm_cr, read_only;

struct cpuid cpuid_or_zero(u32 leaf, u32 subleaf)
{
	switch (leaf) {
	case CPUID_EXT_AMD:
		return (struct cpuid){ .ecx = CPUID_81_ECX_SVM, .edx = CPUID_81_EDX_NX };
	case CPUID_SVM:
		return (struct cpuid){ .ebx = 16, .edx = SVM_NP };
	default:
		return (struct cpuid){ 0 };
	}
}

int rdmsr_safe(u32 msr, u64 *val)
{
	assert_int_equal(msr, MSR_VM_CR);
	*val = vm_cr;
	return no_vm_cr ? -EIO : 0;
}

int wrmsr_safe(u32 msr, u64 val)
{
	assert_int_equal(msr, MSR_VM_CR);
	vm_cr_written = val;
	return read_only ? -EIO : 0;
}

int svm_permission_init(void) { return 0; }

/* ---- Tests ---- */

enum {
	LOCK = FEATURE_CONTROL_LOCK,
	INSIDE = FEATURE_CONTROL_VMX_INSIDE_SMX,
	OUTSIDE = FEATURE_CONTROL_VMX_OUTSIDE_SMX,
};

static char why[100];

static void vmx_locked_without(void **state)
{
	static const u64 off[] = { LOCK, LOCK | INSIDE, LOCK | FEATURE_CONTROL_SGX };

	for (unsigned int i = 0; i < ARRAY_SIZE(off); i++) {
		u64 fc = off[i];

		why[0] = '\0';
		assert_int_equal(vmx_firmware_allows(&fc, why, sizeof(why)), -ENODEV);
		assert_string_equal(why, "IA32_FEATURE_CONTROL: VMX disabled by firmware "
				    "(locked, bit 2 clear)");
		assert_int_equal(fc, off[i]);		/* a write of it would be a #GP */
	}
}

static void vmx_locked_with(void **state)
{
	u64 fc = LOCK | OUTSIDE;

	assert_int_equal(vmx_firmware_allows(&fc, why, sizeof(why)), 0);
	assert_int_equal(fc, LOCK | OUTSIDE);
}

/* Firmware has left it to us: VMXON wants it locked. What else is there stays. */
static void vmx_not_locked(void **state)
{
	static const u64 open[] = { 0, OUTSIDE, INSIDE, FEATURE_CONTROL_LMCE };

	for (unsigned int i = 0; i < ARRAY_SIZE(open); i++) {
		u64 fc = open[i];

		assert_int_equal(vmx_firmware_allows(&fc, why, sizeof(why)), 0);
		assert_int_equal(fc, open[i] | LOCK | OUTSIDE);
	}
}

#define NOT_WRITTEN UINT64_MAX

/* As the processor with such a VM_CR is asked; NULL: it may be used. */
static const char *svm_refused(u64 val)
{
	vm_cr = val;
	vm_cr_written = NOT_WRITTEN;
	why[0] = '\0';
	return svm_probe(why, sizeof(why)) ? why : NULL;
}

static void svm_disabled(void **state)
{
	assert_string_equal(svm_refused(VM_CR_SVMDIS | VM_CR_LOCK | VM_CR_R_INIT),
			    "VM_CR[SVMDIS]: AMD-V disabled by firmware (VM_CR[LOCK] is 1)");
	assert_int_equal(vm_cr_written, NOT_WRITTEN);
}

static void svm_enabled(void **state)
{
	static const u64 on[] = { 0, VM_CR_LOCK, VM_CR_R_INIT };

	for (unsigned int i = 0; i < ARRAY_SIZE(on); i++) {
		assert_null(svm_refused(on[i]));
		assert_int_equal(vm_cr_written, NOT_WRITTEN);
	}
}

static void svm_disabled_and_not_locked(void **state)
{
	assert_null(svm_refused(VM_CR_SVMDIS | VM_CR_R_INIT));
	assert_int_equal(vm_cr_written, VM_CR_R_INIT);
	read_only = true;
	assert_string_equal(svm_refused(VM_CR_SVMDIS), "VM_CR[SVMDIS] cannot be cleared");
	read_only = false;
}

static void svm_without_the_register(void **state)
{
	no_vm_cr = true;
	assert_string_equal(svm_refused(0), "VM_CR (C001_0114h) cannot be read");
	no_vm_cr = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmx_locked_without),
		cmocka_unit_test(vmx_locked_with),
		cmocka_unit_test(vmx_not_locked),
		cmocka_unit_test(svm_disabled),
		cmocka_unit_test(svm_enabled),
		cmocka_unit_test(svm_disabled_and_not_locked),
		cmocka_unit_test(svm_without_the_register),
	};

	return cmocka_run_group_tests_name("firmware", tests, NULL, NULL);
}
