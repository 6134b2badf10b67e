/* SPDX-License-Identifier: BSD-2-Clause */
/* AMD-V as the hvm interface sees it. */
#include "arch/x86/svm/svm.h"

/* AVIC goes by TMR. */
static void svm_eoi_exit(struct vcpu *vcpu, unsigned int vector, bool on)
{
}

const struct hvm_ops svm_ops = {
	.name = "AMD-V",
	.probe = svm_probe,
	.describe = svm_describe,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.guest_init = svm_guest_init,
	.guest_free = svm_guest_free,
	.map = svm_map,
	.vcpu_init = svm_vcpu_init,
	.vcpu_free = svm_vcpu_free,
	.vcpu_unload = svm_vcpu_unload,
	.vcpu_reset = svm_vcpu_reset,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
	.run = svm_run,
	.rip = svm_rip,
	.skip = svm_skip,
	.apic_changed = svm_avic_changed,
	.post = svm_avic_post,
	.eoi_exit = svm_eoi_exit,
	.dump = svm_dump,
	.nr_reasons = svm_nr_reasons,
	.reason_name = svm_reason_name,
};
