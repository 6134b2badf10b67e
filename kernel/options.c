/* SPDX-License-Identifier: BSD-2-Clause */
/* Option tables: finding rows, splitting lists, the common setters. */
#include "kernel/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX	220
#define LIST_MAX	170		/* of names in a message: it has to fit a line of the log */
#define QUOTE_MAX	48		/* of a value in a message */

/* ---- Messages ---- */

static void tell(struct options *o, const char *fmt, ...) __printf(2, 3);
static void tell(struct options *o, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->errors++;
	o->error(o->arg, text);
}

void option_quote(char *dst, size_t len, const char *text)
{
	size_t n = 0;

	if (!*text)
		text = "\"\"";
	for (; text[n] && n + 1 < len; n++)
		dst[n] = (u8)text[n] < ' ' || text[n] == 0x7f ? '?' : text[n];
	if (text[n] && n > 3)
		memcpy(dst + n - 3, "...", 3);
	dst[n] = '\0';
}

static const char *expected(const struct option *opt, char *buf, size_t len)
{
	const char *power = opt->flags & OPTION_POWER_OF_2 ? "a power of two " : "";

	if (opt->expected)
		return opt->expected;
	snprintf(buf, len, "%s%lu..%lu", power, opt->min, opt->max);
	return buf;
}

void option_bad(struct options *o, const struct option *opt, const char *value, const char *what)
{
	char quoted[QUOTE_MAX], range[64];

	quoted[0] = o->joint;
	option_quote(quoted + 1, sizeof(quoted) - 1, value);
	tell(o, "%s%s%s: %s, expected %s", o->where, opt->name, value[0] ? quoted : "", what,
	     expected(opt, range, sizeof(range)));
}

static void tell_unknown(struct options *o, const char *name)
{
	char quoted[QUOTE_MAX], list[LIST_MAX] = "";
	size_t n = 0;

	for (unsigned int i = 0; i < o->table->nr && n < sizeof(list); i++)
		if (!(o->table->row[i].flags & OPTION_HIDDEN))
			n += (size_t)snprintf(list + n, sizeof(list) - n, " %s",
					      o->table->row[i].name);
	option_quote(quoted, sizeof(quoted), name);
	tell(o, "%s%s: unknown, expected%s", o->where, quoted,
	     n < sizeof(list) ? list : " one of those in docs/configuration.md");
}

/* ---- Tables and lists ---- */

char *option_cut(char **list, const char *separators)
{
	char *element = *list, *end = element ? strpbrk(element, separators) : NULL;

	if (end)
		*end++ = '\0';
	*list = end;
	return element;
}

const struct option *option_find(struct options *o, const char *name)
{
	for (unsigned int i = 0; i < o->table->nr; i++)
		if (!strcmp(o->table->row[i].name, name))
			return &o->table->row[i];
	tell_unknown(o, name);
	return NULL;
}

void option_apply(struct options *o, const struct option *opt, const char *value, void *object)
{
	u64 bit = BIT_ULL(opt - o->table->row);

	if (o->seen & bit && !(opt->flags & OPTION_MANY))
		tell(o, "%s%s: given twice", o->where, opt->name);
	else
		opt->set(o, opt, value, object);
	o->seen |= bit;
}

void option_missing_value(struct options *o, const struct option *opt)
{
	option_bad(o, opt, "", "value missing");
	o->seen |= BIT_ULL(opt - o->table->row);
}

void options_check_required(struct options *o)
{
	for (unsigned int i = 0; i < o->table->nr; i++) {
		const struct option *opt = &o->table->row[i];
		char range[64];

		if (opt->flags & OPTION_REQUIRED && !(o->seen & BIT_ULL(i)))
			tell(o, "%s%s: missing, expected %s", o->where, opt->name,
			     expected(opt, range, sizeof(range)));
	}
}

void option_parse(struct options *o, char *element, void *object)
{
	char *value = strchr(element, '=');
	const struct option *opt;

	if (value)
		*value++ = '\0';
	opt = option_find(o, element);
	if (!opt)
		return;
	if (value)
		option_apply(o, opt, value, object);
	else
		option_missing_value(o, opt);
}

unsigned int options_parse(struct options *o, char *list, void *object)
{
	char *element;

	while ((element = option_cut(&list, ",")) != NULL)
		option_parse(o, element, object);
	if (!o->errors)		/* what is missing may be what was misspelt */
		options_check_required(o);
	return o->errors;
}

/* ---- Setters ---- */

static void *field(const struct option *opt, void *object)
{
	return (char *)object + opt->offset;
}

static void store(const struct option *opt, void *object, u64 val)
{
	memcpy(field(opt, object), &val, opt->size);	/* little endian */
}

void option_set_bool(struct options *o, const struct option *opt, const char *value, void *object)
{
	bool on = !strcmp(value, "on");

	if (on || !strcmp(value, "off"))
		store(opt, object, on);
	else
		option_bad(o, opt, value, "not a switch");
}

void option_set_flag(struct options *o, const struct option *opt, const char *value, void *object)
{
	store(opt, object, true);
}

int option_number(const char *text, u64 *val)
{
	char *end;

	if (!isdigit((u8)text[0]))	/* strtoull() would take blanks and signs */
		return -EINVAL;
	errno = 0;
	*val = strtoull(text, &end, 0);
	if (*end)
		return -EINVAL;
	return errno ? -ERANGE : 0;
}

static bool cpu_range(char *range, u64 *first, u64 *last)
{
	char *dash = strchr(range, '-');

	if (dash)
		*dash++ = '\0';
	return !option_number(range, first) && !option_number(dash ? dash : range, last) &&
	       *first <= *last;
}

bool option_cpu_list(char *list, const char *separators, u16 *cpu, unsigned int *nr,
		     unsigned int max, unsigned int max_cpu)
{
	char *range;
	u64 first, last;

	*nr = 0;
	while ((range = option_cut(&list, separators)) != NULL) {
		if (!cpu_range(range, &first, &last) || last > max_cpu || last - first >= max - *nr)
			return false;
		for (; first <= last; first++)
			cpu[(*nr)++] = (u16)first;
	}
	return true;
}

static void store_in_range(struct options *o, const struct option *opt, const char *value,
			   void *object, u64 val)
{
	if (val < opt->min || val > opt->max)
		option_bad(o, opt, value, "out of range");
	else if (opt->flags & OPTION_POWER_OF_2 && (val & (val - 1)))
		option_bad(o, opt, value, "not a power of two");
	else
		store(opt, object, val);
}

void option_set_uint(struct options *o, const struct option *opt, const char *value, void *object)
{
	u64 val;

	switch (option_number(value, &val)) {
	case 0:
		store_in_range(o, opt, value, object, val);
		break;
	case -ERANGE:
		option_bad(o, opt, value, "out of range");
		break;
	default:
		option_bad(o, opt, value, "not a number");
	}
}

/* Bits that a suffix shifts by, or -1. */
static int size_shift(const char *suffix)
{
	static const char letters[] = "BKMGT";
	const char *l;

	if (!suffix[0])
		return 20;
	l = suffix[1] ? NULL : strchr(letters, toupper((u8)suffix[0]));
	return l ? (int)(l - letters) * 10 : -1;
}

void option_set_size(struct options *o, const struct option *opt, const char *value, void *object)
{
	char *end = NULL;
	int shift;
	u64 n;

	n = isdigit((u8)value[0]) ? strtoull(value, &end, 10) : 0;	/* saturates */
	shift = end ? size_shift(end) : -1;
	if (shift < 0)
		option_bad(o, opt, value, "not a size");
	else if (n > UINT64_MAX >> shift)
		option_bad(o, opt, value, "out of range");
	else
		store_in_range(o, opt, value, object, n << shift);
}

void option_set_string(struct options *o, const struct option *opt, const char *value, void *object)
{
	if (!value[0])
		option_bad(o, opt, value, "empty");
	else if (strlen(value) >= opt->size)
		option_bad(o, opt, value, "too long");
	else
		strcpy(field(opt, object), value);
}

void option_set_id(struct options *o, const struct option *opt, const char *value, void *object)
{
	if (strlen(value) >= opt->size) {
		option_bad(o, opt, value, "too long");
		return;
	}
	for (const char *c = value; *c || c == value; c++) {
		bool letter = isalpha((u8)*c);

		if (!letter && (c == value || !(isdigit((u8)*c) || strchr("-._", *c)))) {
			option_bad(o, opt, value, "not an identifier");
			return;
		}
	}
	strcpy(field(opt, object), value);
}

static bool parse_mac(const char *text, u8 mac[6])
{
	for (unsigned int i = 0; i < 6; i++, text += 3) {
		if (!isxdigit((u8)text[0]) || !isxdigit((u8)text[1]) ||
		    text[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (u8)strtoul(text, NULL, 16);
	}
	return true;
}

void option_set_mac(struct options *o, const struct option *opt, const char *value, void *object)
{
	static const u8 zero[6];
	u8 mac[6];

	if (!parse_mac(value, mac))
		option_bad(o, opt, value, "not a MAC address");
	else if (mac[0] & 1)
		option_bad(o, opt, value, "a group address");
	else if (!memcmp(mac, zero, sizeof(mac)))
		option_bad(o, opt, value, "zero");
	else
		memcpy(field(opt, object), mac, sizeof(mac));
}

void option_set_fixed(struct options *o, const struct option *opt, const char *value, void *object)
{
	if (strcmp(value, opt->expected))
		option_bad(o, opt, value, "not in this version");
}
