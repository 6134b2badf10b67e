/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor: the line being typed, and the commands. */
#include "kernel/monitor.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/guest.h"
#include "kernel/log.h"
#include "kernel/monitor_info.h"
#include "kernel/options.h"

#define PROMPT		"(ringvisor) "
#define PROMPT_LEN	(sizeof(PROMPT) - 1)
#define LINE_MAX_LEN	120
#define HISTORY		16
#define WORDS_MAX	8
#define INFOS_MAX	32
#define COMMANDS_MAX	8		/* of other parts */

#define CTRL(c)		((c) & 0x1f)
#define DEL		0x7f
#define ESC		0x1b

/* ---- Commands ---- */

static const struct monitor_info *infos[INFOS_MAX];
static unsigned int nr_infos;
static const struct monitor_command *more_commands[COMMANDS_MAX];
static unsigned int nr_more_commands;

void monitor_add_info(const struct monitor_info *info)
{
	if (nr_infos < INFOS_MAX)
		infos[nr_infos++] = info;
	else
		pr_err("monitor: no room for info %s", info->name);
}

void monitor_add_command(const struct monitor_command *command)
{
	if (nr_more_commands < COMMANDS_MAX)
		more_commands[nr_more_commands++] = command;
	else
		pr_err("monitor: no room for %s", command->name);
}

/* Someone's word in an error message. */
static void refuse(const char *what, const char *word, const char *why)
{
	char quoted[40];

	option_quote(quoted, sizeof(quoted), word);
	console_printf("error: %s %s: %s\n", what, quoted, why);
}

static void cmd_info(const char *const *arg)
{
	const char *name = arg[0];
	char list[200] = ", expected";
	size_t n = strlen(list);
	char quoted[40];

	for (unsigned int i = 0; i < nr_infos; i++) {
		if (!strcmp(infos[i]->name, name)) {
			infos[i]->show();
			return;
		}
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, " %s", infos[i]->name);
	}
	option_quote(quoted, sizeof(quoted), name);
	if (*name)
		console_printf("error: info %s: unknown%s\n", quoted, list);
	else
		console_printf("error: info: name missing%s\n", list);
}

static void cmd_log(const char *const *arg)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	const char *word = arg[0];
	unsigned int level = 0;

	while (level < ARRAY_SIZE(names) && strcmp(names[level], word) &&
	       !(word[0] == (char)('0' + level) && !word[1]))
		level++;
	if (level == ARRAY_SIZE(names)) {
		refuse("log", word, "unknown, expected error, warning, info, debug or 0..3");
		return;
	}
	log_set_level((enum log_level)level);
	console_printf("log: level=%s\n", names[level]);
}

static struct guest *want_guest(const char *command, const char *name)
{
	struct guest *guest = guest_find(name);

	if (!guest)
		refuse(command, name, "no such guest, see info guests");
	return guest;
}

static void cmd_reset(const char *const *arg)
{
	struct guest *guest = want_guest("reset", arg[0]);

	if (guest)
		guest_request(guest, GUEST_REQ_RESET, 0, "monitor");
}

static void cmd_poweroff(const char *const *arg)
{
	struct guest *guest = want_guest("poweroff", arg[0]);

	if (guest && READ_ONCE(guest->state) == GUEST_ENDED)
		refuse("poweroff", arg[0], "has ended");
	else if (guest)
		guest_request(guest, GUEST_REQ_STOP, 0, "monitor");
}

static void cmd_stop(const char *const *arg)
{
	struct guest *guest = want_guest("stop", arg[0]);

	if (guest && guest_pause(guest))
		refuse("stop", arg[0], "not running");
}

static void cmd_cont(const char *const *arg)
{
	struct guest *guest = want_guest("cont", arg[0]);

	if (guest && guest_cont(guest))
		refuse("cont", arg[0], "not stopped");
}

static void cmd_quit(const char *const *arg)
{
	guests_quit();
}

static void cmd_help(const char *const *arg);

static const struct monitor_command commands[] = {
	{ "help", "", "this list", 0, 0, cmd_help },
	{ "info", "NAME", "show something, see below", 0, 1, cmd_info },
	{ "log", "LEVEL", "what the log shows here: error, warning, info, debug", 1, 1, cmd_log },
	{ "reset", "GUEST", "as by its reset button; starts one that has ended", 1, 1, cmd_reset },
	{ "stop", "GUEST", "its processors stand still", 1, 1, cmd_stop },
	{ "cont", "GUEST", "go on after stop", 1, 1, cmd_cont },
	{ "poweroff", "GUEST", "end it, as by pulling its plug", 1, 1, cmd_poweroff },
	{ "quit", "", "end all guests and then the machine", 0, 0, cmd_quit },
};

static void help_on(const struct monitor_command *c)
{
	if (strlen(c->args) > 6)
		console_printf("%-8s %s\n%-15s %s\n", c->name, c->args, "", c->help);
	else
		console_printf("%-8s %-6s %s\n", c->name, c->args, c->help);
}

static void cmd_help(const char *const *arg)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		help_on(&commands[i]);
	for (unsigned int i = 0; i < nr_more_commands; i++)
		help_on(more_commands[i]);
	for (unsigned int i = 0; i < nr_infos; i++)
		console_printf("info     %-8s %s\n", infos[i]->name, infos[i]->help);
}

/* Cut @line at its blanks; the number of words, no more than @max of them in @word. */
static unsigned int split(char *line, char **word, unsigned int max)
{
	unsigned int n = 0;
	char *rest = line, *w;

	while ((w = strsep(&rest, " ")) != NULL)
		if (*w && n++ < max)
			word[n - 1] = w;
	return n;
}

static const struct monitor_command *find_command(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	for (unsigned int i = 0; i < nr_more_commands; i++)
		if (!strcmp(more_commands[i]->name, name))
			return more_commands[i];
	return NULL;
}

void monitor_run(const char *text)
{
	char line[LINE_MAX_LEN + 1];
	const struct monitor_command *cmd;
	const char *arg[MONITOR_ARGS_MAX];
	char *word[WORDS_MAX];
	unsigned int n;

	snprintf(line, sizeof(line), "%s", text);
	n = split(line, word, WORDS_MAX);
	if (n == 0)
		return;
	for (unsigned int i = 0; i < MONITOR_ARGS_MAX; i++)
		arg[i] = i + 1 < n ? word[i + 1] : "";
	cmd = find_command(word[0]);
	if (!cmd)
		refuse("command", word[0], "unknown, try help");
	else if (n - 1 < cmd->min_args || n - 1 > cmd->max_args)
		console_printf("error: usage: %s%s%s\n", cmd->name, cmd->args[0] ? " " : "",
			       cmd->args);
	else
		cmd->run(arg);
}

/* ---- The line being typed ---- */

static char line[PROMPT_LEN + LINE_MAX_LEN + 1] = PROMPT;	/* with the prompt before it */
static size_t typed = PROMPT_LEN;	/* bytes of it */
static char history[HISTORY][LINE_MAX_LEN + 1];
static unsigned int nr_history;		/* lines ever entered */
static unsigned int recalled;		/* how far back the line shown is; 0: being typed */
static enum { PLAIN, AFTER_ESC, IN_SEQUENCE } escape;

static void echo(const char *text, size_t n)
{
	console_edit(line, typed, text, n);
}

void monitor_prompt(void)
{
	echo("", 0);
}

static void erase(size_t n)
{
	for (; n && typed > PROMPT_LEN; n--) {
		echo("\b \b", 3);
		line[--typed] = '\0';
	}
}

static void type(char c)
{
	if (typed - PROMPT_LEN == LINE_MAX_LEN)
		return;
	echo(&c, 1);
	line[typed++] = c;
	line[typed] = '\0';
}

/* Show the line @back steps before the one being typed, if there is one (there is no -1). */
static void recall(unsigned int back)
{
	const char *text = back ? history[(nr_history - back) % HISTORY] : "";

	if (back > MIN(nr_history, (unsigned int)HISTORY))
		return;
	erase(typed);
	for (; *text; text++)
		type(*text);
	recalled = back;
}

static void remember(const char *text)
{
	if (!text[0] || (nr_history && !strcmp(history[(nr_history - 1) % HISTORY], text)))
		return;
	strcpy(history[nr_history++ % HISTORY], text);
}

static void start_over(void)
{
	typed = PROMPT_LEN;
	line[typed] = '\0';
	recalled = 0;
}

static void enter(void)
{
	char text[LINE_MAX_LEN + 1];

	echo("\n", 1);
	strcpy(text, line + PROMPT_LEN);
	start_over();
	remember(text);
	monitor_run(text);
	monitor_prompt();
}

/* ESC [ A and B are the cursor keys up and down; other sequences are passed over. */
static bool take_escape(char c)
{
	if (escape == PLAIN)
		return false;
	if (escape == AFTER_ESC) {
		escape = c == '[' ? IN_SEQUENCE : PLAIN;
		return c == '[';
	}
	if (isdigit((u8)c) || c == ';')
		return true;
	escape = PLAIN;
	if (c == 'A')
		recall(recalled + 1);
	else if (c == 'B')
		recall(recalled - 1);
	return true;
}

void monitor_input(char c)
{
	static char last;
	bool crlf = last == '\r' && c == '\n';

	last = c;
	if (take_escape(c) || crlf)
		return;
	switch (c) {
	case '\r':
	case '\n':
		enter();
		break;
	case '\b':
	case DEL:
		erase(1);
		break;
	case CTRL('u'):
		erase(typed);
		break;
	case CTRL('c'):
		echo("^C\n", 3);
		start_over();
		monitor_prompt();
		break;
	case CTRL('p'):
		recall(recalled + 1);
		break;
	case CTRL('n'):
		recall(recalled - 1);
		break;
	case ESC:
		escape = AFTER_ESC;
		break;
	default:
		if (isprint((u8)c))
			type(c);
	}
}

void monitor_init(void)
{
	monitor_info_init();
}
