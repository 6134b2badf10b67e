/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "arch/x86/smp.h"
#include "tests/unit/mock_irq.h"

struct mock_irq mock_irq = { .left = -1 };

static struct { irq_fn fn; void *arg; } vectors[MOCK_VECTORS];

void mock_irq_init(void)
{
	mock_irq = (struct mock_irq){ .left = -1 };
	memset(vectors, 0, sizeof(vectors));
}

int irq_vector_alloc(irq_fn fn, void *arg, const char *name)
{
	assert_non_null(fn);
	if (!mock_irq.left)
		return -ENOSPC;
	for (unsigned int i = 0; i < MOCK_VECTORS; i++) {
		if (vectors[i].fn)
			continue;
		vectors[i].fn = fn;
		vectors[i].arg = arg;
		mock_irq.used++;
		mock_irq.left -= mock_irq.left > 0;
		return MOCK_VECTOR_FIRST + (int)i;
	}
	return -ENOSPC;
}

void irq_vector_free(int vector)
{
	unsigned int i = (unsigned int)(vector - MOCK_VECTOR_FIRST);

	assert_in_range(i, 0, MOCK_VECTORS - 1);
	assert_non_null(vectors[i].fn);
	vectors[i].fn = NULL;
	mock_irq.used--;
}

int irq_msi_message(int vector, const struct cpu *cpu, struct msi_message *msg)
{
	mock_irq.cpu = cpu;
	msg->addr = MOCK_MSI_ADDR;
	msg->data = (u32)vector;
	return mock_irq.no_message ? -ERANGE : 0;
}

bool mock_irq_message(u64 addr, u32 data)
{
	unsigned int i = data - MOCK_VECTOR_FIRST;

	if (addr != MOCK_MSI_ADDR || i >= MOCK_VECTORS || !vectors[i].fn)
		return false;
	vectors[i].fn(vectors[i].arg);
	return true;
}
