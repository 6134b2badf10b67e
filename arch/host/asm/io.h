/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port I/O and device registers of a Linux process: a test or daemon that links a driver
 * supplies these and plays the device.
 */
#ifndef ASM_IO_H
#define ASM_IO_H

#include "kernel/types.h"

u8 inb(u16 port);
u16 inw(u16 port);
u32 inl(u16 port);
void outb(u16 port, u8 val);
void outw(u16 port, u16 val);
void outl(u16 port, u32 val);

u8 mmio_read8(const volatile void *addr);
u16 mmio_read16(const volatile void *addr);
u32 mmio_read32(const volatile void *addr);
void mmio_write8(volatile void *addr, u8 val);
void mmio_write16(volatile void *addr, u16 val);
void mmio_write32(volatile void *addr, u32 val);

#endif
