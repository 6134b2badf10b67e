/* SPDX-License-Identifier: BSD-2-Clause */
/* VT-x as the hvm interface sees it. */
#include "arch/x86/vmx/vmx.h"

/* The next entry looks: vmx_update_apic_mode(). */
static void vmx_apic_changed(struct vcpu *vcpu)
{
}

const struct hvm_ops vmx_ops = {
	.name = "VT-x",
	.probe = vmx_probe,
	.describe = vmx_describe,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.guest_init = vmx_guest_init,
	.guest_free = vmx_guest_free,
	.map = vmx_map,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_free = vmx_vcpu_free,
	.vcpu_unload = vmx_vcpu_unload,
	.vcpu_reset = vmx_vcpu_reset,
	.get_state = vmx_get_state,
	.set_state = vmx_set_state,
	.run = vmx_run,
	.rip = vmx_rip,
	.skip = vmx_skip,
	.apic_changed = vmx_apic_changed,
	.eoi_exit = vmx_eoi_exit,
	.dump = vmx_dump,
	.nr_reasons = vmx_nr_reasons,
	.reason_name = vmx_reason_name,
};
