/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading ringvisor.conf: statements of words, each a guest or a setting. */
#include "kernel/guest_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/guest_options.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/words.h"

struct parser {
	const char *file;
	void (*report)(void *arg, const struct config_error *err);
	void *arg;
	struct words words;
	struct word word;
	/* The statement at hand takes its words here; NULL: they are skipped, it is in error. */
	void (*take)(struct parser *p);
	bool in_guest;
	struct options settings;	/* all `set` statements are one list */
	unsigned int nr_statements;	/* guests so far, those in error included */
	const struct option *option;	/* waits for its value */
	unsigned int option_line;
	bool skip_values;		/* those of an unknown option */
	bool unreadable;		/* a word of the guest at hand: what follows may be, too */
	bool no_memory;
	struct guest_options guest;
	struct host_config *host;
	struct guest_config *guests;
	unsigned int max, nr;
};

static void report(struct parser *p, unsigned int line, const char *guest, const char *text)
{
	struct config_error err;

	snprintf(err.text, sizeof(err.text), "%s:%u: %s%s%s%s", p->file, line,
		 guest ? "guest " : "", guest ? guest : "", guest ? ": " : "", text);
	p->report(p->arg, &err);
}

static void report_guest(void *arg, const char *text)
{
	struct parser *p = arg;

	report(p, p->guest.line, p->guest.config.name, text);
}

static void report_setting(void *arg, const char *text)
{
	struct parser *p = arg;

	report(p, p->word.line, NULL, text);
}

/* ---- guest NAME ... ---- */

static void fail_guest(struct parser *p, unsigned int line, const char *text)
{
	p->guest.line = line;
	p->guest.options.errors++;
	report_guest(p, text);
}

/* Most often the rest of a value that should have been in quotes. */
static void stray_word(struct parser *p)
{
	char text[160], quoted[48];

	option_quote(quoted, sizeof(quoted), p->word.text);
	snprintf(text, sizeof(text), "%s: not an option, expected one with '-', or \" around a "
		 "value with blanks", quoted);
	fail_guest(p, p->word.line, text);
	p->skip_values = true;
}

static void take_guest_word(struct parser *p)
{
	struct guest_options *g = &p->guest;

	if (p->option) {
		g->line = p->option_line;
		guest_option_apply(g, p->option, p->word.text);
		p->option = NULL;
		return;
	}
	if (p->word.text[0] != '-') {
		if (!p->skip_values)
			stray_word(p);
		return;
	}
	g->line = p->word.line;
	p->option = guest_option_find(g, p->word.text);
	p->skip_values = !p->option;
	p->option_line = p->word.line;
	if (p->option && p->option->flags & OPTION_FLAG) {
		guest_option_apply(g, p->option, "");
		p->option = NULL;
	}
}

/* Why @name cannot be a guest's, or NULL. */
static const char *name_fault(const struct parser *p, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= GUEST_NAME_MAX)
		return "bad length, expected 1..15 characters";
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != len
	    || strchr("-._0123456789", name[0]))
		return "not an identifier, expected a letter, then letters, digits, '-', '.', '_'";
	for (unsigned int i = 0; i < p->nr; i++)
		if (!strcmp(p->guests[i].name, name))
			return "given twice, expected another name";
	return NULL;
}

static void take_guest_name(struct parser *p)
{
	const char *name = p->word.text, *fault = name_fault(p, name);

	if (fault) {
		char text[160], quoted[48];

		option_quote(quoted, sizeof(quoted), name);
		snprintf(text, sizeof(text), "guest %s: %s", quoted, fault);
		report(p, p->word.line, NULL, text);
		p->take = NULL;
		p->in_guest = false;
		return;
	}
	guest_options_init(&p->guest, name, report_guest, p);
	p->guest.config.line = p->word.line;
	p->take = take_guest_word;
	p->skip_values = p->unreadable = false;
	if (p->nr == p->max)
		fail_guest(p, p->word.line, "too many guests, expected up to CONFIG_MAX_GUESTS");
}

static void finish_guest(struct parser *p)
{
	struct guest_options *g = &p->guest;

	if (p->take == take_guest_name) {
		report(p, p->option_line, NULL, "guest: name missing, expected guest NAME ...");
		return;
	}
	if (p->option) {
		g->line = p->option_line;
		option_missing_value(&g->options, p->option);
	}
	if (!p->unreadable)
		guest_options_finish(g, p->nr_statements - 1, p->guests, p->nr);
	p->no_memory |= g->no_memory;
	if (g->options.errors || g->no_memory)
		guest_options_discard(g);
	else
		p->guests[p->nr++] = g->config;
}

/* ---- set NAME=VALUE ... ---- */

static void set_log_level(struct options *o, const struct option *opt, const char *value,
			  void *object)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	u64 level;

	if (option_number(value, &level))
		for (level = 0; level < ARRAY_SIZE(names) && strcmp(names[level], value); level++)
			;
	if (level > LOG_DEBUG)
		option_bad(o, opt, value, "unknown");
	else
		log_set_level((enum log_level)level);
}

/* "2-3", "1,3", or "1;3" as in -netdev. */
static void set_workers(struct options *o, const struct option *opt, const char *value,
			void *object)
{
	struct parser *p = object;
	struct host_config *host = p->host;
	char *list = strdup(value);

	p->no_memory |= !list;
	host->workers_line = p->word.line;
	if (list && !option_cpu_list(list, ",;", host->workers.cpu, &host->workers.nr,
				     CONFIG_MAX_CPUS, CONFIG_MAX_CPUS - 1)) {
		option_bad(o, opt, value, "not a list of CPUs");
		host->workers.nr = 0;
	}
	free(list);
}

static const struct option setting_rows[] = {
	{ "log-level", set_log_level, .expected = "error, warning, info, debug or 0..3" },
	{ "workers", set_workers, .expected = "CPUs for vhost workers alone, as in 3, 2-3 or 1,3" },
};
static const struct option_table setting_table = { setting_rows, ARRAY_SIZE(setting_rows) };

static void take_setting(struct parser *p)
{
	option_parse(&p->settings, p->word.text, p);
}

static void take_first_setting(struct parser *p)
{
	p->take = take_setting;
	take_setting(p);
}

/* ---- Statements ---- */

static void finish_statement(struct parser *p)
{
	if (p->in_guest)
		finish_guest(p);
	else if (p->take == take_first_setting)
		report(p, p->option_line, NULL, "set: setting missing, expected set NAME=VALUE");
	p->in_guest = false;
	p->take = NULL;
	p->option = NULL;
}

static void begin_statement(struct parser *p)
{
	char text[160], quoted[48];

	finish_statement(p);
	p->option_line = p->word.line;
	if (!strcmp(p->word.text, "guest")) {
		p->in_guest = true;
		p->nr_statements++;
		p->take = take_guest_name;
	} else if (strcmp(p->word.text, "set")) {
		option_quote(quoted, sizeof(quoted), p->word.text);
		snprintf(text, sizeof(text), "%s: unknown, expected guest NAME ... or set "
			 "NAME=VALUE, and white space before a line that continues", quoted);
		report(p, p->word.line, NULL, text);
	} else if (p->nr_statements) {
		report(p, p->word.line, NULL, "set: after a guest, expected before the first one");
	} else {
		p->take = take_first_setting;
	}
}

/* A word that cannot be read belongs to the statement whose line it is on. */
static void bad_word(struct parser *p, const char *why)
{
	if (p->word.first)
		finish_statement(p);
	if (!p->in_guest || p->take == take_guest_name) {
		report(p, p->word.line, NULL, why);
		p->in_guest = false;
		p->take = NULL;
	} else {
		if (!p->unreadable)
			fail_guest(p, p->word.line, why);
		p->unreadable = true;
		p->option = NULL;
	}
}

static void parse(struct parser *p)
{
	const char *why = NULL;
	bool orphan = true;	/* continuation of nothing */
	int got;

	while ((got = words_next(&p->words, &p->word, &why)) != 0) {
		if (got < 0) {
			bad_word(p, why);
		} else if (p->word.first) {
			begin_statement(p);
		} else if (p->take) {
			p->take(p);
		} else if (orphan) {
			report(p, p->word.line, NULL, "white space at the begin of the line, "
			       "expected guest or set at the first column");
		}
		orphan = false;
	}
	finish_statement(p);
}

int config_parse(const char *file, const char *text, size_t len,
		 struct host_config *host, struct guest_config *guests, unsigned int max,
		 void (*report_fn)(void *arg, const struct config_error *err), void *arg)
{
	struct parser *p = calloc(1, sizeof(*p));
	int nr;

	if (!p)
		return -ENOMEM;
	p->file = file;
	p->report = report_fn;
	p->arg = arg;
	*host = (struct host_config){ 0 };
	p->host = host;
	p->settings = (struct options){
		.table = &setting_table, .where = "set ", .joint = '=',
		.error = report_setting, .arg = p,
	};
	p->guests = guests;
	p->max = max;
	words_init(&p->words, text, len);
	parse(p);
	nr = p->no_memory ? -ENOMEM : (int)p->nr;
	free(p);
	return nr;
}
