/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text file cut into words, as ringvisor.conf has them: blanks separate, "double quotes" keep
 * together (in them \" and \\ stand for the character), `#` at the start of a word begins a
 * comment, a backslash at the end of a line is a blank.
 */
#ifndef KERNEL_WORDS_H
#define KERNEL_WORDS_H

#include "kernel/types.h"

#define WORD_MAX 2304		/* a command line, or a -device with everything */

struct words {
	const char *text;
	size_t len, pos;
	unsigned int line;
	bool line_start;	/* nothing but the line's begin was read of it */
};

struct word {
	unsigned int line;
	bool first;		/* it begins at its line's first column */
	char text[WORD_MAX];
};

/* At the beginning of the @len bytes of @text, which is not copied. */
void words_init(struct words *w, const char *text, size_t len);
/*
 * The next word. 1, or 0 at the end of the text; -EINVAL with *@why saying what is wrong in
 * word->line, of which the rest is skipped (word->first is valid then too, the text is not).
 */
int words_next(struct words *w, struct word *word, const char **why);

#endif
