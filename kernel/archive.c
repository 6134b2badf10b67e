/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot archive: cpio in the newc format (cpio(5), "New ASCII Format"). A header of text,
 * the name, the data, each of the two padded to a multiple of four from the archive's begin.
 */
#include "kernel/archive.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NEWC_MAGIC	"070701"
#define NEWC_TRAILER	"TRAILER!!!"
#define NEWC_ALIGN	4

struct newc_header {		/* numbers are 8 hexadecimal digits, not terminated */
	char magic[6];
	char ino[8];
	char mode[8];
	char uid[8];
	char gid[8];
	char nlink[8];
	char mtime[8];
	char filesize[8];
	char devmajor[8];
	char devminor[8];
	char rdevmajor[8];
	char rdevminor[8];
	char namesize[8];	/* with the terminating zero */
	char check[8];
} __packed;

enum newc_mode {		/* inode(7) */
	NEWC_IFMT = 0170000,
	NEWC_IFREG = 0100000,
};

/* One member: where it is and what its header says. */
struct member {
	struct archive_file file;
	u32 mode;
	bool trailer;
	size_t next;		/* offset of the following header */
};

static int complain(char *why, size_t why_len, const char *fmt, ...) __printf(3, 4);
static int complain(char *why, size_t why_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, why_len, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool parse_hex(const char digits[8], u32 *val)
{
	u32 v = 0;

	for (unsigned int i = 0; i < 8; i++) {
		int d = hex_digit(digits[i]);

		if (d < 0)
			return false;
		v = v << 4 | (u32)d;
	}
	*val = v;
	return true;
}

/* The member's name, checked: terminated where it must be, and fit for a console line. */
static int take_name(struct archive_file *file, const char *name, u32 size, size_t off, char *why,
		     size_t why_len)
{
	if (size == 0 || name[size - 1] != '\0' || memchr(name, '\0', size) != name + size - 1)
		return complain(why, why_len, "name not terminated at offset %zu", off);
	for (const char *c = name; *c; c++)
		if ((u8)*c < ' ' || *c == 0x7f)
			return complain(why, why_len, "control character in a name at offset %zu",
					off);
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	if (strlen(name) >= sizeof(file->name))
		return complain(why, why_len, "name longer than %zu bytes at offset %zu",
				sizeof(file->name) - 1, off);
	strcpy(file->name, name);
	return 0;
}

static int read_member(const struct archive *ar, size_t off, struct member *m, char *why,
		       size_t why_len)
{
	const struct newc_header *h;
	u32 name_size, file_size;
	size_t data;

	if (off > ar->size || ar->size - off < sizeof(*h))
		return complain(why, why_len, "ends at offset %zu without " NEWC_TRAILER, ar->size);
	h = (const void *)(ar->data + off);
	if (memcmp(h->magic, NEWC_MAGIC, sizeof(h->magic)))
		return complain(why, why_len, "not cpio newc: no \"" NEWC_MAGIC "\" at offset %zu",
				off);
	if (!parse_hex(h->mode, &m->mode) || !parse_hex(h->namesize, &name_size) ||
	    !parse_hex(h->filesize, &file_size))
		return complain(why, why_len, "header with a bad number at offset %zu", off);
	off += sizeof(*h);
	if (name_size > ar->size - off)
		return complain(why, why_len, "name past the end at offset %zu", off);
	if (take_name(&m->file, (const char *)ar->data + off, name_size, off, why, why_len))
		return -EINVAL;
	data = ALIGN_UP(off + name_size, NEWC_ALIGN);
	if (data > ar->size || file_size > ar->size - data)
		return complain(why, why_len, "%s: %u bytes of file past the end at offset %zu",
				m->file.name, (unsigned int)file_size, data);
	m->file.data = ar->data + data;
	m->file.size = file_size;
	m->trailer = !strcmp(m->file.name, NEWC_TRAILER);
	m->next = ALIGN_UP(data + file_size, NEWC_ALIGN);
	return 0;
}

int archive_open(struct archive *ar, const void *data, size_t size, char *why, size_t why_len)
{
	struct member m = { .next = 0 };

	ar->data = data;
	ar->size = size;
	do {
		if (read_member(ar, m.next, &m, why, why_len))
			return -EINVAL;
	} while (!m.trailer);
	return 0;
}

void archive_for_each(const struct archive *ar,
		      void (*fn)(void *arg, const struct archive_file *file), void *arg)
{
	struct member m = { .next = 0 };
	char why[96];

	while (!read_member(ar, m.next, &m, why, sizeof(why)) && !m.trailer)
		if ((m.mode & NEWC_IFMT) == NEWC_IFREG)
			fn(arg, &m.file);
}

struct search {
	const char *name;
	struct archive_file *file;
	bool found;
};

/* Of two members with one name the later counts, as when the archive is unpacked. */
static void match(void *arg, const struct archive_file *file)
{
	struct search *s = arg;

	if (!strcmp(file->name, s->name)) {
		*s->file = *file;
		s->found = true;
	}
}

int archive_find(const struct archive *ar, const char *name, struct archive_file *file)
{
	struct search s = { .file = file };

	while (name[0] == '.' && name[1] == '/')
		name += 2;
	s.name = name;
	archive_for_each(ar, match, &s);
	return s.found ? 0 : -ENOENT;
}
