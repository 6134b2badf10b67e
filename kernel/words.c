/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a text word by word. */
#include "kernel/words.h"

#include <errno.h>
#include <string.h>

#define END (-1)

/* What some editors put before a text in UTF-8 (Unicode's U+FEFF). */
static const char byte_order_mark[] = "\xef\xbb\xbf";
#define MARK_LEN (sizeof(byte_order_mark) - 1)

void words_init(struct words *w, const char *text, size_t len)
{
	*w = (struct words){ .text = text, .len = len, .line = 1, .line_start = true };
	if (len >= MARK_LEN && !memcmp(text, byte_order_mark, MARK_LEN))
		w->pos = MARK_LEN;
}

/* The byte @n from here, or END. */
static int peek(const struct words *w, size_t n)
{
	return w->pos + n < w->len ? (u8)w->text[w->pos + n] : END;
}

/* Bytes of the end of line that stands @n from here: 0 if there is none. */
static size_t newline(const struct words *w, size_t n)
{
	if (peek(w, n) == '\n')
		return 1;
	return peek(w, n) == '\r' && peek(w, n + 1) == '\n' ? 2 : 0;
}

static void skip_line(struct words *w)
{
	while (peek(w, 0) != END && !newline(w, 0))
		w->pos++;
}

static void skip_blanks(struct words *w)
{
	for (;;) {
		size_t nl = newline(w, 0);

		if (nl) {
			w->pos += nl;
			w->line++;
			w->line_start = true;
		} else if (peek(w, 0) == ' ' || peek(w, 0) == '\t') {
			w->pos++;
			w->line_start = false;
		} else if (peek(w, 0) == '\\' && newline(w, 1)) {
			w->pos += 1 + newline(w, 1);
			w->line++;
			w->line_start = false;
		} else if (peek(w, 0) == '#') {
			skip_line(w);
		} else {
			return;
		}
	}
}

static bool word_ends(const struct words *w)
{
	return peek(w, 0) == END || peek(w, 0) == ' ' || peek(w, 0) == '\t' || newline(w, 0) ||
	       (peek(w, 0) == '\\' && newline(w, 1));
}

/* What is wrong with the byte here, inside quotes or outside, or NULL. */
static const char *fault(const struct words *w, bool quoted)
{
	int c = peek(w, 0);

	if (quoted && (c == END || newline(w, 0)))
		return "quotation mark not closed, expected \" on the same line";
	if (c != '\t' && (c < ' ' || c == 0x7f))
		return "control character, expected text";
	if (!quoted && c == '\'')
		return "single quotation mark, expected \" around words with blanks";
	return NULL;
}

int words_next(struct words *w, struct word *word, const char **why)
{
	bool quoted = false;
	size_t n = 0;

	skip_blanks(w);
	word->line = w->line;
	word->first = w->line_start;
	if (peek(w, 0) == END)
		return 0;
	w->line_start = false;
	while (quoted || !word_ends(w)) {
		*why = fault(w, quoted);
		if (!*why && n == sizeof(word->text) - 1)
			*why = "word too long, expected up to 2303 bytes";
		if (*why) {
			skip_line(w);
			return -EINVAL;
		}
		if (peek(w, 0) == '"') {
			quoted = !quoted;
		} else {
			if (quoted && peek(w, 0) == '\\' &&
			    (peek(w, 1) == '"' || peek(w, 1) == '\\'))
				w->pos++;
			word->text[n++] = w->text[w->pos];
		}
		w->pos++;
	}
	word->text[n] = '\0';
	return 1;
}
