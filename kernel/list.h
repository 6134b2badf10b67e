/* SPDX-License-Identifier: BSD-2-Clause */
/* Circular doubly linked list with its node inside the element. Not locked. */
#ifndef KERNEL_LIST_H
#define KERNEL_LIST_H

#include "kernel/types.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_add_between(struct list *n, struct list *prev, struct list *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void list_push(struct list *l, struct list *n) { list_add_between(n, l, l->next); }
static inline void list_append(struct list *l, struct list *n) { list_add_between(n, l->prev, l); }

/* Leaves @n empty, so that removing it twice is harmless. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(n, type, member) container_of(n, type, member)
#define list_for_each(pos, l, member)							\
	for (pos = list_entry((l)->next, __typeof__(*pos), member);			\
	     &pos->member != (l);							\
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_safe(pos, tmp, l, member)						\
	for (pos = list_entry((l)->next, __typeof__(*pos), member),			\
	     tmp = list_entry(pos->member.next, __typeof__(*pos), member);		\
	     &pos->member != (l);							\
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
