/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the C library (newlib) asks of its system: memory for malloc(), its lock, and a way to end.
 * There are no files: the printf family is used on buffers only.
 */
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <reent.h>
#include <stdlib.h>

#include "kernel/cpu.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/mem.h"

static char *heap_break, *heap_end;	/* heap_lock */

/* Grow or shrink the heap by @increment bytes, under __malloc_lock(). Pages are never returned. */
void *_sbrk_r(struct _reent *reent, ptrdiff_t increment)
{
	char *old = heap_break;

	if (increment > heap_end - heap_break) {
		u64 pages = DIV_ROUND_UP((u64)(increment - (heap_end - heap_break)), PAGE_SIZE);
		char *grown = heap_grow(pages);

		if (!grown) {
			reent->_errno = ENOMEM;
			return (void *)-1;
		}
		if (!old)
			old = grown;
		heap_end = grown + pages * PAGE_SIZE;
	}
	heap_break = old + increment;
	return old;
}

/* malloc() and its relations call each other with the lock held, so it nests on one CPU. */
static struct spinlock heap_lock = SPINLOCK_INIT(LOCK_HEAP);
static struct cpu *heap_owner;
static unsigned int heap_depth;

void __malloc_lock(struct _reent *reent)
{
	struct cpu *self = this_cpu();

	if (READ_ONCE(heap_owner) != self || !heap_depth) {
		spin_lock(&heap_lock);
		WRITE_ONCE(heap_owner, self);
	}
	heap_depth++;
}

void __malloc_unlock(struct _reent *reent)
{
	if (--heap_depth == 0) {
		WRITE_ONCE(heap_owner, NULL);
		spin_unlock(&heap_lock);
	}
}

void abort(void)
{
	panic("libc: abort() from %p", __builtin_return_address(0));
}

void __assert_func(const char *file, int line, const char *function, const char *what)
{
	panic("libc: %s:%d: %s: assertion failed: %s", file, line, function, what);
}

/* -fstack-protector-strong: boot/entry.S gives the guard its value before any C code runs. */
extern uintptr_t __stack_chk_guard;
void __stack_chk_fail(void) __noreturn;

uintptr_t __stack_chk_guard;

void __stack_chk_fail(void)
{
	panic("stack overwritten in the caller of %p", __builtin_return_address(0));
}
