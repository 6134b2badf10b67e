/* SPDX-License-Identifier: BSD-2-Clause */
/* Port I/O and device registers in memory. */
#ifndef ASM_IO_H
#define ASM_IO_H

#include "kernel/types.h"

#define DEFINE_PORT_ACCESSORS(suffix, type)						\
static inline type in##suffix(u16 port)							\
{											\
	type val;									\
											\
	__asm__ volatile("in %1, %0" : "=a"(val) : "Nd"(port) : "memory");		\
	return val;									\
}											\
static inline void out##suffix(u16 port, type val)					\
{											\
	__asm__ volatile("out %0, %1" :: "a"(val), "Nd"(port) : "memory");		\
}
DEFINE_PORT_ACCESSORS(b, u8)
DEFINE_PORT_ACCESSORS(w, u16)
DEFINE_PORT_ACCESSORS(l, u32)
#undef DEFINE_PORT_ACCESSORS

/*
 * Registers mapped by mmio_map(): exactly one access of the named width, in program order; what was
 * stored in memory before a write is seen by the device.
 */
#define DEFINE_MMIO_ACCESSORS(bits)							\
static inline u##bits mmio_read##bits(const volatile void *addr)			\
{											\
	return *(const volatile u##bits *)addr;						\
}											\
static inline void mmio_write##bits(volatile void *addr, u##bits val)			\
{											\
	__asm__ volatile("" ::: "memory");						\
	*(volatile u##bits *)addr = val;						\
}
DEFINE_MMIO_ACCESSORS(8)
DEFINE_MMIO_ACCESSORS(16)
DEFINE_MMIO_ACCESSORS(32)
DEFINE_MMIO_ACCESSORS(64)
#undef DEFINE_MMIO_ACCESSORS

#endif
