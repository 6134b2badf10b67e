/* SPDX-License-Identifier: BSD-2-Clause */
/* Host interrupt vectors beyond what arch/x86/smp.h offers to drivers: the fixed ones. */
#ifndef ARCH_X86_IRQ_H
#define ARCH_X86_IRQ_H

#include "arch/x86/smp.h"

/* Give fixed @vector (enum vector of arch/x86/apic.h) its handler. Boot, BSP. */
void irq_set(unsigned int vector, irq_fn fn, void *arg, const char *name);

/* `info irqs`: interrupts taken by vector, NMIs by CPU. */
struct monitor_info;
extern const struct monitor_info irq_info;

#endif
