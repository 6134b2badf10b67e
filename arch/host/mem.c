/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical memory of a Linux process: the heap, a physical address being the pointer. */
#include <stdlib.h>
#include <string.h>

#include "arch/host/host.h"
#include "kernel/mem.h"

static u64 used[MEM_OWNERS];
static unsigned int fail_in;

u64 mem_alloc(u64 size, u64 align, enum mem_owner owner)
{
	u64 bytes = ALIGN_UP(size, PAGE_SIZE);
	void *p;

	if (fail_in && --fail_in == 0)
		return 0;
	p = aligned_alloc(MAX(align, PAGE_SIZE), bytes);
	if (!p)
		return 0;
	memset(p, owner == MEM_GUEST ? 0xa5 : 0, bytes);
	used[owner] += bytes;
	return virt_to_phys(p);
}

void mem_free(u64 phys, u64 size, enum mem_owner owner)
{
	used[owner] -= ALIGN_UP(size, PAGE_SIZE);
	free(phys_to_virt(phys));
}

u64 mem_used(enum mem_owner owner)
{
	return used[owner];
}

/* All that is in use: there is no limit. */
u64 mem_total(void)
{
	u64 bytes = 0;

	for (unsigned int owner = 0; owner < MEM_OWNERS; owner++)
		bytes += used[owner];
	return bytes;
}

void *phys_to_virt(u64 phys)
{
	return (void *)(uintptr_t)phys;
}

u64 virt_to_phys(const void *virt)
{
	return (u64)(uintptr_t)virt;
}

void host_mem_fail(unsigned int n)
{
	fail_in = n;
}
