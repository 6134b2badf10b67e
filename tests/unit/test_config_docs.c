/* SPDX-License-Identifier: BSD-2-Clause */
/* docs/configuration.md: its examples are configurations, its mistakes are lines that are said. */
#define MAX_GUESTS 4
#include "tests/unit/guest_config_fixture.h"

#define DOCS	"docs/configuration.md"		/* tests run in the top folder */
#define INDENT	"    "
#define FILE_NAME "ringvisor.conf:"

static char docs[64 * 1024];

static int read_docs(void **state)
{
	FILE *file = fopen(DOCS, "r");
	size_t len = file ? fread(docs, 1, sizeof(docs) - 1, file) : 0;

	if (file)
		fclose(file);
	return len ? 0 : -1;
}

/* The first block of lines that are set in, behind @heading; without that, into @out. */
static void block_after(const char *heading, char *out, size_t room)
{
	const char *line = strstr(docs, heading);
	size_t n = 0;

	assert_non_null(line);
	line = strstr(line, "\n\n" INDENT);
	assert_non_null(line);
	line += 2;
	while (!strncmp(line, INDENT, strlen(INDENT)) || *line == '\n') {
		size_t len;

		if (*line != '\n')
			line += strlen(INDENT);
		len = strcspn(line, "\n") + 1;
		assert_true(n + len < room);
		memcpy(out + n, line, len);
		n += len;
		line += len;
	}
	out[n] = '\0';
}

static void test_examples(void **state)
{
	static char text[8 * 1024];

	block_after("\n## ringvisor.conf", text, sizeof(text));
	parse_good(text, 2);
	release(2);
	block_after("\n### Examples", text, sizeof(text));
	parse_good(text, 4);
	release(4);
}

#define NIC " -netdev tap,id=hostnet2 -device virtio-net-pci,netdev=hostnet2"

/* One for each line of the section, in its order. */
static const char *const mistakes[] = {
	"guest web -kernel k -m 12Q",
	"guest web",
	"guest web -kernel k -bios b",
	"guest web -kernel k -m 64M -m 64M",
	"guest web -kernel k -append",
	"guest web -kernel k -append console=ttyS0 quiet",
	"guest web -kernel k -append \"quiet",
	"guest web -kernel k -netdev user",
	"guest web -kernel k -netdev tap,id=hostnet2",
	"guest web -kernel k -device virtio-net-pci,netdev=hostnet3",
	"guest web -kernel k" NIC ",mac=01:00:5e:00:00:01",
	"guest web -kernel k" NIC ",rx_queue_size=100",
	"guest web -kernel k" NIC ",addr=7 -netdev tap,id=b -device virtio-net-pci,netdev=b,addr=7",
	"guest web -kernel k" NIC ",rss=on",
	"guest web -kernel k -netdev tap,id=hostnet2,queues=2 "
		"-device virtio-net-pci,netdev=hostnet2",
	"guest web -kernel k" NIC ",mq=on,ctrl_vq=off",
	"guest web -kernel k" NIC ",speed=1",
	"set workers=2-",
	"gast web",
};

/* What follows "ringvisor.conf:N: ". */
static const char *message(const char *line)
{
	assert_int_equal(strncmp(line, FILE_NAME, strlen(FILE_NAME)), 0);
	line += strlen(FILE_NAME);
	return line + strspn(line, "0123456789") + 2;
}

static void test_mistakes(void **state)
{
	static char text[8 * 1024];
	char *rest = text, *line;
	unsigned int i = 0;

	block_after("\n### Mistakes", text, sizeof(text));
	while ((line = strsep(&rest, "\n")) != NULL && *line) {
		assert_true(i < ARRAY_SIZE(mistakes));
		parse(mistakes[i++]);
		assert_int_equal(nr_errors, 1);
		assert_string_equal(message(errors[0]), message(line));
	}
	assert_int_equal(i, ARRAY_SIZE(mistakes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, read_docs, NULL);
}
